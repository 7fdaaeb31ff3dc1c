"""`oscillo compare` as a process: what it prints, leaves, refuses, and how it is stopped and resumed."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from command import Command, Ended, state_of

import oscillo as library

SIMULATION = """\
version: 2
name: pair
seed: 3
network:
  sites: []
  layers:
    - manifold: {kind: circle}
      oscillators: 20
      frequency: {kind: drawn, distribution: {kind: normal, deviation: 0.5}}
      coupling: {kind: mean_field, strength: 1.0}
      stimulus: {kind: none}
      integrator: {kind: rk4, step_size: 0.1}
task: {kind: simulate, steps: 40}
device: cpu
threads: 1
"""


@pytest.fixture
def comparing(oscillo: Command) -> Command:
    (oscillo.folder / "pair.yaml").write_text(SIMULATION)
    return oscillo


def test_a_table_figures_and_a_dataset(comparing: Command) -> None:
    ended = comparing.from_nothing(
        "compare", "pair.yaml", "network.layers.0.oscillators=5",
        "--integrators", "heun,{kind: rk4, step_size: 0.1},dopri5",
        "--step-sizes", "0.2,0.1", "--tolerances", "1e-3,1e-6", "--horizon", "2",
    )  # fmt: skip
    assert ended.code == 0, ended.output
    assert "not resolved below" in ended.output
    assert "order of convergence" in ended.output
    run = comparing.folder / ended.last_line
    assert sorted(path.name for path in (run / "figures").iterdir()) == ["comparison.png", "course.png"]
    found = library.open_run(run).data["comparison"].to_dataset()
    assert found.integrator.values.tolist() == ["heun", "heun", "rk4", "dopri5", "dopri5"]
    assert float(found.time[-1]) == 2
    assert state_of(run)["question"]["kind"] == "compare"


def test_answers_of_a_trained_run(trained: tuple[Path, Ended], comparing: Command) -> None:
    ended = comparing(
        "compare", str(trained[0]), "--integrators", "projected_euler,rk4", "--samples", "6", "--evaluation", "longer"
    )
    assert ended.code == 0, ended.output
    assert "as trained" in ended.output
    assert "the flow itself" in ended.output
    run = comparing.folder / ended.last_line
    assert state_of(run)["parent"] == str(trained[0].resolve())
    assert (run / "figures" / "comparison.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--integrators", "rk5"], "did you mean `rk4`"),
        (["--integrators", "rk4", "--step-sizes", "0.3", "--horizon", "1"], "0.333333333333 does"),
        (["--step-sizes", "fast"], "takes a number"),
        (["--integrators", "[rk4"], "--integrators"),
        (["task.stapes=3"], "unknown key"),
        (["--evaluation", "hard"], "leave it out"),
    ],
)
def test_refusals_end_with_2_and_leave_nothing(arguments: list[str], words: str, comparing: Command) -> None:
    ended = comparing("compare", "pair.yaml", *arguments)
    assert ended.code == 2, ended.output
    assert words in ended.output
    assert "Traceback" not in ended.output
    assert not comparing.runs()


def test_ctrl_c_and_resume(comparing: Command) -> None:
    running = comparing.start(
        "compare", "pair.yaml", "--horizon", "40", "--integrators", "rk4", "--step-sizes", "0.1,0.01"
    )
    running.wait_for(lambda: any(path.glob("answers/*.npz") for path in comparing.folder.glob("runs/*/*"))
                     and list(comparing.folder.glob("runs/*/*/answers/*.npz")))  # fmt: skip
    running.send(signal.SIGINT)
    ended = running.end()
    assert ended.code == 128 + signal.SIGINT, ended.output
    assert "oscillo resume" in ended.output
    again = comparing("resume", ended.last_line)
    assert again.code == 0, again.output
    assert "order of convergence" in again.output
    assert comparing("resume", ended.last_line).code == 0
