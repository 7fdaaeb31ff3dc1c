"""Line charts as SVG that takes its colours from the page, so that they are read in the light and in the dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from oscillo.reporting.words import number

_WIDTH, _HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 12, 10, 34
"""Room around the lines, for the numbers of the axes."""

_MOST_POINTS = 300
"""Points of a line; of longer ones the least and the largest of every stretch are kept."""

_DECADES = 1.5
"""Powers of ten that positive values have to span for a logarithmic axis."""

COLOURS = 7
"""Colours that the style sheet has; after the last one they come again, dashed."""


@dataclass(frozen=True)
class Line:
    """A line of a chart.

    Attributes:
        label: for the legend; empty where there is none.
        x, y: the points, [point]; a y that is not finite breaks the line.
        band: lower and upper ends of a band around it, each [point].
        look: number of its colour.
        dashed: whether it is dashed.
        marks: whether every point has a dot.
    """

    label: str
    x: np.ndarray
    y: np.ndarray
    band: tuple[np.ndarray, np.ndarray] | None = None
    look: int = 0
    dashed: bool = False
    marks: bool = False


@dataclass(frozen=True)
class Chart:
    """Lines on common axes.

    Attributes:
        title: what is drawn, with its unit.
        x_label: what is along x.
        lines: at least one.
        log: whether the y axis may be logarithmic, where values are positive and span enough.
        share: whether values are shares, with an axis from 0 to 100 %.
        note: how to read it.
        of: name of the evaluation that it is about; empty where there is none.
    """

    title: str
    x_label: str
    lines: Sequence[Line]
    log: bool = False
    note: str = ""
    share: bool = False
    of: str = ""

    @property
    def legend(self) -> list[Line]:
        """Lines with a label, where there is more than one to tell apart."""
        return [line for line in self.lines if line.label] if len(self.lines) > 1 else []

    @property
    def svg(self) -> Markup:
        """The chart as an element `svg`."""
        axes = _Axes.around(self.lines, log=self.log, share=self.share)
        parts = [axes.frame(self.x_label), *(axes.line(line) for line in self.lines)]
        open_tag = Markup(
            '<svg viewBox="0 0 {} {}" role="img" aria-label="{}" preserveAspectRatio="xMidYMid meet">'
        ).format(_WIDTH, _HEIGHT, self._said)
        return open_tag + Markup("").join(parts) + Markup("</svg>")

    @property
    def _said(self) -> str:
        """The chart in words, for those who do not see it."""
        ends = []
        for line in self.lines[:COLOURS]:
            known = line.y[np.isfinite(line.y)]
            if known.size:
                ends.append(f"{line.label or self.title} from {number(known[0])} to {number(known[-1])}")
        return f"{self.title} along {self.x_label}: {'; '.join(ends)}"


def drawable(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether there is anything to draw: two different places with a number each."""
    finite = np.isfinite(y) & np.isfinite(x)
    return bool(finite.sum() > 1 and np.ptp(x[finite]) > 0)


@dataclass(frozen=True)
class _Axes:
    """From data to places in the drawing."""

    x: tuple[float, float]
    y: tuple[float, float]
    log: bool
    share: bool

    @classmethod
    def around(cls, lines: Sequence[Line], *, log: bool, share: bool) -> _Axes:
        x = np.concatenate([line.x[np.isfinite(line.y)] for line in lines]).astype(float)
        parts = [part for line in lines for part in (line.y, *(line.band or ()))]
        y = np.concatenate(parts).astype(float)
        y = y[np.isfinite(y)]
        x, y = (x if x.size else np.zeros(1)), (y if y.size else np.zeros(1))
        log = bool(log and y.min() > 0 and np.log10(y.max() / y.min()) > _DECADES)
        low, high = (np.log10(y.min()), np.log10(y.max())) if log else (float(y.min()), float(y.max()))
        room = 0.04 * (high - low) or 0.5 * abs(high) or 1.0
        if share:
            low, high, room, log = 0.0, 1.0, 0.03, False
        return cls((float(x.min()), float(x.max())), (low - room, high + room), log, share)

    def places(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(invalid="ignore", divide="ignore"):
            y = np.log10(y) if self.log else np.asarray(y, float)
        across = (np.asarray(x, float) - self.x[0]) / ((self.x[1] - self.x[0]) or 1)
        up = (y - self.y[0]) / (self.y[1] - self.y[0])
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM)

    def frame(self, x_label: str) -> Markup:
        """Grid, numbers and the name of the x axis."""
        parts = []
        for value in self._y_ticks():
            _, (place,) = self.places(np.array([self.x[0]]), np.array([value]))
            parts.append(
                f'<line class="grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}"/>'
                f'<text x="{_LEFT - 6}" y="{place + 3.5:.1f}" text-anchor="end">{self._y_tick(value)}</text>'
            )
        for value in _ticks(*self.x, 6):
            (place,), _ = self.places(np.array([value]), np.array([1.0]))
            parts.append(
                f'<line class="tick" x1="{place:.1f}" x2="{place:.1f}" y1="{_HEIGHT - _BOTTOM}" '
                f'y2="{_HEIGHT - _BOTTOM + 4}"/>'
                f'<text x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 15}" text-anchor="middle">{_tick(value)}</text>'
            )
        middle = (_LEFT + _WIDTH - _RIGHT) / 2
        parts.append(f'<text x="{middle:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{escape(x_label)}</text>')
        return Markup("".join(parts))

    def _y_tick(self, value: float) -> str:
        return f"{100 * value:.0f} %" if self.share else _tick(value)

    def _y_ticks(self) -> Sequence[float]:
        if self.share:
            return [0.0, 0.25, 0.5, 0.75, 1.0]
        if not self.log:
            return _ticks(*self.y, 5)
        from oscillo.plotting.style import log_ticks

        return log_ticks(10 ** self.y[0], 10 ** self.y[1])

    def line(self, line: Line) -> Markup:
        """A line, its band below it and its dots above."""
        kind = f"c{line.look % COLOURS}" + (" dashed" if line.dashed or line.look >= COLOURS else "")
        parts = []
        if line.band is not None:
            parts.append(f'<path class="band {kind}" d="{self._band(line)}"/>')
        x, y = _thinned(line.x, line.y)
        parts.append(f'<path class="line {kind}" d="{_path(*self.places(x, y))}"/>')
        if line.marks:
            for across, up in zip(*self.places(line.x, line.y), strict=True):
                if np.isfinite(up):
                    parts.append(f'<circle class="mark {kind}" cx="{across:.1f}" cy="{up:.1f}" r="3"/>')
        return Markup("".join(parts))

    def _band(self, line: Line) -> str:
        assert line.band is not None
        low, high = line.band
        known = np.isfinite(low) & np.isfinite(high)
        keep = np.flatnonzero(known)[:: max(1, int(known.sum()) // _MOST_POINTS)]
        x = np.concatenate([line.x[keep], line.x[keep][::-1]])
        return _path(*self.places(x, np.concatenate([low[keep], high[keep][::-1]])))


def _path(across: np.ndarray, up: np.ndarray) -> str:
    """Commands of a path that is broken where a number is not finite."""
    words, pen = [], "M"
    for x, y in zip(across, up, strict=True):
        if np.isfinite(y):
            words.append(f"{pen}{x:.1f} {y:.1f}")
            pen = "L"
        else:
            pen = "M"
    return "".join(words)


def _thinned(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At most `_MOST_POINTS` points that look the same: the least and the largest of every stretch."""
    if len(x) <= _MOST_POINTS:
        return x, y
    kept = {0, len(x) - 1}
    for part in np.array_split(np.arange(len(x)), _MOST_POINTS // 2):
        values = np.where(np.isfinite(y[part]), y[part], np.nan)
        if np.isfinite(values).any():
            kept |= {int(part[np.nanargmin(values)]), int(part[np.nanargmax(values)])}
        else:
            kept.add(int(part[0]))
    index = np.array(sorted(kept))
    return x[index], y[index]


def _ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers between two ends."""
    if not high > low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** np.floor(np.log10(rough))
    step = next((power * digit for digit in (1, 2, 2.5, 5) if power * digit >= rough), 10 * power)
    first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
    return [float(count * step) + 0.0 for count in np.arange(first, last + 1)]


def _tick(value: float) -> str:
    text = f"{value:,.0f}" if abs(value) >= 1000 and float(value).is_integer() else f"{value:.6g}"
    if abs(value) >= 1e6:
        text = f"{value:.3g}"
    return text.replace("-", "−")
