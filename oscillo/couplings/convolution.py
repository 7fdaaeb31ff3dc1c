"""Convolution: every oscillator feels its neighbours on a grid through one kernel."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from pydantic import Field, FiniteFloat, field_validator, model_validator
from torch import Tensor, nn

from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.linear import matrix_problems
from oscillo.layout import StateShape, join
from oscillo.spec import Spec, register


class Gaussian(Spec):
    """One bell of a kernel; its values in the kernel's window add up to its weight."""

    width: float = Field(gt=0, allow_inf_nan=False, description="Standard deviation, in sites.")
    weight: float = Field(default=1.0, allow_inf_nan=False, description="What its values add up to; negative to repel.")


@register
class ConvolutionCouplingSpec(CouplingSpec):
    """A local kernel on a two-dimensional grid, dense over components and oscillators."""

    kind: Literal["convolution"] = "convolution"
    kernel_size: int = Field(default=3, ge=1, description="Width of the square kernel in sites; odd.")
    boundary: Literal["zero", "circular"] = Field(default="zero", description="What lies beyond the edge of the grid.")
    bias: bool | None = Field(
        default=None, description="Whether a constant is added to the field; left out, with free weights it is."
    )
    profile: list[Gaussian] | None = Field(
        default=None,
        min_length=1,
        description="The kernel as a sum of Gaussians of the distance in sites, in place of free weights; it joins "
        "oscillators of one number, by the component matrix `matrix`.",
    )
    matrix: list[list[FiniteFloat]] | None = Field(
        default=None,
        description="Component matrix M of a kernel with `profile`, row by row; left out, the identity.",
    )
    learn: bool = Field(default=True, description="Whether the kernel is trained.")
    symmetric: bool = Field(default=False, description="Whether J_ij = J_ji^T is enforced, so that there is an energy.")

    @field_validator("kernel_size")
    @classmethod
    def _odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError(f"a kernel has an odd size, so that it has a centre; {size} is even")
        return size

    @model_validator(mode="after")
    def _what_a_profile_takes(self) -> ConvolutionCouplingSpec:
        if self.profile is None and self.matrix is not None:
            raise ValueError("`matrix` belongs to a kernel with `profile`; free weights are a matrix for each offset")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """A convolution needs a grid, and a circular one needs room for the kernel."""
        if len(shape.sites) != 2:
            return [f"a convolution needs a grid of two axes (y, x), and the sites are {list(shape.sites)}"]
        if self.matrix is not None and (found := matrix_problems(self.matrix, shape.components)):
            return found
        if self.boundary == "circular" and min(shape.sites) < self.kernel_size // 2:
            return [f"a circular kernel of size {self.kernel_size} wraps around a grid of {list(shape.sites)} twice"]
        return []

    def build(self, shape: StateShape) -> Coupling:
        """A convolution with the declared kernel, or with PyTorch's default initial weights."""
        return Convolution(shape, self) if self.profile is None else ProfileConvolution(shape, self)


class Convolution(Coupling):
    r"""y_i = \sum_d J_d x_{i+d} + b over the offsets d of the kernel; J_d is a full matrix over channels.

    With `symmetric` the kernel used is (K_d + K_{-d}^T) / 2, hence J_ij = J_ji^T (with either boundary).
    """

    def __init__(self, shape: StateShape, spec: ConvolutionCouplingSpec) -> None:
        super().__init__()
        self.shape, self.boundary, self.symmetric = shape, spec.boundary, spec.symmetric
        kernel = nn.Conv2d(shape.channels, shape.channels, spec.kernel_size, bias=spec.bias is not False)
        kernel.requires_grad_(spec.learn)
        self.weight, self.bias = kernel.weight, kernel.bias

    def kernel(self) -> Tensor:
        """The kernel that acts, [channel, channel of the neighbour, y, x]."""
        if not self.symmetric:
            return self.weight
        return (self.weight + self.weight.transpose(0, 1).flip(-2, -1)) / 2

    def constant(self) -> Tensor | None:
        """The bias as [component, oscillator]."""
        return None if self.bias is None else self.shape.split(self.bias)

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field on the grid, [sample, y, x, component, oscillator]."""
        grid = join(neighbours).permute(0, 3, 1, 2)  # channels-last in memory, as it stands
        field = _convolved(grid, self.kernel(), self.bias, self.boundary)
        return self.shape.split(field.permute(0, 2, 3, 1).to(memory_format=torch.contiguous_format))


class ProfileConvolution(Coupling):
    r"""y_i = M \sum_d w_d x_{i+d} + b: one window w for all oscillators, and a component matrix M.

    Training moves the window and the matrix. With `symmetric` the even part of w and the symmetric part of M act.
    """

    def __init__(self, shape: StateShape, spec: ConvolutionCouplingSpec) -> None:
        super().__init__()
        self.shape, self.boundary = shape, spec.boundary
        window = torch.zeros(spec.kernel_size, spec.kernel_size, dtype=torch.float64)
        reach = torch.arange(spec.kernel_size, dtype=torch.float64) - spec.kernel_size // 2
        square = reach[:, None].square() + reach.square()
        for gaussian in spec.profile or ():
            bell = torch.exp(-square / (2 * gaussian.width**2))
            window = window + gaussian.weight * bell / bell.sum()
        m = torch.eye(shape.components) if spec.matrix is None else torch.tensor(spec.matrix)
        self.halved, self.learns = spec.symmetric, spec.learn
        self.window = nn.Parameter(window.to(torch.get_default_dtype()), requires_grad=spec.learn)
        self.matrix = nn.Parameter(m.to(torch.get_default_dtype()), requires_grad=spec.learn)
        zeros = torch.zeros(shape.components, shape.oscillators) if spec.bias else None
        self.bias = None if zeros is None else nn.Parameter(zeros, requires_grad=spec.learn)

    @property
    def symmetric(self) -> bool:
        """Whether J_ij = J_ji^T, with the numbers as they are now, and stays so where they are trained."""
        w, m = self.window, self.matrix
        return self.halved or (not self.learns and torch.equal(m, m.mT) and torch.equal(w, w.flip(0, 1)))

    def constant(self) -> Tensor | None:
        """The bias, [component, oscillator]."""
        return self.bias

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field on the grid, [sample, y, x, component, oscillator]."""
        window, m = self.window, self.matrix
        if self.halved:
            window, m = (window + window.flip(0, 1)) / 2, (m + m.t()) / 2
        grid = join(neighbours).permute(0, 3, 1, 2).contiguous()
        kernel = window.expand(self.shape.channels, 1, *window.shape)
        field = _convolved(grid, kernel, None, self.boundary).unflatten(1, (self.shape.components, -1))
        y = torch.einsum("ij,bjnyx->byxin", m, field)
        return y if self.bias is None else y + self.bias


def _convolved(grid: Tensor, kernel: Tensor, bias: Tensor | None, boundary: str) -> Tensor:
    """Convolution of [sample, channel, y, x], of as many groups as the kernel [channel, channel / groups, y, x] has."""
    groups, padding = grid.shape[1] // kernel.shape[1], kernel.shape[-1] // 2
    if boundary == "circular":
        grid, padding = F.pad(grid, (padding,) * 4, mode="circular"), 0
    return F.conv2d(grid, kernel, bias, padding=padding, groups=groups)
