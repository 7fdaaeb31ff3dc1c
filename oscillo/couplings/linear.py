"""Linear couplings: weights between oscillators, a component matrix, a strength, and delays. What many kinds share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field, FiniteFloat, model_validator
from torch import Tensor, nn

from oscillo.couplings.base import Coupling, CouplingSpec
from oscillo.couplings.delays import Delays, Past
from oscillo.layout import StateShape


class LinearCouplingSpec(CouplingSpec):
    """y_i = K (sum_j W_ij M x_j + offset), or in diffusive form y_i = K (sum_j W_ij (M x_j - x_i) + offset)."""

    strength: float = Field(
        default=1.0, allow_inf_nan=False, description="Coupling strength K, in units of inverse time."
    )
    learn_strength: bool = Field(default=False, description="Whether K is trained.")
    rotation: float | None = Field(
        default=None, allow_inf_nan=False,
        description="Angle, in radians, that M turns the neighbours' vectors by in each plane of two components; "
        "-alpha for the phase lag alpha of Sakaguchi and Kuramoto.",
    )  # fmt: skip
    matrix: list[list[FiniteFloat]] | None = Field(
        default=None,
        description="M row by row, in place of `rotation`; left out, the identity. Winfree's model: "
        "[[0, 0], [0, 1]] for sensitivity cos and influence sin.",
    )
    offset: list[FiniteFloat] | None = Field(
        default=None,
        description="Vector that is added to what is felt before K multiplies it. Winfree's model with sensitivity "
        "-sin and influence 1 + cos: matrix [[1, 0], [0, 0]] and offset [1, 0].",
    )
    form: Literal["additive", "diffusive"] = Field(
        default="additive",
        description="`diffusive` also takes off what an oscillator is itself, as in coupled Stuart-Landau oscillators; "
        "for unit vectors both forms move alike.",
    )

    @model_validator(mode="after")
    def _one_matrix(self) -> LinearCouplingSpec:
        if self.rotation is not None and self.matrix is not None:
            raise ValueError("the component matrix comes from `rotation` or from `matrix`: give one of the two")
        return self

    def problems(self, shape: StateShape) -> list[str]:
        """The component matrix has to fit the vectors."""
        size = shape.components
        if self.rotation is not None and size % 2:
            return [f"`rotation` turns planes of two components, and the vectors have {size}"]
        if self.offset is not None and len(self.offset) != size:
            return [f"`offset` has {len(self.offset)} components, and the vectors {size}"]
        return [] if self.matrix is None else matrix_problems(self.matrix, size)

    def component_matrix(self, shape: StateShape) -> Tensor | None:
        """M, [component, component of the neighbour]; None for the identity."""
        if self.matrix is not None:
            return torch.tensor(self.matrix, dtype=torch.get_default_dtype())
        if self.rotation is None:
            return None
        angle = torch.tensor(self.rotation, dtype=torch.float64)
        plane = torch.stack((torch.stack((angle.cos(), -angle.sin())), torch.stack((angle.sin(), angle.cos()))))
        return torch.block_diag(*[plane] * (shape.components // 2)).to(torch.get_default_dtype())


def matrix_problems(rows: list[list[float]], size: int) -> list[str]:
    """Reasons why a component matrix does not fit vectors of `size` components, in words."""
    widths = sorted({len(row) for row in rows})
    if len(widths) > 1:
        return [f"the component matrix has rows of {' and '.join(map(str, widths))} numbers, and takes {size} x {size}"]
    shape = f"{len(rows)} x {widths[0] if widths else 0}"
    if shape == f"{size} x {size}":
        return []
    return [f"the component matrix is {shape}, and vectors of {size} components take {size} x {size}"]


class LinearCoupling(Coupling):
    """y = K (W M x), less K (sum_j W_ij) x_i in diffusive form. A kind says what W x is, in `gather`."""

    stackable = frozenset({"strength", "matrix", "offset", "weights"})

    def __init__(self, spec: LinearCouplingSpec, shape: StateShape) -> None:
        super().__init__()
        self.strength = nn.Parameter(torch.tensor(spec.strength), requires_grad=spec.learn_strength)
        m = spec.component_matrix(shape)
        self.matrix = None if m is None else nn.Parameter(m, requires_grad=False)
        self.offset = (
            None if spec.offset is None else nn.Parameter(torch.tensor(spec.offset)[:, None], requires_grad=False)
        )
        self.diffusive = spec.form == "diffusive"

    def gather(self, neighbours: Tensor) -> Tensor:
        """W x: the weighted sum of what each oscillator sees; broadcasts against the state."""
        raise NotImplementedError

    def reach(self) -> Tensor | float:
        """sum_j W_ij, what reaches each oscillator: a number or [oscillator]."""
        raise NotImplementedError

    def mirrored(self, sign: int) -> bool:
        """Whether W_ij = sign W_ji for all pairs, and stays so."""
        return False

    @property
    def symmetric(self) -> bool:
        """Whether J_ij M = (J_ji M)^T for all pairs, with the numbers as they are now."""
        m = self.matrix
        if m is None:
            return self.mirrored(1)
        return any(torch.equal(m, sign * m.mT) and self.mirrored(sign) for sign in (1, -1))

    def forward(self, neighbours: Tensor, stimulus: Tensor | None = None) -> Tensor:
        """Field of each oscillator; broadcasts against the neighbours."""
        return self._finish(self.gather(neighbours), neighbours)

    def _finish(self, gathered: Tensor, x: Tensor) -> Tensor:
        """The field, given W x."""
        field = gathered if self.matrix is None else self.matrix @ gathered
        if self.diffusive:
            field = field - self.reach() * x
        if self.offset is not None:
            field = field + self.offset
        return self.strength * field

    def constant(self) -> Tensor | None:
        """K times the offset."""
        return None if self.offset is None else self.strength * self.offset


class LinkCoupling(LinearCoupling):
    """A linear coupling whose links have a weight each, and may take time.

    With delays x_j is taken some time ago, and in diffusive form x_i now.
    """

    def __init__(
        self, spec: LinearCouplingSpec, shape: StateShape, weights: Tensor, delays: np.ndarray | float | None, *,
        learn: bool,
    ) -> None:  # fmt: skip
        super().__init__(spec, shape)
        self.weights = nn.Parameter(weights, requires_grad=learn)
        self.learns = learn
        self.delays = None if delays is None else Delays(delays)
        self.compilable = delays is None  # where what was stands in memory is told by numbers

    @property
    def sources(self) -> Tensor:
        """Oscillator that each link feels, integer; broadcasts against the links."""
        raise NotImplementedError

    def collect(self, carried: Tensor) -> Tensor:
        """What oscillators feel when links bring [sample, component, *link]: weighed and added up."""
        raise NotImplementedError

    def carrying(self) -> Tensor:
        """Which links carry something, or will once they are trained, bool [..., *link]."""
        return torch.ones_like(self.weights, dtype=torch.bool) if self.learns else self.weights != 0

    @property
    def delay_range(self) -> tuple[float, float] | None:
        """Shortest and longest delay of the links that carry something, or will once they are trained."""
        return None if self.delays is None else self.delays.range(self.carrying())

    def delayed(self, neighbours: Tensor, stimulus: Tensor | None, past: Past) -> Tensor:
        """Field of each oscillator, from what the others were."""
        if self.delays is None:
            return self(neighbours, stimulus)
        if self.delays.times.ndim == 0:
            gathered = self.gather(past.at(float(self.delays.times)))
        else:
            gathered = self.collect(self.delays.along(past, self.sources))
        return self._finish(gathered, neighbours)
