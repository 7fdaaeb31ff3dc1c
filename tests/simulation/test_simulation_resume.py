"""A simulation that is stopped anywhere and resumed leaves what one that was not stopped leaves, bit for bit."""

from __future__ import annotations

import errno

import numpy as np
import pytest
import torch
from small_simulations import STRENGTH, VARIANTS, identical, prepared, record, reread, variant

import oscillo
from oscillo.observables.order_parameter import OrderParameter
from oscillo.recording import StoreError, TrajectoryStore
from oscillo.running import RunFailed, RunInterrupted
from oscillo.simulation import Simulation
from oscillo.simulation import simulation as module
from oscillo.training import CheckpointError, Checkpoints


class Stopped(Exception):
    pass


def stopping_at(*calls):
    """A check that stops at those calls."""
    count = [0]

    def check():
        count[0] += 1
        if count[0] in calls:
            raise Stopped

    return check


@pytest.fixture
def step_by_step(monkeypatch):
    """Between any two steps it is looked whether to stop."""
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LOOKS", 0.0)


def several(name, **changes):
    """Four members in two batches, observed now and then."""
    spec = variant(name, **{"recording__every": 3, "recording__observables__state": {"every": 4}, **changes})
    spec["task"] |= {
        "transient": 0.4, "keep_transient": True, "batch": 3,
        "ensemble": {"seeds": 2, "vary": {STRENGTH: [0.5, 2.0]}},
    }  # fmt: skip
    return spec


@pytest.mark.parametrize("name", VARIANTS)
def test_a_resumed_simulation_ends_like_one_that_was_not_stopped(name, tmp_path, step_by_step):
    spec = several(name) if name != "sphere" else several(name, recording__observables__energy={})
    whole = record(tmp_path / "whole", spec)
    for _ in range(3):
        with pytest.raises(Stopped):
            record(tmp_path / "parts", spec, check=stopping_at(6))
        torch.rand(7)  # another process has another state of the generator
    assert identical(record(tmp_path / "parts", spec), whole)


def test_a_reader_sees_what_was_committed(tmp_path, step_by_step):
    spec = several("kuramoto", recording__every=1)
    whole = record(tmp_path / "whole", spec)
    with pytest.raises(Stopped):
        record(tmp_path / "part", spec, check=stopping_at(7))
    part = reread(tmp_path / "part")
    assert part["series"].sizes["time"] == 7 and part["states"].sizes["time"] == 2 and "summary" not in part
    for group in ("series", "states"):
        seen = part[group].to_dataset()
        assert seen.equals(whole[group].to_dataset().isel(time=slice(0, seen.sizes["time"])))


def test_what_breaks_off_within_an_observation_is_observed_again(tmp_path, monkeypatch, step_by_step):
    """States are taken first; a series that fails then must not leave them one ahead."""
    spec = several("kuramoto", recording__every=1, recording__observables__state={"every": 1})
    whole, measure, calls = record(tmp_path / "whole", spec), OrderParameter.measure, [0]

    def failing(self, moment):
        calls[0] += 1
        if calls[0] == 12:
            raise torch.OutOfMemoryError("no room")
        return measure(self, moment)

    with monkeypatch.context() as patch:
        patch.setattr(OrderParameter, "measure", failing)
        with pytest.raises(torch.OutOfMemoryError):
            record(tmp_path / "parts", spec)
    assert identical(record(tmp_path / "parts", spec), whole)


def test_what_breaks_off_within_a_commit_is_done_again(tmp_path, monkeypatch):
    """Whatever call of the store breaks off: nothing is committed twice, and the reason is the first one."""
    spec = several("kuramoto", recording__every=1)
    whole = record(tmp_path / "whole", spec)
    for number in range(0, 40, 3):
        folder, calls, append = tmp_path / str(number), [0], TrajectoryStore.append

        def failing(self, path, block, calls=calls, append=append, number=number, **options):
            calls[0] += 1
            if calls[0] == number + 1:
                raise KeyboardInterrupt
            append(self, path, block, **options)

        with monkeypatch.context() as patch:
            patch.setattr("oscillo.simulation.standing._BYTES_TOGETHER", 2000)
            patch.setattr(module, "_SECONDS_BETWEEN_LOOKS", 0.0)
            patch.setattr(TrajectoryStore, "append", failing)
            try:
                record(folder, spec)
            except KeyboardInterrupt:
                pass
            else:
                assert number > 10
                break
        for seen in reread(folder).children.values():
            assert (np.diff(seen["time"]) > 0).all(), number
        assert identical(record(folder, spec), whole), number


@pytest.mark.parametrize("place", ["store", "checkpoint"])
def test_a_full_disk_is_told_with_its_own_words(place, tmp_path, monkeypatch):
    def full(*args, **rest):
        raise OSError(errno.ENOSPC, "No space left on device")

    spec = several("kuramoto")
    whole = oscillo.run(spec, runs=tmp_path / "whole")
    with monkeypatch.context() as patch:
        if place == "store":
            patch.setattr("oscillo.recording.open_array.OpenArray.append", full)
        else:
            patch.setattr("oscillo.training.checkpoints.torch.save", full)
        with pytest.raises(RunFailed, match="No space left on device") as failure:
            oscillo.run(spec, runs=tmp_path)
    assert isinstance(failure.value.__cause__, StoreError | CheckpointError)
    resumed = oscillo.resume(failure.value.path)
    assert resumed.state == "done"
    for group in ("series", "states", "summary"):
        assert resumed.data[group].to_dataset().equals(whole.data[group].to_dataset())


def test_ctrl_c_leaves_a_run_that_goes_on(tmp_path, monkeypatch, step_by_step):
    spec, advance = several("noisy"), Simulation._advance
    whole = oscillo.run(spec, runs=tmp_path / "whole")

    def until(step):
        def advancing(self, standing, *rest):
            advance(self, standing, *rest)
            if standing.step == step:
                raise KeyboardInterrupt

        return advancing

    with monkeypatch.context() as patch:
        patch.setattr(Simulation, "_advance", until(7))
        with pytest.raises(RunInterrupted, match=r"to go on: oscillo resume") as stop:
            oscillo.run(spec, runs=tmp_path)
        patch.setattr(Simulation, "_advance", until(13))
        with pytest.raises(RunInterrupted):
            oscillo.resume(stop.value.path)
    assert oscillo.open_run(stop.value.path).state == "interrupted"
    resumed = oscillo.resume(stop.value.path)
    for group in ("series", "states", "summary"):
        assert resumed.data[group].to_dataset().equals(whole.data[group].to_dataset())
    clock = lambda run: run.metrics.drop_vars("wall_s")  # noqa: E731
    assert clock(resumed).equals(clock(whole))


def test_a_run_that_only_lacks_its_summary_takes_no_step(tmp_path, monkeypatch):
    spec = several("plane")
    whole = record(tmp_path / "whole", spec)
    with monkeypatch.context() as patch:
        patch.setattr("oscillo.simulation.recording.SimulationRecording.finish", _broken)
        with pytest.raises(Stopped):
            record(tmp_path / "parts", spec)
    monkeypatch.setattr(Simulation, "_take_steps", _broken)
    assert identical(record(tmp_path / "parts", spec), whole)


def _broken(*args):
    raise Stopped


def test_the_newest_checkpoint_is_that_of_the_most_steps(tmp_path):
    checkpoints = Checkpoints(tmp_path, 2)
    for step in (99_999_998, 99_999_999, 100_000_000):
        checkpoints.save(step, {"step": step})
    assert checkpoints.load(torch.device("cpu")) == {"step": 100_000_000}
    assert [file.name for file in checkpoints.files()] == ["step_99999999.pt", "step_100000000.pt"]


def test_commits_come_when_time_asks_for_them_and_bytes_go_ahead(tmp_path, monkeypatch, step_by_step):
    saved, save, appended, append = [], Checkpoints.save, [], TrajectoryStore.append
    monkeypatch.setattr(
        Checkpoints, "save", lambda self, step, content: (saved.append(step), save(self, step, content))
    )
    spec = variant("kuramoto")
    record(tmp_path / "one", spec)
    assert saved == [20]
    saved.clear()
    record(tmp_path / "two", spec | {"task": spec["task"] | {"checkpoint_minutes": 1e-9}})
    assert len(saved) >= 2 and saved[-1] == 20  # not after every step: a commit takes longer than a step
    saved.clear()
    monkeypatch.setattr("oscillo.simulation.standing._BYTES_TOGETHER", 100)
    monkeypatch.setattr(
        TrajectoryStore, "append",
        lambda self, path, block, **options: (appended.append(path), append(self, path, block, **options)),
    )  # fmt: skip
    record(tmp_path / "three", spec)
    assert saved == [20] and appended.count("series/time") > 3
    assert prepared(spec).design.checkpoint_seconds == 30
