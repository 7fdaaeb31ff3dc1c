"""How answers settle: right answers, changed answers and moves of the outputs against the steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from oscillo.plotting.labels import side_labels
from oscillo.plotting.shares import ReferenceLine, draw_shares
from oscillo.plotting.statistics import counted, of_how_many, outermost, percent
from oscillo.plotting.style import (
    SeriesStyle,
    doubling_axis,
    headline,
    log_ticks,
    new_figure,
    percent_axis,
    series_style,
    style,
)
from oscillo.plotting.votes import first_member, mean_steps, stopping, up_to

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Course:
    """What becomes of the first member of each sample along the steps.

    Attributes:
        name: of the evaluation or the network.
        result: with `correct_at`, or with votes `member_correct`, and `changed_at` and `distance_at`
            [sample, at_step]; `steps_taken` [sample, member] after an early stop.
    """

    name: str
    result: xr.Dataset

    @property
    def steps(self) -> np.ndarray:
        """Steps after which answers were read out, [at_step]."""
        return self.result["at_step"].values

    @property
    def right(self) -> np.ndarray:
        """Whether the answer is right, bool [sample, at_step]."""
        first = "member_correct" in self.result
        right = self.result["member_correct"].isel(member=0) if first else self.result["correct_at"]
        return right.transpose("sample", "at_step").values.astype(bool)

    @property
    def changed(self) -> np.ndarray:
        """Whether the answer is another one than a step before, bool [sample, at_step]; not after a stop."""
        return self.result["changed_at"].transpose("sample", "at_step").values.astype(bool)

    @property
    def distances(self) -> np.ndarray:
        """How far the outputs move, [sample, at_step]; not a number after a stop."""
        return self.result["distance_at"].transpose("sample", "at_step").values.astype(float)

    @property
    def quartiles(self) -> np.ndarray:
        """Quartiles of that over the samples that have not stopped, [quartile, at_step]."""
        quartiles = np.full((len(QUARTILES), len(self.steps)), np.nan)
        known = np.isfinite(self.distances).any(axis=0)
        quartiles[:, known] = np.nanquantile(self.distances[:, known], QUARTILES, axis=0)
        return quartiles

    @property
    def stops(self) -> bool:
        """Whether samples may stop before the last step."""
        return "steps_taken" in self.result

    @property
    def finding(self) -> str:
        """The most right answers, and what there is after the last step."""
        share = self.right.mean(axis=0)
        best, last = int(share.argmax()), len(share) - 1
        first, *more = [best, last] if share[best] > share[last] else [last]
        most = up_to(self.result)
        told = [f"{percent(share[first])} right after {most}{counted(int(self.steps[first]), 'step')}"]
        told += [f"{percent(share[step])} after {most}{self.steps[step]:,}" for step in more]
        changed = percent(self.changed[:, -1].mean())
        name = first_member(self.name, self.result) + stopping(self.result)
        return f"{name}: {', '.join(told)}; {changed} of the answers changed in the last step"


@style()
def settling_figure(results: Mapping[str, xr.Dataset], reference: ReferenceLine | None = None) -> Figure:
    """Draw right answers, changed answers and moves of the outputs against the steps, one curve for each result.

    Where samples stop early, a panel says how many are still running.

    Args:
        results: by name of the evaluation or the network, of one run or of several, as `Course` takes them.
        reference: what a simpler method reaches on the same samples.

    Raises:
        ValueError: without results.
    """
    if not results:
        raise ValueError("no answers over steps to draw")
    courses = [Course(name, result) for name, result in results.items()]
    stops = any(course.stops for course in courses)
    figure = new_figure(9.4, 7.1 + 1.6 * stops)
    panels = figure.subplots(3 + stops, 1, height_ratios=[1.5, 1, 1.2, *[1] * stops])
    for axes in panels:
        doubling_axis(axes, np.unique(np.concatenate([course.steps for course in courses])))
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    looks = [series_style(index) for index in range(len(courses))]
    _draw_right(panels[0], courses, looks, reference)
    _draw_changed(panels[1], courses, looks)
    _draw_distances(panels[2], courses, looks)
    if stops:
        _draw_running(panels[3], courses, looks)
    panels[-1].set_xlabel("steps taken")
    figure.align_ylabels(panels)
    findings = [course.finding for course in courses]
    headline(figure, "\n".join(outermost(findings)) + of_how_many(findings), _caption(courses, stops))
    return figure


def _draw_right(axes: Axes, courses: list[Course], looks: list[SeriesStyle], reference: ReferenceLine | None) -> None:
    _draw_percent(axes, "right answers [%]", courses, looks, [course.right for course in courses])
    if reference:
        reference.draw(axes, [course.name for course in courses])


def _draw_changed(axes: Axes, courses: list[Course], looks: list[SeriesStyle]) -> None:
    _draw_percent(axes, "changed answers [%]", courses, looks, [course.changed for course in courses])


def _draw_percent(
    axes: Axes, label: str, courses: list[Course], looks: list[SeriesStyle], hits: list[np.ndarray]
) -> None:
    """Draw shares of the samples, and name them where they end."""
    percent_axis(axes)
    axes.set_ylabel(label)
    ends = []
    for course, look, each in zip(courses, looks, hits, strict=True):
        share = float(draw_shares(axes, course.steps, each, look, until=mean_steps(course.result))[-1])
        stop = " (early stop)" if course.stops else ""
        ends.append(_End(int(course.steps[-1]), share, percent(share) + stop))
    _name_ends(axes, courses, looks, ends)


def _draw_distances(axes: Axes, courses: list[Course], looks: list[SeriesStyle]) -> None:
    axes.set_ylabel("move of the outputs")
    quartiles = [course.quartiles for course in courses]
    known = np.concatenate([each.ravel() for each in quartiles])
    positive, floor = known[known > 0], 0.0
    if positive.size:
        floor = positive.min() / (3 if (known == 0).any() else 1)
        axes.set(yscale="log", ylim=(0.7 * floor, 1.5 * positive.max()))
        axes.yaxis.set_major_locator(FixedLocator(log_ticks(*axes.get_ylim())))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ends = []
    for course, (low, median, high), look in zip(courses, quartiles, looks, strict=True):
        axes.fill_between(
            course.steps, np.maximum(low, floor), np.maximum(high, floor), color=look.color, alpha=0.18, linewidth=0
        )
        axes.plot(course.steps, np.maximum(median, floor), clip_on=False, **(look.line | look.mark))
        ends.append(_end_of_moves(course, median, floor))
    _name_ends(axes, courses, looks, ends)


def _end_of_moves(course: Course, median: np.ndarray, floor: float) -> _End:
    """The last step that any sample takes, and how many do, if not all."""
    taken = np.flatnonzero(np.isfinite(median))
    if not taken.size:
        return _End(int(course.steps[-1]), floor, "not known")
    last = int(taken[-1])
    distances = course.distances[:, last]
    samples = int(np.isfinite(distances).sum())
    number = f", n = {samples:,}" if samples < len(distances) else ""
    return _End(int(course.steps[last]), max(float(median[last]), floor), f"{median[last]:.2g}{number}")


def _draw_running(axes: Axes, courses: list[Course], looks: list[SeriesStyle]) -> None:
    """Draw the share of trajectories that take each step, with the mean number of steps they take."""
    percent_axis(axes)
    axes.set_ylabel("still running [%]")
    labels = {}
    for course, look in zip(courses, looks, strict=True):
        if not course.stops:
            continue
        taken = course.result["steps_taken"].values.ravel()
        steps, mean = np.arange(1, course.steps[-1] + 1), float(taken.mean())
        running = 1 - np.searchsorted(np.sort(taken), steps) / len(taken)
        axes.plot(steps, running, drawstyle="steps-pre", label=course.name, **look.line)
        share = float((taken >= mean).mean())
        axes.plot(mean, share, linestyle="", markersize=7, zorder=5, **look.mark)
        labels[f"{course.name} mean {mean:.1f}"] = (float(running[-1]), look.color)
    side_labels(axes, labels, x=max(course.steps[-1] for course in courses))


class _End(NamedTuple):
    """Where a curve ends."""

    step: int
    height: float
    text: str


def _name_ends(axes: Axes, courses: list[Course], looks: list[SeriesStyle], ends: list[_End]) -> None:
    """Name the curves at the height of their ends, with the step of those that end before the others."""
    longest, labels = max(int(course.steps[-1]) for course in courses), {}
    for course, look, end in zip(courses, looks, ends, strict=True):
        earlier = f" after {end.step:,}" if end.step < longest else ""
        labels[f"{course.name} {end.text}{earlier}"] = (end.height, look.color)
    side_labels(axes, labels, x=longest)


def _caption(courses: list[Course], stops: bool) -> str:
    text = (
        "Of the first initial state of each sample. Bars: 95 % Wilson intervals. Changed: the answer is another one "
        "than a single step before. Move: root mean square change of the outputs in that step, median and quartiles. "
        "In a cycle of two steps both go on for ever, though every second state is the same."
    )
    if stops:
        text += (
            " Dashed: beyond the mean number of steps taken. The answer of a sample that has stopped no longer "
            "changes; moves are of those still running (n: how many are left). Early stop goes by moves from look to "
            "look, which may be smaller. Still running: of all "
            "initial states, with their mean at the mark."
        )
    if any((course.distances == 0).any() for course in courses):
        text += " Moves of zero lie on the lower edge."
    return text
