"""The pseudo-energy aligned with the steps as AKOrN's released code reports it."""

from __future__ import annotations

import torch
from torch import Tensor


def reference_energies(pseudo_energy: Tensor) -> Tensor:
    """Shift pseudo-energies one step late, with a zero in front.

    AKOrN's released code writes the pseudo-energy of the state before update t to entry t, leaves zero in entry 0,
    and never computes the one of the last state. Its published votes compare these numbers.

    Args:
        pseudo_energy: of the states at steps 0 .. T, [step, sample] or [step, ...].

    Returns:
        A tensor of the same shape: zero, then the pseudo-energies of steps 0 .. T - 1.

    Raises:
        ValueError: when there is no step axis or it is empty.
    """
    if pseudo_energy.ndim == 0 or len(pseudo_energy) == 0:
        raise ValueError(f"needs the pseudo-energies of steps 0 .. T, and got the shape {tuple(pseudo_energy.shape)}")
    return torch.cat((torch.zeros_like(pseudo_energy[:1]), pseudo_energy[:-1]))
