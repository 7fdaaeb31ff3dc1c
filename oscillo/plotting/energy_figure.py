"""Energy over steps, for two groups of samples such as right and wrong answers, compared like with like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oscillo.analysis import share_below
from oscillo.plotting.groups import FEW, Group, draw_groups
from oscillo.plotting.labels import say_why_empty
from oscillo.plotting.statistics import listed, of_how_many, outermost, percent, weighted_quantiles
from oscillo.plotting.style import FIRST_GROUP, SECOND_GROUP, WHOLE_TICKS, SeriesStyle, headline, new_figure, style

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Ends of the outer and of the inner band, and the median."""

SETTLED = 1 / 8
"""Share of the steps after which the energies set the frame; the fall before it would hide what comes after."""


@dataclass(frozen=True, eq=False)
class EnergyPanel:
    """The energies of one evaluation.

    Energy may depend on something in which the two groups differ anyway, such as how much of a sample is given.
    `strata` takes that out: samples are compared within a stratum only. A sample weighs as much as the share of its
    stratum that is in the other group; then both groups hold every stratum equally often, and the difference of their
    means is that of a regression with one mean per stratum.

    Attributes:
        name: of the evaluation.
        energy: of every sample over time, with dimensions `sample` and `step` and the coordinate `step`; not a number
            after a sample has stopped.
        chosen: which samples belong to the first group, bool [sample].
        strata: what samples must have in common to be compared, [sample]; None compares all with all.

    Raises:
        ValueError: when the parts do not go together, or there is no sample.
    """

    name: str
    energy: xr.DataArray
    chosen: np.ndarray
    strata: np.ndarray | None = None

    def __post_init__(self) -> None:
        if set(self.energy.dims) != {"sample", "step"} or not self.energy.size:
            raise ValueError(f"{self.name}: energies need the dimensions sample and step, got {self.energy.dims}")
        shape = (self.energy.sizes["sample"],)
        if self.chosen.shape != shape:
            raise ValueError(f"{self.name}: {self.chosen.shape} groups of {shape[0]} samples")
        if self.strata is not None and self.strata.shape != shape:
            raise ValueError(f"{self.name}: {self.strata.shape} strata of {shape[0]} samples")

    @cached_property
    def stratum(self) -> np.ndarray:
        """Number of each sample's stratum, int [sample]."""
        labels = np.zeros(len(self.chosen)) if self.strata is None else self.strata
        return np.unique(labels, return_inverse=True)[1]

    @cached_property
    def weights(self) -> np.ndarray:
        """What each sample counts, [sample]: 0 in a stratum of one group alone, and 1 where none has both."""
        first = np.bincount(self.stratum, self.chosen)
        second = np.bincount(self.stratum, ~self.chosen)
        others = np.where(self.chosen, second[self.stratum], first[self.stratum])
        weights = others / (first + second)[self.stratum]
        return weights if weights.any() else np.ones(len(weights))

    @cached_property
    def values(self) -> np.ndarray:
        """The energies, [sample, step]; a sample that has stopped keeps its last one."""
        values = self.energy.transpose("sample", "step").values.astype(float)
        known = np.where(np.isfinite(values), np.arange(values.shape[1]), 0)
        return np.take_along_axis(values, np.maximum.accumulate(known, axis=1), axis=1)

    @property
    def stopped(self) -> bool:
        """Whether some samples stopped before the last step."""
        return not np.isfinite(self.energy.isel(step=-1).values).all()

    @property
    def deviations(self) -> np.ndarray:
        """Last energy of each sample, less the mean of its stratum, [sample]."""
        last = self.values[:, -1]
        means = np.bincount(self.stratum, last) / np.bincount(self.stratum)
        return last - means[self.stratum]

    @property
    def difference(self) -> float:
        """Mean of the last energies of the first group less that of the second, within strata; NaN without pairs."""
        if not self.pairs:
            return float("nan")
        first, second = (
            np.average(self.deviations[group], weights=self.weights[group]) for group in (self.chosen, ~self.chosen)
        )
        return float(first - second)

    @cached_property
    def pairs(self) -> int:
        """How many pairs across the groups there are within strata."""
        return int(np.bincount(self.stratum, self.chosen) @ np.bincount(self.stratum, ~self.chosen))

    @property
    def separation(self) -> float:
        """Share of those pairs in which the first group's sample ends lower; NaN without pairs."""
        last, lower = self.values[:, -1], 0.0
        for stratum in np.unique(self.stratum):
            here = self.stratum == stratum
            first, second = last[here & self.chosen], last[here & ~self.chosen]
            if first.size and second.size:
                lower += share_below(first, second) * first.size * second.size
        return lower / self.pairs if self.pairs else float("nan")


@style()
def energy_figure(
    panels: Sequence[EnergyPanel], groups: tuple[str, str], *, common: str = "", label: str = "energy E"
) -> Figure:
    """Draw, for each evaluation, the course of the energy on the left and its last values on the right.

    Args:
        panels: one row each.
        groups: names of the first and second group, such as `("right answers", "wrong answers")`.
        common: what the samples of a stratum have in common, such as `length`; needed where panels have strata.
        label: of the energy axis.

    Raises:
        ValueError: without panels, or without a name for the strata.
    """
    if not panels:
        raise ValueError("no energies to draw")
    if not common and any(panel.strata is not None for panel in panels):
        raise ValueError("say what the samples of a stratum have in common")
    figure = new_figure(8.6, 1.2 + 2.5 * len(panels))
    rows = figure.subplots(len(panels), 2, squeeze=False, width_ratios=[1.7, 1])
    for (course, ends), panel in zip(rows, panels, strict=True):
        _draw_course(course, panel, groups, label)
        course.set_title(_title(panel, groups, common))
        _draw_ends(ends, panel, groups)
        ends.set_xlabel(f"{label} less the mean{f' at equal {common}' if common else ''}")
    rows[-1][0].set_xlabel("step")
    caption = _caption(groups, common)
    if any(panel.stopped for panel in panels):
        caption += " A sample that stopped early keeps its last energy."
    headline(figure, _finding(panels, groups, common), caption)
    return figure


def _looks(panel: EnergyPanel, groups: tuple[str, str]) -> list[tuple[str, np.ndarray, SeriesStyle]]:
    """Name, members (bool [sample]) and look of each group that has samples to draw."""
    drawn = panel.weights > 0
    both = zip(groups, (drawn & panel.chosen, drawn & ~panel.chosen), (FIRST_GROUP, SECOND_GROUP), strict=True)
    return [(name, members, look) for name, members, look in both if members.any()]


def _draw_course(axes: Axes, panel: EnergyPanel, groups: tuple[str, str], label: str) -> None:
    step, values = panel.energy["step"].values, panel.values
    settled, ends = step >= step[0] + SETTLED * (step[-1] - step[0]), []
    for name, members, look in reversed(_looks(panel, groups)):
        outer_low, low, median, high, outer_high = weighted_quantiles(
            values[members], panel.weights[members], QUANTILES
        )
        axes.fill_between(step, outer_low, outer_high, color=look.color, alpha=0.13, linewidth=0)
        axes.fill_between(step, low, high, color=look.color, alpha=0.25, linewidth=0)
        axes.plot(step, median, label=f"{name}, n = {members.sum():,}", **look.line)
        ends += [outer_low[settled].min(), outer_high[settled].max()]
    margin = 0.06 * (max(ends) - min(ends))
    if 0 < margin < np.inf:
        axes.set_ylim(min(ends) - margin, max(ends) + margin)
    axes.set_ylabel(label)
    axes.set_xlim(step[0], max(step[-1], step[0] + 1))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.xaxis.set_major_formatter(WHOLE_TICKS)
    axes.legend(loc="best", reverse=True, frameon=True, edgecolor="none", framealpha=0.7)


def _draw_ends(axes: Axes, panel: EnergyPanel, groups: tuple[str, str]) -> None:
    drawn = _looks(panel, groups)
    if len(drawn) > 1 and not panel.pairs:
        # Each would be compared with the mean of its own kind alone.
        say_why_empty(axes, "nothing to compare")
        return
    draw_groups(
        axes, [Group(name, panel.deviations[members], panel.weights[members], look) for name, members, look in drawn]
    )
    difference = f", difference {panel.difference:+.3g}".replace("-", "−") if panel.pairs else ""
    axes.set_title(f"after step {int(panel.energy['step'][-1]):,}{difference}")


def _title(panel: EnergyPanel, groups: tuple[str, str], common: str) -> str:
    """The evaluation, and what is left out of it or cannot be compared."""
    absent = [name for name, members in zip(groups, (panel.chosen, ~panel.chosen), strict=True) if not members.any()]
    if absent:
        return f"{panel.name} (no {absent[0]})"
    if not panel.pairs:
        return f"{panel.name} (all samples; no pairs with equal {common})"
    left_out = int((panel.weights == 0).sum())
    return f"{panel.name} ({left_out:,} of {len(panel.weights):,} left out)" if left_out else panel.name


def _caption(groups: tuple[str, str], common: str) -> str:
    text = (
        "Left: median, and bands that hold 50 % and 90 % of the group; n: its size; the first steps may lie outside "
        f"the frame. Right: energies after the last step, one by one in groups below {FEW}; difference: mean of the "
        f"{groups[0]} less mean of the {groups[1]}."
    )
    if common:
        text += (
            f" Left out: samples without a counterpart with equal {common} in the other group. The rest are weighted "
            f"so that both groups have equal {common}; they may differ in other ways."
        )
    return text


def _finding(panels: Sequence[EnergyPanel], groups: tuple[str, str], common: str) -> str:
    """Which group ends lower, and in how many pairs, in every evaluation that has pairs."""
    compared = [panel for panel in panels if panel.pairs]
    if compared:
        # Where the evaluations disagree, the first group is named and some shares are below a half.
        turned = all(panel.separation < 0.5 for panel in compared)
        lower, higher = reversed(groups) if turned else groups
        shares = []
        for panel in compared:
            name, members, _ = min(_looks(panel, groups), key=lambda look: look[1].sum())
            few = f", only {members.sum()} {name}" if members.sum() < FEW else ""
            shares.append(f"{percent(1 - panel.separation if turned else panel.separation)} ({panel.name}{few})")
        with_equal = f" with equal {common}" if common else ""
        finding = f"{lower} end with less energy than {higher} in {listed(outermost(shares))} of the pairs{with_equal}"
        finding += of_how_many(shares)
        return finding[:1].upper() + finding[1:]
    ends = [f"{np.median(panel.values[:, -1]):,.4g} ({panel.name})".replace("-", "−") for panel in panels]
    return f"Median energy after the last step: {', '.join(outermost(ends))}{of_how_many(ends)}"
