"""Integrators of a trained network, compared by its answers after equally many evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from oscillo_tasks.sudoku import SudokuTask
from small_comparisons import NETWORK

import oscillo
from oscillo.integrators import ProjectedEulerSpec
from oscillo.network import NetworkSpec
from oscillo.plotting import answers_comparison_figure
from oscillo.questions.comparison.settings import flow_of, name_of
from oscillo.questions.comparison.tables import answers_tables
from oscillo.questions.comparison.trained import TrainedComparison
from oscillo.recording import Run
from oscillo.running import RunFailed, RunInterrupted

INTEGRATORS = ["projected_euler", "rk4", {"kind": "heun"}, "dopri5", "torchdiffeq.midpoint"]


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSCILLO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr(SudokuTask, "figures", lambda self, run: {})
        patch.setattr(TrainedComparison, "figures", lambda self, data: {})
        yield


@pytest.fixture(scope="module")
def trained(patched: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return oscillo.run(NETWORK, runs=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def found(trained: Run, tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    run = oscillo.compare(
        trained.path, integrators=INTEGRATORS, tolerances=[1e-2], evaluation="id",
        runs=tmp_path_factory.mktemp("answers"),
    )  # fmt: skip
    return run.data["comparison"].to_dataset().load()


def test_the_trained_integrator_answers_as_in_the_evaluation(trained: Run, found: xr.Dataset) -> None:
    evaluated = trained.data["result/id"].to_dataset()
    own = found.isel(setting=0).sel(budget=found.attrs["trained_evaluations"])
    assert found.attrs["trained_evaluations"] == 4
    assert 0.1 < float(own.accuracy) < 0.95, "else all could be the same by chance"
    assert float(own.accuracy) == float(trained.metrics["id/board_accuracy"][-1])
    assert (own.correct.values == evaluated["correct"].values).all()
    assert own.same_samples_trained == own.same_entries_trained == 1


def test_the_trained_setting_is_there_once_though_its_spec_writes_a_default_down(found: xr.Dataset) -> None:
    own = np.isclose(found.step_size, found.attrs["trained_step_size"]) & (found.integrator == "projected_euler")
    assert np.flatnonzero(own).tolist() == [0]
    assert name_of(ProjectedEulerSpec(project=False)) == "projected_euler(project=False)"


def test_the_table_has_one_word_for_the_trained_setting_and_another_for_its_answers(found: xr.Dataset) -> None:
    table = answers_tables(found)[0]
    heads = [column.header for column in table.columns]
    assert "as trained" in list(table.columns[heads.index("step")].cells)
    assert "as trained" not in heads
    assert float(next(iter(table.columns[heads.index("answers as evaluated")].cells))) == 1


def test_everything_is_compared_after_equally_many_evaluations(found: xr.Dataset) -> None:
    assert found.budget.values.tolist() == [4, 8, 16]
    step = found.attrs["trained_step_size"]
    for label, per_step, share in (
        ("projected_euler", 1, 0.5),
        ("rk4", 4, 1.0),
        ("heun", 2, 0.25),
        ("torchdiffeq.midpoint", 2, 1.0),
    ):
        chosen = (found.integrator == label) & np.isclose(found.step_size, share * step)
        one = found.isel(setting=int(np.flatnonzero(chosen)[0]))
        steps = found.budget.values // per_step
        assert one.evaluations.values.tolist() == (steps * per_step).tolist()
        assert np.allclose(one.time, steps * share * step)
    tolerant = found.isel(setting=int(np.flatnonzero(found.integrator == "dopri5")[0]))
    assert np.allclose(tolerant.time[0], 4 * step)  # where the trained integrator is
    assert np.isnan(tolerant.time[1:]).all()  # beyond the horizon
    assert tolerant.evaluations[0] > 8
    assert (np.diff(found.seconds.values[0]) > 0).all()


def test_better_integrators_agree_with_the_flow(found: xr.Dataset) -> None:
    assert found.reference_resolved.min() > 0.99
    rows = found.assign_coords(share=("setting", (found.step_size / found.attrs["trained_step_size"]).values))
    fine = rows.isel(setting=int(np.flatnonzero((rows.integrator == "rk4") & np.isclose(rows.share, 0.25))[0]))
    assert fine.same_entries_flow.max() > 0.99
    tolerant = rows.isel(setting=int(np.flatnonzero(rows.integrator == "dopri5")[0]))
    assert float(tolerant.same_entries_flow[0]) > 0.98
    assert np.isclose(float(tolerant.energy[0]), float(found.reference_energy[-1]), rtol=0.02)
    assert float(found.reference_time[-1]) == pytest.approx(found.attrs["horizon"])


def test_the_figure_can_be_drawn(found: xr.Dataset, tmp_path: Path) -> None:
    figure = answers_comparison_figure(found)
    assert figure is not None
    figure.savefig(tmp_path / "figure.png")
    assert "right as trained" in figure.get_suptitle()
    # A solver that chooses its steps has spent more than the others: it is drawn there, and wins nothing in the title.
    chosen = int(np.flatnonzero(found.integrator == "dopri5")[0])
    best = found.copy(deep=True)
    best.accuracy[chosen, 0] = 1.0
    figure = answers_comparison_figure(best)
    assert figure is not None
    assert "dopri5" not in figure.get_suptitle()
    drawn = {str(line.get_label()): line.get_xdata() for line in figure.axes[0].lines}
    assert np.allclose(drawn["dopri5, rtol 0.01"], found.evaluations[chosen, :1])
    unsolved = answers_comparison_figure(found.assign_attrs(reference_failure="it could not advance"))
    assert unsolved is not None
    assert "could not be solved" in unsolved.get_supxlabel()
    only_metrics = found.drop_vars(["accuracy", "correct", "reference_accuracy"]).assign(metric_score=found.accuracy)
    assert answers_comparison_figure(only_metrics) is not None


def test_a_killed_comparison_goes_on_and_ends_the_same(
    trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"integrators": ["rk4"], "samples": 5, "runs": tmp_path}
    plain, parts = TrainedComparison.answer, []

    def interrupted(self: TrainedComparison, part: int, advance: Any, check: Any) -> Any:
        if part == 3 and 3 not in parts:
            parts.append(part)
            raise KeyboardInterrupt
        parts.append(part)
        return plain(self, part, advance, check)

    monkeypatch.setattr(TrainedComparison, "answer", interrupted)
    with pytest.raises(RunInterrupted) as stopped:
        oscillo.compare(trained.path, **settings)
    again = oscillo.resume(stopped.value.path).data["comparison"].to_dataset().load()
    whole = oscillo.compare(trained.path, **settings).data["comparison"].to_dataset().load()
    assert parts[:5] == [0, 1, 2, 3, 3]
    assert whole.drop_vars("seconds").equals(again.drop_vars("seconds"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"evaluation": "ids"}, "did you mean `id`"),
        ({"samples": 7}, "`few` has 6 samples, and 7 are wanted; take at most 6"),
        ({"horizon": 2.0}, "`horizon` is for a simulation"),
        ({"precision": "float32"}, "`precision` is for a simulation"),
        ({"evaluations": 3, "integrators": ["rk4"]}, "3 evaluations are less than a single step takes"),
        ({"tolerances": [1e-3]}, "`tolerances` are for integrators that choose their own steps"),
        ({"integrators": ["dopri5"], "tolerances": [1e-5]}, "has to be ten times tighter"),
        ({"reference_tolerance": 1e-8}, "finer than the numbers themselves"),
        ({"integrators": ["semi_implicit_euler"]}, "no `inertia`"),
    ],
)
def test_what_cannot_be_compared_is_refused(settings: dict[str, Any], words: str, trained: Run, tmp_path: Path) -> None:
    with pytest.raises(RunFailed, match="no run was made") as refused:
        oscillo.compare(trained.path, runs=tmp_path, **settings)
    assert words in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_network_that_has_learned_nothing_is_refused(patched: None, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(oscillo.load(NETWORK).model_dump_json())
    with pytest.raises(RunFailed, match="has learned nothing yet"):
        oscillo.compare(path, runs=tmp_path / "runs")


def test_blocks_have_no_integrator() -> None:
    block = {"kind": "block", "channels": 8, "block": {"kind": "feed_forward"}, "steps": 3}
    network = oscillo.build(NetworkSpec.model_validate({"sites": [4], "layers": [block]}))
    with pytest.raises(ValueError, match="is a block"):
        flow_of(network.layers[0])
