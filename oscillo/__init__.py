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
    from oscillo.experiment import reevaluate, resume, run
    from oscillo.network.trajectory import integrate
    from oscillo.recording import open_run
    from oscillo.runspec import RunSpec, build, load
    from oscillo.spec import SpecError

_HOME = {
    "Draws": "oscillo.draws",
    "RunSpec": "oscillo.runspec",
    "SpecError": "oscillo.spec",
    "build": "oscillo.runspec",
    "integrate": "oscillo.network.trajectory",
    "load": "oscillo.runspec",
    "open_run": "oscillo.recording",
    "reevaluate": "oscillo.experiment",
    "resume": "oscillo.experiment",
    "run": "oscillo.experiment",
}

__all__ = ["Draws", "RunSpec", "SpecError", "build", "integrate", "load", "open_run", "reevaluate", "resume", "run"]


def __getattr__(name: str) -> Any:
    # Importing oscillo must not import torch: the command line asks for help more often than for a network.
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'oscillo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
