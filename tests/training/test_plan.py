from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
import torch
from oscillo_tasks.sudoku import task as sudoku_task
from small_runs import run_small, small

import oscillo
from oscillo.draws import Draws
from oscillo.plan import kept_bytes, make_plan, recording_bytes, room_bytes


def held_for_the_backward_pass(spec, samples):
    """Bytes of all tensors that the loss of so many samples keeps, other than weights."""
    task = spec.task.build(spec.network, spec.seed)
    model = task.model()
    own = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    kept = {}

    def note(value):
        storage = value.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return value

    batch = task.example(samples)
    with torch.autograd.graph.saved_tensors_hooks(note, lambda value: value):
        losses, _ = task.loss(model, batch, Draws(0, batch["index"]))
    assert losses.requires_grad
    return sum(size for place, size in kept.items() if place not in own)


def with_steps(steps, **changes):
    integrator = {"kind": "projected_euler", "steps": steps, "learn_step_size": True}
    return oscillo.load(small(network__layers__0__integrator=integrator, **changes))


@pytest.mark.parametrize("coupling", [{"kind": "attention", "heads": 2, "position": "gta"}, {"kind": "convolution"}])
def test_what_is_kept_grows_in_proportion_to_batch_and_steps(coupling):
    spec = with_steps(7, network__layers__0__coupling=coupling)
    per_sample, per_step = kept_bytes(spec, compiled=False)
    for samples in (5, 32):
        assert samples * per_sample == pytest.approx(held_for_the_backward_pass(spec, samples), rel=0.05)
    longer, _ = kept_bytes(with_steps(9, network__layers__0__coupling=coupling), compiled=False)
    assert longer - per_sample == pytest.approx(2 * per_step) and per_step > 0


def test_recomputing_keeps_less():
    kept = {n: kept_bytes(with_steps(16, training__recompute_every=n), compiled=False)[0] for n in (0, 1, 4, 16)}
    assert kept[1] < kept[4] < kept[16] < 1.1 * kept[0]
    assert kept[1] < kept[0] / 3


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"recording__samples": 0, "recording__answers": False},
        {"task__evaluations__0__boards": 300, "task__evaluations__0__steps": 40, "recording__samples": 64},
    ],
)
def test_the_recording_takes_the_bytes_that_were_predicted(tmp_path, changes):
    run = run_small(tmp_path, training__steps=0, **changes)
    taken = sum(file.stat().st_size for file in run.directory.data.rglob("*") if file.is_file())
    assert recording_bytes(oscillo.load(small(**changes))) == pytest.approx(taken, rel=0.2)


def test_operations_are_those_of_the_formula():
    """Four linear maps of C x C at every position, and two products of attention between all positions."""
    plan = make_plan(oscillo.load(small()))
    channels, positions = 16, 16
    step = 2 * positions * 4 * channels**2 + 2 * 2 * positions**2 * channels
    assert plan.step_flops == step
    # The readout: a map to as many vectors of four components and three maps; then the head.
    readout = 2 * positions * (4 * channels**2 + 3 * channels**2 + channels * 4)
    assert plan.training_flops == 3 * 8 * (3 * step + readout)


def test_a_plan_says_what_will_be_there(finished):
    plan = make_plan(oscillo.load(small(training__steps=None, training__epochs=3)))
    model = oscillo.load(small()).task.build(oscillo.load(small()).network, 0).model()
    assert plan.parameters == sum(weight.numel() for weight in model.parameters())
    assert plan.optimizer_steps == 15
    assert [layer.shape for layer in plan.layers] == model.network.shapes and plan.layers[0].steps == 3
    assert plan.layers[0].parameters == sum(weight.numel() for weight in model.network.layers[0].parameters())
    text = plan.to_text()
    for part in ("small on cpu", "4 x 4 x 4 x 4", "not compiled", "compile: off", "memory for training", "data.zarr"):
        assert part in text


def test_a_plan_says_what_evaluations_cost():
    voted = {"name": "voted", "boards": 300, "givens": [6, 10], "seed": 2, "steps": 12, "votes": 4, "batch_size": 6}
    plan = make_plan(oscillo.load(small(task__evaluations=[voted], training__steps=0)))
    (found,) = plan.evaluations
    step, outside = plan.step_flops, plan.training_flops / (3 * 8) - 3 * plan.step_flops
    assert (found.name, found.samples, found.votes, found.steps) == ("voted", 300, 4, 12)
    readout = 2 * 16 * (4 * 16**2 + 3 * 16**2 + 16 * 4)  # as in the formula above
    # A step more than twelve for the last energy; answers after 1, 2, 4, 8 and 12 steps, and of the first initial state
    # a step before each.
    assert found.flops == pytest.approx(300 * (4 * (13 * step + outside + 4 * readout) + 5 * readout), rel=1e-12)
    assert "300 samples x 4 votes x 12 steps: " in plan.to_text() and "memory for training" not in plan.to_text()
    several = voted | {"votes": 8, "batch_size": 48}
    more = make_plan(oscillo.load(small(task__evaluations=[several]))).evaluations[0]
    looking = make_plan(oscillo.load(small(task__evaluations=[voted | {"early_stop": {"every": 2, "patience": 4}}])))
    assert looking.evaluations[0].flops == pytest.approx(found.flops + 300 * 4 * 2 * readout, rel=1e-12)  # 6 and 10
    assert more.memory == pytest.approx(8 * found.memory, rel=0.01)  # so many more trajectories; states are not held
    states = make_plan(
        oscillo.load(small(task__evaluations=[voted], recording__observables__state={}, training__steps=0))
    )
    assert states.evaluations[0].memory == found.memory and states.recording > plan.recording


def test_a_plan_says_which_votes_a_run_would_refuse(monkeypatch):
    monkeypatch.setattr("oscillo.plan.free_memory", lambda device: 3_000_000)
    (note,) = make_plan(oscillo.load(small(task__evaluations__0__votes=100_000))).notes[1:]
    assert re.fullmatch(r"`run` would refuse task\.evaluations\.0\.votes: 100000 initial states .* \d+ fit", note)


def test_a_plan_needs_no_data(monkeypatch):
    def never(*args, **rest):
        raise AssertionError("data were read or generated")

    monkeypatch.setattr(sudoku_task, "cached_boards", never)
    monkeypatch.setattr(sudoku_task, "read_boards", never)
    plan = make_plan(oscillo.load(small(task__evaluations__1={"name": "file", "source": "nowhere.csv"})))
    assert any("task.evaluations.1.source" in note for note in plan.notes)
    alone = small()
    del alone["task"]["evaluations"][1]
    assert plan.recording == recording_bytes(oscillo.load(alone)) > 0


def test_finished_parts_of_the_largest_evaluation_need_room_beside_the_store():
    evaluations = small()["task"]["evaluations"]
    alone = [recording_bytes(oscillo.load(small(task__evaluations=[each]))) for each in evaluations]
    stored = {"state": {"every": 2}}  # goes to the store at once, and is in no part
    states = [
        recording_bytes(oscillo.load(small(
            task__evaluations=[each], recording={"samples": 3, "observables": observables}
        ))) for each in evaluations for observables in (stored, {})
    ]  # fmt: skip
    held = [whole - (first - second) for whole, first, second in zip(alone, states[::2], states[1::2], strict=True)]
    assert room_bytes(oscillo.load(small())) == pytest.approx(sum(alone) + max(held), rel=0.02)
    assert room_bytes(oscillo.load(small(task__evaluations=[]))) == 0


def test_devices_that_are_not_there():
    with pytest.raises(ValueError, match=r"'cuda:99' is not to be had here.*take `auto` or `cpu`"):
        make_plan(oscillo.load(small(device="cuda:99")))


PEAK = """
import json, resource, sys
import torch
import oscillo
from oscillo.plan import make_plan
from oscillo_tasks.sudoku import SudokuTask
SudokuTask.figures = lambda self, run: {}
spec = json.loads(sys.argv[1])
if sys.argv[2] == "plan":
    print(make_plan(oscillo.load(spec)).memory)
else:
    oscillo.run(spec, runs=sys.argv[2])
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def wide(compile_, recompute_every=0):
    layer = {
        "manifold": {"kind": "sphere", "dimension": 4},
        "channels": 128,
        "frequency": {"kind": "shared", "init": 0.5, "learn": True},
        "coupling": {"kind": "attention", "heads": 8, "position": "gta"},
        "integrator": {"kind": "projected_euler", "steps": 16, "learn_step_size": True},
    }
    return {
        "network": {"layers": [layer]},
        "task": {"kind": "sudoku", "train": {"boards": 64, "givens": [45, 60], "seed": 1}},
        "training": {"steps": 3, "batch_size": 64, "clip_norm": 1.0, "ema": {}, "recompute_every": recompute_every},
        "compile": compile_,
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes", [{}, wide("off"), wide("off", 2), wide("on"), wide("on", 1)],
    ids=["small", "wide", "wide_recomputed", "wide_compiled", "wide_compiled_recomputed"],
)  # fmt: skip
def test_training_takes_the_memory_that_was_predicted(tmp_path, changes):
    spec = json.dumps(small(threads=1, **changes))

    def printed(what):
        command = [sys.executable, "-c", PEAK, spec, what]
        return int(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1])

    assert printed("plan") == pytest.approx(printed(str(tmp_path)), rel=0.2)
