"""The one visual language of all figures: type, colours, marks, titles that state the finding.

Figures are made without pyplot, so that no window system is asked for and no global state is left behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib import rc_params_from_file
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.style import context
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator, StrMethodFormatter

INK = "#1a1a1a"
"""Text and outlines."""

SHADE = "#6b6b6b"
"""Axes, captions, reference lines."""

FAINT = "#dddddd"
"""Grid lines, empty bars."""


@dataclass(frozen=True)
class SeriesStyle:
    """How one series looks: told apart by colour, by lightness, by mark and by dash."""

    color: str
    marker: str
    linestyle: Any
    filled: bool = True

    @property
    def line(self) -> dict[str, Any]:
        """Arguments of a line."""
        return {"color": self.color, "linestyle": self.linestyle}

    @property
    def mark(self) -> dict[str, Any]:
        """Arguments of a mark."""
        face = self.color if self.filled else "white"
        return {"color": self.color, "marker": self.marker, "markerfacecolor": face, "markeredgecolor": self.color}

    def marked_line(self, points: int, place: int = 0, series: int = 1) -> dict[str, Any]:
        """Arguments of a line of many points with some marks, which make it known where colours do not show.

        Args:
            points: how many the line has.
            place: number of the series; marks of neighbouring ones do not stand above one another.
            series: how many series there are.
        """
        every = max(1, points // _MARKS)
        marks = (every * place // series, every)
        return self.line | self.mark | {"markevery": marks, "markersize": 4.0, "markeredgewidth": 1.0}


_SERIES = (
    SeriesStyle("#0b3c6f", "o", "-"),
    SeriesStyle("#d55e00", "s", "-", filled=False),
    SeriesStyle("#2c9fb0", "^", "-"),
    SeriesStyle("#a05195", "D", "-", filled=False),
    SeriesStyle("#8c6d31", "v", "-"),
    SeriesStyle("#009e73", "P", "-", filled=False),
    SeriesStyle("#e69f00", "X", "-"),
)

_MARKS = 7
"""Marks on a line of many points."""

FIRST_GROUP = SeriesStyle("#0b3c6f", "o", "-")
"""The group that a figure is about, such as right answers."""

SECOND_GROUP = SeriesStyle("#e08214", "s", (0, (4, 1.5)), filled=False)
"""The group that it is compared with, such as wrong answers."""

_RC: dict[str, Any] = {**rc_params_from_file(Path(__file__).with_name("oscillo.mplstyle"), use_default_template=False)}

CYCLIC = "twilight"
"""Colours of phases: -pi and pi are the same."""

SEQUENTIAL = "viridis"
"""Colours of numbers, lighter where they are larger."""

PERCENT_TICKS = FuncFormatter(lambda share, _: f"{100 * share:.3g}")
"""Shares as numbers from 0 to 100."""

WHOLE_TICKS = StrMethodFormatter("{x:,.0f}")
"""Whole numbers, such as steps, written as in text."""

_DIGITS = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), np.arange(1, 10, 0.25))
"""First digits of the ticks of a logarithmic axis, for ever smaller spans."""

_FEWEST_TICKS, _MOST_TICKS = 4, 7


@contextmanager
def style() -> Iterator[None]:
    """Draw in the style of the project, in a `with` block or as a decorator.

    Matplotlib's settings are as before when it ends. Parts that appear later, such as new ticks, take the
    settings of their moment, so `save_figure` draws in the style again.
    """
    with context(["default", _RC]):
        yield


def series_style(index: int) -> SeriesStyle:
    """The look of the `index`-th series of a figure; after the seventh they come again, dashed."""
    again, position = divmod(index, len(_SERIES))
    found = _SERIES[position]
    return found if not again else SeriesStyle(found.color, found.marker, (0, (3, 1.5)), found.filled)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of that size in inches that arranges its own parts."""
    return Figure(figsize=(width, height), layout="constrained")


def colour_bar(figure: Figure, scale: ScalarMappable, panels: Sequence[Axes] | np.ndarray, label: str) -> None:
    """A bar beside some panels that says what their colours mean; phases go from -pi to pi."""
    bar = figure.colorbar(scale, ax=list(panels), fraction=0.04, pad=0.02)
    bar.set_label(label)
    cmap = scale.get_cmap()
    if cmap is not None and cmap.name == CYCLIC:
        bar.set_ticks([-np.pi, 0, np.pi], labels=["−π", "0", "π"])


def headline(figure: Figure, finding: str, caption: str = "") -> None:
    """Say above the figure what it shows, and below it how to read it; long lines are wrapped."""
    figure.suptitle(_wrapped(figure, finding, 11, 0.65), x=0.012, ha="left", fontsize=11, fontweight="bold", color=INK)
    if caption:
        figure.supxlabel(_wrapped(figure, caption, 7.5, 0.55), x=0.012, ha="left", fontsize=7.5, color=SHADE)


def _wrapped(figure: Figure, text: str, size: float, width: float) -> str:
    """Break lines that are wider than the figure; a letter is about `width` times the font size wide.

    A number keeps its percent sign and its "up to", what is in brackets stays with what it is about, and
    short brackets stay whole.
    """
    letters = int(72 * figure.get_figwidth() * 0.97 / (size * width))
    held = re.sub(r"\([^()]{1,24}\)", lambda found: found.group().replace(" ", "\u00a0"), text)
    held = held.replace(" %", "\u00a0%").replace(" (", "\u00a0(").replace("up to ", "up\u00a0to\u00a0")
    lines = [wrapped for line in held.splitlines() for wrapped in wrap(line, letters, break_on_hyphens=False)]
    return "\n".join(lines).replace("\u00a0", " ")


def percent_axis(axes: Axes, low: float = 0.0, high: float = 1.0) -> None:
    """Make the y axis a share between `low` and `high`, written in percent, with room for marks at the ends."""
    margin = 0.03 * (high - low)
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_major_formatter(PERCENT_TICKS)


def doubling_axis(axes: Axes, values: np.ndarray, *, most_ticks: int = 12) -> None:
    """Make the x axis logarithmic in powers of two, with ticks at the given values where there is room for them.

    Args:
        axes: whose x axis.
        values: rising positive numbers, such as steps after which answers were read out; the last one has a tick.
        most_ticks: how many ticks there is room for.
    """
    places, nearest = np.log2(values), np.inf
    ticks = []
    for value, place in zip(values[::-1].tolist(), places[::-1], strict=True):
        # Numbers of steps need not be powers of two: two of them may be too close to be written side by side.
        if nearest - place >= max((places[-1] - places[0]) / most_ticks, 0.3):
            ticks.append(value)
            nearest = place
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(WHOLE_TICKS)
    axes.set_xlim(values[0] * 0.93, values[-1] * 1.07)


def log_ticks(low: float, high: float) -> list[float]:
    """Round numbers for a logarithmic axis, four or more however little it spans, and never many.

    Args:
        low: positive lower limit of the axis.
        high: upper limit, twice as much or more.

    Returns:
        Rising numbers from `low` to `high`.
    """
    powers = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    ticks = np.zeros(0)
    for digits in _DIGITS:
        ticks = np.outer(powers, digits).ravel()
        ticks = ticks[(ticks >= low) & (ticks <= high)]
        if len(ticks) >= _FEWEST_TICKS:
            break
    return ticks[:: -(-len(ticks) // _MOST_TICKS)].tolist()
