"""`oscillo stability`: Lyapunov exponents, fixed points and basins of a spec's network, or of a trained one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from oscillo.cli.arguments import Overrides, asked
from oscillo.cli.endings import end_with, plainly

SpecOrRun = Annotated[
    str, typer.Argument(metavar="SPEC|RUN", help="YAML file of a spec, or the folder of a run.", show_default=False)
]
Evaluation = Annotated[
    str | None, typer.Option("--evaluation", metavar="NAME", help="Of a trained network; left out, the first.")
]
Sample = Annotated[
    int | None, typer.Option("--sample", metavar="N", help="Whose parameters and stimulus: a member, or a sample.")
]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Of what is drawn for the question.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of all runs.")]

app = typer.Typer(
    help="Find Lyapunov exponents, fixed points, or basins.", no_args_is_help=True,
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip


def lyapunov(
    spec: SpecOrRun,
    changes: Overrides = None,
    exponents: Annotated[int | None, typer.Option("--exponents", metavar="N", help="How many; 8 by default.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps that are counted.")] = None,
    transient: Annotated[int | None, typer.Option("--transient", metavar="N", help="Steps before.")] = None,
    evaluation: Evaluation = None,
    samples: Annotated[int | None, typer.Option("--samples", metavar="N", help="Members, or samples.")] = None,
    seed: Seed = None,
    runs: Runs = Path("runs"),
) -> None:
    """Find the largest Lyapunov exponents.

    Do neighbouring trajectories part, and how fast? Of a spec, or of a run with what it has learned.
    """
    from oscillo.questions.stability import LyapunovQuestion

    _ask(
        LyapunovQuestion, spec, changes, runs, exponents=exponents, steps=steps, transient=transient,
        evaluation=evaluation, samples=samples, seed=seed,
    )  # fmt: skip


def fixed_points(
    spec: SpecOrRun,
    changes: Overrides = None,
    starts: Annotated[int | None, typer.Option("--starts", metavar="N", help="Random starts; 200 by default.")] = None,
    of: Annotated[str | None, typer.Option("--of", metavar="WHAT", help="`flow` or `step`.")] = None,
    lead_in: Annotated[int | None, typer.Option("--lead-in", metavar="N", help="Steps before the search.")] = None,
    lead_in_step: Annotated[float | None, typer.Option("--lead-in-step", metavar="X", help="Their size.")] = None,
    eigenvalues: Annotated[int | None, typer.Option("--eigenvalues", metavar="N", help="Leading ones.")] = None,
    evaluation: Evaluation = None,
    sample: Sample = None,
    seed: Seed = None,
    runs: Runs = Path("runs"),
) -> None:
    """Find fixed points, and their stability.

    Where does the network rest, or only turn as a whole, and does it stay there?
    """
    from oscillo.questions.stability import FixedPointsQuestion

    _ask(
        FixedPointsQuestion, spec, changes, runs, starts=starts, of=of, lead_in=lead_in, lead_in_step=lead_in_step,
        eigenvalues=eigenvalues, evaluation=evaluation, sample=sample, seed=seed,
    )  # fmt: skip


def basins(
    spec: SpecOrRun,
    changes: Overrides = None,
    starts: Annotated[int | None, typer.Option("--starts", metavar="N", help="Random starts; 1000 by default.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", metavar="N", help="Steps; the spec's by default.")] = None,
    still: Annotated[float | None, typer.Option("--still", metavar="X", help="Motion taken for none; 1e-4.")] = None,
    same: Annotated[float | None, typer.Option("--same", metavar="X", help="Distance taken for none; 0.05.")] = None,
    evaluation: Evaluation = None,
    sample: Sample = None,
    seed: Seed = None,
    runs: Runs = Path("runs"),
) -> None:
    """Find the shares of initial states by where they end."""
    from oscillo.questions.stability import BasinsQuestion

    _ask(
        BasinsQuestion, spec, changes, runs, starts=starts, steps=steps, still=still, same=same,
        evaluation=evaluation, sample=sample, seed=seed,
    )  # fmt: skip


def _ask(kind: Any, spec: str, changes: list[str] | None, runs: Path, **settings: Any) -> None:
    """Ask with the settings that were given; the others are the question's own."""
    from oscillo.questions import ask

    end_with(ask(asked(kind, **settings), spec, changes or (), runs=runs).path)


for name, verb in {"lyapunov": lyapunov, "fixed-points": fixed_points, "basins": basins}.items():
    app.command(name)(plainly(verb))
