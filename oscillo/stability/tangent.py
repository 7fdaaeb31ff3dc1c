"""Coordinates around a state: small displacements on the manifold as plain numbers, in orthonormal bases."""

from __future__ import annotations

from math import prod

import torch
from torch import Tensor

from oscillo.integrators.loop import Stepping
from oscillo.layout import State
from oscillo.manifolds import Manifold
from oscillo.manifolds.euclidean import Euclidean
from oscillo.manifolds.sphere import Sphere
from oscillo.oscillators import Oscillators
from oscillo.stability.system import MOVING


def oscillators_of(layer: Stepping) -> Oscillators | None:
    """The oscillators of a layer; None for what steps without any."""
    found = getattr(layer, "oscillators", None)
    return found if isinstance(found, Oscillators) else None


def manifold_of(layer: Stepping) -> Manifold:
    """Where the states of a layer live; what is not made of oscillators lives in flat space."""
    oscillators = oscillators_of(layer)
    return Euclidean() if oscillators is None else oscillators.manifold


class TangentSpace:
    r"""Orthonormal bases of the tangent spaces at the states of some samples.

    On the circle the coordinate of an oscillator is its angle; in the plane and in flat space they are its components;
    on a sphere in R^N they are N - 1 numbers, in the basis that the reflection which sends x to the first axis makes of
    the other axes (Householder 1958). With inertia the coordinates of v follow those of x; a displacement of x on a
    sphere tilts v with it, so that v stays tangent.

    Args:
        manifold: where one oscillator lives.
        state: where, tensors [sample, ...].
    """

    def __init__(self, manifold: Manifold, state: State) -> None:
        self.manifold, self.state = manifold, state
        self.names = [name for name in MOVING if name in state]
        x = state["x"]
        self._mirror: Tensor | None = None
        self._shape = x.shape[1:]
        if isinstance(manifold, Sphere):
            self._shape = (*x.shape[1:-2], x.shape[-2] - 1, x.shape[-1])
            first = x[..., :1, :]
            mirror = torch.cat((first + torch.where(first < 0, -1.0, 1.0).to(x.dtype), x[..., 1:, :]), dim=-2)
            self._mirror = mirror * (1 + first.abs()).rsqrt()

    @property
    def dimension(self) -> int:
        """Coordinates of one sample, d."""
        return len(self.names) * prod(self._shape)

    def directions(self, coordinates: Tensor) -> State:
        """Displacements of the state, by name, from coordinates [sample, d]."""
        parts = coordinates.chunk(len(self.names), dim=1)
        found = {
            name: self._outward(part.reshape(-1, *self._shape)) for name, part in zip(self.names, parts, strict=True)
        }
        if self._mirror is not None and "v" in found:
            tilt = (self.state["v"] * found["x"]).sum(dim=-2, keepdim=True)
            found["v"] = found["v"] - tilt * self.state["x"]
        return found

    def coordinates(self, rates: State) -> Tensor:
        """Coordinates [sample, d] of the tangent part of vectors at the state; what is not named counts as zero."""
        parts = []
        for name in self.names:
            vector = rates.get(name)
            parts.append(torch.zeros_like(self.state[name]) if vector is None else vector)
        return torch.cat([self._inward(part).flatten(1) for part in parts], dim=1)

    def carried_back(self, after: State, rates: State) -> Tensor:
        """Coordinates [sample, d] of tangent vectors at other points, carried here along the shortest geodesics.

        Args:
            after: those points; none may be opposite to where the state is.
            rates: vectors there, by name.
        """
        if self._mirror is None:
            return self.coordinates(rates)
        x, y = self.state["x"], after["x"]
        both = x + y
        reach = (x * both).sum(dim=-2, keepdim=True).clamp_min(torch.finfo(x.dtype).eps)
        here = {}
        for name, rate in rates.items():
            tangent = self.manifold.project(y, rate)
            here[name] = tangent - (x * tangent).sum(dim=-2, keepdim=True) / reach * both
        return self.coordinates(here)

    def moved(self, coordinates: Tensor) -> State:
        """The state displaced by coordinates [sample, d], back on the manifold."""
        steps = self.directions(coordinates)
        x = self.manifold.retract(self.state["x"] + steps["x"])
        after = {"x": x}
        if "v" in self.state:
            after["v"] = self.manifold.transport(x, self.state["v"] + steps["v"])
        return self.state | after

    def _outward(self, part: Tensor) -> Tensor:
        if self._mirror is None:
            return part
        return self._reflected(torch.cat((torch.zeros_like(part[..., :1, :]), part), dim=-2))

    def _inward(self, vector: Tensor) -> Tensor:
        return vector if self._mirror is None else self._reflected(vector)[..., 1:, :]

    def _reflected(self, vector: Tensor) -> Tensor:
        assert self._mirror is not None
        return vector - self._mirror * (self._mirror * vector).sum(dim=-2, keepdim=True)
