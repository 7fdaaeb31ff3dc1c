"""Phase locking: whose phase differences stay as they are."""

from __future__ import annotations

import torch
from torch import Tensor

from oscillo.measures.accumulator import Accumulator, Running, no_count
from oscillo.measures.order import mean_vector
from oscillo.measures.phase import as_complex, planar, unit


class PhaseLocking(Accumulator):
    r"""|(1/T) \sum_t exp(i(theta_i - theta_j))| of each pair: 1 for locked oscillators, towards 0 for drifting ones.

    Gómez-Gardeñes, Moreno & Arenas (2007), Phys. Rev. Lett. 98, 034101; in neuroscience the phase-locking value of
    Lachaux et al. (1999). Amplitudes do not count. An update costs one n x n product for the cosines and one for the
    sines, and 16 n^2 bytes are kept per population; where n is large take `MeanFieldLocking`.
    """

    def start(self, z: Tensor) -> Running:
        """Nothing seen yet of planar vectors [..., 2, oscillator]."""
        n = z.shape[-1]
        return {"count": no_count(z), "sums": z.new_zeros((*z.shape[:-2], 2, n, n), dtype=torch.float64)}

    def update(self, state: Running, z: Tensor) -> Running:
        """Take in planar vectors [..., 2, oscillator]."""
        c, s = planar(unit(z).double()).unbind(-2)
        # cos(a - b) = cos a cos b + sin a sin b, and sin(a - b) = cos a (-sin b) + sin a cos b.
        left = torch.stack((c, s, c, s), dim=-1).unflatten(-1, (2, 2)).movedim(-2, -3)
        right = torch.stack((c, s, -s, c), dim=-2).unflatten(-2, (2, 2))
        # Product and sum in one pass over the n x n numbers, which outweigh everything else.
        sums = torch.baddbmm(*(factor.reshape(-1, *factor.shape[-2:]) for factor in (state["sums"], left, right)))
        return {"count": state["count"] + 1, "sums": sums.view_as(state["sums"])}

    def result(self, state: Running) -> Running:
        """`pairs`, float64 [..., oscillator, oscillator], and their mean `mean`, [...], over pairs of two."""
        pairs = torch.linalg.vector_norm(state["sums"], dim=-3) / state["count"]
        n = pairs.shape[-1]
        others = pairs.sum(dim=(-2, -1)) - pairs.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
        return {"pairs": pairs, "mean": others / (n * (n - 1))}


def phase_locking(z: Tensor) -> Tensor:
    r"""|(1/T) \sum_t exp(i(theta_i - theta_j))| of each pair, float64 [..., oscillator, oscillator].

    The `pairs` of `PhaseLocking`, for a trajectory that is there as a whole: one product of matrices.

    Args:
        z: planar vectors along time, [..., time, 2, oscillator]; amplitudes do not count.
    """
    vectors = as_complex(unit(z.double()))
    return (vectors.mH @ vectors).abs() / z.shape[-3]


class MeanFieldLocking(Accumulator):
    r"""|(1/T) \sum_t exp(i(theta_i - psi))| of each oscillator, with the phase psi of the mean vector, at cost O(n)."""

    def start(self, z: Tensor) -> Running:
        """Nothing seen yet of planar vectors [..., 2, oscillator]."""
        return {"count": no_count(z), "sums": torch.zeros_like(z, dtype=torch.float64)}

    def update(self, state: Running, z: Tensor) -> Running:
        """Take in planar vectors [..., 2, oscillator]; where their mean vanishes there is no psi, and 0 is added."""
        field = unit(mean_vector(z).unsqueeze(-1))
        turned = as_complex(unit(z)) * as_complex(field).conj()
        return {"count": state["count"] + 1, "sums": state["sums"] + torch.stack((turned.real, turned.imag), dim=-2)}

    def result(self, state: Running) -> Running:
        """`oscillators`, float64 [..., oscillator], and their mean `mean`, [...]."""
        locking = torch.linalg.vector_norm(state["sums"], dim=-2) / state["count"]
        return {"oscillators": locking, "mean": locking.mean(dim=-1)}
