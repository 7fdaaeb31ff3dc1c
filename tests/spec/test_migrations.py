"""Specs of version 1 say in version 2 what they said."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path

import pytest
import yaml

import oscillo
from oscillo.spec import read_document
from oscillo.spec.migrations import recording_of_its_own

LAYER = {
    "manifold": {"kind": "circle"}, "oscillators": 6, "frequency": {"kind": "drawn"},
    "coupling": {"kind": "mean_field", "strength": 1.5}, "integrator": {"kind": "rk4", "step_size": 0.1},
}  # fmt: skip
SIMULATION = {
    "name": "small", "network": {"sites": [], "layers": [LAYER]}, "task": {"kind": "simulate", "steps": 20},
}  # fmt: skip
LEARNER = {
    "name": "learner",
    "network": {"layers": [{
        "manifold": {"kind": "sphere", "dimension": 4}, "channels": 16, "coupling": {"kind": "attention", "heads": 2},
        "integrator": {"kind": "projected_euler", "steps": 4},
    }]},
    "task": {
        "kind": "sudoku", "block": [2, 2], "train": {"boards": 16, "givens": [6, 10], "seed": 1},
        "evaluations": [{"name": "id", "boards": 6, "givens": [6, 10], "seed": 4}],
    },
    "training": {"steps": 4, "batch_size": 8},
}  # fmt: skip
BLOCK = {"kind": "block", "channels": 16, "block": {"kind": "self_attention", "heads": 2}}


@pytest.fixture(scope="module", autouse=True)
def sample_kinds() -> None:
    """The kinds that there are, and not the samples of the other modules."""


def of(version: int, base: dict, task: dict | None = None, recording: dict | None = None, **more: object) -> dict:
    """A spec of a version."""
    spec = deepcopy({"version": version, **base, **more})
    spec["task"] |= task or {}
    return spec if recording is None else spec | {"recording": recording}


@pytest.mark.parametrize(("task", "recording"), [
    ({}, None),
    ({"every": 5}, {"every": 5}),
    ({"observables": []}, {"observables": {}}),
    ({"observables": [
        {"kind": "order_parameter"}, {"kind": "order_parameter", "moment": 2}, {"kind": "mean_frequency"},
     ]},
     {"observables": {
         "order_parameter": {}, "order_parameter_2": {"kind": "order_parameter", "moment": 2}, "mean_frequency": {},
     }}),
    ({"observables": [{"kind": "speed", "each": True}, {"kind": "local_order", "radius": 1}], "every": 2},
     {"every": 2, "observables": {"speed": {"each": True}, "local_order": {"radius": 1}}}),
    ({"states": {"every": 4}}, {"observables": {"order_parameter": {}, "state": {"every": 4}}}),
    ({"states": {"every": 4}, "observables": [{"kind": "energy"}]},
     {"observables": {"energy": {}, "state": {"every": 4}}}),
    ({"states": {}, "observables": []}, {"observables": {"state": {}}}),
    ({"states": None, "observables": [{"kind": "phase_locking", "to": "pairs"}]},
     {"observables": {"phase_locking": {"to": "pairs"}}}),
])  # fmt: skip
def test_what_a_simulation_observes(task: dict, recording: dict | None) -> None:
    assert oscillo.load(of(1, SIMULATION, task)) == oscillo.load(of(2, SIMULATION, recording=recording))


def test_the_resolved_spec_of_a_simulation_said_what_evaluations_record() -> None:
    """And nothing of it was so: all members were kept, and not 16."""
    resolved = {"samples": 16, "observables": {"energy": {"every": 1}, "state": {"every": 4}}, "answers": True}
    task = {"every": 1, "observables": [{"kind": "order_parameter", "moment": 1}], "states": {"every": 10}}
    found = oscillo.load(of(1, SIMULATION, task, resolved))
    assert found.recording.samples is None
    assert found == oscillo.load(
        of(2, SIMULATION, recording={"every": 1, "observables": {"order_parameter": {}, "state": {"every": 10}}})
    )


@pytest.mark.parametrize(("old", "new"), [
    (None, None),
    ({"samples": 3}, {"samples": 3}),
    ({"samples": 0, "answers": False}, {"samples": 0, "answers": False}),
    ({"observables": {}}, {"observables": {"energy": {}, "pseudo_energy": {}, "state": {"every": 4}}}),
    ({"observables": {"state": {"every": 2}}},
     {"observables": {"energy": {}, "pseudo_energy": {}, "state": {"every": 2}}}),
    ({"observables": {"state": {}}}, {"observables": {"energy": {}, "pseudo_energy": {}, "state": {"every": 4}}}),
    ({"observables": {"energy": {"every": 3}}}, {"observables": {
        "energy": {"every": 3}, "pseudo_energy": {"every": 3}, "state": {"every": 4},
    }}),
    ({"observables": {"energy": None}}, {"observables": {"state": {"every": 4}}}),
    ({"observables": {"state": None}, "samples": 2},
     {"samples": 2, "observables": {"energy": {}, "pseudo_energy": {}}}),
    ({"observables": {"state": None, "energy": None}}, {"observables": {}}),
])  # fmt: skip
def test_what_an_evaluation_records(old: dict | None, new: dict | None) -> None:
    found, wanted = (oscillo.load(of(*each)) for each in ((1, LEARNER, None, old), (2, LEARNER, None, new)))
    assert _steps(found) == _steps(wanted)
    every = {"recording": {"observables": True}}
    assert found.model_dump(exclude=every) == wanted.model_dump(exclude=every)


def _steps(spec: oscillo.runspec.RunSpec) -> dict[str, int]:  # pyright: ignore[reportAttributeAccessIssue]
    """How often each observable is recorded."""
    return {name: one.every or spec.recording.every for name, one in spec.recording.chosen.items()}


def test_blocks_have_no_energy_and_had_none() -> None:
    network = {"layers": [BLOCK, BLOCK]}
    for old in (None, {"observables": {"energy": {"every": 1}, "state": {"every": 4}}}):
        found = oscillo.load(of(1, LEARNER, recording=old, network=network))
        assert _steps(found) == {"state": 4}


def written(folder: Path, **specs: dict) -> Path:
    """Files, of which each extends the one before; the last one."""
    before = None
    for name, spec in specs.items():
        extends = {} if before is None else {"extends": before}
        before = f"{name}.yaml"
        (folder / before).write_text(yaml.safe_dump(extends | spec))
    return folder / str(before)


V1 = {"version": 1}


@pytest.mark.parametrize(("below", "above", "recording"), [
    # A list takes the place of a list.
    ({"observables": [{"kind": "energy"}]}, V1 | {"task": {"observables": [{"kind": "speed"}]}},
     {"observables": {"speed": {}}}),
    # States are added to what is observed, whoever says what that is.
    ({"observables": [{"kind": "energy"}]}, V1 | {"task": {"states": {"every": 2}}},
     {"observables": {"energy": {}, "state": {"every": 2}}}),
    ({"states": {"every": 3}}, V1 | {"task": {"observables": [{"kind": "energy"}], "every": 5}},
     {"every": 5, "observables": {"energy": {}, "state": {"every": 3}}}),
    ({"states": {"every": 3}}, V1 | {"task": {"~states": None}}, {"observables": {"order_parameter": {}}}),
    # A file that states no version is of that of the others.
    ({"observables": [{"kind": "energy"}]}, {"task": {"states": {"every": 2}}},
     {"observables": {"energy": {}, "state": {"every": 2}}}),
    # One of today changes by name what one of then declares.
    ({"observables": [{"kind": "energy"}], "states": {"every": 3}},
     {"version": 2, "recording": {"observables": {"~energy": None, "state": {"every": 2}, "speed": {}}}},
     {"observables": {"state": {"every": 2}, "speed": {}}}),
])  # fmt: skip
def test_files_that_extend_others(below: dict, above: dict, recording: dict, tmp_path: Path) -> None:
    file = written(tmp_path, base=of(1, SIMULATION, below), main=above)
    new = written(tmp_path, new=of(2, SIMULATION, recording=recording))
    assert oscillo.load(file) == oscillo.load(new)


def test_evaluations_of_files_that_extend_others(tmp_path: Path) -> None:
    base = of(1, LEARNER, recording={"samples": 2, "observables": {"energy": {"every": 3}}})
    file = written(tmp_path, base=base, main=V1 | {"recording": {"observables": {"state": {"every": 2}}}})
    assert _steps(oscillo.load(file)) == {"energy": 3, "pseudo_energy": 3, "state": 2}
    file = written(tmp_path, base=base, main=V1 | {"recording": {"observables": {"energy": None}}})
    assert _steps(oscillo.load(file)) == {"state": 4}


def test_what_is_swept_over_has_moved_as_well() -> None:
    strength = "network.layers.0.coupling.strength"
    sweep = {"grid": {"task.states.every": [1, 2]}, "zip": {"task.every": [1, 2], strength: [0.5, 1.0]}}
    moved = {
        "grid": {"recording.observables.state.every": [1, 2]}, "zip": {"recording.every": [1, 2], strength: [0.5, 1.0]},
    }  # fmt: skip
    recording = {"observables": {"order_parameter": {}, "state": {"every": 4}}}
    old = oscillo.load(of(1, SIMULATION, {"states": {"every": 4}}, sweep=sweep))
    assert old == oscillo.load(of(2, SIMULATION, recording=recording, sweep=moved))


def test_changes_are_made_to_the_spec_as_it_is_today(tmp_path: Path) -> None:
    file = written(tmp_path, old=of(1, SIMULATION, {"states": {"every": 3}, "observables": [{"kind": "energy"}]}))
    found = oscillo.load(
        file, ["recording.observables.state.every=5", "recording.every=2", "~recording.observables.energy"]
    )
    assert _steps(found) == {"state": 5}
    with pytest.raises(oscillo.SpecError, match=r"task\.states: unknown key"):
        oscillo.load(file, ["task.states={every: 5}"])


def test_what_was_written_keeps_its_place(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(
        "version: 1\nname: a\ntask:\n  kind: simulate\n  every: 3\n  observables: [{kind: energy}]\nseed: x\n"
    )
    document = read_document(tmp_path / "old.yaml")
    assert document.data["recording"] == {"every": 3, "observables": {"energy": {}}}
    assert document.origin(("seed",)).line == 7 and document.origin(("recording", "every")).source.name.endswith(
        "old.yaml"
    )


def test_a_migration_leaves_alone_what_it_does_not_know() -> None:
    for spec in ({}, {"task": 3}, {"recording": []}, {"task": {"kind": "simulate", "observables": {"a": {}}}}):
        given = deepcopy(spec)
        recording_of_its_own(given)
        assert given == spec, "the mapping that was given is not changed"
