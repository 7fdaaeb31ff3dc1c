"""Trackers are told what stands in the files; what goes wrong with them is told once, and nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import pytest
from matplotlib.figure import Figure

from oscillo.recording import MetricsError, MetricsLog, read_metrics, truncate_after
from oscillo.recording.metrics import Value
from oscillo.training.trackers import TensorBoardTrackerSpec, Tracker, TrackerSpec, Tracking, tensorboard


class Noted(Tracker):
    """Remembers what it is told, and raises when it is told something of a step."""

    def __init__(self, fails_at: int | None) -> None:
        self.told: list[object] = []
        self.fails_at = fails_at

    def log_scalars(self, step: int, values: Mapping[str, Value]) -> None:
        if step == self.fails_at:
            raise RuntimeError("the server\nis away")
        self.told.append((step, dict(values)))

    def log_figure(self, step: int, name: str, figure: Figure) -> None:
        self.told.append((step, name))

    def close(self) -> None:
        self.told.append("closed")


class NotedSpec(TrackerSpec):
    kind: Literal["noted"] = "noted"
    fails_at: int | None = None
    is_away: bool = False

    def build(self, folder: Path, first_step: int | None) -> Tracker:
        if self.is_away:
            raise ConnectionError("no such server")
        BUILT.append(Noted(self.fails_at))
        return BUILT[-1]


BUILT: list[Noted] = []


@pytest.fixture(autouse=True)
def nothing_built() -> None:
    BUILT.clear()


def test_all_are_told_what_stands_in_the_file(tmp_path: Path) -> None:
    with Tracking([NotedSpec(), NotedSpec()], tmp_path) as tracking:
        with MetricsLog(tmp_path / "metrics.jsonl", [tracking.log_scalars]) as log:
            log.write(1, {"train/loss": float("nan"), "note": "warm-up"})
            with pytest.raises(ValueError, match="train/states"):
                log.write(2, {"train/states": [1]})
        tracking.log_figure(1, "energy", Figure())
    (line,) = read_metrics(tmp_path / "metrics.jsonl")
    for noted in BUILT:
        assert noted.told == [(1, {"train/loss": None, "note": "warm-up"}), (1, "energy"), "closed"]
        assert noted.told[0] == (line["step"], {key: line[key] for key in line if key not in ("step", "wall_s")})


def test_one_that_fails_is_warned_of_once_and_left_out(tmp_path: Path) -> None:
    specs = [NotedSpec(is_away=True), NotedSpec(fails_at=2), NotedSpec()]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with Tracking(specs, tmp_path) as tracking, MetricsLog(tmp_path / "m.jsonl", [tracking.log_scalars]) as log:
            for step in (1, 2, 3):
                log.write(step, {"loss": 1.0 / step})
    words = [str(warning.message) for warning in caught]
    assert words == [
        "the tracker noted (`tracking.0`) failed and is left out from here on: no such server",
        "the tracker noted (`tracking.1`) failed and is left out from here on: the server is away",
    ]
    assert [line["step"] for line in read_metrics(tmp_path / "m.jsonl")] == [1, 2, 3]
    assert len(BUILT[0].told) == 1 and len(BUILT[1].told) == 4


def test_a_line_that_is_not_in_the_file_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    with MetricsLog(tmp_path / "m.jsonl", [lambda step, values: told.append(step)]) as log:
        log.write(1, {"loss": 1.0})
        monkeypatch.setattr("os.write", lambda file, text: 0)
        with pytest.raises(MetricsError):
            log.write(2, {"loss": 1.0})
    assert told == [1]


def curves(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder)).Reload()
    return {tag: [(event.step, event.value) for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


def test_tensorboard_has_the_curves_and_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    with Tracking([TensorBoardTrackerSpec()], tmp_path) as tracking:
        with MetricsLog(tmp_path / "metrics.jsonl", [tracking.log_scalars]) as log:
            log.write(1, {"train/loss": 0.5, "note": "word", "none": None})
            log.write(2, {"train/loss": 0.25, "right": True})
            assert curves(tmp_path / "tensorboard")["train/loss"] == [(1, 0.5), (2, 0.25)]  # while it goes on
        tracking.log_figure(2, "energy", Figure(figsize=(1, 1)))
    assert curves(tmp_path / "tensorboard") == {"train/loss": [(1, 0.5), (2, 0.25)], "right": [(2, 1.0)]}
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert found.Tags()["images"] == ["figures/energy"]


def test_a_resumed_run_shows_each_step_once(tmp_path: Path) -> None:
    """As a run that was killed after step 7, with its last checkpoint at step 4."""
    path, spec = tmp_path / "metrics.jsonl", TensorBoardTrackerSpec()
    killed = Tracking([spec], tmp_path)
    with MetricsLog(path, [killed.log_scalars]) as log:
        for step in range(1, 8):
            log.write(step, {"loss": float(step)})
    truncate_after(path, 4)
    with Tracking([spec], tmp_path, first_step=5) as tracking, MetricsLog(path, [tracking.log_scalars]) as log:
        for step in range(5, 10):
            log.write(step, {"loss": step + 0.5})
    shown = curves(tmp_path / "tensorboard")["loss"]
    assert shown == [(line["step"], line["loss"]) for line in read_metrics(path)]
    assert [step for step, _ in shown] == list(range(1, 10))


def test_a_missing_package_is_a_problem_of_the_spec(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TensorBoardTrackerSpec().problems() == []
    monkeypatch.setattr(tensorboard, "find_spec", lambda name: None)
    (problem,) = TensorBoardTrackerSpec().problems()
    assert "pip install 'oscillo[tracking]'" in problem
