from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from small_simulations import STRENGTH, VARIANTS, prepared, refused, small, variant

import oscillo
from oscillo.layout import StateShape
from oscillo.plan import plan_of
from oscillo.quantities import bytes_text, count_text, shape_text
from oscillo.recording import RunDirectoryError, TrajectoryStore
from oscillo.simulation.memory import Estimate, crowded
from oscillo.simulation.plan import design_of, plan_simulation, room_bytes
from oscillo.simulation.standing import Pending, Standing

ROOT = Path(__file__).parents[2]
SIMULATED = [
    file for file in sorted((ROOT / "specs").glob("*.yaml")) if "task:" in (text := file.read_text())
    and "simulate" in text
]  # fmt: skip
GIB = 2**30


def size(tensors):
    return sum(value.numel() * value.element_size() for value in tensors)


def several(name, **changes):
    return variant(name, task__ensemble={"seeds": 3, "vary": {STRENGTH: [0.5, 1.0]}}, **changes)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_held_is_what_was_predicted(name, tmp_path):
    spec = several(name) if name != "sphere" else several(name, recording__observables={})
    simulation, memory = prepared(spec), plan_simulation(oscillo.load(spec)).memory
    standing = Standing.at_start(simulation.initial_state())
    parts = {"x": "states", "v": "states", "winding": "states"}
    held = {"states": 0, "solver": 0, "history": 0}
    for key, value in standing.state.items():
        held["history" if key.startswith("history") else parts.get(key, "solver")] += size([value])
    assert (memory.states, memory.solver) == (held["states"], held["solver"])
    assert memory.history == held["history"]
    tensors = [*simulation.layer.parameters(), *simulation.layer.buffers()]
    assert memory.parameters == size(tensors)
    with TrajectoryStore(tmp_path / "data.zarr") as store:
        simulation._observe(standing, Pending(simulation.recording, store, 1.0))
    sums = size(value for key, value in standing.running.items() if key.startswith("summary"))
    assert sum(memory.sums.values()) == pytest.approx(sums, rel=0.01)


@pytest.mark.parametrize("changes", [
    {}, {"recording__every": 3, "recording__observables__state": {"every": 2}},
    {"recording__observables__state": {}, "task__steps": 2000, "task__transient": 50.0},
    {"task__steps": 2000, "recording__observables__coarse": {
        "kind": "phase", "every": 2, "samples": 4, "precision": "float16", "reduce": {"kind": "histogram"}}},
])  # fmt: skip
def test_the_store_takes_the_bytes_that_were_predicted(changes, tmp_path):
    spec = several("kuramoto", **changes)
    run = oscillo.run(spec, runs=tmp_path)
    taken = sum(file.stat().st_size for file in run.directory.data.rglob("*") if file.is_file())
    plan = plan_simulation(oscillo.load(spec))
    assert plan.recording == pytest.approx(taken, rel=0.2)
    kept = sum(file.stat().st_size for file in run.directory.checkpoints.iterdir())
    assert plan.memory.checkpoint <= kept <= plan.checkpoints + 3 * 10_000
    assert room_bytes(oscillo.load(spec)) == plan.recording + plan.checkpoints


@pytest.mark.parametrize(("layer", "n", "flops"), [
    ({"coupling": {"kind": "dense"}}, 200, 2 * 2 * 200**2),
    ({"coupling": {"kind": "graph", "generator": "complete_graph"}}, 100, 2 * 2 * 100 * 99),
    ({"coupling": {"kind": "mean_field"}}, 1000, 8 * 1000),
])  # fmt: skip
def test_operations_are_those_of_the_formula(layer, n, flops):
    spec = small(network__layers__0__oscillators=n)
    spec["network"]["layers"][0] |= layer | {"frequency": {"kind": "none"}}
    plan = plan_simulation(oscillo.load(spec))
    assert plan.flops == pytest.approx(flops, rel=0.25)
    assert plan.total_flops == plan.flops * 4 * 20
    spec["network"]["layers"][0]["integrator"] = {"kind": "dopri5", "step_size": 0.1}
    adaptive = plan_simulation(oscillo.load(spec))
    assert adaptive.flops == plan.flops and adaptive.total_flops == 0
    assert "; the integrator chooses how many there are" in adaptive.to_text()


def test_a_plan_is_told_in_words():
    spec = several("delayed", task__batch=4, recording__observables__state={"every": 5})
    spec["network"]["layers"][0]["inertia"] = {"mass": 1.0}
    text = plan_simulation(oscillo.load(spec)).to_text()
    for part in (
        "small on cpu, float64", "state 1 x 5", "20 steps of 0.1, to time 2",
        "6 in batches of 4: strength 0.5 to 1, 3 seeds",
        "FLOP for an evaluation of one member, 4 in a step: ", "states ", "delays ", "parameters ", "observables ",
        "a step ", "in data.zarr: summary, series at 21 times, states at 5 times", "checkpoints ",
    ):  # fmt: skip
        assert part in text, (part, text)
    assert "members               1\n" in plan_simulation(oscillo.load(small())).to_text()
    assert "memory for training" not in text and "`run` would refuse" not in text


@pytest.mark.parametrize("file", SIMULATED, ids=lambda file: file.stem)
def test_the_shipped_simulations_can_be_planned(file, monkeypatch):
    monkeypatch.chdir(ROOT)
    loaded = oscillo.load(file)
    if not loaded.task.learns:
        plan = plan_of(loaded)
        assert plan.to_text() and not plan.notes and plan.memory.total > 0 and plan.flops > 0


def test_what_memory_cannot_hold_is_refused_before_anything_is_made(tmp_path, monkeypatch):
    """Of three sizes of memory: not even the states, not a step of all at once, all."""
    spec = several("kuramoto", recording__observables={"speed": {}})
    plan = plan_simulation(oscillo.load(spec))
    monkeypatch.setattr("oscillo.preparation.free_memory", lambda device: plan.memory.total)
    text = refused(tmp_path, spec)
    assert text.startswith("task.ensemble: 6 members hold ") and text.endswith("of memory can be used; take at most 4")
    monkeypatch.setattr(
        "oscillo.preparation.free_memory", lambda device: (plan.memory.total + 0.7 * plan.step_bytes) / 0.8
    )
    text = refused(tmp_path, spec)
    assert text.startswith("task.batch: a step of 6 members takes ") and "; take at most " in text
    fits = int(text.rpartition(" ")[2])
    assert 1 <= fits < 6
    assert oscillo.run(spec, [f"task.batch={fits}"], runs=tmp_path).state == "done"
    monkeypatch.setattr("oscillo.simulation.plan.free_memory", lambda device: plan.memory.total)
    planned = plan_simulation(oscillo.load(spec))
    assert planned.notes == [f"`run` would refuse {refused_text(oscillo.load(spec), plan.memory.total)}"]
    assert "operations            not counted" in planned.to_text()


def refused_text(spec, free):
    ((path, text, remedy),) = crowded(Estimate(design_of(spec)), free)
    return f"{'.'.join(map(str, path))}: {text}; {remedy}"


def test_delays_that_memory_cannot_hold_are_refused(tmp_path):
    graph = {"kind": "graph", "generator": "cycle_graph", "delay": {"time": 1e9}}
    for coupling, place in (
        (graph, "network.layers.0.coupling.delay.time"),
        ({"kind": "sum", "terms": [{"kind": "mean_field"}, graph]}, "network.layers.0.coupling.terms.1.delay.time"),
    ):
        spec = small(network__layers__0__coupling=coupling)
        text = refused(tmp_path, spec)
        assert text.startswith(
            f"{place}: a delay of up to 1e+09 keeps 10,000,000,002 states of the member, one for every"
        )
        assert "step of 0.1: 1.46 TiB, and " in text and text.endswith("; take a shorter delay, or longer steps")
        planned = plan_simulation(oscillo.load(spec)).to_text()
        assert f"`run` would refuse {place}: a delay of up to 1e+09" in planned
    several_members = spec | {"task": spec["task"] | {"ensemble": {"seeds": 4}}}
    text = refused(tmp_path, several_members)
    assert "states of each of 4 members" in text and text.endswith("longer steps, or fewer members")


def test_sums_that_memory_cannot_hold_are_refused(tmp_path, monkeypatch):
    observables = {"order_parameter": {}, "phase_locking": {"to": "pairs"}}
    spec = small(network__layers__0__oscillators=300, recording__observables=observables, task__ensemble={"seeds": 3})
    monkeypatch.setattr("oscillo.preparation.free_memory", lambda device: 2**20)
    text = refused(tmp_path, spec)
    assert text.startswith(
        "recording.observables.phase_locking: keeps 4.1 MiB for each of 3 members together, and 819 KiB of memory can"
    )
    assert text.endswith("; leave it out, or take fewer members")


def test_what_the_disk_cannot_hold_is_refused(tmp_path):
    spec = small(network__layers__0__oscillators=1000, task__steps=10**10, recording__observables__state={"every": 1})
    with pytest.raises(RunDirectoryError, match=r"MiB free, and the run will write about [\d,]+ MiB"):
        oscillo.run(spec, runs=tmp_path)
    assert not list(tmp_path.iterdir())


def test_parts_that_look_at_numbers_can_be_planned(monkeypatch):
    """A manifold of a plugin may do with states what cannot be done without their numbers."""
    from oscillo.manifolds.circle import Circle

    expected, retract = plan_simulation(oscillo.load(small())).memory, Circle.retract

    def looking(self, x):
        assert float(x.sum()) == float(x.sum())
        return retract(self, x)

    monkeypatch.setattr(Circle, "retract", looking)
    assert plan_simulation(oscillo.load(small())).memory == expected


def test_a_plan_takes_no_step_of_its_own_size():
    """A step of the solver's own choice, however long the steps of the spec are."""
    spec = variant("dopri5")
    spec["network"]["layers"][0]["integrator"] = {"kind": "dopri5", "step_size": 1e6}
    assert plan_simulation(oscillo.load(spec)).step_bytes > 0


def test_quantities_are_told_in_their_units():
    assert [bytes_text(n) for n in (512, 3 * 2**20, 5 * GIB, 7 * 2**40)] == ["0 KiB", "3.0 MiB", "5.00 GiB", "7.00 TiB"]
    assert [count_text(n) for n in (7, 1234, 5.6e9, 1e19)] == ["7 ", "1.23 k", "5.6 G", "10 E"]
    assert shape_text(StateShape((9, 9), 4, 128)) == "9 x 9 x 4 x 128"


PEAK = """
import json, sys, threading, time
import psutil
import oscillo
from oscillo.simulation.plan import plan_simulation
from oscillo_tasks.simulate import SimulateTaskSpec
SimulateTaskSpec.figures = lambda self, run: {}
small, large = (json.loads(text) for text in sys.argv[1:3])
plan = plan_simulation(oscillo.load(large))
oscillo.run(small, runs=sys.argv[3])
process, peak = psutil.Process(), [0]
before = process.memory_info().rss
def watch():
    while True:
        peak[0] = max(peak[0], process.memory_info().rss)
        time.sleep(0.001)
threading.Thread(target=watch, daemon=True).start()
oscillo.run(large, runs=sys.argv[3])
print(plan.memory.total + plan.step_bytes, peak[0] - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n", "seeds"), [
    ("kuramoto", 150_000, 10), ("dopri5", 150_000, 10), ("delayed", 20_000, 5), ("plane", 100_000, 6),
])  # fmt: skip
def test_a_simulation_takes_the_memory_that_was_predicted(name, n, seeds, tmp_path):
    spec = several(
        name, recording={"every": 2, "observables": {"order_parameter": {}, "mean_frequency": {}}}, task__steps=4
    )
    spec["network"]["layers"][0] |= {"oscillators": n, "frequency": {"kind": "shared"}}
    spec["task"]["ensemble"]["seeds"] = seeds
    texts = [json.dumps(one) for one in (several(name), spec)]
    command = [sys.executable, "-c", PEAK, *texts, str(tmp_path)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    predicted, taken = map(int, said.splitlines()[-1].split())
    assert predicted == pytest.approx(taken, rel=0.4)
