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


_MOST_KNOWN = 16
"""Stages whose places are kept; no method has as many."""


class Place(NamedTuple):
    """Where the times of links lie between the knots of the past."""

    back: Tensor
    """How many knots the later one lies behind the last, int64 [link]."""
    weights: Tensor
    """Of the cubic Hermite polynomial: earlier value and slope, later value and slope, float64 [4, link]."""


Places = dict[tuple[float, float, torch.device], Place]
"""Places of the links of one coupling, by the time since the last knot in steps, the step and the device."""


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
        place = self._place(torch.tensor([delay], dtype=torch.float64, device=self.seen.device))
        left, right, later = self._knots(place.back)
        h = place.weights.to(self.seen.dtype)[:, 0]
        pick = lambda values, knot: values[:, int(knot)]  # noqa: E731
        early = h[0] * pick(self.seen, left) + h[1] * pick(self.rates, left)
        return early + h[2] * pick(self.seen, right) + h[3] * later[0].to(h.dtype) * pick(self.rates, right)

    def along(self, sources: Tensor, delays: Tensor, known: Places | None = None) -> Tensor:
        """What the source of each link showed when it set off, [sample, component, link].

        Args:
            sources: oscillator that is felt, int64 [link].
            delays: float64 [link].
            known: places of the same delays, which are kept here: the stages of a method come at the same times
                since the last knot in every step.
        """
        place = self._place(delays, {} if known is None else known)
        left, right, later = self._knots(place.back)
        h = place.weights.to(self.seen.dtype)
        components, n = self.seen.shape[-2:]
        inside = sources + n * torch.arange(components, device=sources.device)[:, None]

        def pick(values: Tensor, knot: Tensor) -> Tensor:
            places = (knot * (components * n) + inside).flatten()
            return values.flatten(1).index_select(1, places).unflatten(1, (components, -1))

        early = h[0] * pick(self.seen, left) + h[1] * pick(self.rates, left)
        return early + h[2] * pick(self.seen, right) + h[3] * later.to(h.dtype) * pick(self.rates, right)

    def _knots(self, back: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Slots of the knots before and after the time of each link, and whether the later one is behind the start.

        Up to there all stood still, whatever the rate is with which they set off.
        """
        right, slots = self.knots - 1 - back, self.seen.shape[1]
        return (right - 1) % slots, right % slots, right > 0

    def _place(self, delays: Tensor, known: Places | None = None) -> Place:
        """Where the times of all links lie between knots."""
        since = round(self.t / self.dt - (self.knots - 1), 9)
        key = (since, self.dt, delays.device)
        if known is None or key not in known:
            age = (delays.double() / self.dt - since).clamp_min(0)
            back = torch.floor(age).long()
            u = 1 - (age - back)
            weights = torch.stack((
                (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2 * self.dt, u**2 * (3 - 2 * u), -(u**2) * (1 - u) * self.dt,
            ))  # fmt: skip
            found = Place(back, weights)
            if known is None:
                return found
            if len(known) >= _MOST_KNOWN:
                known.clear()
            known[key] = found
        return known[key]
