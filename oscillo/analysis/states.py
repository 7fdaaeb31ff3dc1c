"""Finding states, phases and times in recorded data, by the names of variables and dimensions."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from torch import Tensor

Data = xr.DataArray | xr.Dataset | xr.DataTree
"""States as a simulation stores them (group `states`), as `oscillo.integrate` gives them, or one variable of these."""

_TIMES = ("time", "step")
_SITE = re.compile(r"y|x|site\d+")
_EVEN = 1e-3
"""Share by which intervals may differ and still be called even: times may have been stored in few digits."""


def dataset(data: xr.Dataset | xr.DataTree) -> xr.Dataset:
    """The data of a node of a tree; a dataset as it is."""
    return data.to_dataset() if isinstance(data, xr.DataTree) else data


def states(data: Data) -> xr.DataArray:
    """What is recorded of the oscillators: `phase`, or else `state`; an array as it is.

    What was recorded in half precision becomes float32, because sums over many oscillators need the digits.

    Raises:
        ValueError: when a dataset has neither.
    """
    array = recorded(data)
    return array.astype(np.float32) if array.dtype == np.float16 else array


def recorded(data: Data) -> xr.DataArray:
    """As `states`, in the precision of the record; nothing is read yet.

    Raises:
        ValueError: when a dataset has neither.
    """
    if isinstance(data, xr.DataArray):
        return _unreduced(data)
    found = dataset(data)
    for name in ("phase", "state"):
        if name in found:
            return _unreduced(found[name])
    there = ", ".join(map(str, found.data_vars)) or "no variables"
    alone = "; pass one of these by itself, as an array" if found.data_vars else ""
    inside = f"; its groups are {', '.join(data.children)}" if isinstance(data, xr.DataTree) and data.children else ""
    raise ValueError(
        f"there is neither `phase` nor `state`, but {there}{alone}{inside}. States are recorded where a spec declares "
        "`recording: {observables: {state: {every: ...}}}`: in the group `states` of a simulation, in "
        "`trajectory/<evaluation>/layer0` of a trained network, and in `layer0`, ... of `oscillo.integrate`"
    )


def _unreduced(array: xr.DataArray) -> xr.DataArray:
    """The array, if its numbers are those of oscillators.

    Raises:
        ValueError: when they are shares or projections, which a reduction has left of states.
    """
    for dimension, what in (("bin", "shares of oscillators in bins"), ("direction", "projections")):
        if dimension in array.dims:
            raise ValueError(f"`{array.name}` holds {what}, and no states; record a `state` without `reduce` for this")
    return array


def require(array: xr.DataArray, dimensions: Sequence[str], purpose: str) -> None:
    """Check that dimensions are there.

    Raises:
        ValueError: when one is not.
    """
    if lacking := [name for name in dimensions if name not in array.dims]:
        there = ", ".join(map(str, array.dims)) or "none"
        raise ValueError(
            f"{purpose} needs the dimension `{lacking[0]}`, and {array.name or 'the array'} has {there}; rename one "
            f'of them (`.rename(old="{lacking[0]}")`) or take another variable'
        )


def is_phase(array: xr.DataArray) -> bool:
    """Whether an array says of itself that it holds angles."""
    return array.name == "phase" or array.attrs.get("units") == "rad"


def angles(data: Data) -> xr.DataArray:
    """Phases in radians, with the dimensions of the states but `component`.

    Raises:
        ValueError: when the states have no phase.
    """
    array = states(data)
    if "component" not in array.dims:
        return array
    if array.sizes["component"] != 2:
        alone = array.sizes["component"] == 1
        remedy = (
            "if it is the angle on a circle, pass it on as such with `.isel(component=0, drop=True).rename('phase')`"
            if alone else "choose two of them with `.isel(component=[0, 1])`"
        )  # fmt: skip
        raise ValueError(
            f"a phase is measured on vectors of two components, and `{array.name or 'the array'}` has "
            f"{array.sizes['component']}; {remedy}"
        )
    return xr.apply_ufunc(np.arctan2, array.isel(component=1), array.isel(component=0), dask="parallelized")


def vectors(data: Data, *, bare: Literal["phase", "value"] = "value") -> xr.DataArray:
    """What others see of all oscillators as one population: an array with the dimensions `component`, `oscillator`.

    As `embedded`, with oscillators at sites as one population along `oscillator`, and their sites as coordinates.

    Args:
        data: states; or an array without `component`, and for values also without `oscillator`.
        bare: what the numbers of an array without `component` are when it does not say: phases or plain values.

    Raises:
        ValueError: when there are no oscillators.
    """
    return population(embedded(data, bare=bare))


def embedded(data: Data, *, bare: Literal["phase", "value"] = "value") -> xr.DataArray:
    """What others see of the oscillators: phases become (cos, sin) along `component`.

    Args:
        data: states; or an array without `component`, and for values also without `oscillator`.
        bare: what the numbers of an array without `component` are when it does not say: phases or plain values.

    Raises:
        ValueError: when there are no oscillators.
    """
    array = states(data)
    if "component" not in array.dims:
        phases = bare == "phase" or is_phase(array)
        if bare == "value" and "oscillator" not in array.dims and not sites_of(array):
            array = array.expand_dims("oscillator", axis=-1)
        require(array, ["oscillator"], "a measure of a population")
        parts: list[xr.DataArray] = [xr.ufuncs.cos(array), xr.ufuncs.sin(array)] if phases else [array]
        names = ["cos", "sin"] if phases else ["value"]
        array = xr.concat(parts, dim=xr.Variable("component", names)).rename(array.name)
    require(array, ["oscillator"], "a measure of a population")
    if bare == "phase" and array.sizes["component"] == 1:
        angles(array)  # a mean of angles would be no order parameter, so it is refused
    return array


def planar(data: Data) -> xr.DataArray:
    """`vectors` of two components.

    Raises:
        ValueError: when they have another number.
    """
    array = vectors(data, bare="phase")
    if array.sizes["component"] != 2:
        angles(array)  # says why not
    return array


def sites_of(array: xr.DataArray) -> list[Hashable]:
    """Names of the dimensions of sites, in their order."""
    return [dim for dim in array.dims if _SITE.fullmatch(str(dim))]


def population(array: xr.DataArray) -> xr.DataArray:
    """The oscillators at all sites along one dimension `oscillator`, with their sites as coordinates."""
    sites = sites_of(array)
    if not sites:
        return array
    merged = array.rename(oscillator="of_site").stack(oscillator=[*sites, "of_site"]).reset_index("oscillator")
    return merged if array.sizes["oscillator"] > 1 else merged.drop_vars("of_site")


def time_of(array: xr.DataArray, purpose: str, least: int = 2) -> str:
    """Name of the dimension along which time passes: `time`, or else `step`.

    Raises:
        ValueError: when there is none, or it has too few times.
    """
    for name in _TIMES:
        if name in array.dims:
            if array.sizes[name] < least:
                raise ValueError(
                    f"{purpose} needs at least {least} times, and there are {array.sizes[name]}; record longer, or "
                    "more often with a smaller `every`"
                )
            return name
    require(array, ["time"], purpose)
    raise AssertionError  # `require` has raised


def times(array: xr.DataArray, dimension: str) -> np.ndarray:
    """Times along the dimension, float64: the coordinate `time` if it is there, else that of the dimension."""
    named = "time" if "time" in array.coords and array["time"].dims == (dimension,) else dimension
    return array[named].values.astype(np.float64)


def unit_of_time(array: xr.DataArray, dimension: str) -> str:
    """What `times` along the dimension count: `time`, or `step` where times are not known."""
    return "time" if "time" in array.coords else dimension


def interval(array: xr.DataArray, dimension: str, purpose: str) -> float:
    """Time between two neighbours along the dimension.

    Raises:
        ValueError: when the times are not evenly spaced.
    """
    gaps = np.diff(times(array, dimension))
    middle = float(np.median(gaps))
    if not middle > 0 or np.abs(gaps - middle).max() > _EVEN * middle:
        raise ValueError(
            f"{purpose} needs evenly spaced times, and the intervals go from {gaps.min():.6g} to {gaps.max():.6g}; "
            f"leave out what breaks the row, such as the last state (`.isel({dimension}=slice(None, -1))`), or "
            "interpolate (`.interp`)"
        )
    return float(gaps.mean())


def measured(
    measure: Callable[..., Tensor], *arrays: xr.DataArray, over: Sequence[str], gives: Sequence[str] = (),
    sizes: Mapping[str, int] | None = None, each: bool = False, kind: type = float,
) -> xr.DataArray:  # fmt: skip
    """A measure on tensors, applied to arrays with named dimensions.

    Args:
        measure: takes tensors [..., *over], gives a tensor [..., *gives].
        arrays: what it takes.
        over: dimensions that it is about, in its order.
        gives: dimensions of what it gives.
        sizes: lengths of those that the arrays do not have.
        each: measure one entry of the other dimensions at a time, where a measure takes much memory.
        kind: type of the numbers that it gives.
    """

    def on_arrays(*parts: np.ndarray) -> np.ndarray:
        return measure(*map(_tensor, parts)).numpy()

    return xr.apply_ufunc(
        on_arrays, *arrays, input_core_dims=[list(over)] * len(arrays), output_core_dims=[list(gives)],
        vectorize=each, dask="parallelized", output_dtypes=[kind],
        dask_gufunc_kwargs={"allow_rechunk": True, "output_sizes": dict(sizes or {})},
    )  # fmt: skip


def _tensor(array: np.ndarray) -> Tensor:
    import torch  # which figures do without

    if array.dtype not in (np.float32, np.float64, np.bool_):
        array = array.astype(np.float64)
    return torch.from_numpy(np.require(array, requirements=["C", "W"]))  # which neither reads backwards nor shares


def paired(array: xr.DataArray, dimension: str, other: str) -> xr.DataArray:
    """The array with the coordinates along one dimension given to a second one of the same length as well."""
    along = {name: c for name, c in array.coords.items() if c.dims == (dimension,)}
    return array.assign_coords(
        {(other if name == dimension else f"{name}2"): (other, c.values) for name, c in along.items()}
    )


def described(array: xr.DataArray, name: str, long_name: str, units: str, **more: Any) -> xr.DataArray:
    """The array with its name and attributes."""
    array = array.rename(name)
    array.attrs = {"long_name": long_name, "units": units, **more}
    return array
