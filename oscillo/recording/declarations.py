"""What a recorded array is before it holds anything: names, shape, meaning, chunks and bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, prod

import numpy as np

SMALLEST_BLOCK = 4 * 2**20
"""Bytes. Below this the fixed cost of a write outweighs the copying (measured: 4-6 ms a block)."""

LARGEST_BLOCK = 16 * 2**20
"""Bytes. Above this, reading one sample or one step fetches too much besides."""

GROWING_BLOCK = 64 * 2**20
"""Bytes that all chunks at the end of a growing array may hold together."""

ARRAY_OVERHEAD, AXIS_OVERHEAD = 1_275, 60
"""Bytes of metadata for an array and for each of its axes, the copy in the commit record included (measured)."""

STORE_OVERHEAD = 1_000
"""Bytes of the root's document and of the group documents of a small store (measured)."""

TEXT, _TEXT_BYTES = "string", 64
"""The type of texts, and how long one is thought to be."""

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
            chunks are planned; the array starts empty there.
        dtype: a real numpy type. A complex number is stored as a `component` axis of length 2.
        units: `1` where there are none.
        long_name: what a plot's axis says.
        description: the meaning, with the formula where there is one.
        append_dim: the axis that grows by `TrajectoryStore.append`; None for an array of fixed shape.

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

    @property
    def chunks(self) -> tuple[int, ...]:
        """Lengths of one chunk along each axis, as `plan_chunks` chooses them."""
        growing = None if self.append_dim is None else self.dims.index(self.append_dim)
        return plan_chunks(self.shape, self.itemsize, growing)

    @property
    def itemsize(self) -> int:
        """Bytes of one entry; of a text about."""
        return _TEXT_BYTES if self.dtype == TEXT else np.dtype(self.dtype).itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all chunks on disk; chunks at the edges are stored in full."""
        blocks = prod(ceil(length / chunk) for length, chunk in zip(self.shape, self.chunks, strict=True))
        return blocks * prod(self.chunks) * self.itemsize

    @property
    def attributes(self) -> dict[str, str]:
        """What stands beside the numbers on disk."""
        described = {"description": self.description} if self.description else {}
        return {"long_name": self.long_name, "units": self.units, **described}


def coordinate(dim: str, length: int, *, units: str = "1", append: bool = False) -> ArrayDeclaration:
    """Declare the integer coordinate of a dimension, described as in `DIMENSIONS`."""
    long_name, description = DIMENSIONS.get(dim, (dim, ""))
    return ArrayDeclaration(
        name=dim,
        dims=(dim,),
        shape=(length,),
        dtype="int64",
        units=units,
        long_name=long_name,
        description=description,
        append_dim=dim if append else None,
    )


def plan_chunks(shape: Sequence[int], itemsize: int, growing: int | None = None) -> tuple[int, ...]:
    """Chunks of 4 to 16 MiB that keep the inner axes whole.

    Axes are filled from the innermost outwards. The first that does not fit is cut into equal parts, and
    those outside it into single entries, so that one block of memory is one piece of the file. Along an axis that
    grows chunks end where all of them together hold 64 MiB: a commit writes the chunks again that it adds to.

    Args:
        shape: length of each axis, at least 1.
        itemsize: bytes of one number.
        growing: the axis that grows.

    Returns:
        The length of a chunk along each axis. A chunk holds at most 16 MiB, and at least 4 MiB unless the
        whole array is smaller.
    """
    if growing is not None:
        entry = itemsize * prod(shape) // shape[growing]
        parts = ceil(shape[growing] / max(1, GROWING_BLOCK // entry))
        shape = (*shape[:growing], ceil(shape[growing] / parts), *shape[growing + 1 :])
    chunks: list[int] = []
    block, whole = itemsize, True
    for length in reversed(shape):
        fitting = max(1, LARGEST_BLOCK // block) if whole else 1
        chunk = ceil(length / ceil(length / fitting))
        chunks.append(chunk)
        block *= chunk
        whole = whole and chunk == length
    return tuple(reversed(chunks))


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
