r"""How an array is cut into blocks, and what a block is on disk.

A block is one object: the numbers of a zarr chunk or, where small pieces are read, of a zarr shard that holds many
chunks. The store writes blocks whole and by itself. It does not write through zarr's arrays, because zarr's
sharding codec takes three times as long as the disk does (16 MiB in 100 chunks: 21 ms; as here: 9 ms;
`numpy.save`: 7 ms), because an append there rewrites the array's document, and because `fsync` has to know the
files. Nothing is compressed, so a block is simply its numbers: chunks split the leading axes of a shard only, and so
its numbers in C order are those of its chunks, one after the other. What zarr wants besides is an index at the end,
the same in every block:

    (offset, length) of each chunk, as little-endian 64-bit integers, and their CRC-32C

(Zarr specification 3.0, `sharding_indexed`.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numcodecs import VLenUTF8

TEXT = "string"
"""The type of texts."""

Index = tuple[int, ...]
"""Number of a block along each axis."""

Region = tuple[slice, ...]
"""Entries along each axis, with a start and a stop."""


@dataclass(frozen=True)
class Part:
    """The entries of a region that lie in one block."""

    index: Index
    inside: Region
    """Within the block."""
    source: Region
    """Within the region."""

    @property
    def size(self) -> int:
        """How many entries there are."""
        return prod(part.stop - part.start for part in self.inside)


@dataclass(frozen=True)
class BlockLayout:
    """The regular grid of blocks of an array.

    Attributes:
        block: lengths of a block along each axis.
        chunk: lengths of the pieces that can be read alone; `block` where only the whole can.
        dtype: of numbers, or `TEXT`.
    """

    block: tuple[int, ...]
    chunk: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> BlockLayout:
        """The layout that the document of an array tells."""
        block = tuple(document["chunk_grid"]["configuration"]["chunk_shape"])
        codec = document["codecs"][0]
        chunk = tuple(codec["configuration"]["chunk_shape"]) if codec["name"] == "sharding_indexed" else block
        return cls(block, chunk, document["data_type"])

    @property
    def nbytes(self) -> int:
        """Bytes of the numbers of a block; of texts about."""
        return prod(self.block) * itemsize(self.dtype)

    @property
    def nothing(self) -> float | int | str:
        """What stands where nothing was written."""
        if self.dtype == TEXT:
            return ""
        return np.nan if np.dtype(self.dtype).kind == "f" else 0

    def laid_out(self, memory: np.ndarray) -> np.ndarray:
        """Bytes [`nbytes`] as the numbers of a block."""
        return memory.view(np.dtype(self.dtype).newbyteorder("<")).reshape(self.block)

    def encode(self, block: np.ndarray) -> list[bytes | memoryview]:
        """A block [as long as `block`], as it stands on disk."""
        if self.dtype == TEXT:
            return [VLenUTF8().encode(block.reshape(-1))]
        numbers = np.ascontiguousarray(block)
        return [numbers.reshape(-1).view(np.uint8).data, self._shard_index]

    def decode(self, stored: bytes) -> np.ndarray:
        """A block as it stood on disk."""
        if self.dtype == TEXT:
            return VLenUTF8().decode(stored).reshape(self.block)
        dtype = np.dtype(self.dtype).newbyteorder("<")
        return np.frombuffer(stored, dtype, count=prod(self.block)).reshape(self.block)

    def key(self, index: Index) -> str:
        """Key of a block below its array."""
        return "/".join(["c", *map(str, index)])

    def aligned(self, region: Region, shape: Sequence[int]) -> bool:
        """Whether a region begins and ends where blocks do, or the array of this shape does."""
        return all(
            part.start % block == 0 and (part.stop % block == 0 or part.stop == length)
            for part, block, length in zip(region, self.block, shape, strict=True)
        )

    def parts(self, region: Region) -> Iterator[Part]:
        """The blocks that a region lies in, and what of it is where."""
        ranges = [range(r.start // b, -(-r.stop // b)) for r, b in zip(region, self.block, strict=True)]
        for index in product(*ranges):
            inside, source = [], []
            for number, block, whole in zip(index, self.block, region, strict=True):
                origin = number * block
                first, last = max(whole.start, origin), min(whole.stop, origin + block)
                inside.append(slice(first - origin, last - origin))
                source.append(slice(first - whole.start, last - whole.start))
            yield Part(index, tuple(inside), tuple(source))

    @cached_property
    def _shard_index(self) -> bytes:
        if self.chunk == self.block:
            return b""
        chunks = prod(self.block) // prod(self.chunk)
        length = self.nbytes // chunks
        entries = np.array([(number * length, length) for number in range(chunks)], dtype="<u8").tobytes()
        return entries + _crc32c(entries).to_bytes(4, "little")


def itemsize(dtype: str) -> int:
    """Bytes of one entry; of a text about."""
    return 64 if dtype == TEXT else np.dtype(dtype).itemsize


def index_bytes(block: Sequence[int], chunk: Sequence[int]) -> int:
    """Bytes of a block beside its numbers."""
    return 0 if tuple(block) == tuple(chunk) else 16 * (prod(block) // prod(chunk)) + 4


def _crc32c(data: bytes) -> int:
    """Castagnoli's cyclic redundancy check (RFC 3720, appendix B.4)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 & -(value & 1))
    return value ^ 0xFFFFFFFF
