"""Sweeps and stability from the command line, as processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command import OSCILLO, Command

from oscillo.recording import open_run

PHASES = """\
version: 2
name: phases
network:
  sites: []
  layers:
    - manifold: {kind: circle}
      oscillators: 5
      frequency: {kind: drawn}
      coupling: {kind: mean_field, strength: 1.5}
      integrator: {kind: rk4, step_size: 0.1}
task: {kind: simulate, steps: 40}
precision: float64
device: cpu
compile: off
threads: 1
"""

STRENGTH = "network.layers.0.coupling.strength"


@pytest.fixture
def phases(oscillo: Command) -> Command:
    (oscillo.folder / "phases.yaml").write_text(PHASES)
    return oscillo


def test_a_sweep_ends_with_its_path_and_can_be_listed(phases: Command) -> None:
    ended = phases("sweep", "phases.yaml", f"{STRENGTH}=0.5:2.5:3", "seed=0:2", "task.steps=30")
    assert ended.code == 0, ended.output
    assert "6 points in 1 run" in ended.output and "order parameter mean" in ended.output
    data = open_run(phases.folder / ended.last_line).data["sweep"].to_dataset()
    assert dict(data.sizes) == {"strength": 3, "seed": 2, "time": 31}
    listed = phases("list").output
    assert listed.count("phases ") == 1 and "sweep: points 6, failed 0" in listed  # its runs are its own


def test_a_sweep_in_a_spec_is_planned_and_not_run(phases: Command) -> None:
    swept = PHASES + "sweep: {grid: {seed: [1, 2], network.layers.0.oscillators: [4, 5]}}\n"
    (phases.folder / "swept.yaml").write_text(swept)
    planned = phases("plan", "swept.yaml")
    assert planned.code == 0 and "4 points in 2 runs" in planned.output and "oscillators" in planned.output
    refused = phases("run", "swept.yaml")
    assert refused.code == 2 and "`oscillo sweep`" in refused.output and "swept.yaml" in refused.output


def test_a_plan_takes_what_would_be_swept_over_and_adds_up_its_runs(phases: Command) -> None:
    alone = phases("plan", "phases.yaml", "network.layers.0.oscillators=4").output
    planned = phases("plan", "phases.yaml", "network.layers.0.oscillators=4,5", "seed=0:3")
    assert planned.code == 0 and "6 points in 2 runs" in planned.output, planned.output
    (total,) = re.findall(r"all runs: operations (.*)FLOP, recording .* in their stores", planned.output)
    (of_one,) = re.findall(r"in a step: (.*)FLOP in all", alone)
    one, several = (float(text.strip("k ")) * (1000 if "k" in text else 1) for text in (of_one, total))
    # Three members of 4 oscillators and three of 5, each of which takes somewhat more.
    assert 6 * one < several < 9 * one


def test_a_change_with_a_typing_error_is_told_the_nearest_key(phases: Command) -> None:
    for change, key in {"task.step=3": "steps", "task.durration=3": "duration", f"{STRENGTH}s=1": "strength"}.items():
        ended = phases("validate", "phases.yaml", change)
        assert ended.code == 2 and f"unknown key; did you mean `{key}`?" in ended.output, ended.output


def test_who_would_sweep_with_run_is_told_of_sweep(phases: Command) -> None:
    for values in ("0:4:41", "1,2"):
        ended = phases("run", "phases.yaml", f"{STRENGTH}={values}")
        assert ended.code == 2 and "for `oscillo sweep`" in ended.output, ended.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["network.layers.0.coupling.strenght=1:2:3"], "did you mean `network.layers.0.coupling.strength`"),
        (["network.layers.0.coupling=1,2"], "only single values"),
        (["seed=5:5"], "no whole number"),
        ([f"{STRENGTH}=1.0:2.0"], "has a count"),
        ([], "nothing is swept over"),
        ([f"{STRENGTH}=0:4:-3"], "is no range; write first:last:count"),
        ([f"{STRENGTH}=0:4:5:lin"], "is no range; write first:last:count"),
        ([f"{STRENGTH}=0:4:3", f"{STRENGTH}=1,2"], "is swept over twice"),
        ([f"{STRENGTH}=0:4:3", f"{STRENGTH}=2"], "is swept over, and given one value as well"),
        (["network.layers.0.oscillators=5,-5"], "must be at least 1"),
        (["seed=0:2", "--into", "."], "is not a run"),
        (["seed=0:2", "--zip", "--random", "3"], "not both"),
    ],
)
def test_what_cannot_be_swept_over_is_told_and_leaves_nothing(phases: Command, arguments: list[str], told: str) -> None:
    ended = phases("sweep", "phases.yaml", *arguments)
    assert ended.code == 2 and "Traceback" not in ended.output, ended.output
    assert told in re.sub(r"[\s│]+", " ", ended.output), ended.output
    assert not list(phases.folder.glob("runs/*/*/run.json"))


def test_ctrl_c_stops_a_sweep_that_resume_ends(phases: Command) -> None:
    long = ["task.steps=3000", "network.layers.0.oscillators=300,301,302", "task.checkpoint_minutes=0.001"]
    running = phases.start("sweep", "phases.yaml", *long, "--workers", "1")
    running.wait_for(lambda: list(running.folder.glob("runs/*/*/points/*/checkpoints/*.pt")))
    running.send(signal.SIGINT)
    ended = running.end()
    assert ended.code == 128 + signal.SIGINT and "to go on: oscillo resume" in ended.output, ended.output
    folder = Path(ended.last_line)
    again = phases("resume", str(folder))
    assert again.code == 0, again.output
    data = open_run(phases.folder / folder).data["sweep"].to_dataset()
    assert data["done"].all() and np.isfinite(data["order_parameter_mean"]).all()


def test_ctrl_c_while_workers_start_prints_no_traceback(phases: Command) -> None:
    arguments = ["sweep", "phases.yaml", "network.layers.0.oscillators=5,6,7", "task.steps=3000", "--workers", "2"]
    running = subprocess.Popen(
        [OSCILLO, *arguments], cwd=phases.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert running.stdout is not None
    before = ""
    while "starting 2 processes" not in before and (line := running.stdout.readline()):
        before += line
    time.sleep(0.7)
    os.killpg(running.pid, signal.SIGINT)  # as a terminal does, which means all processes
    output, _ = running.communicate(timeout=120)
    assert running.returncode == 128 + signal.SIGINT and "Traceback" not in output, before + output
    again = phases("resume", output.splitlines()[-1])
    assert again.code == 0, again.output


def test_stability_is_asked_from_the_command_line(phases: Command) -> None:
    ended = phases("stability", "lyapunov", "phases.yaml", "--exponents", "2", "--steps", "50")
    assert ended.code == 0 and "Lyapunov exponents of 1 sample over a time of 5;" in ended.output, ended.output
    assert open_run(phases.folder / ended.last_line).data["lyapunov"]["exponents"].shape == (1, 2)
    ended = phases("stability", "basins", "phases.yaml", "task.steps=20", "--starts", "10")
    assert ended.code == 0 and "100 % of 10 starts still move after 20 steps" in ended.output, ended.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["lyapunov", "phases.yaml", "network.layers.0.integrator.kind=dopri5"], "kind: rk4"),
        (["lyapunov", "phases.yaml", "--exponents", "0"], "--exponents: must be at least 1"),
        (["lyapunov", "phases.yaml", "--exponents", "6"], "5 degrees of freedom"),
        (["fixed-points", "phases.yaml", "--of", "flows"], "flow"),
        (["basins", "nothing.yaml"], "there is no file nothing.yaml"),
    ],
)
def test_what_cannot_be_asked_is_told(phases: Command, arguments: list[str], told: str) -> None:
    ended = phases("stability", *arguments)
    assert ended.code == 2 and "Traceback" not in ended.output and told in ended.output, ended.output
    assert not list(phases.folder.glob("runs/*/*/run.json"))
