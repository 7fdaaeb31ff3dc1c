"""Many runs as one: what `open_run` takes for a run and what for several, their differences, their joined data."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import recording_scenario as scenario
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from run_archive import unpack
from written_runs import OSCILLATORS, SAMPLES, TIMES, simulated, written_run

from oscillo.recording import Run, RunDirectory, RunDirectoryError, Runs, StoreError, open_run, run_data
from oscillo.recording.commit_record import FORMAT_VERSION
from oscillo.recording.joined import JoinedArray, Source, join
from oscillo.recording.runs import short_names


def layers(**coupling: object) -> dict[str, object]:
    return {"network": {"layers": [{"coupling": {"kind": "graph", **coupling}}]}}


@pytest.fixture
def two(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    """Two runs; the second is shorter, has another strength and another seed."""
    first = written_run(tmp_path, {"seed": 1, **layers(strength=1.0)}, groups=simulated(), metrics={"accuracy": 0.5})
    second = written_run(tmp_path, {"seed": 2, **layers(strength=2)}, groups=simulated(3, add=9.0), state="failed")
    return first, second


# What is opened


def test_a_run_is_a_run_and_everything_else_is_several(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    first, second = two
    other = written_run(tmp_path, name="other")
    assert isinstance(open_run(first.path), Run) and isinstance(open_run(str(first.path)), Run)
    for place, expected in {
        str(tmp_path): [first, second, other], str(tmp_path / "ring"): [first, second],
        f"{tmp_path}/ring/*": [first, second], f"{tmp_path}/*": [first, second, other], f"{first.path}*": [first],
        f"{tmp_path}/**/{second.path.name}": [second],
    }.items():  # fmt: skip
        runs = open_run(place)
        assert isinstance(runs, Runs), place
        assert sorted(run.path for run in runs) == sorted(run.path for run in expected), place
    listed = open_run([second.path, first.path, second.path])
    assert [run.path for run in listed] == [second.path, first.path]  # as given, each once
    assert open_run([str(first.path)])[0].path == first.path
    assert isinstance(listed[:1], Runs) and isinstance(listed[1], Run) and len(listed) == 2


def test_the_runs_of_a_sweep_are_its_own(tmp_path: Path) -> None:
    sweep = written_run(tmp_path)
    parts = [written_run(tmp_path / "made", {"seed": seed}) for seed in range(2)]
    for number, part in enumerate(parts):
        shutil.move(part.path, sweep.path / "points" / f"000{number}")
    shutil.rmtree(tmp_path / "made")
    assert [run.path for run in open_run(tmp_path)] == [sweep.path]
    runs = open_run(sweep.path / "points" / "*")
    assert runs.names == ["0000", "0001"] and runs.differences == {"seed": [0, 1]}
    assert open_run(sweep.path / "points").names == runs.names


def test_places_without_runs_are_named(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "spec.txt").touch()
    for place, words in {
        "nowhere": "nowhere is not a run: there is no such folder", "empty": "there is no run in",
        "nothing*": "no run in", "spec.txt": "not a run but a file",
    }.items():  # fmt: skip
        with pytest.raises(RunDirectoryError, match=words):
            open_run(tmp_path / place)
        with pytest.raises(RunDirectoryError, match=words):
            open_run([tmp_path / place])
    with pytest.raises(RunDirectoryError, match="list of paths is empty"):
        open_run([])


def test_a_damaged_run_is_named_with_how_to_leave_it_out(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    first, second = two
    second.record_file.write_text("{")
    with pytest.raises(RunDirectoryError, match=rf"{second.record_file} cannot be read.*leave it out, open the others"):
        open_run(tmp_path)
    assert len(open_run([first.path])) == 1
    second.record_file.write_text(json.dumps({"state": "done"}))
    second.spec.unlink()
    with pytest.raises(RunDirectoryError, match=r"it has no spec\.yaml \(to leave it out"):
        open_run(f"{tmp_path}/ring/*")


def test_a_store_of_a_newer_format_is_named(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    document = two[1].data / "zarr.json"
    text = document.read_text()
    document.write_text(text.replace(f'"format_version": {FORMAT_VERSION}', '"format_version": 99'))
    assert document.read_text() != text
    with pytest.raises(StoreError, match="has format 99, and this version of oscillo reads"):
        open_run(two[1].path).data  # noqa: B018
    runs = open_run(tmp_path)  # metrics and specs are there all the same
    assert runs.metrics.sizes["run"] == 2
    with pytest.raises(StoreError, match=rf"{two[1].path.name}: .*has format 99.*to leave it out"):
        runs.data  # noqa: B018


# What they differ in


def test_differences_are_coordinates(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    runs = open_run(tmp_path)
    assert runs.differences == {"seed": [1, 2], "network.layers.0.coupling.strength": [1.0, 2]}
    assert runs.metrics["accuracy"].values.tolist()[0] == 0.5 and np.isnan(runs.metrics["accuracy"].values[1])
    assert runs.metrics["train/loss"].values.tolist() == [0.5, 0.5]
    assert runs.metrics["strength"].values.tolist() == [1.0, 2.0]
    assert runs.metrics["strength"].attrs["description"] == "network.layers.0.coupling.strength"
    # A group that has the name already keeps it.
    assert runs.data_of("states")["strength"].dims == ("sample",)
    assert runs.data_of("states")["run_strength"].values.tolist() == [1.0, 2.0]
    assert runs.data_of("states")["seed"].dims == ("run",)


def test_fields_that_one_spec_lacks(tmp_path: Path) -> None:
    specs = [layers(strength=1.0, sites=[1, 2]), layers(delay={"time": 0.5}, note="no"), layers(strength=None)]
    directories = [written_run(tmp_path, spec) for spec in specs]
    directories.append(written_run(tmp_path, layers(strength=1.0), question={"kind": "basins", "starts": 5}))
    runs = open_run([run.path for run in directories])
    place = "network.layers.0.coupling"
    assert runs.differences == {
        f"{place}.strength": [1.0, None, None, 1.0], f"{place}.sites": [[1, 2], None, None, None],
        f"{place}.delay.time": [None, 0.5, None, None], f"{place}.note": [None, "no", None, None],
        "question.kind": [None, None, None, "basins"], "question.starts": [None, None, None, 5],
    }  # fmt: skip
    table = runs.metrics
    assert table["sites"].values.tolist() == ["[1, 2]", "", "", ""] and np.isnan(table["time"].values[0])
    assert "question_kind" not in table.coords and table["kind"].values[3] == "basins"
    assert open_run([directories[0].path]).differences == {}


@given(
    st.sets(
        st.lists(st.sampled_from(["a", "b", "kind", "0", "layers"]), min_size=1, max_size=4).map(".".join), max_size=8
    )
)
def test_names_of_fields_are_their_shortest_clear_ends(places: set[str]) -> None:
    names = short_names(places)
    assert len(set(names.values())) == len(places)
    for place, name in names.items():
        depth = name.count("_") + 1
        ends = {other: "_".join(other.split(".")[-depth:]) for other in places}
        if name != place:  # the whole place, where another ends with it
            assert ends.pop(place) == name and name not in ends.values() and not name[0].isdigit()


def test_how_runs_read(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    heading, names, first, second = repr(open_run(tmp_path)).splitlines()
    assert heading == "<2 runs>" and names.split() == ["run", "state", "seed", "strength", "train/loss", "accuracy"]
    assert first.split() == [two[0].path.name, "done", "1", "1", "0.5", "0.5"]
    assert second.split() == [two[1].path.name, "failed", "2", "2", "0.5", "-"]


def test_runs_of_one_id_are_told_apart_by_their_folders(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    copy = tmp_path / "copied" / two[0].path.name
    shutil.copytree(two[0].path, copy)
    assert open_run([two[0].path, copy]).names == [f"ring/{copy.name}", f"copied/{copy.name}"]


# What is joined


def test_joined_data_are_those_of_each_run(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    data = open_run(tmp_path).data
    assert set(data.children) == {"series", "states", "summary"}
    assert dict(data["states"].sizes) == {"run": 2, "sample": SAMPLES, "time": TIMES, "oscillator": OSCILLATORS}
    for number, expected in enumerate((simulated(), simulated(3, add=9.0))):
        for group, dataset in expected.items():
            for name, array in dataset.data_vars.items():
                found = data[group].to_dataset()[name].isel(run=number)
                own = found.sel(time=array["time"]) if "time" in array.dims else found
                np.testing.assert_array_equal(own.values, array.values)
                assert found.attrs["units"] == array.attrs.get("units", "1")
    assert np.isnan(data["states"]["phase"].isel(run=1, time=[3, 4])).all()  # the second run was shorter
    assert data["summary"].attrs["of"] == "all"
    assert data["summary"]["what"].dtype == object and data["summary"]["locked"].dtype == bool


@given(st.data(), st.lists(st.tuples(st.sets(st.integers(0, 6), min_size=1), st.booleans()), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_joining_is_an_outer_join_whatever_is_asked_for(data: st.DataObject, parts: list) -> None:
    """Any part of the joined array is that part of what xarray makes of the same arrays in memory."""
    datasets = []
    for number, (times, has_other) in enumerate(parts):
        time = np.array(sorted(times)) / 2
        values = 100.0 * number + np.arange(2 * len(time) * 3, dtype=float).reshape(2, len(time), 3)
        variables = {"phase": (("sample", "time", "oscillator"), values)}
        variables |= {"steps": (("sample",), np.arange(2) + number)} if has_other or number == 0 else {}
        datasets.append(xr.Dataset(variables, {"time": time, "sample": [0, 1]}))
    joined = join(Source("states", [str(number) for number in range(len(parts))]), datasets)
    expected = xr.concat(datasets, "run", join="outer", data_vars="all", coords="minimal", compat="equals")
    assert set(joined.variables) == set(expected.variables)
    key = {}
    for dim in ("run", "sample", "time", "oscillator"):
        length = expected.sizes[dim]
        positions = st.integers(-length, length - 1)
        spans = st.slices(length).filter(lambda span: len(range(*span.indices(length))))  # noqa: B023
        key[dim] = data.draw(st.one_of(positions, spans, st.lists(positions, min_size=1, max_size=4)))
    found, wanted = joined.isel(key, missing_dims="ignore"), expected.isel(key, missing_dims="ignore")
    for name in ("phase", "steps"):
        np.testing.assert_array_equal(found[name].values, wanted[name].values)


def test_runs_that_lack_a_group(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    groups = simulated()
    only = written_run(tmp_path, {"seed": 3}, groups={"extra": groups["series"], "summary": groups["summary"]})
    begun = RunDirectory.create(tmp_path, "ring", spec_yaml="version: 1\n", sources={}, provenance={})
    runs = open_run([two[0].path, only.path, begun.path])
    data = runs.data
    assert np.isnan(data["series"]["order_parameter"].isel(run=[1, 2])).all()
    assert not np.isnan(data["series"]["order_parameter"].isel(run=0)).any()
    assert data["extra"]["order_parameter"].notnull().any(("sample", "time")).values.tolist() == [False, True, False]
    assert data["summary"]["what"].isel(run=2).values.tolist() == ["", "", ""]
    with pytest.raises(StoreError, match="no run has the group other; there are: series, states, summary, extra"):
        runs.data_of("other")


def test_shapes_that_cannot_be_joined(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    other = written_run(tmp_path, groups=simulated(oscillators=7))
    runs = open_run([two[0].path, other.path])
    words = (
        rf"states cannot be joined: the length of `oscillator` is 4 in {two[0].path.name} and 7 in {other.path.name}\. "
    )
    with pytest.raises(StoreError, match=words + r"Open runs that agree in it.*runs\.data_of"):
        runs.data  # noqa: B018
    assert runs.data_of("series").sizes["run"] == 2
    assert runs[:1].data["states"].sizes["oscillator"] == 4


@pytest.mark.parametrize("changed", ["dims", "type", "no coordinates"])
def test_variables_that_cannot_be_joined(changed: str) -> None:
    first = simulated()["states"]
    second = {
        "dims": first.transpose("time", "sample", "oscillator"),
        "type": first.assign(phase=first["phase"].astype(str)),
        "no coordinates": first.drop_vars("time").isel(time=slice(2)),
    }[changed]
    words = "the dimension `time`" if changed == "no coordinates" else "`phase`"
    with pytest.raises(StoreError, match=f"states cannot be joined: {words} is .* in a and .* in b"):
        join(Source("states", ["a", "b"]), [first, second])


def test_nothing_is_read_before_it_is_used(
    two: tuple[RunDirectory, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = []
    original = JoinedArray._read
    monkeypatch.setattr(JoinedArray, "_read", lambda self, key: read.append(self.shape) or original(self, key))
    data = open_run(tmp_path).data
    assert not read
    one = data["states"]["phase"].isel(run=0, time=1)
    assert not read
    assert one.values.shape == (SAMPLES, OSCILLATORS) and len(read) == 1


# Arrays larger than memory


@pytest.mark.parametrize("installed", [True, False])
def test_large_arrays_are_computed_in_parts_where_dask_is(
    two: tuple[RunDirectory, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    import oscillo.accessor  # noqa: F401

    monkeypatch.setattr(run_data, "LARGE", 150)
    if not installed:
        monkeypatch.setattr(run_data, "find_spec", lambda name: None)
    for opened, runs in ((open_run(two[0].path), 1), (open_run(tmp_path), 2)):
        states = opened.data["states"].to_dataset()
        assert (states["phase"].chunks is not None) == installed
        assert states["time"].chunks is None and opened.data["summary"]["locked"].chunks is None
        order = states.osc.order_parameter()
        assert (order.chunks is not None) == installed  # nothing is computed yet
        expected = simulated()["states"].osc.order_parameter()
        found = order.isel(run=0) if runs == 2 else order
        np.testing.assert_allclose(found.transpose(*expected.dims).values, expected.values, rtol=1e-6)


def test_nobody_waits_for_dask_who_only_looks_for_runs(two: tuple[RunDirectory, ...], tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, oscillo; print(oscillo.open_run(sys.argv[1]).differences)\n"
        "from oscillo.cli.list_runs import list_runs; list_runs(pathlib.Path(sys.argv[1]))\n"
        "print('dask' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"


# Runs that go on, or were killed


def test_many_are_opened_while_one_is_written_and_after_it_was_killed(tmp_path: Path) -> None:
    ended = RunDirectory.create(tmp_path, "crash", spec_yaml="version: 1\n", sources={}, provenance={"started": "now"})
    live = RunDirectory.create(tmp_path, "crash", spec_yaml="version: 1\n", sources={}, provenance={"started": "now"})
    scenario.write_all(ended.data)
    ended.set_state("done")
    writer = subprocess.Popen([sys.executable, scenario.__file__, "forever", str(live.path)])
    lengths = []
    try:
        while len(set(lengths)) < 3:
            data = open_run([ended.path, live.path]).data["training"]
            lengths.append(int(data["loss"].notnull().all("oscillator").isel(run=1).sum()))
            assert int(data["loss"].notnull().all("oscillator").isel(run=0).sum()) == scenario.BLOCK * scenario.BLOCKS
            assert writer.poll() is None
    finally:
        writer.kill()
        writer.wait()
    assert lengths == sorted(lengths)
    runs = open_run([ended.path, live.path])
    assert [run.state for run in runs] == ["done", "interrupted"]
    step = runs.data["training"]["loss"].isel(run=1, oscillator=0).dropna("step")
    np.testing.assert_array_equal(step.values, scenario.grown(0, step.sizes["step"])[:, 0])


def test_runs_of_different_kinds_are_told_apart(tmp_path: Path) -> None:
    """A simulation has numbers in `summary`, an evaluation groups: one tree cannot hold both."""
    fixtures = Path(__file__).parent / "fixtures"
    kinds = ("simulation", "sudoku_4x4")
    runs = open_run([unpack(fixtures / f"version_2_{kind}.zip", tmp_path / kind) for kind in kinds])
    assert isinstance(runs, Runs)
    with pytest.raises(StoreError, match=r"do not fit into one tree .*'/summary.*runs of different kinds.*`data_of`"):
        _ = runs.data
    assert runs.data_of("series")["order_parameter"].sizes["run"] == 2
