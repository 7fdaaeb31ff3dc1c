"""Delays: oscillators feel what others were some time ago, interpolated between the steps that were taken."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor

from oscillo.spec import Spec


class DelaySpec(Spec):
    """How long what an oscillator shows takes to reach another one: `time`, and with a `speed` length / speed more."""

    time: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="Delay of every link, in units of time.")
    speed: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Speed along the links, in units of their lengths per unit of time; the graph has to give lengths.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _some(self) -> DelaySpec:
        if self.time == 0 and self.speed is None:
            raise ValueError("a delay has a `time`, or a `speed` for the lengths of the links; or leave `delay` out")
        return self

    def of(self, lengths: np.ndarray | None) -> np.ndarray | float:
        """Delay of each link, float64 [m]; one number when all are equal.

        Raises:
            ValueError: when a speed is given and no lengths.
        """
        if self.speed is None:
            return self.time
        if lengths is None:
            raise ValueError("`delay: {speed: ...}` takes lengths of the links, and the graph gives none")
        return self.time + lengths / self.speed


class Past(NamedTuple):
    """What oscillators have shown so far: a ring of states with their rates, one for each step taken."""

    seen: Tensor
    """Vectors at the knots, [sample, knot, component seen, oscillator]; knot k lies at k modulo the length."""
    rates: Tensor
    """Their time derivatives, of the same shape."""
    knots: int
    """How many have been laid down, from knot 0 at time 0. Before it, all stood still."""
    dt: float
    """Time between knots."""
    t: float
    """Now."""

    def at(self, delay: float) -> Tensor:
        """What all showed some time ago, [sample, component, oscillator]."""
        (left, right, later), weights = self._place(torch.tensor([delay], dtype=torch.float64, device=self.seen.device))
        pick = lambda values, knot: values[:, int(knot)]  # noqa: E731
        p0, p1 = pick(self.seen, left), pick(self.seen, right)
        m0, m1 = pick(self.rates, left), pick(self.rates, right)
        h = weights.to(self.seen.dtype)[:, 0]
        return h[0] * p0 + h[1] * m0 + h[2] * p1 + (h[3] * later[0].to(h.dtype)) * m1

    def along(self, sources: Tensor, delays: Tensor) -> Tensor:
        """What the source of each link showed when it set off, [sample, component, link].

        Args:
            sources: oscillator that is felt, int64 [link].
            delays: float64 [link].
        """
        (left, right, later), weights = self._place(delays)
        h = weights.to(self.seen.dtype)
        pick = lambda values, knot: values.transpose(1, 2)[:, :, knot, sources]  # noqa: E731
        field = h[0] * pick(self.seen, left) + h[1] * pick(self.rates, left)
        return field + h[2] * pick(self.seen, right) + h[3] * later.to(h.dtype) * pick(self.rates, right)

    def _place(self, delays: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
        """Slots of the knots before and after the time of each link, and the weights of the cubic Hermite polynomial.

        The third tensor says whether the later knot lies behind the start: up to there all stood still, whatever the
        rate is with which they set off.
        """
        age = (self.knots - 1 - (self.t - delays.double()) / self.dt).clamp_min(0)
        back = torch.floor(age).long()
        u = 1 - (age - back)
        last, slots = self.knots - 1, self.seen.shape[1]
        right = last - back
        h = torch.stack((
            (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2 * self.dt, u**2 * (3 - 2 * u), -(u**2) * (1 - u) * self.dt,
        ))  # fmt: skip
        return ((right - 1) % slots, right % slots, right > 0), h
