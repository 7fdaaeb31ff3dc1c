"""Local order parameters: how much the neighbours of each oscillator point in one direction."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from oscillo.measures.links import Links


def local_order_on_graph(z: Tensor, links: Links) -> Tensor:
    r"""|\sum_j w_ij z_j / \sum_j w_ij| over the neighbours j of i, [..., oscillator].

    As the local order of Restrepo, Ott & Hunt (2005), Phys. Rev. E 71, 036151, but at one time and divided by the
    degree. The oscillator itself counts only where it has a link to itself.

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
        links: the graph.

    Returns:
        NaN for an oscillator without neighbours, of which nothing can be said.
    """
    degree = links.gather(torch.ones_like(z[(0,) * (z.dim() - 1)]))
    return torch.linalg.vector_norm(links.gather(z) / degree, dim=-2)


def local_order_on_ring(z: Tensor, radius: int) -> Tensor:
    r"""|\sum_j z_j| / (2 r + 1) over the oscillators j = i - r .. i + r of a ring, [..., oscillator].

    Tells the coherent part of a chimera state, where it is close to 1, from the incoherent one: Omelchenko,
    Maistrenko, Hövel & Schöll (2011), Phys. Rev. Lett. 106, 234102, and Wolfrum et al. (2011), Chaos 21, 013112.

    Args:
        z: what others see of the oscillators, [..., component, oscillator].
        radius: r, in oscillators.

    Raises:
        ValueError: when the window is longer than the ring.
    """
    return torch.linalg.vector_norm(_window_mean(z, -1, radius, circular=True), dim=-2)


def local_order_on_grid(z: Tensor, radius: int, boundary: Literal["zero", "circular"] = "zero") -> Tensor:
    """Length of the mean vector over a square window of sites, [..., y, x, oscillator].

    Each of the oscillators at a site is compared with those of its own number at the sites around.

    Args:
        z: what others see of the oscillators, [..., y, x, component, oscillator].
        radius: r; the window has 2 r + 1 sites along either axis.
        boundary: what lies beyond the edge of the grid. With `zero` there is nothing, and the mean is over the sites
            of the window that exist.

    Raises:
        ValueError: when a circular window is longer than the grid.
    """
    circular = boundary == "circular"
    along_x = _window_mean(z, -3, radius, circular=circular)
    return torch.linalg.vector_norm(_window_mean(along_x, -4, radius, circular=circular), dim=-2)


def _window_mean(z: Tensor, axis: int, radius: int, *, circular: bool) -> Tensor:
    """Mean over a window along one axis, of those entries that exist."""
    length, window = z.shape[axis], 2 * radius + 1
    if circular and window > length:
        raise ValueError(f"a window of {window} wraps around {length} places more than once")
    lines = z.movedim(axis, -1)
    flat = lines.reshape(-1, 1, length)
    if circular:
        flat = F.pad(flat, (radius, radius), mode="circular")
    mean = F.avg_pool1d(flat, window, stride=1, padding=0 if circular else radius, count_include_pad=False)
    return mean.reshape(lines.shape).movedim(-1, axis)
