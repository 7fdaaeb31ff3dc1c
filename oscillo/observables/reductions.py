"""Reductions: what is left of the numbers of an observable before they are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from math import pi, prod
from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.observables.variable import Variable
from oscillo.spec import ComponentSpec, register
from oscillo.values import read_array

Axis = Literal["sites", "oscillators", "components"]
"""Axes that numbers may be reduced along: all of those of a grid together, oscillators, components."""

_USUAL: tuple[Axis, ...] = ("sites", "oscillators")


class ReductionSpec(ComponentSpec):
    """What is left of the numbers of an observable."""

    role: ClassVar[str] = "reduction"

    def problems(self, variable: Variable) -> list[str]:
        """Reasons why those numbers cannot be reduced; empty when they can."""
        return []

    def build(self, variable: Variable) -> Reduction:
        """The reduction of numbers of that variable."""
        raise NotImplementedError


class Reduction(ABC):
    """Reduces the numbers of a variable.

    Attributes:
        variable: what comes out.
        coordinates: numbers along dimensions that it makes, by their names.
    """

    variable: Variable
    coordinates: dict[str, Sequence[float]]

    @abstractmethod
    def __call__(self, values: Tensor) -> Tensor:
        """The reduced numbers of [sample, ...]."""


def places(variable: Variable, over: Sequence[Axis]) -> list[int]:
    """Which axes of a variable those are, counted behind `sample`."""
    names = {"oscillators": ("oscillator",), "components": ("component",)}
    return [
        place for place, dim in enumerate(variable.dims)
        if any(dim in names.get(axis, ()) or (axis == "sites" and _is_site(dim)) for axis in over)
    ]  # fmt: skip


def _reducible(variable: Variable, over: Sequence[Axis] | None) -> list[str]:
    """Problems of reducing along axes; without a choice it is enough that one of the usual ones is there."""
    if over is not None:
        return _lacking(variable, over)
    return [] if places(variable, _USUAL) else _lacking(variable, ["oscillators"])


def _is_site(dim: str) -> bool:
    return dim in ("y", "x") or dim.startswith("site")


def _lacking(variable: Variable, over: Sequence[Axis]) -> list[str]:
    there = ", ".join(variable.dims) or "one number of the whole layer"
    return [
        f"there are no {axis} in `{variable.name}` ({there})" for axis in over if not places(variable, [axis])
    ]  # fmt: skip


def _without(variable: Variable, axes: Sequence[int], **changed: str) -> Variable:
    kept = [place for place in range(len(variable.dims)) if place not in axes]
    return variable._replace(
        dims=tuple(variable.dims[place] for place in kept), shape=tuple(variable.shape[place] for place in kept),
        **changed,
    )  # fmt: skip


@register
class MeanSpec(ReductionSpec):
    """The mean over sites, oscillators or components."""

    kind: Literal["mean"] = "mean"
    over: list[Axis] | None = Field(
        default=None, min_length=1, description="Axes that are averaged; left out, sites and oscillators."
    )

    def problems(self, variable: Variable) -> list[str]:
        """Something has to be there to average."""
        return _reducible(variable, self.over)

    def build(self, variable: Variable) -> Mean:
        """The mean of that variable."""
        return Mean(variable, places(variable, self.over or _USUAL))


class Mean(Reduction):
    """Mean over some axes."""

    def __init__(self, variable: Variable, axes: Sequence[int]) -> None:
        names = ", ".join(variable.dims[axis] for axis in axes)
        self.axes = [axis + 1 for axis in axes]
        self.variable = _without(
            variable, axes, long_name=f"mean {variable.long_name}",
            description=f"{variable.description or variable.long_name}; mean over {names}",
        )  # fmt: skip
        self.coordinates = {}

    def __call__(self, values: Tensor) -> Tensor:
        """The mean."""
        return values.to(_floating(values)).mean(self.axes)


@register
class HistogramSpec(ReductionSpec):
    """The share of sites and oscillators in each of some equal bins."""

    kind: Literal["histogram"] = "histogram"
    bins: int = Field(default=32, ge=2, description="How many bins.")
    range: tuple[float, float] | None = Field(
        default=None, description="Lower end of the first bin and upper end of the last; of phases -pi and pi."
    )
    over: list[Axis] | None = Field(
        default=None, min_length=1, description="Axes that are counted; left out, sites and oscillators."
    )

    @model_validator(mode="after")
    def _rising(self) -> HistogramSpec:
        if self.range is not None and not self.range[0] < self.range[1]:
            raise ValueError(f"`range` goes from {self.range[0]:g} to {self.range[1]:g}, and has to rise")
        return self

    def problems(self, variable: Variable) -> list[str]:
        """Something has to be there to count, between known ends."""
        found = _reducible(variable, self.over)
        if self.range is None and variable.units != "rad":
            found.append(f"the bins of `{variable.name}` need their `range`, such as [0, 1]")
        return found

    def build(self, variable: Variable) -> Histogram:
        """The histogram of that variable."""
        return Histogram(variable, places(variable, self.over or _USUAL), self.bins, self.range or (-pi, pi))


class Histogram(Reduction):
    """Share of the numbers along some axes that fall into each bin; what lies outside is in none of them."""

    def __init__(self, variable: Variable, axes: Sequence[int], bins: int, ends: tuple[float, float]) -> None:
        self.axes, self.bins, (self.low, self.high) = list(axes), bins, ends
        width = (self.high - self.low) / bins
        rest = _without(variable, axes, long_name=f"share of oscillators by {variable.long_name}", units="1")
        self.variable = rest._replace(
            dims=(*rest.dims, "bin"), shape=(*rest.shape, bins),
            description=f"share in bins of {width:.4g} {variable.units} from {self.low:.4g}; `bin` is their middle",
        )  # fmt: skip
        self.coordinates = {"bin": [self.low + (number + 0.5) * width for number in range(bins)]}

    def __call__(self, values: Tensor) -> Tensor:
        """The shares."""
        counted = [axis + 1 for axis in self.axes]
        kept = [axis for axis in range(values.ndim) if axis not in counted]
        flat = values.permute(*kept, *counted).flatten(len(kept)).to(_floating(values))
        position = (flat - self.low) * (self.bins / (self.high - self.low))
        inside = (position >= 0) & (position <= self.bins)
        bins = torch.where(inside, position, 0).long().clamp_max(self.bins - 1)
        shares = flat.new_zeros((*flat.shape[:-1], self.bins))
        return shares.scatter_add_(-1, bins, inside.to(flat.dtype)) / max(1, flat.shape[-1])


@register
class ProjectionSpec(ReductionSpec):
    """What is left of vectors along some directions, such as principal components."""

    kind: Literal["projection"] = "projection"
    vectors: list[list[float]] | str = Field(
        description="Directions, one list each; or a file with an array [direction, number], such as `pca.npz:vectors`."
    )
    over: list[Axis] = Field(
        default=["components"], min_length=1,
        description="Axes whose numbers are one vector, in the order in which they are stored.",
    )  # fmt: skip

    def read(self) -> Tensor:
        """The directions, float64 [direction, number].

        Raises:
            ValueError: when the file cannot be used.
        """
        given = read_array(self.vectors) if isinstance(self.vectors, str) else self.vectors
        return torch.as_tensor(given, dtype=torch.float64)

    def problems(self, variable: Variable) -> list[str]:
        """Directions have to be as long as the vectors."""
        if lacking := _lacking(variable, self.over):
            return lacking
        try:
            vectors = self.read()
        except (ValueError, TypeError) as error:
            return [f"the directions cannot be used: {error}"]
        length = prod(variable.shape[place] for place in places(variable, self.over))
        if vectors.ndim != 2 or vectors.shape[1] != length or not len(vectors):
            return [f"the directions are {list(vectors.shape)}, and {length} numbers make a vector"]
        return []

    def build(self, variable: Variable) -> Projection:
        """The projection of that variable."""
        return Projection(variable, places(variable, self.over), self.read())


class Projection(Reduction):
    """Scalar products with given directions."""

    def __init__(self, variable: Variable, axes: Sequence[int], vectors: Tensor) -> None:
        self.axes, self.vectors = list(axes), vectors
        rest = _without(variable, axes, long_name=f"projected {variable.long_name}")
        self.variable = rest._replace(
            dims=(*rest.dims, "direction"), shape=(*rest.shape, len(vectors)),
            description="scalar products with the declared directions",
        )  # fmt: skip
        self.coordinates = {"direction": list(range(len(vectors)))}

    def __call__(self, values: Tensor) -> Tensor:
        """The scalar products."""
        joined = [axis + 1 for axis in self.axes]
        kept = [axis for axis in range(values.ndim) if axis not in joined]
        flat = values.permute(*kept, *joined).flatten(len(kept)).to(_floating(values))
        return flat @ self.vectors.to(flat).T


def _floating(values: Tensor) -> torch.dtype:
    """The type to compute in: at least float32."""
    wide = values.is_floating_point() and values.dtype not in (torch.float16, torch.bfloat16)
    return values.dtype if wide else torch.float32
