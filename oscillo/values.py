"""Numbers that a spec gives once for all oscillators, one by one, or in a file."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

Values = float | list[float] | str
"""One number for all, a list with one for each oscillator, or a file: `numbers.npy`, `numbers.txt`, `file.npz:name`,
relative to the working directory."""


def read_values(values: Values, oscillators: int) -> Tensor:
    """The numbers, float64: a scalar, or [oscillator].

    Raises:
        ValueError: when a file is not there, holds something else, or the count is not that of the oscillators.
    """
    if isinstance(values, int | float):
        if not isfinite(values):
            raise ValueError(f"{values} is not finite")
        return torch.tensor(float(values), dtype=torch.float64)
    numbers = _read_file(values) if isinstance(values, str) else np.asarray(values, dtype=np.float64)
    what = values if isinstance(values, str) else "the list"
    if numbers.size != oscillators:
        raise ValueError(f"{what} has {numbers.size} numbers, and there are {oscillators} oscillators")
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what} has a number that is not finite, at {int(np.argmin(np.isfinite(numbers.ravel())))}")
    return torch.from_numpy(numbers.reshape(-1).astype(np.float64))


def value_problems(
    values: Values, oscillators: int, *, least: float | None = None, above: float | None = None
) -> list[str]:
    """Reasons why the numbers cannot be had or are out of bounds, in words.

    Args:
        values: as declared.
        oscillators: how many a list or file has to hold.
        least: the smallest number allowed.
        above: what every number has to be greater than.
    """
    try:
        numbers = read_values(values, oscillators)
    except ValueError as error:
        return [str(error)]
    found = []
    if least is not None and bool((numbers < least).any()):
        found.append(f"must be at least {least:g}, and the smallest is {float(numbers.min()):g}")
    if above is not None and bool((numbers <= above).any()):
        found.append(f"must be greater than {above:g}, and the smallest is {float(numbers.min()):g}")
    return found


def read_array(source: str) -> np.ndarray:
    """The array in `numbers.npy`, `numbers.txt` or `file.npz:name`.

    Raises:
        ValueError: when it is not there; the message names what is.
    """
    path, _, name = source.partition(".npz:")
    file = Path(f"{path}.npz" if name else source)
    if not file.is_file():
        raise ValueError(f"there is no file {file} (from {Path.cwd()})")
    if file.suffix == ".npz" and not name:
        raise ValueError(f"{file} holds several arrays: name one, as in {file}:name")
    try:
        if name:
            return _named(file, name)
        if file.suffix == ".npy":
            return np.load(file)
        return np.loadtxt(file, delimiter="," if file.suffix == ".csv" else None)
    except (OSError, EOFError, BadZipFile, ValueError) as error:
        raise ValueError(f"{file}: {error}") from None


def _named(file: Path, name: str) -> np.ndarray:
    """The array of that name."""
    arrays = np.load(file)
    if not isinstance(arrays, np.lib.npyio.NpzFile):
        raise ValueError("holds one array without a name, as a file `.npy` does")
    with arrays:
        if name not in arrays:
            raise ValueError(f"no array {name!r}; there is {', '.join(arrays)}")
        return arrays[name]


def _read_file(source: str) -> np.ndarray:
    numbers = read_array(source)
    if numbers.dtype.kind not in "biuf":
        raise ValueError(f"{source} holds {numbers.dtype}, and numbers are wanted")
    return numbers.astype(np.float64)
