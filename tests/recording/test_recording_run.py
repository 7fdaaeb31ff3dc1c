"""The run's folder, its metrics, where it comes from, and how it reads again."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.recording import (
    MetricsError,
    MetricsLog,
    RunDirectory,
    RunDirectoryError,
    check_room,
    find_runs,
    metrics_table,
    open_run,
    provenance,
    read_metrics,
    text_hash,
    truncate_after,
)
from oscillo.recording.atomic import replace_text
from oscillo.recording.provenance import git_state

SPEC = "version: 1\nname: sudoku\ntraining: {lr: 1e-3, note: no}\n"


def create(root: Path, **changed) -> RunDirectory:
    given = {"spec_yaml": SPEC, "sources": {}, "provenance": {"seed": 0}} | changed
    return RunDirectory.create(root, "sudoku", **given)


def test_a_new_run(tmp_path: Path) -> None:
    run = create(tmp_path / "runs", sources={"specs/a.yaml": "a", "specs/base/a.yaml": "b", "my_coupling.py": "c"})
    assert run.path.parent == tmp_path / "runs" / "sudoku"
    assert run.spec.read_text() == SPEC
    origins = {name: (run.path / name).read_text() for name in run.record()["sources"]}
    assert origins == {"spec.src/a.yaml": "a", "spec.src/2-a.yaml": "b", "spec.src/my_coupling.py": "c"}
    assert run.record()["sources"]["spec.src/2-a.yaml"] == "specs/base/a.yaml"
    assert run.checkpoints.is_dir() and run.figures.is_dir()
    assert RunDirectory.open(run.path).record() == run.record()
    assert run.record()["seed"] == 0 and run.record()["started"]


def test_runs_sort_by_time_and_never_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = iter(["aaaaaa", "probe", "aaaaaa", "bbbbbb"])
    monkeypatch.setattr("secrets.token_hex", lambda size: next(tokens) if size == 3 else "probe0")
    first = create(tmp_path)
    tokens = iter([first.path.name[-6:], "ffffff"])
    second = create(tmp_path)
    assert first.path != second.path and sorted([second.path, first.path]) == [first.path, second.path]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden"])
def test_names_that_are_no_folders(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunDirectoryError, match="only letters"):
        RunDirectory.create(tmp_path, name, spec_yaml="", sources={}, provenance={})


def test_no_room_is_known_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunDirectoryError, match=r"cannot be written.*Choose another folder"):
        create(tmp_path / "file" / "runs")
    with pytest.raises(RunDirectoryError, match="MiB free, and the run will write about"):
        check_room(tmp_path / "runs", 2**60)
    assert not list((tmp_path / "runs").iterdir())
    check_room(tmp_path / "runs", 1000)


def test_a_full_disk_is_known_before_anything_runs(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from oscillo.recording import RunDirectory, RunDirectoryError\n"
        "try: RunDirectory.create(sys.argv[1], 'a', spec_yaml='', sources={}, provenance={})\n"
        "except RunDirectoryError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True).stdout
    assert "cannot be written" in said and not list(tmp_path.iterdir())


def test_paths_that_are_no_run(tmp_path: Path) -> None:
    run = create(tmp_path)
    with pytest.raises(RunDirectoryError, match="no such folder"):
        open_run(tmp_path / "nowhere")
    with pytest.raises(RunDirectoryError, match=rf"no run.json and no spec.yaml; did you mean {run.path}"):
        RunDirectory.open(tmp_path)
    run.spec.unlink()
    with pytest.raises(RunDirectoryError, match=r"has no spec\.yaml"):
        open_run(run.path)
    run.spec.touch()
    run.record_file.write_text("{")
    with pytest.raises(RunDirectoryError, match="cannot be read"):
        open_run(run.path).provenance  # noqa: B018


def test_the_newest_run_is_proposed_unless_it_failed(tmp_path: Path) -> None:
    oldest, *runs, newest = sorted((create(tmp_path) for _ in range(4)), key=lambda run: run.path)
    newest.set_state("failed", "no such weights")
    runs[1].record_file.write_text("{")
    with pytest.raises(RunDirectoryError, match=f"did you mean {runs[0].path}"):
        RunDirectory.open(tmp_path)
    runs[0].set_state("failed")
    oldest.set_state("failed")
    with pytest.raises(RunDirectoryError) as refusal:
        RunDirectory.open(tmp_path)
    assert "did you mean" not in str(refusal.value)


def test_runs_are_found_in_the_order_of_time(tmp_path: Path) -> None:
    folders = [tmp_path / "b" / "20260101-000000-ffffff", tmp_path / "a" / "20260102-000000-000000"]
    for folder in reversed(folders):
        folder.mkdir(parents=True)
        (folder / "run.json").touch()
    (tmp_path / "c").mkdir()
    assert [run.path for run in find_runs(tmp_path)] == folders


def test_states(tmp_path: Path) -> None:
    run = create(tmp_path)
    assert run.state == "interrupted"  # it says running, and nobody runs it
    with run.locked():
        assert run.state == "running"
        run.set_state("failed", "the loss is NaN at step 3")
    assert run.state == "failed" and run.record()["reason"] == "the loss is NaN at step 3" and run.record()["ended"]
    run.set_state("done", steps=12)
    assert (run.state, run.record()["steps"], run.record()["seed"]) == ("done", 12, 0)
    run.set_state("running")
    assert run.record()["ended"] is None


def test_one_process_owns_a_run_and_a_killed_one_does_not(tmp_path: Path) -> None:
    run = create(tmp_path)
    code = (
        "import sys, time; from oscillo.recording import RunDirectory\n"
        "with RunDirectory.open(sys.argv[1]).locked(): print('owned', flush=True); time.sleep(600)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code, run.path], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "owned\n"
    assert run.state == "running"
    with pytest.raises(RunDirectoryError, match=f"in use by another process .process {owner.pid}"), run.locked():
        pass
    owner.send_signal(signal.SIGKILL)
    owner.wait()
    assert run.state == "interrupted"
    with run.locked(), pytest.raises(RunDirectoryError, match="in use"), run.locked():
        pass


def test_metrics_lines(tmp_path: Path) -> None:
    with MetricsLog(tmp_path / "metrics.jsonl") as log:
        log.write(1, {"train/loss": np.float32(0.5), "train/lr": 1e-3})
        assert len(read_metrics(log.path)) == 1  # there while the file is open
        log.write(2, {"train/loss": math.nan, "hard/board_accuracy": math.inf, "note": "warm-up", "ok": np.bool_(True)})
        with pytest.raises(ValueError, match="train/states"):
            log.write(3, {"train/states": [1, 2]})
        with pytest.raises(ValueError, match="wall_s"):
            log.write(3, {"wall_s": 1.0})
    first, second = (json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines())
    assert list(first) == ["step", "wall_s", "train/loss", "train/lr"] and first["train/loss"] == 0.5
    assert second["train/loss"] is None and second["hard/board_accuracy"] is None and second["ok"] is True
    table = metrics_table([first, second])
    assert table["train/loss"].dropna("record").values.tolist() == [0.5]
    assert table["step"].values.tolist() == [1, 2] and table["note"].values.tolist() == ["", "warm-up"]
    assert table["wall_s"].attrs["units"] == "s"


@given(st.lists(st.integers(0, 20), max_size=12).map(sorted), st.integers(0, 20), st.integers(0, 60), st.booleans())
@settings(max_examples=40, deadline=None)
def test_metrics_of_a_resumed_run(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int], checkpoint: int, torn: int, resumed: bool
) -> None:
    """Cut anywhere by a kill, then cut at the checkpoint and continued: the lines of an uninterrupted run."""
    path = tmp_path_factory.mktemp("metrics") / "metrics.jsonl"
    with MetricsLog(path) as log:
        for step in steps:
            log.write(step, {"loss": step * 0.5})
    text = path.read_bytes()
    path.write_bytes(text[: len(text) - torn] if torn < len(text) else b"")
    whole = read_metrics(path)
    assert [line["step"] for line in whole] == steps[: len(whole)]
    if resumed:
        kept = [step for step in steps[: len(whole)] if step <= checkpoint]
        assert truncate_after(path, checkpoint) == len(whole) - len(kept)
        steps = kept + [step for step in steps if step > checkpoint]
        whole = whole[: len(kept)]
    with MetricsLog(path) as log:
        assert log.wall_s >= (whole[-1]["wall_s"] if whole else 0)
        for step in steps[len(whole) :]:
            log.write(step, {"loss": step * 0.5})
    assert [(line["step"], line["loss"]) for line in read_metrics(path)] == [(step, step * 0.5) for step in steps]


def test_wall_time_goes_on_where_it_stopped(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "wall_s": 100.0}\n')
    with MetricsLog(tmp_path / "metrics.jsonl") as log:
        time.sleep(0.01)
        assert 100.0 < log.write(2, {})["wall_s"] < 160.0


def test_damaged_metrics(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "wall_s": 1.0}\n[1]\n{"step": 2, "wall_s": 1.0}\n')
    with pytest.raises(MetricsError, match="line 2"):
        read_metrics(path)
    with pytest.raises(MetricsError, match="cannot be read"):
        read_metrics(tmp_path / "none")


def test_metrics_on_a_full_disk(tmp_path: Path) -> None:
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from oscillo.recording import MetricsLog, MetricsError\n"
        "log = MetricsLog(sys.argv[1])\n"
        "try:\n"
        "    for step in range(1000): log.write(step, {'loss': 1.0})\n"
        "except MetricsError as error: print(step, error)"
    )
    path = tmp_path / "metrics.jsonl"
    said = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True).stdout
    assert "cannot be written" in said
    assert path.read_bytes().endswith(b"\n") and len(read_metrics(path)) == int(said.split()[0])


def test_provenance(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text("x = 1\n")
    found = provenance(
        spec_yaml=SPEC, spec_sha256="ab", seed=3, device="cpu", plugins=[tmp_path / "plugin.py"],
        command=["oscillo", "run"],
    )  # fmt: skip
    assert found["seed"] == 3 and found["command"] == ["oscillo", "run"]
    assert found["spec_sha256"] == "ab" and found["spec_text_sha256"] == text_hash(SPEC)
    assert found["plugins"] == {str(tmp_path / "plugin.py"): text_hash("x = 1\n")}
    assert {"torch", "numpy", "zarr", "xarray", "oscillo"} <= set(found["packages"])
    assert found["torch"]["threads"] >= 1 and found["torch"]["device_name"]
    assert "node" not in found and "hostname" not in found


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def test_git_state(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    assert git_state(package) is None
    git(tmp_path, "init")
    assert git_state(package) is None  # somebody else's checkout, which does not track the package
    git(tmp_path, "add", "package")
    git(tmp_path, "commit", "-m", "first")
    state = git_state(package)
    assert state is not None and len(state["commit"]) == 40 and state["dirty"] is False
    (package / "__init__.py").write_text("x = 1\n")
    state = git_state(package)
    assert state is not None and state["dirty"] is True


def test_opening_a_run_that_has_only_begun(tmp_path: Path) -> None:
    run = open_run(create(tmp_path).path)
    assert run.spec == {"version": 1, "name": "sudoku", "training": {"lr": 1e-3, "note": "no"}}
    assert run.metrics.sizes.get("record", 0) == 0 and not run.data.children
    assert "interrupted" in repr(run) and "0 records" in repr(run)


def test_opening_a_run_that_failed(tmp_path: Path) -> None:
    folder = create(tmp_path)
    folder.set_state("failed", "the disk is full")
    run = open_run(folder.path)
    assert (run.state, run.reason) == ("failed", "the disk is full") and run.provenance["seed"] == 0
    assert run.metrics.sizes.get("record", 0) == 0 and not run.data.children
    assert "failed" in repr(run) and "the disk is full" in repr(run)
    folder.set_state("done")
    assert open_run(folder.path).reason == "" and "reason" not in repr(open_run(folder.path))


def test_how_a_run_reads(tmp_path: Path) -> None:
    folder = create(tmp_path)
    with MetricsLog(folder.metrics) as log:
        log.write(1, {"train/loss": 0.25, "note": "a"})
        log.write(2, {"id/board_accuracy": 0.5})
    folder.set_state("done")
    text = repr(open_run(folder.path))
    assert "done" in text and str(folder.path) in text and "2 records" in text
    assert [line.split() for line in text.splitlines() if "/loss" in line or "accuracy" in line] == [
        ["train/loss", "0.25"],
        ["id/board_accuracy", "0.5"],
    ]


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_text(tmp_path / "run.json", "old")

    def refuse(source: Path, target: Path) -> None:
        assert Path(source).read_text() == "new" and Path(target).read_text() == "old"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="No space left"):
        replace_text(tmp_path / "run.json", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]
    assert (tmp_path / "run.json").read_text() == "old"
