r"""The rotation that brings one set of vectors nearest to another."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

_TRIES, _ITERATIONS = 12, 60


def best_rotation(correlation: Tensor, generators: Tensor | None = None) -> Tensor:
    r"""R that makes \sum_i |R x_i - z_i|^2 smallest, [sample, n, n], with determinant 1.

    Over all rotations it is that of Kabsch (1976), Acta Cryst. A 32, 922, from the singular values of the correlation.
    Over a group of fewer rotations it is climbed to, from several of them.

    Args:
        correlation: \sum_i z_i x_i^T, [sample, n, n].
        generators: antisymmetric matrices of the group, [generator, n, n]; None for all rotations.
    """
    n = correlation.shape[-1]
    if generators is not None:
        return _climbed(correlation, generators)
    if n == 2:  # by the angle, which keeps its digits and costs nothing
        c = correlation[:, 0, 0] + correlation[:, 1, 1]
        s = correlation[:, 1, 0] - correlation[:, 0, 1]
        length = torch.hypot(c, s)
        known = length > 0
        c = torch.where(known, c / length, torch.ones_like(c))
        s = torch.where(known, s / length, torch.zeros_like(s))
        return torch.stack((torch.stack((c, -s), dim=-1), torch.stack((s, c), dim=-1)), dim=-2)
    u, _, vh = torch.linalg.svd(correlation)
    flip = torch.ones_like(u[..., 0, :])
    flip[..., -1] = torch.linalg.det(u @ vh).sign()
    return (u * flip.unsqueeze(-2)) @ vh


def _climbed(correlation: Tensor, generators: Tensor) -> Tensor:
    """The best rotation of a group that trace(R^T correlation) leads to by Newton's method, from random starts."""
    samples, n, g = len(correlation), correlation.shape[-1], len(generators)
    source = torch.Generator().manual_seed(0)
    angles = pi * (2 * torch.rand((_TRIES, g), generator=source, dtype=torch.float64) - 1)
    angles[0] = 0
    first = torch.linalg.matrix_exp(torch.einsum("tg,gij->tij", angles.to(correlation), generators))
    rotation = first.repeat(samples, 1, 1)
    wanted = correlation.repeat_interleave(_TRIES, dim=0)
    scale = wanted.flatten(1).norm(dim=1).clamp_min(torch.finfo(wanted.dtype).tiny)
    products = torch.einsum("gij,hjk->ghik", generators, generators)
    products = (products + products.transpose(0, 1)) / 2
    for _ in range(_ITERATIONS):
        here = wanted @ rotation.mT / scale[:, None, None]
        slope = torch.einsum("gij,sij->sg", generators, here)
        if slope.abs().max() < 1e2 * torch.finfo(slope.dtype).eps:
            break
        bend, axes = torch.linalg.eigh(torch.einsum("ghij,sij->sgh", products, here))
        # Uphill along every axis, also where it bends upward; no further than about a radian.
        along = torch.einsum("sgh,sg->sh", axes, slope) / bend.abs().clamp_min(1e-6)
        along = along / along.norm(dim=1, keepdim=True).clamp_min(1.0)
        turn = torch.einsum("sgh,sh->sg", axes, along)
        rotation = torch.linalg.matrix_exp(torch.einsum("sg,gij->sij", turn, generators)) @ rotation
    reached = (rotation * wanted).sum(dim=(1, 2)).reshape(samples, _TRIES)
    best = reached.argmax(dim=1)
    return rotation.reshape(samples, _TRIES, n, n)[torch.arange(samples, device=best.device), best]
