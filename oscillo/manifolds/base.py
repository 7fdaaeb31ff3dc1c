"""What a manifold is: where one oscillator lives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from oscillo.spec import ComponentSpec


class ManifoldSpec(ComponentSpec):
    """Where one oscillator lives."""

    role: ClassVar[str] = "manifold"

    @property
    def components(self) -> int:
        """Numbers that hold one oscillator's state."""
        raise NotImplementedError

    @property
    def seen(self) -> int:
        """Components of the vector that others see."""
        return self.components

    @property
    def bounded(self) -> bool:
        """Whether all points have vectors of one length, so that nothing needs to hold an amplitude."""
        return False

    def build(self) -> Manifold:
        """The manifold's operations."""
        raise NotImplementedError


class Manifold(ABC):
    """Operations on states x [sample, *sites, component, oscillator]; all act on each oscillator alone.

    `seen` is what others see of x, a vector [sample, *sites, component seen, oscillator]. Tangent vectors have the
    components of x. On a manifold that is flat, a tangent vector is a difference of states, and the methods given here
    hold as they stand.
    """

    winds = False
    """Whether states are angles, of which only the remainder is kept, with the whole turns counted beside it."""

    def embed(self, x: Tensor) -> Tensor:
        """The vector that others see."""
        return x

    def push(self, seen: Tensor, v: Tensor) -> Tensor:
        """How the vector that others see changes when the state changes with velocity v."""
        return v

    def project(self, seen: Tensor, f: Tensor) -> Tensor:
        """The part of a force f [..., component seen, oscillator] that is tangent to the manifold."""
        return f

    def turn(self, x: Tensor, omega: Tensor) -> Tensor:
        """Velocity of oscillators that turn with angular frequencies omega [..., plane, oscillator].

        The components (0, 1), (2, 3), ... are the planes, and a positive omega turns counter-clockwise: dx_0 = -omega
        x_1, dx_1 = omega x_0.
        """
        even, odd = x[..., 0::2, :], x[..., 1::2, :]
        return torch.stack((-omega * odd, omega * even), dim=-2).flatten(-3, -2)

    def bend(self, x: Tensor, v: Tensor) -> Tensor | None:
        """Acceleration that keeps a free oscillator with velocity v on the manifold; None where it is flat."""
        return None

    def transport(self, x: Tensor, v: Tensor) -> Tensor:
        """The tangent vector at x that a nearby vector v stands for."""
        return v

    def retract(self, x: Tensor) -> Tensor:
        """The point of the manifold that a nearby x stands for."""
        return x

    def unwound(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What `retract` makes of angles, and the whole turns that it takes off; only where states wind."""
        raise NotImplementedError

    def exponential(self, x: Tensor, v: Tensor) -> Tensor:
        """Where the geodesic that leaves x with velocity v has arrived after one unit of time, not yet retracted."""
        return x + v

    def carry(self, x: Tensor, v: Tensor, dt: Tensor | float) -> Tensor:
        """The velocity with which an oscillator that nothing pushes arrives, a time dt after it left x with v."""
        return v

    def distance(self, x: Tensor, other: Tensor) -> Tensor:
        """Length of the shortest geodesic between two points, [sample, *sites, 1, oscillator]."""
        return torch.linalg.vector_norm(x - other, dim=-2, keepdim=True)

    @abstractmethod
    def spread(self, normals: Tensor) -> Tensor:
        """Turn independent standard normal numbers into points spread uniformly over the manifold.

        Where the manifold has no end, over its unit ball.
        """

    def drift(self, x: Tensor) -> Tensor:
        """Distance of x from the manifold, [sample, *sites, 1, oscillator]."""
        return torch.zeros_like(x[..., :1, :])


def ball(normals: Tensor) -> Tensor:
    """Standard normal vectors [..., component, oscillator] as points spread uniformly over the unit ball.

    The direction of a normal vector is uniform, and its squared length has a chi-squared distribution, whose
    distribution function makes the radius.
    """
    half = normals.shape[-2] / 2
    square = normals.square().sum(dim=-2, keepdim=True)
    share = torch.special.gammainc(torch.full_like(square, half), square / 2)
    smallest = torch.finfo(normals.dtype).tiny
    return normals * share.pow(0.5 / half) * square.clamp_min(smallest).rsqrt()
