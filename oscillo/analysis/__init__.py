"""Analysis of what was recorded: arrays with named dimensions in, the same out, on top of `oscillo.measures`.

Importing `oscillo.accessor`, as whatever opens a run does, gives every xarray Dataset, DataArray and DataTree the
accessor `osc`, whose methods are the functions here. Dimensions that a function does not name, such as `sample` or a
parameter of a sweep, are carried through.

A `state` of one component is a number on a line here, and `phase` an angle on the circle.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from oscillo.analysis.separation import pair_auc, pair_count, share_below
from oscillo.analysis.votes import SELECTOR_NAMES, Votes

if TYPE_CHECKING:
    from oscillo.analysis.components import pca
    from oscillo.analysis.connectivity import functional_connectivity
    from oscillo.analysis.energies import energy
    from oscillo.analysis.locking import clusters, locked_clusters, phase_locking
    from oscillo.analysis.recurrences import determinism, recurrence, recurrence_rate, residual
    from oscillo.analysis.return_times import period
    from oscillo.analysis.rotation import local_order, mean_frequency, order_parameter, phase
    from oscillo.analysis.spectra import spectrum
    from oscillo.analysis.transition import critical_coupling

_HOME = {
    "clusters": "locking",
    "critical_coupling": "transition",
    "determinism": "recurrences",
    "energy": "energies",
    "functional_connectivity": "connectivity",
    "local_order": "rotation",
    "locked_clusters": "locking",
    "mean_frequency": "rotation",
    "order_parameter": "rotation",
    "pca": "components",
    "period": "return_times",
    "phase": "rotation",
    "phase_locking": "locking",
    "recurrence": "recurrences",
    "recurrence_rate": "recurrences",
    "residual": "recurrences",
    "spectrum": "spectra",
}

__all__ = [
    "SELECTOR_NAMES", "Votes", "clusters", "critical_coupling", "determinism", "energy", "functional_connectivity",
    "local_order", "locked_clusters", "mean_frequency", "order_parameter", "pair_auc", "pair_count", "pca", "period",
    "phase", "phase_locking", "recurrence", "recurrence_rate", "residual", "share_below", "spectrum",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Figures read votes without torch and SciPy, which are loaded with the first function that computes.
    if name in _HOME:
        return getattr(import_module(f"oscillo.analysis.{_HOME[name]}"), name)
    raise AttributeError(f"module 'oscillo.analysis' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
