"""States seen along their principal components."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import xarray as xr

from oscillo.analysis.principal_axes import PrincipalAxes
from oscillo.analysis.states import Data, embedded, recorded, sites_of

Of = Literal["network", "site", "oscillator"]
"""Whose states are vectors: the whole network's, all oscillators' at a site, or each oscillator's."""

_BLOCK = 2**21
"""Numbers of a block, 16 MB in float64."""


def pca(data: Data, n: int = 3, of: Of = "network") -> xr.Dataset:
    r"""Positions of states along their n principal components, which are fitted once, to all samples and times.

        score_k = <axis_k, x - mean>,     axis_k: direction of the k-th largest variance

    Pearson (1901), Phil. Mag. 2, 559; Hotelling (1933). Of phases, vectors (cos, sin) are taken. Of `network` the
    state of all oscillators at a time is one vector, and the scores are the network's path in few dimensions; of
    `site` the oscillators at a site are one, as for colours; of `oscillator` each is one, in its own components.

    The fit reads the record when this is called, one block after the other, at most 16 MB or a chunk of Dask's at a
    time: once with up to 2048 numbers per vector, some twenty times with more. Scores of Dask's arrays are lazy.

    >>> import numpy as np, xarray as xr
    >>> t = np.linspace(0, 2 * np.pi, 101)[:-1]
    >>> path = np.stack([3 * np.cos(t), np.sin(t), 0 * t], axis=1)
    >>> found = pca(xr.DataArray(path[:, None], dims=("time", "component", "oscillator"), name="state"), n=2)
    >>> found["explained"].values.round(3).tolist(), np.abs(found["axis"].values).round(6).tolist()
    ([0.9, 0.1], [[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]])

    Args:
        data: phases or states (..., time, ..., oscillator).
        n: how many components.
        of: whose states the vectors are: `network`, `site` or `oscillator`.

    Returns:
        `score` (..., principal), in units of the states; `axis` (principal, ...), unit vectors along the dimensions of
        a vector, and their `mean`; `explained` (principal), shares of the variance. `principal` counts from 1.

    Raises:
        ValueError: when there are no states, they are not finite, or have fewer than n numbers.
    """
    blocks = StateBlocks(recorded(data), of)
    if not 1 <= n <= blocks.width:
        raise ValueError(f"vectors of {blocks.width} numbers have so many components at most, and n is {n}")
    fit = PrincipalAxes.fit(blocks, n)
    shape = [blocks.one.sizes[dim] for dim in blocks.features]
    coords = {dim: blocks.one.coords[dim] for dim in blocks.features if dim in blocks.one.coords}
    axes = xr.DataArray(fit.axes.reshape(n, *shape), dims=("principal", *blocks.features), coords=coords)
    units = str(blocks.array.attrs.get("units", "1")).replace("rad", "1")
    return xr.Dataset(
        {
            "score": blocks.scores(fit).assign_attrs(long_name="principal component", units=units),
            "axis": axes.assign_attrs(long_name="direction of a principal component", units="1"),
            "mean": (blocks.features, fit.mean.reshape(shape), {"long_name": "mean state", "units": units}),
            "explained": ("principal", fit.explained, {"long_name": "share of the variance", "units": "1"}),
        },
        coords={"principal": np.arange(1, n + 1)},
        attrs={"of": of},
    )


@dataclass(frozen=True)
class StateBlocks:
    """States as vectors [observation, feature], in blocks that fit into memory; can be gone through again.

    Attributes:
        array: states as they are recorded.
        of: whose states the vectors are.

    Raises:
        ValueError: when there are no oscillators.
    """

    array: xr.DataArray
    of: Of

    def __post_init__(self) -> None:
        if self.of not in ("network", "site", "oscillator"):
            raise ValueError(f"`of` is `network`, `site` or `oscillator`, and it is {self.of!r}")

    @property
    def one(self) -> xr.DataArray:
        """What others see of the oscillators, at one place of all dimensions that number observations."""
        outer = {dim: slice(0, 1) for dim in self.outer}
        return embedded(self.array.isel(outer)).isel({dim: 0 for dim in outer}, drop=True)

    @property
    def outer(self) -> tuple[Hashable, ...]:
        """Dimensions that number observations."""
        inner = {"component"} if self.of == "oscillator" else {"component", "oscillator"}
        inner |= set(sites_of(self.array)) if self.of == "network" else set()
        return tuple(dim for dim in self.array.dims if dim not in inner)

    @property
    def features(self) -> tuple[Hashable, ...]:
        """Dimensions of a vector."""
        sites = sites_of(self.array) if self.of == "network" else []
        return (*sites, "component") if self.of == "oscillator" else (*sites, "component", "oscillator")

    @property
    def width(self) -> int:
        """Numbers of a vector."""
        return self.one.size

    def __iter__(self) -> Iterator[np.ndarray]:
        for place in self.places():
            yield self.vectors(self.array.isel(place)).reshape(-1, self.width)

    def vectors(self, states: xr.DataArray) -> np.ndarray:
        """Some of the states as vectors, [*outer, feature]."""
        ordered = embedded(states).transpose(*self.outer, *self.features)
        return ordered.values.reshape(*(ordered.sizes[dim] for dim in self.outer), -1)

    def places(self) -> list[dict[Hashable, slice]]:
        """Where each block is: whole chunks, as many as have `_BLOCK` numbers, at least one."""
        room, cuts = max(1, _BLOCK // self.width), {}
        for dim in reversed(self.outer):
            cuts[dim] = _pieces(_ends(self.array, dim), room)
            room = max(1, room // max(piece.stop - piece.start for piece in cuts[dim]))
        return [dict(zip(cuts, place, strict=True)) for place in product(*cuts.values())]

    def scores(self, fit: PrincipalAxes) -> xr.DataArray:
        """Positions of all states along the axes, (*outer, principal); of Dask's arrays lazy."""
        outer = self.outer
        if self.array.chunks is not None:
            inner = list(self.features)
            return xr.apply_ufunc(
                lambda part: fit.scores(part.reshape(*part.shape[: -len(inner)], -1)), embedded(self.array),
                input_core_dims=[inner], output_core_dims=[["principal"]], dask="parallelized", output_dtypes=[float],
                dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": {"principal": len(fit.axes)}},
            ).transpose(*outer, "principal")  # fmt: skip
        found = np.empty((*(self.array.sizes[dim] for dim in outer), len(fit.axes)))
        for place in self.places():
            found[tuple(place[dim] for dim in outer)] = fit.scores(self.vectors(self.array.isel(place)))
        coords = {name: c for name, c in self.array.coords.items() if set(c.dims) <= set(outer)}
        return xr.DataArray(found, dims=(*outer, "principal"), coords=coords)


def _ends(array: xr.DataArray, dim: Hashable) -> np.ndarray:
    """Where chunks end along a dimension: Dask's, those on disk, or else every entry."""
    size = array.sizes[dim]
    if array.chunks is not None:
        return np.cumsum(array.chunksizes[dim])
    step = array.encoding.get("preferred_chunks", {}).get(dim, 1)
    return np.append(np.arange(step, size, step), size)


def _pieces(ends: Sequence[int] | np.ndarray, room: int) -> list[slice]:
    """Neighbouring chunks together, as many as there is room for."""
    found, start, before = [], 0, 0
    for end in ends:
        if end - start > room and before > start:
            found.append(slice(start, int(before)))
            start = int(before)
        before = int(end)
    return [*found, slice(start, before)]
