"""Correlation over time."""

from __future__ import annotations

import torch
from torch import Tensor


def correlation(z: Tensor) -> Tensor:
    r"""Pearson's correlation over time of each pair of oscillators, float64 [..., oscillator, oscillator].

        C_ij = <dz_i, dz_j> / sqrt(<dz_i, dz_i> <dz_j, dz_j>),    dz = z minus its mean over time

    with inner products over time and components. With one component it is the ordinary coefficient. For planar vectors
    it is the real part of the complex one, and a common rotation of the plane does not change it.

    Args:
        z: signals, [..., time, component, oscillator].

    Returns:
        Between -1 and 1; NaN for an oscillator that does not change.
    """
    z = z.double()
    mean = z.mean(dim=-3, keepdim=True)
    flat = (z - mean).flatten(-3, -2)
    variance = flat.square().sum(dim=-2)
    # What is left of a constant by rounding must not count as a change.
    rounding = torch.finfo(torch.float64).eps * z.shape[-3]
    constant = variance <= rounding**2 * z.square().sum(dim=(-3, -2))
    scaled = flat / torch.where(constant, torch.nan, variance.sqrt()).unsqueeze(-2)
    return (scaled.mT @ scaled).clamp(-1, 1)
