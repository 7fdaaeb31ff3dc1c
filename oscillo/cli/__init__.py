"""The command line: one file per verb, and nothing heavy imported before a verb runs."""

from __future__ import annotations

from typing import Annotated

import typer

from oscillo.cli.animate import animate
from oscillo.cli.compare import compare
from oscillo.cli.compare_runs import compare_runs
from oscillo.cli.endings import plainly
from oscillo.cli.evaluate import evaluate
from oscillo.cli.explain import explain
from oscillo.cli.export import export
from oscillo.cli.import_weights import import_weights
from oscillo.cli.list_runs import list_runs
from oscillo.cli.plan import plan
from oscillo.cli.prune import prune
from oscillo.cli.report import report
from oscillo.cli.resume import resume
from oscillo.cli.run import run
from oscillo.cli.schema import schema
from oscillo.cli.stability import app as stability
from oscillo.cli.sweep import sweep
from oscillo.cli.validate import validate

VERBS = {
    "run": run,
    "resume": resume,
    "evaluate": evaluate,
    "sweep": sweep,
    "compare": compare,
    "list": list_runs,
    "report": report,
    "animate": animate,
    "compare-runs": compare_runs,
    "export": export,
    "prune": prune,
    "plan": plan,
    "validate": validate,
    "explain": explain,
    "schema": schema,
    "import": import_weights,
}

app = typer.Typer(
    help="Oscillator networks from a YAML spec: declared, checked, simulated, trained, recorded.",
    epilog="A change to a spec is written path.to.key=value, as in training.batch_size=50; ~path.to.key removes a key.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for name, verb in VERBS.items():
    # What is left over is told by `resume` itself: it knows where changes can be made.
    app.command(name, context_settings={"allow_extra_args": verb is resume})(plainly(verb))

app.add_typer(stability, name="stability")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"oscillo {version('oscillo')}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Take the options that come before a verb."""


def main() -> None:
    """Run the command line and exit.

    Exit codes: 0 done; 1 the run failed; 2 a wrong spec, wrong arguments, unusable data or an unusable run directory;
    128 plus the number of the signal after an interruption.
    """
    app()
