"""`data.osc`: analysis and figures as methods of xarray's Datasets, DataArrays and DataTrees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import xarray as xr

if TYPE_CHECKING:
    from oscillo.plotting.views import Views


@xr.register_dataset_accessor("osc")
@xr.register_dataarray_accessor("osc")
@xr.register_datatree_accessor("osc")
class OscilloAccessor:
    """Analysis of recorded states; each method is the function of its name in `oscillo.analysis`, which says more.

    >>> import oscillo.accessor, xarray as xr
    >>> phases = xr.DataArray([[0.0, 0.0], [0.0, 3.141592653589793]], dims=("time", "oscillator"), name="phase")
    >>> phases.osc.order_parameter().values.round(6).tolist()
    [1.0, 0.0]
    """

    def __init__(self, data: Any) -> None:
        self._data = data

    def phase(self) -> xr.DataArray:
        """Phase of each oscillator."""
        return _analysis().phase(self._data)

    def local_order(self, radius: int = 5, boundary: Literal["zero", "circular"] = "circular") -> xr.DataArray:
        """Length of the mean vector in a window around each oscillator, on a grid or a ring."""
        return _analysis().local_order(self._data, radius, boundary)

    def order_parameter(self, moment: int = 1) -> xr.DataArray:
        """Length of the mean vector over all oscillators."""
        return _analysis().order_parameter(self._data, moment)

    def mean_frequency(self) -> xr.DataArray:
        """Angle turned through per time, of each oscillator."""
        return _analysis().mean_frequency(self._data)

    def energy(self, coupling: Any = None, stimulus: xr.DataArray | None = None) -> xr.DataArray:
        """The recorded energy, or that of a coupling matrix or graph and a stimulus."""
        return _analysis().energy(self._data, coupling, stimulus)

    def pca(self, n: int = 3, of: Literal["network", "site", "oscillator"] = "network") -> xr.Dataset:
        """Positions along the n principal components, fitted once to all samples and times, and the components."""
        return _analysis().pca(self._data, n, of)

    def clusters(self, gap: float = 0.3) -> xr.Dataset:
        """Groups of oscillators that are close to one another, at each time: `label`, `count`, `largest_share`."""
        return _analysis().clusters(self._data, gap)

    def phase_locking(self) -> xr.DataArray:
        """Phase-locking value of each pair of oscillators."""
        return _analysis().phase_locking(self._data)

    def locked_clusters(self, locking: float | None = 0.95, frequency: float | None = None) -> xr.Dataset:
        """Groups of oscillators that are locked together: `label` of each oscillator, `count`, `largest_share`.

        `locking` is the least phase-locking value of a pair, `frequency` the largest difference of mean frequencies.
        """
        return _analysis().locked_clusters(self._data, locking, frequency)

    def spectrum(self, segments: int = 4, window: str = "hann") -> xr.DataArray:
        """Power spectral density along time, by angular `frequency` in radians per time."""
        return _analysis().spectrum(self._data, segments, window)

    def functional_connectivity(self, window: float | None = None, stride: float | None = None) -> xr.DataArray:
        """Correlation over time of each pair of oscillators, also along windows of that length in units of time."""
        return _analysis().functional_connectivity(self._data, window, stride)

    def recurrence(self, modulo_rotation: bool = False) -> xr.DataArray:
        """Distance between the states at each pair of times."""
        return _analysis().recurrence(self._data, modulo_rotation)

    def recurrence_rate(self, threshold: float) -> xr.DataArray:
        """Share of pairs of times with states nearer than a threshold; of distances that `recurrence` gave."""
        return _analysis().recurrence_rate(self._data, threshold)

    def determinism(self, threshold: float, shortest: int = 2) -> xr.DataArray:
        """Share of the recurrences on diagonal lines; of distances that `recurrence` gave."""
        return _analysis().determinism(self._data, threshold, shortest)

    def period(self, tolerance: float = 0.01, still: float = 1e-3, modulo_rotation: bool = False) -> xr.Dataset:
        """Whether each trajectory is a fixed point, periodic, or neither.

        `kind` is 0 for a fixed point, 1 for periodic motion, 2 for any other, and -1 where numbers are not finite;
        `period` is in units of time; `residual`, the distance after a period, is to be compared with `tolerance`.
        """
        return _analysis().period(self._data, tolerance, still, modulo_rotation)

    def residual(self, modulo_rotation: bool = False) -> xr.DataArray:
        """Distance of each state from the one before it."""
        return _analysis().residual(self._data, modulo_rotation)

    def critical_coupling(
        self, strength: str | None = None, repeats: Sequence[str] = ("seed", "member"), confidence: float = 0.95,
        draws: int = 1000, seed: int = 0,
    ) -> xr.Dataset:  # fmt: skip
        """Coupling strength at which order sets in, with an interval of confidence."""
        return _analysis().critical_coupling(self._data, strength, repeats, confidence, draws, seed)

    @property
    def plot(self) -> Views:
        """Figures of the data: `.plot.raster()`, `.plot.circles()` and so on."""
        from oscillo.plotting.views import Views

        return Views(self._data)


def _analysis() -> Any:
    # The functions need torch, which whoever only opens a run does not wait for.
    from oscillo import analysis

    return analysis
