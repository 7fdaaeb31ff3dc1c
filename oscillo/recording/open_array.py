"""One array of a store while it is being written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from oscillo.recording.declarations import TEXT, ArrayDeclaration


@dataclass
class OpenArray:
    """An array on disk, and the blocks that wait until they fill a chunk."""

    array: zarr.Array
    declaration: ArrayDeclaration
    waiting: list[np.ndarray] = field(default_factory=list)

    @classmethod
    def create(cls, root: Path, path: str, declaration: ArrayDeclaration) -> OpenArray:
        """Make the array on disk, without entries along the axis that grows.

        Raises:
            OSError: when it cannot be written.
        """
        grows = declaration.append_dim
        lengths = zip(declaration.dims, declaration.shape, strict=True)
        array = zarr.create_array(
            str(root),
            name=path,
            shape=tuple(0 if dim == grows else length for dim, length in lengths),
            chunks=declaration.chunks,
            dtype=str if declaration.dtype == TEXT else declaration.dtype,
            compressors=None,  # states shrink by a tenth at most, and then read three times slower
            fill_value=_nothing(declaration.dtype),
            attributes=dict(declaration.attributes),
            dimension_names=declaration.dims,
            config={"write_empty_chunks": True},  # a chunk that is missing was never written
        )
        return cls(array, declaration)

    @classmethod
    def resume(cls, root: Path, path: str, declaration: ArrayDeclaration, committed: Mapping[str, Any]) -> OpenArray:
        """Take up an array as it was committed.

        Raises:
            ValueError: when it was recorded in another form than it is declared in now.
        """
        array = zarr.open_array(str(root), path=path, mode="r+", config={"write_empty_chunks": True})
        opened = cls(array, declaration)
        fixed = [None if axis == opened.axis else length for axis, length in enumerate(committed["shape"])]
        asked = [None if axis == opened.axis else length for axis, length in enumerate(declaration.shape)]
        chunks = committed["chunk_grid"]["configuration"]["chunk_shape"]
        found = (committed["dimension_names"], fixed, committed["data_type"], chunks)
        wanted = (list(declaration.dims), asked, _stored_type(declaration.dtype), list(declaration.chunks))
        if found != wanted:
            raise ValueError(
                f"{path} was recorded with dimensions, shape, type and chunks {found}, "
                f"and is declared with {wanted} now"
            )
        return opened

    @property
    def axis(self) -> int | None:
        """The axis that grows, if one does."""
        grows = self.declaration.append_dim
        return None if grows is None else self.declaration.dims.index(grows)

    @property
    def stored(self) -> int:
        """Entries on disk along the growing axis."""
        return self.array.shape[self.growing]

    @property
    def length(self) -> int:
        """Entries along the growing axis, those that wait included."""
        return self.stored + sum(block.shape[self.growing] for block in self.waiting)

    @property
    def growing(self) -> int:
        """The axis that grows.

        Raises:
            ValueError: when the array has a fixed shape.
        """
        if (axis := self.axis) is None:
            raise ValueError(f"{self.array.path} has a fixed shape: use `write`")
        return axis

    def append(self, block: np.ndarray) -> int:
        """Let a block wait at the end, and count the entries that now fill whole chunks."""
        self.waiting.append(self.fitting(block, {self.growing}).copy())  # the caller may reuse its memory
        chunk = self.declaration.chunks[self.growing]
        return max(0, self.length // chunk * chunk - self.stored)

    def flush(self, count: int) -> None:
        """Move the first `count` waiting entries to the disk."""
        block = np.concatenate(self.waiting, axis=self.growing)
        first, rest = np.split(block, [count], axis=self.growing)
        self.array.append(first, axis=self.growing)
        self.waiting = [rest.copy()] if rest.shape[self.growing] else []

    def write(self, region: tuple[slice, ...], block: np.ndarray) -> None:
        """Fill a region given by slices of the leading axes.

        Raises:
            ValueError: when the array grows or the block does not fit.
        """
        if self.axis is not None:
            raise ValueError(f"{self.array.path} grows: use `append`")
        block = self.fitting(block, set(range(len(region))))
        lengths = tuple(len(range(*part.indices(n))) for part, n in zip(region, self.array.shape, strict=False))
        if block.shape[: len(region)] != lengths:
            raise ValueError(f"{self.array.path}: a block {block.shape} does not fit the region {region}")
        self.array[region] = block

    def fitting(self, block: np.ndarray, free: set[int]) -> np.ndarray:
        """The block in the array's type, its shape checked on all axes but the free ones.

        Raises:
            ValueError: when it does not fit.
        """
        block, declared = np.asarray(block), self.declaration
        fits = block.ndim == len(declared.shape) and all(
            axis in free or length == declared.shape[axis] for axis, length in enumerate(block.shape)
        )
        if not fits:
            raise ValueError(f"{self.array.path}: a block {block.shape} does not fit {declared.shape}")
        if declared.dtype == TEXT:
            return block.astype(object)
        if not np.can_cast(block.dtype, declared.dtype, casting="same_kind"):
            raise ValueError(f"{self.array.path}: {block.dtype} does not fit {declared.dtype}")
        return block.astype(declared.dtype, copy=False)


def _nothing(dtype: str) -> float | int | str:
    """What stands where nothing was written."""
    if dtype == TEXT:
        return ""
    return np.nan if np.dtype(dtype).kind == "f" else 0


def _stored_type(dtype: str) -> str:
    """Name of a type in the documents of the store."""
    return TEXT if dtype == TEXT else str(np.dtype(dtype))
