"""Simulations as processes: run, planned, stopped, killed, resumed, and read while they go on."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
from pathlib import Path

import numpy as np
import pytest
from command import OSCILLO, SIGKILLED, Command, Ended, Running, metrics_of, newest_checkpoint, state_of

import oscillo as library

SIMULATION = """\
version: 2
name: ring
seed: 3
network:
  sites: []
  layers:
    - manifold: {kind: circle}
      oscillators: 40
      frequency: {kind: drawn, distribution: {kind: normal, deviation: 0.5}}
      coupling: {kind: graph, generator: cycle_graph, strength: 1.0, delay: {time: 0.45}}
      noise: {strength: 0.2}
      stimulus: {kind: sine, amplitude: 0.3, frequency: 0.7}
      integrator: {kind: heun, step_size: 0.1}
task:
  kind: simulate
  steps: 1500
  transient: 50
  keep_transient: true
  batch: 3
  ensemble: {seeds: 2, vary: {network.layers.0.coupling.strength: [0.5, 2.0]}}
  checkpoint_minutes: 0.0005
recording:
  every: 3
  observables: {order_parameter: {}, mean_frequency: {}, phase_locking: {to: pairs}, state: {every: 50}}
device: cpu
compile: "off"
threads: 1
"""


@pytest.fixture(scope="session", autouse=True)
def simulated(cache: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A simulation that nothing interrupted, started as a shell does, and how it ended."""
    command = Command(tmp_path_factory.mktemp("simulated"))
    (command.folder / "ring.yaml").write_text(SIMULATION)
    ended = command.from_nothing("run", "ring.yaml")
    return command.folder / ended.last_line, ended


@pytest.fixture
def simulator(oscillo: Command) -> Command:
    (oscillo.folder / "ring.yaml").write_text(SIMULATION)
    return oscillo


def same(run: Path, other: Path) -> bool:
    """Whether two runs left the same, bit for bit."""
    found = [library.open_run(path).data for path in (run, other)]
    groups = ("series", "states", "summary")
    recorded = all(found[0][group].to_dataset().equals(found[1][group].to_dataset()) for group in groups)
    return recorded and metrics_of(run) == metrics_of(other)


def wait_for_step(simulator: Command, started: Running, step: int) -> Path:
    """The run, once it has a checkpoint of that step or a later one."""
    started.wait_for(lambda: any(newest_checkpoint(simulator.folder / run) >= step for run in simulator.runs()))
    (run,) = simulator.runs()
    return run


def test_a_simulation_leaves_everything_and_ends_with_its_path(simulated: tuple[Path, Ended]) -> None:
    run, ended = simulated
    assert ended.code == 0 and "Traceback" not in ended.output and "arning" not in ended.output, ended.output
    assert Path(ended.last_line).parts[:2] == ("runs", "ring") and state_of(run)["state"] == "done"
    for name in ("spec.yaml", "metrics.jsonl", "data.zarr/zarr.json", "figures/series.png"):
        assert (run / name).is_file()
    assert re.search(r"simulating 1500/1500, .* order parameter 0\.\d+", ended.output)
    rows = [line for line in ended.output.splitlines() if line.startswith("│")]
    assert len(rows) == 4 and "0.5" in rows[0] and "2" in rows[3]
    data = library.open_run(run).data
    assert data["series"].sizes == {"sample": 4, "time": 501} and data["states"].sizes["time"] == 31
    assert data["summary"]["phase_locking"].shape == (4, 40, 40)
    assert data["series"]["strength"].values.tolist() == [0.5, 0.5, 2.0, 2.0]


def test_a_simulation_is_checked_planned_and_explained(simulator: Command) -> None:
    checked = simulator("validate", "ring.yaml")
    assert checked.code == 0 and checked.output.startswith("ring.yaml is valid: ring, hash ")
    planned = simulator("plan", "ring.yaml")
    assert planned.code == 0 and planned.output.startswith("ring on cpu, float32\n"), planned.output
    for words in ("4 in batches of 3: strength 0.5 to 2, 2 seeds", "delays ", "series at 501 times, states at 31"):
        assert words in planned.output
    for target, words in {
        "task.simulate": "transient  (number; >= 0; default 0.0)", "observable.phase_locking": "pairs",
        "initial.run": "path  (text; required)", "task.simulate.ensemble": "vary  (",
    }.items():  # fmt: skip
        ended = simulator("explain", target)
        assert ended.code == 0 and words in ended.output, ended.output
    assert not simulator.runs()


def test_a_delay_that_memory_cannot_hold_is_told_by_plan_and_refused_by_run(simulator: Command) -> None:
    change = "network.layers.0.coupling.delay.time=1e9"
    planned = simulator("plan", "ring.yaml", change)
    words = "network.layers.0.coupling.delay.time: a delay of up to 1e+09 keeps 10,000,000,002 states of each of 4 mem"
    assert planned.code == 0 and f"`run` would refuse {words}" in planned.output, planned.output
    ended = simulator("run", "ring.yaml", change)
    assert ended.code == 2 and "Traceback" not in ended.output and not simulator.runs()
    assert f"command line, override 1: {words}" in ended.output, ended.output
    assert "take a shorter delay, longer steps, or fewer members" in ended.output


def test_what_is_wrong_is_told_at_its_line(simulator: Command) -> None:
    text = SIMULATION.replace("transient: 50", "transient: 150").replace("batch: 3", "bacth: 3")
    (simulator.folder / "wrong.yaml").write_text(text)
    for verb in ("validate", "run", "plan"):
        ended = simulator(verb, "wrong.yaml")
        assert ended.code == 2 and "wrong.yaml:19:3 task.bacth: unknown key; did you mean `batch`?" in ended.output
    (simulator.folder / "wrong.yaml").write_text(text.replace("bacth", "batch"))
    for verb in ("validate", "run", "plan"):
        ended = simulator(verb, "wrong.yaml")
        line = "wrong.yaml:17:14 task.transient: 150 leaves nothing of the 150 that are simulated\n      transient: 150"
        assert ended.code == 2 and line in ended.output, ended.output
    assert not simulator.runs()


def test_list_shows_what_was_found(simulated: tuple[Path, Ended], simulator: Command) -> None:
    ended = simulator("list", str(simulated[0].parents[1]))
    heading, row = ended.output.splitlines()
    columns = re.split(r"  +", row.strip())
    assert heading.split()[:3] == ["name", "id", "state"] and columns[:3] == ["ring", simulated[0].name, "done"]
    mean = metrics_of(simulated[0])[-1]["order_parameter_mean"]
    assert f"order_parameter_mean {mean:.4g}, order_parameter_std " in columns[4] and columns[5].endswith("iB")


def test_ctrl_c_saves_and_resume_ends_the_run_as_if_it_had_not_been(
    simulator: Command, simulated: tuple[Path, Ended]
) -> None:
    started = simulator.start("run", "ring.yaml")
    run = wait_for_step(simulator, started, 100)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        started.send(number)
        ended = started.end()
        assert ended.code == code, ended.output
        assert ended.output.splitlines()[-2:] == [f"interrupted; to go on: oscillo resume {run}", str(run)]
        folder = simulator.folder / run
        assert state_of(folder)["state"] == "interrupted"
        step = newest_checkpoint(folder)  # all that was done is kept
        assert library.open_run(folder).data["series"].sizes["time"] == (step - 1) // 3 + 1 < 501
        started = simulator.start("resume", str(run))
        if code == 130:
            started.wait_for(lambda: newest_checkpoint(folder) > step)  # noqa: B023
    ended = started.end()
    assert (ended.code, ended.last_line) == (0, str(run)) and f"going on after {step} of 1500 steps" in ended.output
    assert simulator.runs() == [run] and same(simulator.folder / run, simulated[0])


def test_a_killed_simulation_resumes_to_the_same_numbers(simulator: Command, simulated: tuple[Path, Ended]) -> None:
    started = simulator.start("run", "ring.yaml")
    step = random.randrange(1000)
    print(f"killed after step {step}")
    run = wait_for_step(simulator, started, step)
    started.send(signal.SIGKILL)
    assert started.end().code == SIGKILLED
    assert library.open_run(simulator.folder / run).state == "interrupted"
    # The second time when all steps are taken and the summary is written.
    again = simulator.start("resume", str(run))
    again.wait_for(lambda: newest_checkpoint(simulator.folder / run) == 1500)
    again.send(signal.SIGKILL)
    assert again.end().code in (0, SIGKILLED)
    assert simulator("resume", str(run)).code == 0
    assert same(simulator.folder / run, simulated[0])


@pytest.mark.slow
def test_a_simulation_that_is_killed_again_and_again_ends_the_same(
    simulator: Command, simulated: tuple[Path, Ended]
) -> None:
    started = simulator.start("run", "ring.yaml")
    started.wait_for(lambda: simulator.runs() and (simulator.folder / simulator.runs()[0] / ".lock").exists())
    (run,) = simulator.runs()
    for _ in range(30):
        started.process.join(random.uniform(0.0, 2.5))
        started.send(signal.SIGKILL)
        if started.end().code == 0:
            break
        library.open_run(simulator.folder / run).data.load()  # whatever it was doing, what is there can be read
        started = simulator.start("resume", str(run))
    assert started.end().code in (0, SIGKILLED)
    assert simulator("resume", str(run)).code == 0
    assert same(simulator.folder / run, simulated[0])


def test_a_run_is_read_while_it_goes_on(simulator: Command, simulated: tuple[Path, Ended]) -> None:
    whole = library.open_run(simulated[0]).data
    started = simulator.start("run", "ring.yaml")
    run = simulator.folder / wait_for_step(simulator, started, 1)
    lengths = []
    while started.process.is_alive():
        seen = library.open_run(run)
        series, states = (seen.data[group].to_dataset() for group in ("series", "states"))
        length = series.sizes["time"]
        assert series.equals(whole["series"].to_dataset().isel(time=slice(0, length)))
        assert states.equals(whole["states"].to_dataset().isel(time=slice(0, states.sizes["time"])))
        assert ("summary" in seen.data) <= (length == 501)
        lengths.append(length)
    assert started.end().code == 0
    assert lengths == sorted(lengths) and len(set(lengths)) > 3 and lengths[0] < 501
    assert same(run, simulated[0])


def test_a_run_that_is_done_stays_as_it_is(simulated: tuple[Path, Ended], simulator: Command) -> None:
    run = simulated[0]
    before = {file: file.stat().st_mtime_ns for file in run.rglob("*") if file.is_file()}
    ended = simulator("resume", str(run))
    assert ended.code == 0 and f"{run} is done already" in ended.output and ended.last_line == str(run)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_there_is_nothing_to_evaluate(simulated: tuple[Path, Ended], simulator: Command) -> None:
    for arguments in ((), ("task.steps=5",), ("--only", "id")):
        ended = simulator("evaluate", str(simulated[0]), *arguments)
        assert ended.code == 2 and "Traceback" not in ended.output
        words = f"{simulated[0]} is a simulation, with nothing to evaluate; to run it again: oscillo run "
        assert f"{words}{simulated[0]}/spec.yaml" in ended.output, ended.output
    assert not simulator.runs()


def test_a_full_disk_stops_the_simulation_and_leaves_what_was_committed(
    simulator: Command, simulated: tuple[Path, Ended]
) -> None:
    ended = simulator("run", "ring.yaml", largest_file=80_000)
    assert ended.code == 1 and "Traceback" not in ended.output, ended.output
    run = simulator.folder / ended.last_line
    state = state_of(run)
    assert state["state"] == "failed" and "File too large" in state["reason"]
    assert "nothing more is written" not in state["reason"]
    assert simulator("resume", ended.last_line).code == 0  # there is room again
    assert same(run, simulated[0])


def test_a_disk_that_is_too_small_is_told_before_anything_runs(simulator: Command) -> None:
    disk = simulator.folder / "disk"
    disk.mkdir()
    mount = f"mount -t tmpfs -o size=400k none {disk}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let a test mount a small disk")
    command = f"{OSCILLO} run ring.yaml --runs {disk}"
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", f"{mount} && {command}; ls -A {disk}"], cwd=simulator.folder,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "MiB free, and the run will write about" in done.stderr and not done.stdout.strip(), done


@pytest.mark.parametrize("content", ["file", "unwritable"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_runs(simulator: Command, content: str) -> None:
    target = simulator.folder / "file"
    if content == "file":
        target.touch()
    else:
        target.mkdir(mode=0o500)
        if os.access(target, os.W_OK):
            pytest.skip("whoever runs this test may write everywhere")
    ended = simulator("run", "ring.yaml", "--runs", "file/runs")
    assert ended.code == 2 and "file/runs cannot be written" in ended.output
    assert "Traceback" not in ended.output and "simulating" not in ended.output


def test_a_checkpoint_that_cannot_be_read_is_named(simulator: Command, simulated: tuple[Path, Ended]) -> None:
    started = simulator.start("run", "ring.yaml")
    run = wait_for_step(simulator, started, 100)
    started.send(signal.SIGINT)
    started.end()
    newest = max((simulator.folder / run / "checkpoints").glob("*.pt"))
    kept = newest.read_bytes()
    newest.write_bytes(kept[: len(kept) // 2])
    ended = simulator("resume", str(run))
    assert ended.code == 2 and f"{newest.name} cannot be read" in ended.output and "Traceback" not in ended.output
    assert state_of(simulator.folder / run)["state"] == "interrupted"  # nothing has happened to it
    newest.write_bytes(kept)
    assert simulator("resume", str(run)).code == 0 and same(simulator.folder / run, simulated[0])


def test_another_precision_is_another_run(simulated: tuple[Path, Ended], simulator: Command) -> None:
    ended = simulator("run", str(simulated[0] / "spec.yaml"), "precision=float64", "task.steps=600")
    assert ended.code == 0, ended.output
    data = library.open_run(simulator.folder / ended.last_line).data["series"].to_dataset()
    first = library.open_run(simulated[0]).data["series"].to_dataset()
    assert data["order_parameter"].dtype == "float64"
    np.testing.assert_allclose(data["order_parameter"][:, :5], first["order_parameter"][:, :5], atol=1e-5)
