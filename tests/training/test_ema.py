from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from oscillo.training import EMA, EMASpec


class Walker(nn.Module):
    """One weight, one buffer and one counter that change by a given amount each step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(2, dtype=torch.float64))
        self.register_buffer("count", torch.tensor(0))

    @torch.no_grad()
    def move(self, generator: torch.Generator) -> None:
        self.weight += torch.randn(3, generator=generator, dtype=torch.float64)
        self.mean += torch.randn(2, generator=generator, dtype=torch.float64)
        self.count += 1


def averages_by_the_rule(history: list[torch.Tensor], decay: float, start: int, every: int) -> torch.Tensor:
    """The average after the last weights of `history`, whose first entry are the initial weights.

    Every `every`-th optimiser step, counted from the first: a plain copy until `start` steps have been taken, and
    from then on, with k steps since, a weighted mean with the decay min(decay, 1 - (1 + k)^(-2/3)).
    """
    average = history[0]
    for taken in range(0, len(history) - 1, every):  # steps that were complete before this one
        k = taken - start
        d = 0.0 if k <= 0 else min(decay, 1 - (1 + k) ** (-2 / 3))
        average = d * average + (1 - d) * history[taken + 1]
    return average


@given(
    decay=st.sampled_from([0.0, 0.5, 0.9, 0.995]), start=st.integers(0, 12), every=st.integers(1, 5),
    steps=st.integers(0, 40),
)  # fmt: skip
def test_the_average_follows_the_published_rule(decay, start, every, steps):
    walker, generator = Walker(), torch.Generator().manual_seed(steps)
    ema = EMA(walker, EMASpec(decay=decay, start=start, every=every))
    history = [walker.weight.detach().clone()]
    means = [walker.mean.clone()]
    for step in range(1, steps + 1):
        walker.move(generator)
        ema.update(walker, step)
        history.append(walker.weight.detach().clone())
        means.append(walker.mean.clone())
    torch.testing.assert_close(ema.average["weight"], averages_by_the_rule(history, decay, start, every))
    torch.testing.assert_close(ema.average["mean"], averages_by_the_rule(means, decay, start, every))
    updates = range(1, steps + 1)[::every]
    assert ema.average["count"] == (updates[-1] if updates else 0)  # a counter is copied, not averaged


def test_the_decay_warms_up_to_its_height():
    ema = EMA(Walker(), EMASpec(decay=0.995, start=100))
    assert [ema.decay(step) for step in (1, 50, 101)] == [0.0, 0.0, 0.0]
    assert ema.decay(102) == pytest.approx(1 - 2 ** (-2 / 3))
    assert ema.decay(101 + 26) == pytest.approx(1 - 1 / 9)
    assert ema.decay(10_000) == 0.995


def test_applied_lends_the_average_and_gives_the_own_weights_back():
    walker, generator = Walker(), torch.Generator().manual_seed(0)
    ema = EMA(walker, EMASpec(start=0, every=1))
    for step in range(1, 6):
        walker.move(generator)
        ema.update(walker, step)
    own = {name: value.clone() for name, value in walker.state_dict().items()}
    average = {name: value.clone() for name, value in ema.average.items()}
    assert not torch.equal(own["weight"], average["weight"])
    with ema.applied(walker):
        assert torch.equal(walker.weight, average["weight"]) and torch.equal(walker.mean, average["mean"])
    assert all(torch.equal(walker.state_dict()[name], value) for name, value in own.items())
    with pytest.raises(RuntimeError, match="in between"), ema.applied(walker):
        raise RuntimeError("in between")
    assert all(torch.equal(walker.state_dict()[name], value) for name, value in own.items())
    assert all(torch.equal(ema.average[name], value) for name, value in average.items())


def test_the_average_does_not_share_memory_with_the_model():
    walker, generator = Walker(), torch.Generator().manual_seed(0)
    ema = EMA(walker, EMASpec())
    walker.move(generator)
    assert torch.equal(ema.average["weight"], torch.zeros(3, dtype=torch.float64))
    other = EMA(walker, EMASpec())
    other.load_state_dict(ema.state_dict())
    ema.update(walker, 1)
    assert torch.equal(other.average["weight"], torch.zeros(3, dtype=torch.float64))
