"""Energy over steps, for two groups of samples such as right and wrong answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oscillo.plotting.statistics import percent, share_below
from oscillo.plotting.style import FIRST_GROUP, PERCENT_TICKS, SECOND_GROUP, SeriesStyle, headline, new_figure, style

QUANTILES = (0.05, 0.25, 0.75, 0.95)
"""Ends of the outer and of the inner band."""

MOST_BINS = 30

FEW = 20
"""Samples. A group of fewer is drawn one by one instead of as a histogram."""


@dataclass(frozen=True, eq=False)
class EnergyPanel:
    """The energies of one evaluation.

    Attributes:
        name: of the evaluation.
        energy: of every sample over time, with dimensions `sample` and `step` and the coordinate `step`.
        chosen: which samples belong to the first group, bool [sample].

    Raises:
        ValueError: when the two do not go together, or there is no sample.
    """

    name: str
    energy: xr.DataArray
    chosen: np.ndarray

    def __post_init__(self) -> None:
        if set(self.energy.dims) != {"sample", "step"} or not self.energy.size:
            raise ValueError(f"{self.name}: energies need the dimensions sample and step, got {self.energy.dims}")
        if self.chosen.shape != (self.energy.sizes["sample"],):
            raise ValueError(f"{self.name}: {self.chosen.shape} groups of {self.energy.sizes['sample']} samples")

    @property
    def groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Energies of the first and of the second group, each [sample, step]."""
        values = self.energy.transpose("sample", "step").values
        return values[self.chosen], values[~self.chosen]

    @property
    def separation(self) -> float:
        """Share of pairs across the groups in which the first group's sample ends lower; NaN without pairs."""
        first, second = self.groups
        return share_below(first[:, -1], second[:, -1])


@style()
def energy_figure(panels: Sequence[EnergyPanel], groups: tuple[str, str], label: str = "energy E") -> Figure:
    """Draw, for each evaluation, the course of the energy on the left and its last values on the right.

    Args:
        panels: one row each.
        groups: names of the first and second group, such as `("solved boards", "unsolved boards")`.
        label: of the energy axis.

    Raises:
        ValueError: without panels.
    """
    if not panels:
        raise ValueError("no energies to draw")
    figure = new_figure(8.6, 1.2 + 2.5 * len(panels))
    rows = figure.subplots(len(panels), 2, squeeze=False, width_ratios=[1.7, 1])
    for (course, ends), panel in zip(rows, panels, strict=True):
        _draw_course(course, panel, groups, label)
        _draw_ends(ends, panel, label)
    rows[-1][0].set_xlabel("step")
    caption = "Left: median, with bands from 25 to 75 % and from 5 to 95 % of the samples; n is their number. "
    caption += f"Right: how the last energies are distributed; groups of fewer than {FEW} as single marks."
    headline(figure, _finding(panels, groups), caption)
    return figure


def _looks(panel: EnergyPanel, groups: tuple[str, str]) -> list[tuple[str, np.ndarray, SeriesStyle]]:
    """Name, energies and look of each group that has samples."""
    both = zip(groups, panel.groups, (FIRST_GROUP, SECOND_GROUP), strict=True)
    return [(name, values, look) for name, values, look in both if len(values)]


def _draw_course(axes: Axes, panel: EnergyPanel, groups: tuple[str, str], label: str) -> None:
    step = panel.energy["step"].values
    for name, values, look in reversed(_looks(panel, groups)):
        outer_low, low, high, outer_high = np.quantile(values, QUANTILES, axis=0)
        axes.fill_between(step, outer_low, outer_high, color=look.color, alpha=0.13, linewidth=0)
        axes.fill_between(step, low, high, color=look.color, alpha=0.25, linewidth=0)
        axes.plot(step, np.median(values, axis=0), label=f"{name}, n = {len(values):,}", **look.line)
    axes.set_title(panel.name)
    axes.set_ylabel(label)
    axes.set_xlim(step[0], max(step[-1], step[0] + 1))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.legend(loc="upper right", reverse=True)


def _draw_ends(axes: Axes, panel: EnergyPanel, label: str) -> None:
    first, second = panel.groups
    ends = np.concatenate([first[:, -1], second[:, -1]])
    smallest = min((len(values) for values in (first, second) if len(values) >= FEW), default=FEW)
    bins = np.histogram_bin_edges(ends, bins=int(np.clip(np.sqrt(smallest), 10, MOST_BINS)))
    for _, values, look in reversed(_looks(panel, ("", ""))):
        if len(values) < FEW:
            height = np.full(len(values), 0.06)
            across = axes.get_xaxis_transform()
            axes.plot(values[:, -1], height, linestyle="", transform=across, zorder=3, **look.mark)
            continue
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values[:, -1], bins.tolist(), weights=weights, color=look.color, alpha=0.25, histtype="stepfilled")
        axes.hist(values[:, -1], bins.tolist(), weights=weights, histtype="step", linewidth=1.3, **look.line)
    axes.set_title(f"after step {int(panel.energy['step'][-1])}")
    axes.set_xlabel(label)
    axes.set_ylabel("share of the group [%]")
    axes.yaxis.set_major_formatter(PERCENT_TICKS)
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 4, 5, 10]))
    axes.xaxis.set_major_locator(MaxNLocator(5))


def _finding(panels: Sequence[EnergyPanel], groups: tuple[str, str]) -> str:
    """How often the first group's sample is the lower one of a pair, in every evaluation that has pairs."""
    shares = [f"{percent(panel.separation)} ({panel.name})" for panel in panels if np.isfinite(panel.separation)]
    if shares:
        # No claim which way it goes: below a half, the second group is the lower one.
        comparison = f"Share of pairs in which {groups[0]} end with less energy than {groups[1]}"
        return f"{comparison}\n(other differences between the groups count in): {', '.join(shares)}"
    ends = [f"{np.median(panel.energy.isel(step=-1)):.4g} ({panel.name})" for panel in panels]
    return f"Median energy after the last step: {', '.join(ends)}"
