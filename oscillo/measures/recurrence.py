r"""Distances between states of a whole population, and what their recurrences tell.

The distance of two states is the root mean square, over oscillators, of the distance between what others see of them:

    d(z, w)^2 = (1/n) \sum_i |z_i - w_i|^2

For phases that is the chord |exp(i theta) - exp(i phi)|, which agrees with the angle where it is small and knows no
cut at +-pi. It lies between 0 and 2 for unit vectors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.measures.phase import SMALLEST_NORM, as_complex


def aligned(z: Tensor, reference: Tensor) -> Tensor:
    """z after the common rotation of all oscillators that brings it closest to the reference, [..., 2, oscillator].

    With the overlap c = sum_i conj(z_i) w_i that is z_i c / |c| (the orthogonal Procrustes problem in the plane). Where
    the overlap vanishes every rotation is as good, and z is left as it is.

    Args:
        z: planar vectors, [..., 2, oscillator].
        reference: those to come close to, of the same shape.
    """
    vectors = as_complex(z)
    overlap = (vectors.conj() * as_complex(reference)).sum(dim=-1, keepdim=True)
    length = overlap.abs()
    turn = torch.where(length > SMALLEST_NORM, overlap / length.clamp_min(SMALLEST_NORM), torch.ones_like(overlap))
    turned = vectors * turn
    return torch.stack((turned.real, turned.imag), dim=-2)


def state_distance(z: Tensor, other: Tensor, *, modulo_rotation: bool = False) -> Tensor:
    """d(z, other), [...].

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
        other: the states to compare with; broadcasts against z.
        modulo_rotation: take the least distance over common rotations of all oscillators; needs planar vectors.
    """
    if modulo_rotation:
        z = aligned(*torch.broadcast_tensors(z, other))
    return (z - other).square().sum(dim=-2).mean(dim=-1).sqrt()


def squared_distances(z: Tensor, *, modulo_rotation: bool = False) -> Tensor:
    r"""d(z(t), z(s))^2 for all pairs of times, float64 [..., time, time].

    From one product of matrices: |z|^2 + |w|^2 - 2 <z, w>; modulo a common rotation the inner product is replaced by
    |\sum_i conj(z_i) w_i|. So distances below about 1e-8 of the size of the states are rounding.

    Args:
        z: states along time, [..., time, component, oscillator].
        modulo_rotation: take the least distance over common rotations of all oscillators; needs planar vectors.
    """
    n = z.shape[-1]
    z = z.double()
    if modulo_rotation:
        vectors = as_complex(z)
        products = (vectors @ vectors.mH).abs()
    else:
        # Differences do not see a common part, and without it fewer digits cancel.
        flat = (z - z.mean(dim=-3, keepdim=True)).flatten(-2)
        products = flat @ flat.mT
    squares = products.diagonal(dim1=-2, dim2=-1)
    found = (squares.unsqueeze(-1) + squares.unsqueeze(-2) - 2 * products).clamp_min(0) / n
    found.diagonal(dim1=-2, dim2=-1).zero_()
    return (found + found.mT) / 2


def recurrence_rate(recurrent: Tensor) -> Tensor:
    """Share of pairs of two different times at which the states are alike, float64 [...].

    Marwan, Romano, Thiel & Kurths (2007), Phys. Rep. 438, 237, section 3.5, without the line t = s.

    Args:
        recurrent: whether states are alike, bool [..., time, time].
    """
    pairs = _off_diagonal(recurrent)
    times = recurrent.shape[-1]
    return pairs.sum(dim=(-2, -1)).double() / (times * (times - 1))


def determinism(recurrent: Tensor, shortest: int) -> Tensor:
    """Share of the recurrences that lie on diagonal lines, where two stretches of the trajectory run beside each other.

    Marwan et al. (2007), eq. 47, without the line t = s. Near 1 for periodic and quasi-periodic motion, lower for
    chaos, and about the recurrence rate for noise with `shortest` = 2.

    Args:
        recurrent: whether states are alike, bool [..., time, time].
        shortest: length in samples from which on a line counts, at least 2.

    Returns:
        Float64 [...]; NaN where nothing recurs.
    """
    pairs = _off_diagonal(recurrent)
    length = pairs.shape[-1] - shortest + 1
    # Where lines of the shortest length begin, and then every point of theirs.
    starts = pairs[..., :length, :length].clone()
    for k in range(1, shortest):
        starts &= pairs[..., k : k + length, k : k + length]
    lines = torch.zeros_like(pairs)
    for k in range(shortest):
        lines[..., k : k + length, k : k + length] |= starts
    return lines.sum(dim=(-2, -1)).double() / pairs.sum(dim=(-2, -1))


def _off_diagonal(recurrent: Tensor) -> Tensor:
    return recurrent & ~torch.eye(recurrent.shape[-1], dtype=torch.bool, device=recurrent.device)
