"""Figures of runs: one style, made without a window system. Generic ones here, a task's own beside the task."""

from oscillo.plotting.answers_comparison_figure import answers_comparison_figure
from oscillo.plotting.comparison_figure import comparison_course_figure, comparison_figure
from oscillo.plotting.compute_figure import compute_figure, lower_envelope
from oscillo.plotting.embedding_figure import embedding_figure, trajectory_figure
from oscillo.plotting.energy_figure import EnergyPanel, energy_figure
from oscillo.plotting.labels import side_labels, spread
from oscillo.plotting.locking_figure import draw_matrix, locking_figure
from oscillo.plotting.maps_figure import maps_figure
from oscillo.plotting.members import member_labels, spread_out, varying
from oscillo.plotting.parameters_figure import parameters_figure, transition_figure
from oscillo.plotting.phase_circles import circles_figure, draw_circle
from oscillo.plotting.principal_colours import principal_colours, site_vectors
from oscillo.plotting.raster_figure import draw_raster, raster_figure, raster_label, raster_scale
from oscillo.plotting.saving import save_figure
from oscillo.plotting.selection_figure import agreement, selection_figure
from oscillo.plotting.series_figure import series_figure
from oscillo.plotting.settling_figure import settling_figure
from oscillo.plotting.shares import ReferenceLine, draw_shares
from oscillo.plotting.site_colours import SiteColours, draw_map
from oscillo.plotting.spectrum_figure import spectrum_figure
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
    "ReferenceLine",
    "SeriesStyle",
    "SiteColours",
    "agreement",
    "answers_comparison_figure",
    "circles_figure",
    "comparison_course_figure",
    "comparison_figure",
    "compute_figure",
    "counted",
    "doubling_axis",
    "draw_circle",
    "draw_map",
    "draw_matrix",
    "draw_raster",
    "draw_shares",
    "duration",
    "embedding_figure",
    "energy_figure",
    "first_member",
    "headline",
    "locking_figure",
    "log_ticks",
    "lower_envelope",
    "maps_figure",
    "mean_steps",
    "member_labels",
    "new_figure",
    "of_how_many",
    "outermost",
    "parameters_figure",
    "percent",
    "percent_axis",
    "principal_colours",
    "raster_figure",
    "raster_label",
    "raster_scale",
    "save_figure",
    "selection_figure",
    "series_figure",
    "series_style",
    "settling_figure",
    "side_labels",
    "site_vectors",
    "spectrum_figure",
    "spread",
    "spread_out",
    "stopping",
    "style",
    "training_figure",
    "trajectory_figure",
    "transition_figure",
    "up_to",
    "varying",
    "voted",
    "votes_figure",
    "weighted_quantiles",
    "wilson_interval",
]
