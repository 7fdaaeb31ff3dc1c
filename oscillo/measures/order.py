"""Order parameters: how much a population points in one direction."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.measures.phase import as_complex, unit


def mean_vector(z: Tensor) -> Tensor:
    r"""(1/n) \sum_j z_j, [..., component]; for phases (R cos psi, R sin psi), the mean field of Kuramoto (1984).

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
    """
    return z.mean(dim=-1)


def order_parameter(z: Tensor) -> Tensor:
    r"""R = |(1/n) \sum_j z_j|, [...]: 1 for unit vectors of one direction, about 1 / sqrt(n) for random ones.

    Kuramoto (1984), section 5.4. Vectors count as they are, amplitudes included: take `order_parameter(unit(z))` for
    the coherence of the directions alone. Vectors may have any number of components, as those of AKOrN have.

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
    """
    return torch.linalg.vector_norm(mean_vector(z), dim=-1)


def circular_variance(z: Tensor) -> Tensor:
    """1 - R of the directions, [...]: 0 when all phases are equal (Mardia & Jupp 2000, section 2.3).

    Amplitudes do not count.

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
    """
    return 1 - order_parameter(unit(z))


def daido(z: Tensor, m: int) -> Tensor:
    r"""|(1/n) \sum_j exp(i m theta_j)|, [...]: 1 for m (or fewer) equally spaced clusters of phases.

    Daido (1992), Prog. Theor. Phys. 88, 1213. The powers of exp(i theta) are products, as in the recursion of the
    Chebyshev polynomials (cos m theta = T_m(cos theta)), so no angle is computed. Amplitudes do not count.

    Args:
        z: planar vectors, [..., 2, oscillator].
        m: which moment, at least 1; m = 1 is the order parameter of the directions.

    Raises:
        ValueError: when m is below 1 or the vectors are not planar.
    """
    if m < 1:
        raise ValueError(f"moments are counted from m = 1, and m is {m}")
    first = power = as_complex(unit(z))
    for bit in f"{m:b}"[1:]:
        power = power * power * first if bit == "1" else power * power
    return power.mean(dim=-1).abs()


def merge_sites(z: Tensor, sites: int) -> Tensor:
    """The oscillators at all sites as one population, [..., component, site and oscillator].

    Args:
        z: vectors [..., *sites, component, oscillator].
        sites: how many axes the sites have, such as 2 for a grid.
    """
    return z.movedim(-2, -2 - sites).flatten(-1 - sites)
