"""What a recorded array is before it holds anything: names, shape, meaning, blocks and bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, prod
from typing import Any

import numpy as np

from oscillo.recording.block_plan import plan_block, plan_chunk
from oscillo.recording.blocks import TEXT, index_bytes, itemsize

ARRAY_OVERHEAD, AXIS_OVERHEAD = 1_275, 60
"""Bytes of metadata for an array and for each of its axes, the copy in the commit record included (measured)."""

STORE_OVERHEAD = 1_000
"""Bytes of the root's document and of the group documents of a small store (measured)."""

DIMENSIONS = {
    "sample": ("position in the data set", "number of the sample, from 0"),
    "step": ("integrator steps", "steps done; 0 is the initial state"),
    "at_step": ("integrator steps", "steps done when an answer was read out"),
    "time": ("simulated time", "sum of the step sizes so far"),
    "y": ("row", "row of the grid"),
    "x": ("column", "column of the grid"),
    "component": ("component", "component of one oscillator's vector"),
    "oscillator": ("oscillator", "oscillator of the group at one site, or node of the network"),
    "member": ("member", "member of the ensemble, or number of the initial state"),
    "votes": ("votes", "initial states that vote, the first so many"),
    "layer": ("layer", "layer of the network"),
    "run": ("run", "one of several runs"),
    "epoch": ("epoch", "passes over the training data when it was recorded"),
    "bin": ("bin", "middle of the bin"),
    "direction": ("direction", "direction that was projected on"),
    "channel": ("channel", "channel of the features"),
    "head": ("head", "head of the attention"),
    "target": ("target", "site that listens, row by row of the grid"),
    "source": ("source", "site that is listened to, row by row of the grid"),
}
"""The dimension names of the project: what an axis of a plot says, and what they count. A task may add its own."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\-]*")


@dataclass(frozen=True)
class ArrayDeclaration:
    """An array with named dimensions that will be recorded.

    Attributes:
        name: of the variable, such as `state`.
        dims: one name per axis, outermost first.
        shape: length of each axis. Along `append_dim` it is the length expected in the end, from which the
            blocks are planned; the array starts empty there.
        dtype: a real numpy type. A complex number is stored as a `component` axis of length 2.
        units: `1` where there are none.
        long_name: what a plot's axis says.
        description: the meaning, with the formula where there is one.
        append_dim: the axis that grows by `TrajectoryStore.append`; None for an array of fixed shape.
        pieces: of an array of fixed shape, how numbers arrive: lengths along the first axes of what is handed over
            together. Pieces come in order along the last of these axes, then along the one before. So (100, 1) of
            (sample, step, ...) says: one step of a hundred samples after the other, and then the next hundred.

    Raises:
        ValueError: for names, shapes or types that cannot be stored.
    """

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    units: str
    long_name: str
    description: str = ""
    append_dim: str | None = None
    pieces: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        check_name(self.name, "array")
        if len(self.dims) != len(self.shape) or len(set(self.dims)) != len(self.dims):
            raise ValueError(f"{self.name}: {self.dims} do not name the axes of shape {self.shape}")
        if min(self.shape, default=1) < 1:
            raise ValueError(f"{self.name}: the shape is {self.shape}, and every axis needs at least 1 entry")
        if self.dtype != TEXT and np.dtype(self.dtype).kind not in "biuf":
            raise ValueError(
                f"{self.name}: {self.dtype} cannot be stored; take a bool, integer or floating type or `string`, "
                "and for complex numbers a `component` axis of length 2"
            )
        if self.append_dim is not None and self.append_dim not in self.dims:
            raise ValueError(f"{self.name}: there is no dimension {self.append_dim!r} to append along")
        if self.pieces and (self.append_dim or len(self.pieces) > len(self.dims) or min(self.pieces) < 1):
            raise ValueError(f"{self.name}: pieces {self.pieces} of {self.dims}; only arrays of fixed shape have them")

    @cached_property
    def block(self) -> tuple[int, ...]:
        """Lengths of what is written as one file."""
        growing = None if self.append_dim is None else self.dims.index(self.append_dim)
        return plan_block(self.shape, self.itemsize, growing, self.pieces)

    @cached_property
    def chunks(self) -> tuple[int, ...]:
        """Lengths of what can be read alone."""
        return self.block if self.dtype == TEXT else plan_chunk(self.block, self.itemsize)

    @property
    def itemsize(self) -> int:
        """Bytes of one entry; of a text about."""
        return itemsize(self.dtype)

    @property
    def nbytes(self) -> int:
        """Bytes of all blocks on disk; blocks at the edges are stored in full."""
        blocks = prod(ceil(length / block) for length, block in zip(self.shape, self.block, strict=True))
        return blocks * (prod(self.block) * self.itemsize + index_bytes(self.block, self.chunks))

    @cached_property
    def document(self) -> dict[str, Any]:
        """The array in the words of zarr, without entries along the axis that grows."""
        from zarr import create_array
        from zarr.storage import MemoryStore

        lengths = zip(self.dims, self.shape, strict=True)
        nothing = "" if self.dtype == TEXT else np.nan if np.dtype(self.dtype).kind == "f" else 0
        array = create_array(
            MemoryStore(),
            shape=tuple(0 if dim == self.append_dim else length for dim, length in lengths),
            chunks=self.chunks,
            shards=None if self.chunks == self.block else self.block,
            dtype=str if self.dtype == TEXT else self.dtype,
            compressors=None,  # states shrink by a tenth at most, and then read three times slower
            fill_value=nothing,
            attributes=dict(self.attributes),
            dimension_names=self.dims,
        )
        return json.loads(json.dumps(array.metadata.to_dict()))

    @property
    def attributes(self) -> dict[str, str]:
        """What stands beside the numbers on disk."""
        described = {"description": self.description} if self.description else {}
        return {"long_name": self.long_name, "units": self.units, **described}


def coordinate_of(dim: str, values: Sequence[float]) -> ArrayDeclaration:
    """Declare the coordinate of a dimension whose numbers are known, integers where they all are."""
    whole = all(isinstance(value, int | np.integer) for value in values)
    return coordinate(dim, len(values), dtype="int64" if whole else "float64")


def coordinate(
    dim: str, length: int, *, units: str = "1", append: bool = False, dtype: str = "int64"
) -> ArrayDeclaration:
    """Declare the coordinate of a dimension, described as in `DIMENSIONS`."""
    long_name, description = DIMENSIONS.get(dim, (dim, ""))
    return ArrayDeclaration(
        name=dim,
        dims=(dim,),
        shape=(length,),
        dtype=dtype,
        units=units,
        long_name=long_name,
        description=description,
        append_dim=dim if append else None,
    )


def bytes_expected(declarations: Iterable[ArrayDeclaration]) -> int:
    """Bytes that a store with these arrays takes on disk when they are full, metadata included."""
    return STORE_OVERHEAD + sum(
        declared.nbytes + ARRAY_OVERHEAD + AXIS_OVERHEAD * len(declared.dims) for declared in declarations
    )


def check_name(name: str, what: str) -> None:
    """Refuse a name that cannot be a folder of the store.

    Raises:
        ValueError: when it is empty or holds anything but letters, digits, `_`, `-` and `.`.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} name {name!r}: only letters, digits, '_', '-' and '.' are possible")
