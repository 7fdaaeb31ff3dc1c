"""Where the values of a spec come from."""

from __future__ import annotations

from pathlib import Path

from reported_runs import by_hand

import oscillo
from oscillo.reporting.declared import Declared, declared
from oscillo.runspec import load
from oscillo.spec import to_yaml

BASE = """\
version: 2
name: base
network:
  sites: []
  layers:
    - manifold: {kind: circle}
      oscillators: 7
      coupling: {kind: mean_field, strength: 2.0}
      integrator: {kind: rk4, step_size: 0.05}
task: {kind: simulate, steps: 20}
"""

MAIN = """\
version: 2
extends: base.yaml
name: main
task: {steps: 30, transient: 0.5}
"""


def declared_by(tmp_path: Path, *changes: str) -> Declared:
    for name, text in (("base.yaml", BASE), ("main.yaml", MAIN)):
        (tmp_path / name).write_text(text)
    spec = load(tmp_path / "main.yaml", changes)
    sources = {str(tmp_path / "main.yaml"): MAIN, str(tmp_path / "base.yaml"): BASE}
    command = ["python", "oscillo", "run", "main.yaml", *changes]
    run = by_hand(tmp_path / "runs", spec=to_yaml(spec), sources=sources, command=command)
    return declared(oscillo.open_run(run.path), spec)


def origins(found: Declared) -> dict[str, str]:
    return {part.text: part.origin for line in found.lines for part in line.parts if part.origin}


def test_every_value_is_told_where_it_comes_from(tmp_path: Path) -> None:
    found = origins(declared_by(tmp_path, "network.layers.0.coupling.strength=3"))
    assert found["name: main"] == "file"
    assert found["steps: 30"] == "file"
    assert found["oscillators: 7"] == "extended"
    assert found["strength: 3.0"] == "changed"
    assert found["inertia: null"] == "default"


def test_the_text_is_the_resolved_spec_whatever_is_marked(tmp_path: Path) -> None:
    found = declared_by(tmp_path)
    text = "".join("".join(part.text for part in line.parts) + "\n" for line in found.lines)
    (run,) = (tmp_path / "runs" / "invented").iterdir()
    assert text == (run / "spec.yaml").read_text()
    assert sum(count for _, _, count in found.origins) == sum(
        bool(part.origin) for line in found.lines for part in line.parts
    )


def test_lines_of_defaults_are_known(tmp_path: Path) -> None:
    lines = {"".join(part.text for part in line.parts).strip(): line.is_default for line in declared_by(tmp_path).lines}
    assert lines["inertia: null"] and not lines["name: main"] and not lines["network:"]


def test_what_python_changed_is_neither_file_nor_default(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    spec = load(tmp_path / "base.yaml", ["task.steps=45"])
    run = by_hand(tmp_path / "runs", spec=to_yaml(spec), sources={"base.yaml": BASE}, command=["python", "mine.py"])
    assert origins(declared(oscillo.open_run(run.path), spec))["steps: 45"] == "filled"
