"""What is recorded while a network learns: the same samples, every so many epochs, whatever happens in between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import load_file
from small_runs import BATCH, BOARDS, metric_lines, run_small, small, stopped_and_resumed, stopping_after

import oscillo
from oscillo.recording import Run, open_run
from oscillo.running import RunInterrupted
from oscillo.spec import SpecError

PER_EPOCH = BOARDS // BATCH
OBSERVABLES: dict[str, Any] = {"energy": {}, "state": {"every": 2}, "answer": {"every": 3}}
RECORDED: dict[str, Any] = {
    "training__steps": 3 * PER_EPOCH + 2,
    "recording__training": {"every": 1, "samples": [4, 1], "observables": OBSERVABLES},
}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_small(tmp_path_factory.mktemp("recorded"), **RECORDED)


def test_every_epoch_is_there_with_its_step(recorded: Run) -> None:
    energy = recorded.data["training/layer0/energy"].to_dataset()
    assert energy["epoch"].values.tolist() == [0, 1, 2, 3]
    assert energy["optimizer_step"].values.tolist() == [PER_EPOCH * epoch for epoch in range(4)]
    assert sorted(energy["sample"].values.tolist()) == [1, 4] and energy["step"].values.tolist() == [0, 1, 2, 3]
    assert np.isfinite(energy["energy"]).all()
    state = recorded.data["training/layer0/state/state"]
    assert state.dims == ("epoch", "sample", "step", "y", "x", "component", "oscillator")
    np.testing.assert_allclose((state**2).sum("component"), 1, rtol=1e-5)
    assert not np.allclose(energy["energy"][0], energy["energy"][3])  # it has learned something in between


@pytest.mark.parametrize("epoch", [0, 2])
def test_a_record_is_what_an_evaluation_of_these_weights_records(recorded: Run, tmp_path: Path, epoch: int) -> None:
    """A training that ends there, evaluated, has the same states, energies and answers."""
    until = run_small(tmp_path, training__steps=epoch * PER_EPOCH, recording={"observables": OBSERVABLES})
    for name, group, array in (
        ("energy", "summary/id/layer0", "energy"), ("state", "trajectory/id/layer0", "state"),
        ("answer", "observables/id/layer0/answer", "prediction"),
    ):  # fmt: skip
        here = recorded.data[f"training/layer0/{name}/{array}"].sel(epoch=epoch)
        there = until.data[f"{group}/{array}"].sel(sample=here["sample"])
        np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-4)


def test_recording_changes_nothing_of_the_training(recorded: Run, tmp_path: Path) -> None:
    plain = run_small(tmp_path, training__steps=RECORDED["training__steps"])
    found, wanted = (load_file(run.path / "weights.safetensors") for run in (recorded, plain))
    assert found.keys() == wanted.keys() and all(found[name].equal(wanted[name]) for name in wanted)
    assert metric_lines(plain) == metric_lines(recorded)


@pytest.mark.parametrize("after", [[2], [PER_EPOCH], [PER_EPOCH - 1, 2 * PER_EPOCH + 1, 3 * PER_EPOCH]])
def test_a_resumed_training_has_the_same_records(recorded: Run, tmp_path: Path, after: list[int]) -> None:
    parts = stopped_and_resumed(tmp_path, after, **RECORDED)
    for name in OBSERVABLES:
        group = f"training/layer0/{name}"
        assert parts.data[group].to_dataset().identical(recorded.data[group].to_dataset())


def test_records_beyond_the_checkpoint_are_made_again(recorded: Run, tmp_path: Path) -> None:
    """A killed process leaves records behind that its checkpoint knows nothing of."""
    with stopping_after(2 * PER_EPOCH + 1), pytest.raises(RunInterrupted) as stop:
        run_small(tmp_path, **RECORDED)
    path = stop.value.path
    assert open_run(path).data["training/layer0/energy"].sizes["epoch"] == 3
    sorted((path / "checkpoints").glob("*.pt"))[-1].unlink()  # and it is back at the start
    again = oscillo.resume(path)
    assert (
        again.data["training/layer0/energy"]
        .to_dataset()
        .identical(recorded.data["training/layer0/energy"].to_dataset())
    )


def test_averaged_weights_are_looked_at_where_there_are_any(tmp_path: Path) -> None:
    ema = {"decay": 0.9, "start": 0, "every": 1}
    averaged = run_small(tmp_path, **RECORDED, training__ema=ema)
    until = run_small(tmp_path, training__steps=2 * PER_EPOCH, training__ema=ema)
    here = averaged.data["training/layer0/energy/energy"].sel(epoch=2)
    there = until.data["summary/id/layer0/energy"].sel(sample=here["sample"])
    np.testing.assert_allclose(here, there, rtol=1e-4, atol=1e-4)


def test_left_out_observables_are_those_of_evaluations_and_steps_may_be_others(tmp_path: Path) -> None:
    run = run_small(tmp_path, recording__training={"steps": 5, "every": 2, "samples": "0:6:2"})
    found = run.data["training/layer0"]
    assert set(found.children) == {"energy", "pseudo_energy", "state"}
    assert found["energy"].sizes["epoch"] == 1 and found["energy"]["step"].values.tolist() == list(range(6))
    assert found["state"]["sample"].values.tolist() == [0, 2, 4]


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"samples": 11}, "recording.training.samples: the first 11 are asked for, and there are 10 samples"),
        ({"every": 0}, "recording.training.every"),
        (
            {"observables": {"energy": {"at": [4]}}},
            "recording.training.observables.energy.at: step 4 never comes",
        ),
        (
            {"observables": {"mean_frequency": {}}},
            "recording.training.observables.mean_frequency: `mean_frequency` sums up a simulation",
        ),
    ],
)
def test_what_cannot_be_recorded_is_refused(training: dict[str, Any], words: str) -> None:
    with pytest.raises(SpecError) as refused:
        oscillo.load(small(recording__training=training))
    assert words in str(refused.value)
