"""Delays: oscillators feel what others were some time ago, interpolated between the steps that were taken."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from oscillo.couplings.kept import Kept
from oscillo.spec import Spec


class DelaySpec(Spec):
    """How long what an oscillator shows takes to reach another one: `time`, and with a `speed` length / speed more."""

    time: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="Delay of every link, in units of time.")
    speed: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Speed along the links, in units of their lengths per unit of time; a graph has to give lengths, "
        "and a dense coupling takes them as `lengths`.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _some(self) -> DelaySpec:
        if self.time == 0 and self.speed is None:
            raise ValueError("a delay has a `time`, or a `speed` for the lengths of the links; or leave `delay` out")
        return self

    def of(self, lengths: np.ndarray | None, missing: str) -> np.ndarray | float:
        """Delay of each link, float64 [*link]; one number when all are equal.

        Args:
            lengths: of the links; None where there are none.
            missing: what is said of lengths that are not there.

        Raises:
            ValueError: when a speed is given and no lengths.
        """
        if self.speed is None:
            return self.time
        if lengths is None:
            raise ValueError(f"`delay: {{speed: ...}}` takes lengths of the links, {missing}")
        return self.time + lengths / self.speed


class Route(NamedTuple):
    """Where in the past the links of a coupling find what they bring."""

    back: Tensor
    """How many knots lie behind the first one after that time, int64 [link]."""
    weights: Tensor
    """Of the cubic Hermite polynomial: earlier value and slope, later value and slope, [4, link]."""
    sources: Tensor
    """Where what the source shows stands among the numbers of a knot, int64 [component, link]."""


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

    @property
    def since(self) -> float:
        """Time since the last knot, in steps."""
        return round(self.t / self.dt - (self.knots - 1), 9)

    def at(self, delay: float) -> Tensor:
        """What all showed some time ago, [sample, component, oscillator]."""
        age, slots = max(delay / self.dt - self.since, 0.0), self.seen.shape[1]
        right = self.knots - 1 - int(age)
        h = _hermite(1 - age % 1, self.dt)
        before, after = (right - 1) % slots, right % slots
        early = h[0] * self.seen[:, before] + h[1] * self.rates[:, before]
        return early + h[2] * self.seen[:, after] + (h[3] if right > 0 else 0.0) * self.rates[:, after]

    def along(self, route: Route) -> Tensor:
        """What the source of each link showed when it set off, [sample, component, link]."""
        slots, components, n = self.seen.shape[1:]
        number = self.knots - 1 - torch.arange(slots, device=self.seen.device)  # of each knot, the last one first
        places = number % slots * (components * n)
        # Up to knot 0 all stood still, whatever the rate is with which they set off.
        slope = route.weights[3] * (number > 0).to(route.weights.dtype).index_select(0, route.back)
        before, after = (
            (places.index_select(0, back) + route.sources).flatten() for back in (route.back + 1, route.back)
        )

        def pick(values: Tensor, there: Tensor) -> Tensor:
            return values.flatten(1).index_select(1, there).unflatten(1, (components, -1))

        felt = route.weights[0] * pick(self.seen, before)
        felt = felt.addcmul(route.weights[1], pick(self.rates, before))
        return felt.addcmul(route.weights[2], pick(self.seen, after)).addcmul(slope, pick(self.rates, after))

    def route(self, sources: Tensor, delays: Tensor) -> Route:
        """Where links find what they bring; the same at all times that lie so long behind the last knot.

        Args:
            sources: oscillator that each link feels, integer; broadcasts against the delays.
            delays: float64 [*link].
        """
        slots, components, n = self.seen.shape[1:]
        # Links that carry nothing may take longer than anything is remembered.
        age = (delays.double() / self.dt - self.since).clamp(0, slots - 2).flatten()
        back = age.floor()
        weights = torch.stack(_hermite(1 - (age - back), self.dt)).to(self.seen.dtype)
        first = n * torch.arange(components, device=delays.device)[:, None]
        return Route(back.long(), weights, first + sources.expand(delays.shape).flatten())


def _hermite(u: Any, dt: float) -> tuple[Any, Any, Any, Any]:
    """Weights of the earlier value and slope and the later value and slope, a share u behind the earlier one."""
    return (1 + 2 * u) * (1 - u) ** 2, u * (1 - u) ** 2 * dt, u**2 * (3 - 2 * u), -(u**2) * (1 - u) * dt


class Delays(nn.Module):
    """How long the links of one coupling take, and so what of the past they bring."""

    times: Tensor
    """Delay of each link, float64 [*link], or one number for all."""

    def __init__(self, times: np.ndarray | float) -> None:
        super().__init__()
        self.register_buffer("times", torch.as_tensor(times, dtype=torch.float64))
        self._routes = Kept()

    def range(self, carrying: Tensor) -> tuple[float, float] | None:
        """Shortest and longest delay of the links that carry something.

        Args:
            carrying: which ones do, bool [..., *link].
        """
        there = self.times.expand_as(carrying)[carrying]
        return (float(there.min()), float(there.max())) if len(there) else None

    def along(self, past: Past, sources: Tensor) -> Tensor:
        """What each link brings now, [sample, component, *link].

        Args:
            past: what all have shown.
            sources: oscillator that each link feels, integer; broadcasts against the links.
        """
        # The stages of a method come at the same times since the last knot in every step.
        key = (past.since, past.dt, past.seen.dtype, past.seen.shape[1:])
        route = self._routes.get((self.times, sources), lambda: past.route(sources, self.times), key)
        return past.along(route).unflatten(-1, self.times.shape)
