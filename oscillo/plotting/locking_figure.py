"""Who is locked to whom, as a matrix whose rows stand in the order of their groups."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from oscillo import analysis
from oscillo.analysis.states import Data, dataset
from oscillo.plotting.members import member_labels, one_sample, spread_out, titled
from oscillo.plotting.statistics import counted
from oscillo.plotting.style import SEQUENTIAL, colour_bar, headline, new_figure, style

_SAMPLES = 3

_LOCKED = 0.95
"""Phase-locking value from which a pair belongs to a group, as in `locked_clusters`."""


def draw_matrix(axes: Axes, values: np.ndarray) -> AxesImage:
    """Draw numbers from 0 to 1 of all pairs, [oscillator, oscillator], the first pair in the upper left corner."""
    axes.grid(False)
    return axes.imshow(values, cmap=SEQUENTIAL, vmin=0, vmax=1, interpolation="nearest")


@style()
def locking_figure(data: Data, name: str = "") -> Figure:
    """Draw the phase-locking values of all pairs of oscillators, the largest group of locked ones first.

    Args:
        data: a dataset or a group with `phase_locking` of pairs as a simulation records it; else phases or planar
            states (sample, time, ..., oscillator), with or without `sample`.
        name: of the run.

    Raises:
        ValueError: when there are neither pairs nor phases along time.
    """
    pairs = one_sample(_pairs(data))
    chosen = spread_out(np.ones(pairs.sizes["sample"], bool), _SAMPLES)
    labels = member_labels(pairs)
    figure = new_figure(2.9 * len(chosen) + 0.9, 3.9)
    panels = figure.subplots(1, len(chosen), squeeze=False)[0]
    picture = None
    for axes, sample in zip(panels, chosen, strict=True):
        values = pairs.isel(sample=sample).values
        order, groups = _grouped(values)
        picture = draw_matrix(axes, values[np.ix_(order, order)])
        axes.set_xlabel("oscillator, by group")
        told = f"{counted(groups, 'group')}" if groups else "no groups"
        axes.set_title(f"{labels[sample]}: {told}" if labels[sample] else told)
    panels[0].set_ylabel("oscillator, by group")
    assert picture is not None
    colour_bar(figure, picture, panels, "phase-locking value")
    caption = (
        f"Groups: two oscillators and more, linked by values of {_LOCKED} and above, the largest first; what belongs "
        "to none comes last. 1: the phase difference stays as it is."
    )
    headline(figure, titled(name, "who is locked to whom"), caption)
    return figure


def _pairs(data: Data) -> xr.DataArray:
    """Phase-locking values whose last dimensions are those of pairs."""
    if not isinstance(data, xr.DataArray):
        found = dataset(data).get("phase_locking")
        if found is not None and "other_node" in found.dims:
            return found.transpose(..., "node", "other_node")
    return analysis.phase_locking(data).transpose(..., "oscillator", "oscillator2")


def _grouped(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Oscillators in the order of their groups, and how many groups of two and more there are."""
    from scipy.sparse.csgraph import connected_components

    labels = connected_components(values >= _LOCKED, directed=False)[1]
    sizes = np.bincount(labels)
    order = np.lexsort((np.arange(len(labels)), labels, -sizes[labels]))
    return order, int((sizes > 1).sum())
