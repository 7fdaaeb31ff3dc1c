"""`data.osc.plot`: the figures of states, as methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr
from matplotlib.figure import Figure

from oscillo import analysis
from oscillo.analysis.components import Of
from oscillo.analysis.states import Data, dataset
from oscillo.plotting.embedding_figure import Method, embedding_figure, trajectory_figure
from oscillo.plotting.locking_figure import locking_figure
from oscillo.plotting.maps_figure import maps_figure
from oscillo.plotting.parameters_figure import transition_figure
from oscillo.plotting.phase_circles import circles_figure
from oscillo.plotting.raster_figure import raster_figure
from oscillo.plotting.series_figure import series_figure
from oscillo.plotting.spectrum_figure import spectrum_figure

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass(frozen=True, eq=False)
class Views:
    """Figures of recorded data; each method gives a matplotlib Figure, which `oscillo.plotting.save_figure` writes.

    Attributes:
        data: phases, states or series, as an array, a dataset or a group; `name` of each method goes into the headline.
    """

    data: Data

    def circles(self, name: str = "") -> Figure:
        """Phases of some samples on the unit circle, at some times, with the order parameter as an arrow."""
        return circles_figure(self.data, name)

    def raster(self, name: str = "") -> Figure:
        """Oscillators against time, coloured by their phase, or by their first component."""
        return raster_figure(self.data, name)

    def order_parameter(self, name: str = "") -> Figure:
        """The order parameter along time, as it was recorded or else of the states."""
        recorded = self._recorded("order_parameter")
        return series_figure(analysis.order_parameter(self.data) if recorded is None else recorded, name)

    def energy(self, coupling: ArrayLike | Any = None, stimulus: xr.DataArray | None = None, name: str = "") -> Figure:
        """The energy along time, as it was recorded or else of a coupling and a stimulus; see `analysis.energy`."""
        return series_figure(analysis.energy(self.data, coupling, stimulus), name)

    def maps(self, name: str = "") -> Figure:
        """The grid at some times, by phase or by principal components; of a tree of layers, layer by layer."""
        return maps_figure(self.data, name)

    def locking(self, name: str = "") -> Figure:
        """Phase-locking values of all pairs, as they were recorded or else of the phases, by groups."""
        return locking_figure(self.data, name)

    def spectrum(self, segments: int = 4, name: str = "") -> Figure:
        """Power spectral density against angular frequency."""
        return spectrum_figure(self.data, name, segments)

    def trajectory(self, name: str = "") -> Figure:
        """The path of the whole network's state along three principal components."""
        return trajectory_figure(self.data, name)

    def embedding(
        self, method: Method = "pca", of: Of = "network", colour: str | None = None, seed: int = 0, name: str = ""
    ) -> Figure:
        """States as points: along two principal components, and by t-SNE beside that with `method="tsne"`."""
        return embedding_figure(self.data, name, method, of, colour, seed)

    def transition(self, strength: str | None = None, name: str = "") -> Figure:
        """The mean order parameter R(K) against the coupling strength, with the strength at which order sets in."""
        return transition_figure(self.data, name, strength)

    def _recorded(self, variable: str) -> xr.DataArray | None:
        return None if isinstance(self.data, xr.DataArray) else dataset(self.data).get(variable)
