"""Figures of runs: one style, made without a window system. Generic ones here, a task's own beside the task."""

from oscillo.plotting.energy_figure import EnergyPanel, energy_figure
from oscillo.plotting.labels import side_labels, spread
from oscillo.plotting.principal_colours import PrincipalColours, principal_colours, site_vectors
from oscillo.plotting.saving import save_figure
from oscillo.plotting.statistics import duration, percent, share_below, weighted_quantiles, wilson_interval
from oscillo.plotting.style import (
    FIRST_GROUP,
    INK,
    SECOND_GROUP,
    SHADE,
    SeriesStyle,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)
from oscillo.plotting.training_figure import Curve, training_figure

__all__ = [
    "FIRST_GROUP",
    "INK",
    "SECOND_GROUP",
    "SHADE",
    "Curve",
    "EnergyPanel",
    "PrincipalColours",
    "SeriesStyle",
    "duration",
    "energy_figure",
    "headline",
    "new_figure",
    "percent",
    "percent_axis",
    "principal_colours",
    "save_figure",
    "series_style",
    "share_below",
    "side_labels",
    "site_vectors",
    "spread",
    "style",
    "training_figure",
    "weighted_quantiles",
    "wilson_interval",
]
