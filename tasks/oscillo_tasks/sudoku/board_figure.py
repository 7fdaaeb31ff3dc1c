"""Boards over time: the oscillators of every cell as a colour, the digits on top."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from oscillo.plotting import INK, SHADE, headline, new_figure, percent, principal_colours, style
from oscillo_tasks.sudoku.boards import BlockShape

FRAMES = 5
"""Moments shown of one board."""

FRAME_INCHES = 2.35

WRONG = "#e3000f"
"""Box around a wrong digit; its white outline sets it off from every colour below."""

_DIGIT_SHARE = 0.56
"""Height of a digit, as a share of its cell."""


@dataclass(frozen=True, eq=False)
class BoardStory:
    """What a network did with one board.

    Attributes:
        puzzle: digits given, 0 for blank, [y, x].
        states: of its oscillators, with the dimensions step, y, x, component, oscillator and the coordinate `step`.
        prediction: digits at the end, [y, x].
        solution: the right digits, [y, x]; None when not known, and then nothing is marked as wrong.
        answers: digits read out on the way, by step, all 0 where another initial state's was recorded; steps without
            one show the givens alone.
        title: what stands above the figure.
        label: what stands beside the row.

    Raises:
        ValueError: when the shapes do not go together.
    """

    puzzle: np.ndarray
    states: xr.DataArray
    prediction: np.ndarray
    solution: np.ndarray | None = None
    answers: dict[int, np.ndarray] | None = None
    title: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        grid = (self.states.sizes.get("y"), self.states.sizes.get("x"))
        shapes = {self.puzzle.shape, self.prediction.shape, grid}
        if self.solution is not None:
            shapes.add(self.solution.shape)
        if len(shapes) != 1 or "step" not in self.states.coords:
            raise ValueError(f"puzzle, prediction, solution and states [step, y, x, ...] differ in shape: {shapes}")

    @property
    def steps(self) -> np.ndarray:
        """Steps whose states are known."""
        return self.states["step"].values

    def moments(self, frames: int) -> np.ndarray:
        """Steps to show: the first, the last, and between them those with answers if there are any."""
        between = np.isin(self.steps, list(self.answers)) if self.answers else np.ones(len(self.steps), bool)
        between[[0, -1]] = True
        candidates = self.steps[between]
        return candidates[frame_positions(candidates, frames)]

    def digits(self, step: int) -> np.ndarray:
        """The digits to show at a step, 0 for none, [y, x]."""
        known = {int(self.steps[-1]): self.prediction} | (self.answers or {})
        return np.where(self.puzzle > 0, self.puzzle, known.get(step, 0))

    def others(self, step: int) -> bool:
        """Whether the answer recorded at a step is that of another initial state."""
        return bool(self.answers) and step in self.answers and not self.answers[step].any()

    def wrong(self, step: int) -> np.ndarray:
        """Which cells show a wrong digit at a step, bool [y, x]."""
        digits = self.digits(step)
        return np.zeros_like(digits, bool) if self.solution is None else (digits > 0) & (digits != self.solution)


@style()
def board_figure(stories: Sequence[BoardStory], *, block: BlockShape | None = None, frames: int = FRAMES) -> Figure:
    """Draw boards over time, one row each, with one colour map for all.

    Every cell has the colour of its oscillators: their first three principal components, fitted to all the
    given states, as red, green and blue. Givens are bold; a wrong digit is boxed.

    Args:
        stories: the boards, of one network and one size.
        block: block shape of the boards; 3x3 by default.
        frames: how many moments to show of each.

    Raises:
        ValueError: when there is no board, or the states do not go together.
    """
    if not stories:
        raise ValueError("no board to draw")
    block = block or BlockShape()
    shown = [story.states.sel(step=story.moments(frames)) for story in stories]
    colours, explained = principal_colours([story.states for story in stories], shown)
    columns = max(part.sizes["step"] for part in shown)
    figure = new_figure(FRAME_INCHES * columns + 0.35, (FRAME_INCHES + 0.22) * len(stories) + 0.45 + 0.2 * len(stories))
    rows = figure.subplots(len(stories), columns, squeeze=False)
    for axes_row, story, frames_of in zip(rows, stories, colours, strict=True):
        for axes in axes_row[frames_of.sizes["step"] :]:
            axes.set_axis_off()
        for axes, frame in zip(axes_row, frames_of, strict=False):
            step = int(frame["step"])
            draw_board(axes, frame.values, story.puzzle, story.digits(step), story.wrong(step), block)
            axes.set_title(f"step {step:,}", fontsize=8.5, color=SHADE, loc="center", pad=4)
        axes_row[0].set_ylabel(story.label, fontsize=9, color=INK, labelpad=6)
    caption = (
        f"Colour: first three principal components of each cell's oscillators ({percent(explained.sum())} of the "
        "variance) as red, green, blue. Bold: givens. Boxed: wrong."
    )
    if any(story.others(step) for story, part in zip(stories, shown, strict=True) for step in part["step"].values):
        caption += " No digits but givens after step 0: the answer recorded at that step is another initial state's."
    if len({tuple(part["step"].values) for part in shown}) > 1:
        caption += " Rows differ in their steps: each frame has its own above it."
    headline(figure, "\n".join(story.title for story in stories), caption)
    return figure


def frame_positions(steps: np.ndarray, frames: int) -> np.ndarray:
    """Which of several moments to show: the first, the last, and those nearest to its half, quarter and so on.

    Halving from the end keeps the late steps, in which most boards are solved.

    Args:
        steps: of the moments, rising.
        frames: how many to show at most.

    Returns:
        Positions, rising and without repetition.
    """
    if len(steps) <= frames:
        return np.arange(len(steps))
    chosen = [len(steps) - 1]
    for before in range(frames - 2, -1, -1):
        wanted = steps[-1] / 2.0 ** len(chosen) if before else steps[0]
        nearest = int(np.abs(steps - wanted).argmin())
        chosen.append(min(max(nearest, before), chosen[-1] - 1))
    return np.array(chosen[::-1])


def draw_board(
    axes: Axes, colours: np.ndarray, puzzle: np.ndarray, digits: np.ndarray, wrong: np.ndarray, block: BlockShape
) -> None:
    """Draw one board.

    Args:
        axes: empty; its size in the figure sets that of the digits.
        colours: red, green and blue of every cell in [0, 1], [y, x, 3].
        puzzle: digits given, 0 for blank, [y, x]; they are bold.
        digits: all digits to show, 0 for none, [y, x].
        wrong: which of them to box, bool [y, x].
        block: block shape.
    """
    side = block.side
    axes.imshow(colours, interpolation="nearest", extent=(0, side, side, 0))
    size = 72 * FRAME_INCHES * 0.92 / side * _DIGIT_SHARE
    ink = np.where(_lightness(colours) > 0.5, "black", "white")
    for y, x in np.argwhere(digits > 0):
        weight = "bold" if puzzle[y, x] else "normal"
        text = str(int(digits[y, x]))
        place = {"ha": "center", "va": "center_baseline", "fontsize": size}
        axes.text(x + 0.5, y + 0.53, text, color=str(ink[y, x]), fontweight=weight, **place)
    for y, x in np.argwhere(wrong):
        _box(axes, int(y), int(x))
    _rule(axes, block)
    axes.set_xlim(-0.04, side + 0.04)
    axes.set_ylim(side + 0.04, -0.04)
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _box(axes: Axes, y: int, x: int) -> None:
    """Put a box around a cell's digit."""
    low, high = 0.1, 0.9
    corners = [(x + a, y + b) for a, b in ((low, low), (high, low), (high, high), (low, high), (low, low))]
    axes.add_collection(
        LineCollection([corners, corners], colors=("white", WRONG), linewidths=(2.9, 1.5), capstyle="projecting")
    )


def _rule(axes: Axes, block: BlockShape) -> None:
    """Thin lines between cells, thick ones between blocks."""
    side = block.side
    for thick, colour, width in ((False, "white", 0.5), (True, INK, 1.3)):
        across = range(0, side + 1, block.rows if thick else 1)
        down = range(0, side + 1, block.columns if thick else 1)
        lines = [[(0, y), (side, y)] for y in across] + [[(x, 0), (x, side)] for x in down]
        axes.add_collection(
            LineCollection(lines, colors=colour, linewidths=width, clip_on=False, capstyle="projecting")
        )


def _lightness(colours: np.ndarray) -> np.ndarray:
    """How light a colour looks, in [0, 1]: gamma-coded luminance with the weights of ITU-R BT.709."""
    return np.sqrt((np.asarray(colours) ** 2) @ np.array([0.2126, 0.7152, 0.0722]))
