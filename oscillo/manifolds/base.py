"""What a manifold is: where one oscillator lives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor

from oscillo.spec import ComponentSpec


class ManifoldSpec(ComponentSpec):
    """Where one oscillator lives."""

    role: ClassVar[str] = "manifold"

    @property
    def components(self) -> int:
        """Numbers that hold one oscillator's state."""
        raise NotImplementedError

    def build(self) -> Manifold:
        """The manifold's operations."""
        raise NotImplementedError


class Manifold(ABC):
    """Operations on states [sample, *sites, component, oscillator]; all act on each oscillator alone."""

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """The vector that others see."""

    @abstractmethod
    def project(self, x: Tensor, f: Tensor) -> Tensor:
        """The part of the vector f that is tangent to the manifold at x."""

    @abstractmethod
    def retract(self, x: Tensor) -> Tensor:
        """The point of the manifold that a nearby x stands for."""

    @abstractmethod
    def exponential(self, x: Tensor, v: Tensor) -> Tensor:
        """Where the geodesic that leaves x with velocity v has arrived after one unit of time."""

    @abstractmethod
    def spread(self, normals: Tensor) -> Tensor:
        """Turn independent standard normal numbers into points spread uniformly over the manifold."""

    @abstractmethod
    def drift(self, x: Tensor) -> Tensor:
        """Distance of x from the manifold, [sample, *sites, 1, oscillator]."""
