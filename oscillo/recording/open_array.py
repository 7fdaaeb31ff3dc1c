"""One array of a store while it is being written."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from math import prod
from typing import Any

import numpy as np

from oscillo.recording.background_writer import BackgroundWriter, Spares
from oscillo.recording.blocks import TEXT, BlockLayout, Index, Part, Region
from oscillo.recording.store_files import StoreFiles

PARTIAL_BYTES = 64 * 2**20
"""What blocks that are not full may hold together in memory, of an array of fixed shape."""


@dataclass
class Partial:
    """A block that is not full yet."""

    numbers: np.ndarray
    missing: int
    """Entries that have not come, if none has come twice."""
    changed: bool = True
    """Whether it differs from what is on disk."""


class OpenArray:
    """The blocks of an array, which are written whole: those that are not full yet wait for the rest.

    A block that has to be written before it is full, at a commit or because too many wait, is filled up with
    nothing and written again later.

    Attributes:
        path: group and name.
        document: the array in the words of zarr; its shape counts what came, blocks that wait included.
        axis: the axis that grows, if one does.
        touched: keys of blocks written since `touched` was emptied.

    Args:
        files: where the blocks go.
        writer: takes them there.
        path: group and name.
        document: of the array.
        append_dim: the dimension that grows.
    """

    def __init__(
        self, files: StoreFiles, writer: BackgroundWriter, path: str, document: Mapping[str, Any],
        append_dim: str | None = None,
    ) -> None:  # fmt: skip
        self.path, self.document = path, copy.deepcopy(dict(document))
        self.axis = None if append_dim is None else list(document["dimension_names"]).index(append_dim)
        self.layout = BlockLayout.of(document)
        self.touched: set[str] = set()
        self._files, self._writer = files, writer
        self._partial: dict[Index, Partial] = {}
        self._handed: set[Index] = set()

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis by now."""
        return tuple(self.document["shape"])

    @property
    def length(self) -> int:
        """Entries along the axis that grows, those that wait included."""
        return self.shape[self.growing]

    @property
    def growing(self) -> int:
        """The axis that grows.

        Raises:
            ValueError: when the array has a fixed shape.
        """
        if self.axis is None:
            raise ValueError(f"{self.path} has a fixed shape: use `write`")
        return self.axis

    def append(self, numbers: np.ndarray, *, owned: bool = False) -> None:
        """Add entries at the end.

        Raises:
            ValueError: when they do not fit.
        """
        axis, start, numbers = self.growing, self.length, np.asarray(numbers)
        cast = self._fitting(numbers, free={axis})
        stop = start + cast.shape[axis]
        region = tuple(slice(start, stop) if n == axis else slice(0, length) for n, length in enumerate(self.shape))
        self._spread(region, cast, owned=owned or cast is not numbers)
        self.document["shape"][axis] = stop

    def write(self, region: Region, numbers: np.ndarray, *, owned: bool = False, aligned: bool = False) -> None:
        """Fill a region given by slices of the leading axes.

        Args:
            region: where; axes without a slice are filled whole.
            numbers: shaped as the region.
            owned: whether nobody else will change `numbers`.
            aligned: refuse a region that fills a block in part.

        Raises:
            ValueError: when the array grows, or the numbers or the region do not fit.
        """
        if self.axis is not None:
            raise ValueError(f"{self.path} grows: use `append`")
        if len(region) > len(self.shape) or any(part.step not in (None, 1) for part in region):
            raise ValueError(f"{self.path}: {region} is no region of an array {self.shape}")
        numbers = np.asarray(numbers)
        cast = self._fitting(numbers, free=set(range(len(region))))
        given = [part.indices(length)[:2] for part, length in zip(region, self.shape, strict=False)]
        whole = tuple(slice(*ends) for ends in [*given, *((0, length) for length in self.shape[len(region) :])])
        if cast.shape != tuple(part.stop - part.start for part in whole):
            raise ValueError(f"{self.path}: a block {cast.shape} does not fit the region {region}")
        if aligned and not self.layout.aligned(whole, self.shape):
            raise ValueError(
                f"{self.path}: a region of a shared array begins and ends where its blocks do, {self.layout.block} "
                f"entries along {tuple(self.document['dimension_names'])}, or where it ends; {region} does not"
            )
        self._spread(whole, cast, owned=owned or cast is not numbers)

    def flush(self) -> None:
        """Hand all that waits to the writer; nothing may be added until it is drained."""
        for index, kept in self._partial.items():
            if kept.changed:
                if self.axis is not None:  # of what lies beyond the end, nothing was written
                    end = self.length - index[self.axis] * self.layout.block[self.axis]
                    kept.numbers[(*(slice(None),) * self.axis, slice(end, None))] = self.layout.nothing
                self._put(index, kept.numbers)
                kept.changed = False

    def cut(self, length: int) -> None:
        """Go back to a length along the growing axis of which everything is on disk."""
        self._partial.clear()
        self.touched.clear()
        self.document["shape"][self.growing] = length

    def _spread(self, region: Region, numbers: np.ndarray, *, owned: bool) -> None:
        """Take the numbers of a region to their blocks."""
        for part in self.layout.parts(region) if numbers.size else ():
            block = numbers[(*part.source, ...)]
            if part.size < self._size(part.index):
                self._keep(part, block)
                continue
            self._partial.pop(part.index, None)
            if owned and block.shape == self.layout.block:
                self._put(part.index, block)
                continue
            whole = self._memory(None if block.shape == self.layout.block else self.layout.nothing)
            whole[part.inside] = block
            self._put(part.index, whole, spare=True)

    def _keep(self, part: Part, numbers: np.ndarray) -> None:
        """Let a part of a block wait for the rest."""
        kept = self._partial.pop(part.index, None) or self._load(part.index)
        kept.numbers[part.inside] = numbers
        kept.missing -= part.size
        kept.changed = True
        if kept.missing <= 0:
            self._put(part.index, kept.numbers, spare=True)
            return
        self._partial[part.index] = kept
        if self.axis is None and len(self._partial) * self.layout.nbytes > PARTIAL_BYTES and len(self._partial) > 1:
            oldest = next(iter(self._partial))
            dropped = self._partial.pop(oldest)
            if dropped.changed:
                self._put(oldest, dropped.numbers, spare=True)

    def _load(self, index: Index) -> Partial:
        """A block with what is on disk of it."""
        if self.axis is not None and index[self.axis] * self.layout.block[self.axis] >= self.length:
            edge = self._size(index) < prod(self.layout.block)
            return Partial(self._memory(self.layout.nothing if edge else None), self._size(index))
        if index in self._handed:
            self._writer.drain()
        stored = self._files.get(f"{self.path}/{self.layout.key(index)}")
        numbers = self._memory(self.layout.nothing if stored is None else self.layout.decode(stored))
        return Partial(numbers, self._size(index) - self._came(index))

    def _size(self, index: Index) -> int:
        """Entries of a block, without those beyond the end of the array."""
        return prod(
            block if axis == self.axis else min(block, length - number * block)
            for axis, (number, block, length) in enumerate(zip(index, self.layout.block, self.shape, strict=True))
        )

    def _came(self, index: Index) -> int:
        """Entries of a block of a growing array that came; of others nobody knows."""
        if self.axis is None:
            return 0
        block = self.layout.block[self.axis]
        return self._size(index) // block * min(block, max(0, self.length - index[self.axis] * block))

    def _memory(self, filled: Any) -> np.ndarray:
        """A block of our own, filled with something unless that is None."""
        layout = self.layout
        text = layout.dtype == TEXT
        numbers = np.empty(layout.block, object) if text else layout.laid_out(self._writer.spares.take(layout.nbytes))
        if filled is not None:
            numbers[...] = filled
        return numbers

    def _put(self, index: Index, numbers: np.ndarray, *, spare: bool = False) -> None:
        """Hand a whole block to the writer; one that is spare will not be used here again."""
        key = f"{self.path}/{self.layout.key(index)}"
        self.touched.add(key)
        self._handed.add(index)
        spares = self._writer.spares if spare and self.layout.dtype != TEXT else None
        self._writer.submit(
            self.path, self.layout.nbytes, partial(_write, self._files, key, self.layout, numbers, spares)
        )

    def _fitting(self, numbers: np.ndarray, free: set[int]) -> np.ndarray:
        """The numbers in the array's type, their shape checked on all axes but the free ones.

        Raises:
            ValueError: when they do not fit.
        """
        dtype = self.layout.dtype
        fits = numbers.ndim == len(self.shape) and all(
            axis in free or length == self.shape[axis] for axis, length in enumerate(numbers.shape)
        )
        if not fits:
            raise ValueError(f"{self.path}: a block {numbers.shape} does not fit {self.shape}")
        if dtype == TEXT:
            return numbers.astype(object)
        if not np.can_cast(numbers.dtype, dtype, casting="same_kind"):
            raise ValueError(f"{self.path}: {numbers.dtype} does not fit {dtype}")
        return numbers.astype(np.dtype(dtype).newbyteorder("<"), copy=False)


def _write(files: StoreFiles, key: str, layout: BlockLayout, numbers: np.ndarray, spares: Spares | None) -> None:
    """Write a block, and keep its memory for another where nobody else has it."""
    files.put(key, layout.encode(numbers))
    if spares is not None:
        spares.give(numbers.reshape(-1).view(np.uint8))
