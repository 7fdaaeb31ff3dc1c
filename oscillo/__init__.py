"""oscillo: oscillator networks from a YAML spec: declared, checked, simulated, trained, recorded.

spec = oscillo.load("specs/sudoku.yaml")        # a checked, immutable declaration
net = oscillo.build(spec.network, spec.sites)   # an ordinary torch.nn.Module
trajectory = oscillo.integrate(net, features)   # states and energies, as an xarray DataTree
run = oscillo.run("specs/sudoku.yaml")          # train, evaluate, record
run = oscillo.open_run("runs/sudoku/...")       # spec, metrics and data of a run, lazily
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oscillo.draws import Draws
    from oscillo.experiment import reevaluate, run
    from oscillo.network.trajectory import integrate
    from oscillo.questions.comparison import compare
    from oscillo.questions.resuming import resume
    from oscillo.questions.sweep import sweep
    from oscillo.recording import open_run
    from oscillo.runspec import RunSpec, build, load
    from oscillo.spec import SpecError

_HOME = {
    "Draws": "oscillo.draws",
    "RunSpec": "oscillo.runspec",
    "SpecError": "oscillo.spec",
    "build": "oscillo.runspec",
    "compare": "oscillo.questions.comparison",
    "integrate": "oscillo.network.trajectory",
    "load": "oscillo.runspec",
    "open_run": "oscillo.recording",
    "reevaluate": "oscillo.experiment",
    "resume": "oscillo.questions.resuming",
    "run": "oscillo.experiment",
    "sweep": "oscillo.questions.sweep",
}

__all__ = [
    "Draws", "RunSpec", "SpecError", "build", "compare", "integrate", "load", "open_run", "reevaluate", "resume", "run",
    "sweep",
]  # fmt: skip


_GIVES_DATA = {"compare", "integrate", "open_run", "reevaluate", "resume", "run", "sweep"}


def __getattr__(name: str) -> Any:
    # Importing oscillo must not import torch: the command line asks for help more often than for a network.
    if name in _HOME:
        if name in _GIVES_DATA:
            import_module("oscillo.accessor")  # what they give has the accessor `osc`
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'oscillo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
