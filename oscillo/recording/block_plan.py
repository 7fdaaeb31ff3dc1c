"""How large blocks and chunks are, chosen from the declared lengths before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, prod

SMALLEST_BLOCK = 4 * 2**20
"""Bytes. Below this the fixed cost of a write outweighs the copying."""

LARGEST_BLOCK = 16 * 2**20
"""Bytes. Above this, what waits in memory and what a reader without chunks fetches besides grow too large."""

GROWING_BLOCK = 8 * 2**20
"""Bytes that the block at the end of a growing array holds: it stays in memory, and a commit writes it again."""

SMALLEST_CHUNK = 128 * 2**10
"""Bytes. A chunk costs a reader 0.1 ms, so below this reading everything would take twice as long (measured)."""


def plan_block(
    shape: Sequence[int], itemsize: int, growing: int | None = None, pieces: Sequence[int] = ()
) -> tuple[int, ...]:
    """Lengths of a block of 4 to 16 MiB.

    Along an axis that grows a block is as long as 8 MiB allow, and whole along the others. Pieces that are handed
    over together make blocks of their own, are cut into some of equal length, or are joined, the last axis of
    pieces first: so blocks are filled one after the other and written once. Else axes are filled from the innermost
    outwards; the first that does not fit is cut into equal parts, and those outside it into single entries.

    Args:
        shape: length of each axis, at least 1.
        itemsize: bytes of one number.
        growing: the axis that grows.
        pieces: lengths along the first axes of what arrives together; it is whole along the others.

    Returns:
        A length for each axis. A block holds at most 16 MiB, and at least 4 MiB unless the whole array is smaller.
    """
    if growing is not None:
        entry = itemsize * prod(shape) // shape[growing]
        length = _equal_part(shape[growing], max(1, GROWING_BLOCK // entry))
        return _filled((*shape[:growing], length, *shape[growing + 1 :]), itemsize)
    if pieces:
        return _of_pieces(shape, itemsize, [min(piece, length) for piece, length in zip(pieces, shape, strict=False)])
    return _filled(shape, itemsize)


def plan_chunk(block: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Lengths of the pieces of a block that can be read alone: one sample, and one time, where they are large enough.

    Leading axes are cut into single entries, and the next into equal parts, as far as 128 KiB are left: what is cut off
    lies together, and a block is its chunks one after the other.
    """
    chunk = list(block)
    for axis, length in enumerate(block):
        entry = itemsize * prod(block[axis + 1 :])
        least = max(1, ceil(SMALLEST_CHUNK / entry))
        if least > length or least == length > 1:
            break
        chunk[axis] = next(part for part in range(least, length + 1) if length % part == 0)
        if chunk[axis] > 1:
            break
    return tuple(chunk)


def _filled(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """The innermost axes as far as they fit."""
    block: list[int] = []
    size, whole = itemsize, True
    for length in reversed(shape):
        part = _equal_part(length, max(1, LARGEST_BLOCK // size) if whole else 1)
        block.append(part)
        size *= part
        whole = whole and part == length
    return tuple(reversed(block))


def _of_pieces(shape: Sequence[int], itemsize: int, pieces: Sequence[int]) -> tuple[int, ...]:
    """Blocks that pieces fill: some of equal length to a piece, or some pieces to a block."""
    block = [*pieces, *shape[len(pieces) :]]
    if itemsize * prod(block) > LARGEST_BLOCK:
        for axis, piece in enumerate(pieces):
            rest = itemsize * prod(block) // block[axis]
            fitting = max(1, LARGEST_BLOCK // rest)
            divisor = max(part for part in range(1, min(piece, fitting) + 1) if piece % part == 0)
            enough = divisor * rest >= SMALLEST_BLOCK or fitting == 1
            block[axis] = divisor if enough else _equal_part(piece, fitting)
            if itemsize * prod(block) <= LARGEST_BLOCK:
                return tuple(block)
        return (*block[: len(pieces)], *_filled(shape[len(pieces) :], itemsize))
    for axis in reversed(range(len(pieces))):
        if itemsize * prod(block) >= SMALLEST_BLOCK:
            break
        count = ceil(shape[axis] / block[axis])
        joined = _equal_part(count, LARGEST_BLOCK // (itemsize * prod(block)))
        block[axis] = min(joined * block[axis], shape[axis])
    return tuple(block)


def _equal_part(length: int, most: int) -> int:
    """Length of the fewest equal parts that are at most so long."""
    return ceil(length / ceil(length / most))
