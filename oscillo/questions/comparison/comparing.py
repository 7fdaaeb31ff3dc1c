"""`oscillo.compare`: integrators on the dynamics of a spec or of a run."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from oscillo.questions.asking import ask
from oscillo.questions.comparison.question import Compare
from oscillo.recording import Run
from oscillo.spec import Document, load_plugins, validate
from oscillo.spec.source import Source
from oscillo.spec.yaml_text import parse_yaml


def compare(
    path: str | os.PathLike[str], changes: Iterable[str] = (), *,
    integrators: Sequence[str | Mapping[str, Any]] | None = None, step_sizes: Sequence[float] | None = None,
    tolerances: Sequence[float] | None = None, reference_tolerance: float | None = None,
    horizon: float | None = None, samples: int | None = None, precision: str | None = None,
    evaluation: str | None = None, evaluations: int | None = None, runs: str | os.PathLike[str] = "runs",
) -> Run:  # fmt: skip
    """Compare integrators on the dynamics of a simulation, or on the answers of a trained network.

    The answer is a run with a group `comparison`: `oscillo.compare(...).data["comparison"].to_dataset()`.

    Args:
        path: a spec, or the folder of a run.
        changes: changes to the spec, such as `network.layers.0.oscillators=50`.
        integrators: kinds such as `rk4` or `torchdiffeq.bosh3`, or mappings with fields of their own.
        step_sizes: to try, in units of time.
        tolerances: relative ones, for integrators that choose their own steps.
        reference_tolerance: relative tolerance of the reference solution.
        horizon: time up to which a simulation is compared.
        samples: members of the ensemble, or samples of the evaluation.
        precision: of the compared integrators in a simulation, `float64` or `float32`.
        evaluation: of a trained network.
        evaluations: the most evaluations of the right-hand side, of a trained network.
        runs: folder of all runs.

    Raises:
        SpecError: when the spec or a setting is wrong.
        RunDirectoryError: when a folder is not a run.
        RunFailed, RunInterrupted: as `oscillo.run`.
    """
    load_plugins()
    given = {
        "integrators": integrators, "step_sizes": step_sizes, "tolerances": tolerances,
        "reference_tolerance": reference_tolerance, "horizon": horizon, "samples": samples, "precision": precision,
        "evaluation": evaluation, "evaluations": evaluations,
    }  # fmt: skip
    document = Document.from_mapping({key: value for key, value in given.items() if value is not None}, "the settings")
    return ask(validate(Compare, document), path, changes, runs=runs)


def parsed(name: str, text: str | None) -> list[Any] | None:
    """A list as somebody writes it on the command line, `rk4,{kind: torchdiffeq, method: midpoint}`, by YAML's rules.

    Raises:
        SpecError: when it is no list.
    """
    if text is None:
        return None
    option = f"--{name.replace('_', '-')}"
    root = parse_yaml(Source(option, f"[{text}]"))
    assert root is not None
    return root.plain
