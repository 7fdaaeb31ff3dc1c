"""`oscillo compare`: integrators on the same dynamics."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from oscillo.cli.arguments import Overrides, asked
from oscillo.cli.endings import end_with


def _listed(name: str, words: str) -> Any:
    return typer.Option(f"--{name}", metavar="LIST", help=words, show_default=False)


def compare(
    source: Annotated[str, typer.Argument(metavar="SPEC_OR_RUN", help="YAML file of a spec, or folder of a run.")],
    changes: Overrides = None,
    integrators: Annotated[
        str | None, _listed("integrators", "Such as rk4,dopri5,torchdiffeq.bosh3; left out, all that can serve.")
    ] = None,
    step_sizes: Annotated[str | None, _listed("step-sizes", "Such as 0.2,0.1,0.05, in units of time.")] = None,
    tolerances: Annotated[str | None, _listed("tolerances", "Such as 1e-3,1e-5, for those that choose steps.")] = None,
    reference_tolerance: Annotated[float | None, typer.Option(help="Of the reference solution.")] = None,
    horizon: Annotated[float | None, typer.Option(help="Time up to which a simulation is compared.")] = None,
    samples: Annotated[int | None, typer.Option(help="Members of an ensemble, or samples of an evaluation.")] = None,
    precision: Annotated[str | None, typer.Option(help="Of a simulation's integrators: float64 or float32.")] = None,
    evaluation: Annotated[str | None, typer.Option(metavar="NAME", help="Of a trained network.")] = None,
    evaluations: Annotated[
        int | None, typer.Option(help="The most evaluations of the right-hand side, of a trained network.")
    ] = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")] = Path("runs"),
) -> None:
    """Compare integrators: error, energy, drift and cost.

    Of a simulation against a tight reference solution; of a trained network by the answers after equally many
    evaluations of the right-hand side. The last line is the path of the run that holds the answer.
    For example: `oscillo compare specs/kuramoto.yaml --integrators heun,rk4,dopri5`.
    """
    from oscillo.questions import ask
    from oscillo.questions.comparison.comparing import parsed
    from oscillo.questions.comparison.question import Compare

    lists = {"integrators": integrators, "step_sizes": step_sizes, "tolerances": tolerances}
    question = asked(
        Compare, **{name: parsed(name, text) for name, text in lists.items()},
        reference_tolerance=reference_tolerance, horizon=horizon, samples=samples, precision=precision,
        evaluation=evaluation, evaluations=evaluations,
    )  # fmt: skip
    end_with(ask(question, source, changes or (), runs=runs).path)
