"""Which samples and times a figure shows, and what they are called."""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike


def member_labels(data: xr.Dataset | xr.DataArray) -> list[str]:
    """What tells the samples apart, such as `strength 2`; empty texts where there is one only."""
    names = varying(data)
    return [
        ", ".join(f"{name.replace('_', ' ')} {data[name].values[i]:.4g}" for name in names)
        if names or data.sizes["sample"] == 1 else f"sample {i}"
        for i in range(data.sizes["sample"])
    ]  # fmt: skip


def varying(data: xr.Dataset | xr.DataArray) -> list[str]:
    """Names of the numbers along `sample` that differ between samples; the seed last."""
    return [name for name in parameters(data) if len(np.unique(data[name].values)) > 1]


def parameters(data: xr.Dataset | xr.DataArray) -> list[str]:
    """Names of the numbers that stand beside the samples; the seed last."""
    found = [
        str(name) for name, c in data.coords.items()
        if c.dims == ("sample",) and name != "sample" and np.issubdtype(c.dtype, np.number)
    ]  # fmt: skip
    return sorted(found, key=lambda name: name == "seed")


def spread_out(among: ArrayLike, most: int) -> np.ndarray:
    """Numbers of at most so many samples, evenly spread over those that are among them, bool [sample]."""
    numbers = np.flatnonzero(among)
    places = np.linspace(0, len(numbers) - 1, min(len(numbers), most)).round().astype(int)
    return numbers[np.unique(places)]


def moments(times: int, most: int) -> np.ndarray:
    """Places of at most so many times, the first and the last among them, closer together at the beginning."""
    return np.unique(np.geomspace(1, times, most).round().astype(int) - 1)


def one_sample(data: xr.DataArray) -> xr.DataArray:
    """The array with a dimension `sample`, if need be of one."""
    return data if "sample" in data.dims else data.expand_dims("sample")


def moment(array: xr.DataArray, along: str, place: int) -> str:
    """What a time is called: `t = 2.5`, or `step 16`."""
    value = array[along].values[place]
    return f"step {int(value):,}" if along == "step" else f"t = {value:.4g}"


def titled(name: str, finding: str) -> str:
    """A headline, with the name of the run in front where it is known."""
    return f"{name}: {finding}" if name else finding[:1].upper() + finding[1:]
