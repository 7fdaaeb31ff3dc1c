"""Figures of runs: one style, made without a window system. Generic ones here, a task's own beside the task."""

from oscillo.plotting.answers_comparison_figure import answers_comparison_figure
from oscillo.plotting.comparison_figure import comparison_course_figure, comparison_figure
from oscillo.plotting.compute_figure import compute_figure, lower_envelope
from oscillo.plotting.energy_figure import EnergyPanel, energy_figure
from oscillo.plotting.labels import side_labels, spread
from oscillo.plotting.principal_colours import PrincipalColours, principal_colours, site_vectors
from oscillo.plotting.saving import save_figure
from oscillo.plotting.selection_figure import agreement, selection_figure
from oscillo.plotting.settling_figure import settling_figure
from oscillo.plotting.shares import ReferenceLine, draw_shares
from oscillo.plotting.statistics import (
    counted,
    duration,
    of_how_many,
    outermost,
    percent,
    weighted_quantiles,
    wilson_interval,
)
from oscillo.plotting.style import (
    FIRST_GROUP,
    INK,
    SECOND_GROUP,
    SHADE,
    SeriesStyle,
    doubling_axis,
    headline,
    log_ticks,
    new_figure,
    percent_axis,
    series_style,
    style,
)
from oscillo.plotting.training_figure import Curve, training_figure
from oscillo.plotting.votes import SELECTORS, first_member, mean_steps, stopping, up_to, voted
from oscillo.plotting.votes_figure import votes_figure

__all__ = [
    "FIRST_GROUP",
    "INK",
    "SECOND_GROUP",
    "SELECTORS",
    "SHADE",
    "Curve",
    "EnergyPanel",
    "PrincipalColours",
    "ReferenceLine",
    "SeriesStyle",
    "agreement",
    "answers_comparison_figure",
    "comparison_course_figure",
    "comparison_figure",
    "compute_figure",
    "counted",
    "doubling_axis",
    "draw_shares",
    "duration",
    "energy_figure",
    "first_member",
    "headline",
    "log_ticks",
    "lower_envelope",
    "mean_steps",
    "new_figure",
    "of_how_many",
    "outermost",
    "percent",
    "percent_axis",
    "principal_colours",
    "save_figure",
    "selection_figure",
    "series_style",
    "settling_figure",
    "side_labels",
    "site_vectors",
    "spread",
    "stopping",
    "style",
    "training_figure",
    "up_to",
    "voted",
    "votes_figure",
    "weighted_quantiles",
    "wilson_interval",
]
