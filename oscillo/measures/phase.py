"""Phases of planar vectors, and their differences."""

from __future__ import annotations

import torch
from torch import Tensor

SMALLEST_NORM = 1e-12
"""Vectors shorter than this are divided by it, so that a zero vector, which has no phase, stays zero."""


def unit(z: Tensor) -> Tensor:
    """z / |z|, [..., component, oscillator]: directions without amplitudes."""
    square = z.square().sum(dim=-2, keepdim=True)
    return z * square.clamp_min(SMALLEST_NORM**2).rsqrt()


def planar(z: Tensor) -> Tensor:
    """The same vectors, [..., 2, oscillator].

    Raises:
        ValueError: when they are not planar, and have no phase.
    """
    if z.shape[-2] != 2:
        raise ValueError(f"a phase is measured on vectors of two components, and these have {z.shape[-2]}")
    return z


def as_complex(z: Tensor) -> Tensor:
    """Planar vectors [..., 2, oscillator] as complex numbers z_0 + i z_1, [..., oscillator].

    Raises:
        ValueError: when the vectors are not planar.
    """
    return torch.complex(*planar(z).unbind(dim=-2))


def phase(z: Tensor) -> Tensor:
    """Angle theta of planar vectors [..., 2, oscillator], [..., oscillator].

    In radians in [-pi, pi], counter-clockwise; the angle of a zero vector is 0.
    """
    return as_complex(z).angle()


def phase_difference(z: Tensor, reference: Tensor) -> Tensor:
    """theta of z minus theta of the reference, in radians in [-pi, pi], [..., oscillator].

    Both are planar vectors [..., 2, oscillator] that broadcast. The angle is that of the quotient, so no whole turns
    have to be taken off, and a small difference keeps its digits. To and from a zero vector it is 0.
    """
    # Zeros of the product may be negative, and -0 has the angle pi; 0 is added to make them positive.
    return (as_complex(z) * as_complex(reference).conj() + 0).angle()
