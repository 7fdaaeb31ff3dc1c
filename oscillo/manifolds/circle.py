"""The circle: an oscillator is a phase, as in Kuramoto's model."""

from __future__ import annotations

from math import pi, sqrt
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad

from oscillo.manifolds.base import Manifold, ManifoldSpec
from oscillo.spec import register

_TURN = 6.28125
"""2 pi to 8 bits, so that its multiples by whole turns are exact in float32."""

_REST = 2 * pi - _TURN


@register
class CircleSpec(ManifoldSpec):
    """Phases, in radians. The angle is kept in [-pi, pi] and whole turns are counted beside it."""

    kind: Literal["circle"] = "circle"

    @property
    def components(self) -> int:
        """The angle."""
        return 1

    @property
    def seen(self) -> int:
        """Cosine and sine."""
        return 2

    @property
    def bounded(self) -> bool:
        """Others see unit vectors."""
        return True

    def build(self) -> Circle:
        """The circle's operations."""
        return Circle()


class Circle(Manifold):
    """The circle by its angle theta; others see (cos theta, sin theta)."""

    winds = True

    def embed(self, x: Tensor) -> Tensor:
        """(cos theta, sin theta), in memory as x is: oscillator by oscillator, or sample by sample."""
        if x.stride(-1) == 1:
            return _cosine_and_sine(x)
        return _cosine_and_sine(x.transpose(0, -1)).transpose(0, -1)

    def push(self, seen: Tensor, v: Tensor) -> Tensor:
        """v (-sin theta, cos theta)."""
        return torch.cat((-seen[..., 1:, :] * v, seen[..., :1, :] * v), dim=-2)

    def project(self, seen: Tensor, f: Tensor) -> Tensor:
        """-sin theta f_0 + cos theta f_1: the angular velocity that the force makes."""
        return seen[..., :1, :] * f[..., 1:, :] - seen[..., 1:, :] * f[..., :1, :]

    def turn(self, x: Tensor, omega: Tensor) -> Tensor:
        """The angular frequency itself."""
        return omega

    def retract(self, x: Tensor) -> Tensor:
        """The angle without whole turns, in [-pi, pi].

        2 pi is taken off in two parts, because its rounding in float32 would add up over many turns.
        """
        return self.unwound(x)[0]

    def unwound(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The angle without whole turns, and the turns, counted from the one around zero."""
        turns = torch.round(x * (0.5 / pi))
        return x - turns * _TURN - turns * _REST, turns

    def distance(self, x: Tensor, other: Tensor) -> Tensor:
        """The shorter arc."""
        return self.retract(x - other).abs()

    def spread(self, normals: Tensor) -> Tensor:
        """The normal distribution function makes uniform numbers."""
        return pi * torch.erf(normals / sqrt(2))


def _cosine_and_sine(x: Tensor) -> Tensor:
    """Both, one behind the other along the axis of components; where nothing is derived, without copying them there."""
    derived = torch.is_grad_enabled() or torch.compiler.is_compiling() or forward_ad._current_level >= 0
    if derived or x.device.type == "meta":
        return torch.cat((x.cos(), x.sin()), dim=-2)
    both = x.new_empty((*x.shape[:-2], 2 * x.shape[-2], x.shape[-1]))
    torch.cos(x, out=both.narrow(-2, 0, x.shape[-2]))
    torch.sin(x, out=both.narrow(-2, x.shape[-2], x.shape[-2]))
    return both
