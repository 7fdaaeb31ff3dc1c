"""Colours for the sites of a grid, fixed over a whole trajectory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.image import AxesImage

from oscillo import analysis
from oscillo.analysis.components import StateBlocks
from oscillo.analysis.principal_axes import PrincipalAxes
from oscillo.analysis.states import Data, recorded, require, states
from oscillo.plotting.principal_colours import CHANNELS, channels
from oscillo.plotting.raster_figure import has_phases
from oscillo.plotting.style import CYCLIC, SEQUENTIAL

_PRINCIPAL = "principal components 1 to 3 as red, green, blue"


@dataclass(frozen=True, eq=False)
class SiteColours:
    """How the sites of a grid are coloured: the same state has the same colour in all samples and at all times.

    Attributes:
        label: what colours say.
        scale: colours of phases, or of single numbers; None where three principal components are shown.
        axes: the principal components; None where there is a scale.
        low: lower ends of the three channels, [channel].
        high: their upper ends.
    """

    label: str
    scale: ScalarMappable | None = None
    axes: PrincipalAxes | None = None
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    @classmethod
    def fit(cls, data: Data) -> SiteColours:
        """Fix the colours to a whole trajectory.

        A phase at each site is coloured around the circle, and a single number from its smallest to its largest value.
        Of several oscillators or components the first three principal components of a site become red, green and
        blue, each from its smallest to its largest value. The record is read block by block, as in `pca`.

        Args:
            data: phases or states (sample, time, y, x, [component], oscillator), with any other dimensions or fewer.

        Raises:
            ValueError: when there is no grid, or numbers are not finite.
        """
        array = recorded(data)
        require(array, ["y", "x", "oscillator"], "a map")
        if array.sizes["oscillator"] == 1 and has_phases(array):
            return cls("phase (rad)", ScalarMappable(Normalize(-np.pi, np.pi), CYCLIC))
        blocks = StateBlocks(array, "site")
        if blocks.width == 1:
            ends = np.array([(block.min(), block.max()) for block in blocks])
            scale = ScalarMappable(Normalize(float(ends.min()), float(ends.max())), SEQUENTIAL)
            return cls(str(array.attrs.get("long_name", array.name or "value")), scale)
        axes = PrincipalAxes.fit(blocks, CHANNELS)
        scores = [axes.scores(block) for block in blocks]
        low, high = (
            np.min([part.min(axis=0) for part in scores], axis=0), np.max([part.max(axis=0) for part in scores], axis=0)
        )  # fmt: skip
        return cls(_PRINCIPAL, None, axes, low, high)

    @property
    def explained(self) -> np.ndarray | None:
        """Shares of the variance that red, green and blue hold; None where there is a scale."""
        return self.axes.explained if self.axes else None

    def image(self, state: Data) -> np.ndarray:
        """Colours of states, float32 in [0, 1], [*other dimensions in their order, y, x, 3].

        Args:
            state: of the network that the colours were fitted to, such as (y, x, component, oscillator).

        Raises:
            ValueError: when there is no grid.
        """
        array = states(state)
        require(array, ["y", "x", "oscillator"], "a map")
        outer = [dim for dim in array.dims if dim not in ("y", "x", "component", "oscillator")]
        if self.axes is not None and self.low is not None and self.high is not None:
            ordered = array.transpose(*outer, "y", "x", ...)
            scores = self.axes.scores(StateBlocks(ordered, "site").vectors(ordered))
            return channels(scores, self.low, self.high).astype(np.float32)
        assert self.scale is not None
        numbers = analysis.phase(array) if has_phases(array) else array
        numbers = numbers.transpose(*outer, "y", "x", ...).values.reshape(*(array.sizes[d] for d in (*outer, "y", "x")))
        return self.scale.to_rgba(numbers)[..., :3].astype(np.float32)


def draw_map(axes: Axes, image: np.ndarray) -> AxesImage:
    """Draw the colours of a grid, [y, x, 3], with y = 0 on top; `set_data` of what is returned makes the next frame."""
    axes.grid(False)
    axes.set(xticks=[], yticks=[])
    return axes.imshow(image, interpolation="nearest")
