from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from oscillo.training import ScheduleSpec, TrainingSpec, total_steps
from oscillo.training.spec import AdamSpec, AdamWSpec
from oscillo.training.trainer import order

shares = st.floats(0, 1, allow_nan=False)


@given(step=st.integers(0, 1000), done=shares, warmup=st.integers(0, 100))
def test_a_constant_rate_rises_and_stays(step, done, warmup):
    factor = ScheduleSpec(kind="constant", warmup_steps=warmup).factor(step, done)
    assert factor == (1.0 if step + 1 >= warmup else (step + 1) / warmup)


@given(
    kind=st.sampled_from(["cosine", "linear"]), done=shares, later=shares, hold=st.floats(0, 0.9), final=shares
)  # fmt: skip
def test_a_falling_rate_holds_then_falls_to_its_end(kind, done, later, hold, final):
    schedule = ScheduleSpec(kind=kind, hold=hold, final=final)
    done, later = sorted((done, later))
    assert schedule.factor(500, later) <= schedule.factor(500, done) + 1e-6
    assert final - 1e-6 <= schedule.factor(500, done) <= 1 + 1e-6
    assert schedule.factor(500, hold) == pytest.approx(1)
    assert schedule.factor(500, 1.0) == pytest.approx(final)
    assert schedule.factor(500, 1.7) == pytest.approx(final)  # a step that began in time ends beyond the limit
    middle = schedule.factor(500, (1 + hold) / 2)
    assert middle == pytest.approx((1 + final) / 2, abs=1e-6)  # both shapes are half way down in the middle


def test_the_shapes():
    assert ScheduleSpec(kind="linear", final=0.2).factor(9, 0.25) == pytest.approx(0.2 + 0.8 * 0.75)
    cosine = ScheduleSpec(kind="cosine", hold=0.2, warmup_steps=40)
    assert cosine.factor(9, 0.4) == pytest.approx(10 / 40 * (0.5 + 0.5 * math.cos(math.pi * 0.25)), abs=1e-6)


@given(
    seed=st.integers(0, 2**40), samples=st.integers(1, 60), batch=st.integers(1, 20), epoch=st.integers(0, 5)
)  # fmt: skip
def test_an_epoch_is_a_permutation_without_its_incomplete_batch(seed, samples, batch, epoch):
    per_epoch = samples // batch
    if not per_epoch:
        return
    steps = range(epoch * per_epoch, (epoch + 1) * per_epoch)
    seen = torch.cat([order(seed, step, samples, batch) for step in steps])
    assert len(seen) == per_epoch * batch == len(seen.unique())
    assert all(len(order(seed, step, samples, batch)) == batch for step in steps)
    assert torch.equal(order(seed, steps[-1], samples, batch), seen[-batch:])  # asked again, the same


def test_the_order_depends_on_seed_and_epoch():
    first = order(0, 0, 1000, 1000)
    assert not torch.equal(first, order(1, 0, 1000, 1000))
    assert not torch.equal(first, order(0, 1, 1000, 1000))
    assert not torch.equal(first, torch.arange(1000))
    # The batches of one epoch leave other samples out than those of the next.
    assert set(order(0, 0, 11, 10).tolist()) != set(order(0, 1, 11, 10).tolist())


def test_the_length_of_a_training():
    assert total_steps(TrainingSpec(epochs=3, batch_size=8), 40) == 15
    assert total_steps(TrainingSpec(epochs=3, batch_size=8), 47) == 15
    assert total_steps(TrainingSpec(steps=7, batch_size=8), 40) == 7
    with pytest.raises(ValueError, match="takes `epochs` or `steps`, not both"):
        TrainingSpec(epochs=1, steps=1)
    with pytest.raises(ValueError, match="needs `epochs` or `steps`"):
        TrainingSpec()


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)
        self.scale = nn.Parameter(torch.tensor(2.0))
        self.fixed = nn.Parameter(torch.ones(2, 2), requires_grad=False)


def test_only_matrices_decay():
    model = Mixed()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = AdamWSpec(lr=0.1, weight_decay=0.5).build(model, torch.device("cpu"))
    (0.0 * sum(weight.sum() for weight in model.parameters())).backward()
    optimizer.step()
    shrunk = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert shrunk == {"linear.weight"}
    torch.testing.assert_close(model.linear.weight, before["linear.weight"] * (1 - 0.1 * 0.5))


@pytest.mark.parametrize("spec", [AdamSpec(lr=0.1), AdamWSpec(lr=0.1, weight_decay=0.0)])
def test_the_first_step_of_adam_has_the_length_of_the_rate(spec):
    model = Mixed()
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    optimizer = spec.build(model, torch.device("cpu"))
    (3.0 * sum(weight.sum() for weight in model.parameters())).backward()
    optimizer.step()
    for name, value in model.named_parameters():
        moved = 0.0 if name == "fixed" else -0.1
        torch.testing.assert_close(value, before[name] + moved)
