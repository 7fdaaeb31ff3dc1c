"""Whether a network settles, and whether its best answers come at a fixed point, before it, or never."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from oscillo.plotting.labels import side_labels
from oscillo.plotting.shares import ReferenceLine, draw_shares
from oscillo.plotting.statistics import percent
from oscillo.plotting.style import (
    SeriesStyle,
    doubling_axis,
    headline,
    new_figure,
    percent_axis,
    series_style,
    style,
)

RESTING = 0.01
"""Answers have settled when a smaller share of them changes in a step, and outputs rest when the median of their
moves is a smaller part of its largest value."""

QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Course:
    """What becomes of the first member of each sample along the steps.

    Attributes:
        name: of the evaluation or the network.
        result: with `correct_at`, or with votes `member_correct`, and `changed_at` and `distance_at`
            [sample, at_step]; `steps_taken` [sample, member] after an early stop. A distance that is not a number
            belongs to a sample that has stopped.
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
        """Whether the answer is another one than a step before, bool [sample, at_step]."""
        return self.result["changed_at"].transpose("sample", "at_step").values.astype(bool)

    @property
    def distances(self) -> np.ndarray:
        """Quartiles, over the samples that have not stopped, of the move of the outputs, [quartile, at_step]."""
        distance = self.result["distance_at"].transpose("sample", "at_step").values.astype(float)
        quartiles = np.full((len(QUARTILES), len(self.steps)), np.nan)
        known = np.isfinite(distance).any(axis=0)
        quartiles[:, known] = np.nanquantile(distance[:, known], QUARTILES, axis=0)
        return quartiles

    @property
    def stops(self) -> bool:
        """Whether samples may stop before the last step."""
        return "steps_taken" in self.result

    @property
    def ending(self) -> str:
        """When the best answers come."""
        right = self.right
        share = right.mean(axis=0)
        best = int(share.argmax())
        if not share.any():
            return "no right answer after any number of steps"
        lost, won = (right[:, best] & ~right[:, -1]).sum(), (~right[:, best] & right[:, -1]).sum()
        # McNemar's test without continuity correction, at 95 %.
        if lost - won > 1.96 * np.sqrt(lost + won):
            in_the_end = f"{percent(share[-1])} after {self.steps[-1]}"
            return f"best after {self.steps[best]} steps ({percent(share[best])} right, {in_the_end})"
        changing = self.changed[:, -1].mean()
        if changing > RESTING:
            return f"best in the end, while {percent(changing)} of the answers still change in a step"
        moves = self.distances[1]
        if self.stops or not np.isfinite(moves[-1]):
            return "best in the end, with settled answers"
        if moves[-1] > RESTING * np.nanmax(moves):
            return "best in the end, with settled answers and moving outputs"
        return "best at a fixed point"


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
    stopping = any(course.stops for course in courses)
    figure = new_figure(7.8, 6.9 + 1.6 * stopping)
    panels = figure.subplots(3 + stopping, 1, height_ratios=[1.5, 1, 1, *[1] * stopping])
    for axes in panels:
        doubling_axis(axes, np.unique(np.concatenate([course.steps for course in courses])))
    for axes in panels[:-1]:
        axes.tick_params(labelbottom=False)
    looks = [series_style(index) for index in range(len(courses))]
    _draw_right(panels[0], courses, looks, reference)
    _draw_changed(panels[1], courses, looks)
    _draw_distances(panels[2], courses, looks)
    if stopping:
        _draw_running(panels[3], courses, looks)
    panels[-1].set_xlabel("steps taken")
    figure.align_ylabels(panels)
    headline(figure, _finding(courses), _caption(courses, stopping))
    return figure


def _draw_right(axes: Axes, courses: list[Course], looks: list[SeriesStyle], reference: ReferenceLine | None) -> None:
    percent_axis(axes)
    axes.set_ylabel("right answers [%]")
    ends = [
        float(draw_shares(axes, course.steps, course.right, look)[-1])
        for course, look in zip(courses, looks, strict=True)
    ]
    if reference:
        reference.draw(axes, [course.name for course in courses])
    _name_ends(axes, courses, looks, ends, [percent(end) for end in ends])


def _draw_changed(axes: Axes, courses: list[Course], looks: list[SeriesStyle]) -> None:
    percent_axis(axes)
    axes.set_ylabel("changed answers [%]")
    ends = [
        float(draw_shares(axes, course.steps, course.changed, look)[-1])
        for course, look in zip(courses, looks, strict=True)
    ]
    _name_ends(axes, courses, looks, ends, [percent(end) for end in ends])


def _draw_distances(axes: Axes, courses: list[Course], looks: list[SeriesStyle]) -> None:
    axes.set_ylabel("move of the outputs")
    quartiles = [course.distances for course in courses]
    known = np.concatenate([each.ravel() for each in quartiles])
    positive, floor = known[known > 0], 0.0
    if positive.size:
        axes.set_yscale("log")
        floor = positive.min() / (3 if (known == 0).any() else 1)
        axes.yaxis.set_major_locator(LogLocator(numticks=5))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.set_ylim(0.7 * floor, 1.5 * positive.max())
    ends, texts = [], []
    for course, (low, median, high), look in zip(courses, quartiles, looks, strict=True):
        axes.fill_between(
            course.steps, np.maximum(low, floor), np.maximum(high, floor), color=look.color, alpha=0.18, linewidth=0
        )
        axes.plot(course.steps, np.maximum(median, floor), clip_on=False, **(look.line | look.mark))
        last = median[np.isfinite(median)][-1:]
        ends.append(float(np.maximum(last, floor)[0]) if last.size else floor)
        texts.append(f"{last[0]:.2g}" if last.size else "not known")
    _name_ends(axes, courses, looks, ends, texts)


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


def _name_ends(
    axes: Axes, courses: list[Course], looks: list[SeriesStyle], ends: list[float], texts: list[str]
) -> None:
    """Name the curves where they end."""
    longest, by_step = max(course.steps[-1] for course in courses), {}
    for course, look, end, text in zip(courses, looks, ends, texts, strict=True):
        by_step.setdefault(int(course.steps[-1]), {})[f"{course.name} {text}"] = (end, look.color)
    for step, labels in by_step.items():
        side_labels(axes, labels, x=step, place="beside" if step == longest else "below")


def _finding(courses: list[Course]) -> str:
    """When the best answers come, a line for all that are alike."""
    alike: dict[str, list[str]] = {}
    for course in courses:
        alike.setdefault(course.ending, []).append(course.name)
    return "\n".join(f"{', '.join(names)}: {ending}" for ending, names in alike.items())


def _caption(courses: list[Course], stopping: bool) -> str:
    text = (
        "Of one initial state each. Bars: 95 % Wilson intervals. Changed: the answer is another one than a single step "
        "before. Move: root mean square change of the outputs in that step, median and quartiles."
    )
    if stopping:
        text += (
            " After a sample has stopped its answer stays, and its outputs are not counted. Mark: mean of the steps "
            "taken by all members."
        )
    if any((course.distances == 0).any() for course in courses):
        text += " Moves of zero lie on the lower edge."
    return text
