"""A run in other formats holds what the run holds, as a whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from written_runs import OSCILLATORS, SAMPLES, TIMES, simulated, written_run

from oscillo.recording import Run, RunDirectory, exporting
from oscillo.recording.errors import ExportError
from oscillo.recording.exporting import Format, check_export, choose, pieces, rows, write_export


@pytest.fixture
def run(tmp_path: Path) -> Run:
    half = xr.Dataset(
        {"loss": ("step", np.arange(3, dtype=np.float16))}, {"step": [0, 1, 2]}, {"list": [1, 2], "no": None}
    )
    return Run(written_run(tmp_path / "runs", {"seed": 3}, groups={**simulated(), "training": half}))


def export(run: Run, target: Path, form: Format, *groups: str) -> None:
    chosen = choose(run, groups)
    check_export(chosen, target, form)
    write_export(chosen, target, form)
    assert [path.name for path in target.parent.iterdir()] in (
        [target.name],
        [target.name, "runs"],
        ["runs", target.name],
    )


def groups_of(run: Run) -> dict[str, xr.Dataset]:
    return {node.path.strip("/"): node.to_dataset() for node in run.data.subtree if node.dataset.variables}


def test_netcdf_has_the_same_groups(run: Run, tmp_path: Path) -> None:
    export(run, tmp_path / "a.nc", "netcdf")
    with xr.open_datatree(tmp_path / "a.nc", engine="h5netcdf") as tree:
        assert tree.attrs["run"] == f"ring/{run.path.name}" and tree["spec"].item() == run.spec_text
        for path, dataset in groups_of(run).items():
            found = tree[path].to_dataset(inherit=False)
            assert set(found.coords) == set(dataset.coords)
            for name, variable in dataset.variables.items():
                values = found[name].values
                if variable.dtype.kind in "OUT":
                    assert values.tolist() == variable.values.tolist()
                else:
                    np.testing.assert_array_equal(values, variable.values)
                    assert values.dtype == ("float32" if variable.dtype == np.float16 else variable.dtype), name
                assert {key: found[name].attrs[key] for key in variable.attrs} == variable.attrs
        assert tree["summary"].attrs["complete"] == 1 and tree["summary"].attrs["of"] == "all"
        assert tree["training"].attrs["list"].tolist() == [1, 2] and tree["training"].attrs["no"] == "null"
        np.testing.assert_array_equal(tree["metrics/train_loss"], run.metrics["train/loss"])


def test_npz_has_everything_under_flat_names(run: Run, tmp_path: Path) -> None:
    export(run, tmp_path / "a.npz", "npz")
    with np.load(tmp_path / "a.npz", allow_pickle=False) as archive:
        told = json.loads(str(archive["attributes"]))
        for path, dataset in [*groups_of(run).items(), ("metrics", run.metrics)]:
            for name, variable in dataset.variables.items():
                assert archive[f"{path}/{name}"].tolist() == variable.values.tolist() or variable.dtype.kind == "f"
                np.testing.assert_array_equal(archive[f"{path}/{name}"].astype(object), variable.values.astype(object))
                assert told["arrays"][f"{path}/{name}"] == {"dims": list(variable.dims), "attributes": variable.attrs}
        assert archive["states/phase"].dtype == np.float32 and archive["summary/what"].dtype.kind == "U"
    assert told["groups"]["summary"]["complete"] is True and told["spec"] == run.spec_text


def test_csv_has_a_row_for_every_entry(run: Run, tmp_path: Path) -> None:
    export(run, tmp_path / "tables", "csv")
    names = {path.name for path in (tmp_path / "tables").iterdir()}
    assert names == {
        "series.csv", "states.csv", "summary_sample.csv", "summary_sample_oscillator.csv", "training.csv",
        "metrics.csv", "attributes.json",
    }  # fmt: skip
    table = pd.read_csv(tmp_path / "tables" / "states.csv").set_index(["sample", "time", "oscillator"])
    assert len(table) == SAMPLES * TIMES * OSCILLATORS
    phase = table["phase"].to_xarray().astype(np.float32)
    np.testing.assert_array_equal(phase.values, simulated()["states"]["phase"].values)
    assert table["strength"].loc[(1, 0.5, 2)] == 1.5
    what = pd.read_csv(tmp_path / "tables" / "summary_sample.csv", keep_default_na=False)["what"]
    assert what.tolist() == ["fixed point", "", "période"]
    told = json.loads((tmp_path / "tables" / "attributes.json").read_text())
    assert told["states.csv"]["columns"]["phase"]["units"] == "rad" and told["spec"] == run.spec_text


def test_groups_are_chosen(run: Run, tmp_path: Path) -> None:
    assert set(choose(run, ["states", "metrics"]).groups) == {"states", "metrics"}
    with pytest.raises(ExportError, match="has no group stat; it has series, states, summary, training, metrics"):
        choose(run, ["states", "stat"])


def test_what_can_not_be_written_is_told_before(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = choose(run)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes.txt").touch()
    (tmp_path / "file").touch()
    for target, form, replace, words in (
        ("file", "npz", False, "is there already; choose another place by --out, or replace it by --force"),
        ("there", "csv", True, "a folder with other things in it, and is not replaced"),
        ("there", "npz", True, "a folder with other things in it, and is not replaced"),
        ("file", "csv", True, "is a file, and CSV makes a folder"),
        ("no/a.nc", "netcdf", False, "there is no folder"),
    ):
        with pytest.raises(ExportError, match=words):
            check_export(chosen, tmp_path / target, form, replace=replace)  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr(exporting, "TABLE_NUMBERS", 100)
    with pytest.raises(ExportError, match="states would be a table of 240 numbers, and up to 100 are written as CSV"):
        check_export(choose(run, ["states"]), tmp_path / "a", "csv")
    monkeypatch.setattr(exporting, "find_spec", lambda name: None)
    with pytest.raises(ExportError, match=r"pip install 'oscillo\[netcdf\]'"):
        check_export(chosen, tmp_path / "a.nc", "netcdf")
    begun = RunDirectory.create(tmp_path / "runs", "a", spec_yaml="version: 1\n", sources={}, provenance={})
    with pytest.raises(ExportError, match="nothing has been committed yet"):
        choose(Run(begun))


def test_an_earlier_export_is_replaced(run: Run, tmp_path: Path) -> None:
    for form, target in (("npz", tmp_path / "a.npz"), ("csv", tmp_path / "a")):
        write_export(choose(run), target, form)  # pyright: ignore[reportArgumentType]
        chosen = choose(run, ["series"])
        check_export(chosen, target, form, replace=True)  # pyright: ignore[reportArgumentType]
        write_export(chosen, target, form)  # pyright: ignore[reportArgumentType]
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"series.csv", "attributes.json"}
    assert "states/phase" not in np.load(tmp_path / "a.npz")


@pytest.mark.parametrize("form", ["netcdf", "npz", "csv"])
def test_what_breaks_off_leaves_nothing(run: Run, tmp_path: Path, form: Format) -> None:
    def full(count: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "target").write_text("before") if form != "csv" else None
    with pytest.raises(ExportError, match="target cannot be written: No space left on device"):
        write_export(choose(run), tmp_path / "target", form, full)
    with pytest.raises(KeyboardInterrupt):
        write_export(choose(run), tmp_path / "target", form, lambda count: (_ for _ in ()).throw(KeyboardInterrupt))
    assert sorted(path.name for path in tmp_path.iterdir()) == (["runs"] if form == "csv" else ["runs", "target"])
    assert form == "csv" or (tmp_path / "target").read_text() == "before"


@given(st.lists(st.integers(1, 7), max_size=4), st.lists(st.integers(1, 7), max_size=4), st.integers(8, 400))
@settings(max_examples=60, deadline=None)
def test_blocks_are_the_whole(shape: list[int], chunks: list[int], block: int) -> None:
    """Numbers leave in blocks that are small, in C order, and add up to all; the stored pieces are read once each."""
    values = np.arange(int(np.prod(shape)), dtype=np.float64).reshape(shape)
    variable = xr.Variable([f"d{axis}" for axis in range(len(shape))], values)
    if len(chunks) == len(shape):
        variable.encoding["chunks"] = tuple(chunks)
    counted: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "_BLOCK", block)
        written = list(rows(variable, counted.append))
        assert all(part.nbytes <= block for part in written)
        assert b"".join(part.tobytes() for part in written) == values.tobytes() and sum(counted) == values.nbytes
        counted.clear()
        found = np.full_like(values, np.nan)
        for place, part in pieces(variable, counted.append):
            assert np.isnan(found[place]).all()
            found[place] = part
        np.testing.assert_array_equal(found, values)
        assert sum(counted) == values.nbytes
