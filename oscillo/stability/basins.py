"""Basins of attraction: what share of initial states ends where."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import pi
from typing import Literal

import torch
from torch import Tensor

from oscillo.layout import State
from oscillo.measures import merge_sites, order_parameter, phase_difference, unit
from oscillo.quantities import listing, number_text
from oscillo.stability.equations import AT_ONCE
from oscillo.stability.grouping import groups_of, wilson_interval
from oscillo.stability.motion import (
    in_double,
    refuse_different,
    refuse_diverged,
    refuse_what_has_no,
    refuse_what_never_rests,
)
from oscillo.stability.symmetry import Symmetry, frequencies_of, symmetry_of
from oscillo.stability.system import MOVING, System
from oscillo.stability.tangent import oscillators_of


@dataclass(frozen=True)
class Share:
    """How many of the samples."""

    count: int
    fraction: float
    interval: tuple[float, float]
    """95 % confidence interval of the fraction (Wilson 1927)."""


@dataclass(frozen=True, repr=False)
class Attractor:
    """Where some of the samples end."""

    kind: Literal["rest", "rotation"]
    """Whether it is at rest, or turns as a whole."""
    share: Share
    """How many of all samples end there."""
    samples: Tensor
    """Their numbers, int64."""
    state: State
    """`x`, and with inertia `v`, of the one that had come nearest to standing still, float64 [1, ...]."""
    generator: Tensor
    """The rotation it makes, an antisymmetric matrix [component, component] of what others see, per unit of time."""
    residual: float
    """How far it still moves, other than turning as a whole, per unit of time."""
    order_parameter: float | None
    """Length of the mean direction over all sites and oscillators; None for what is not made of oscillators."""
    winding: int | None
    """Whole turns of the phase along the oscillators and back to the first, as in a twisted state of a ring; None where
    there are sites, or vectors are not planar."""

    @property
    def frequency(self) -> float:
        """How fast it turns, in radians per unit of time; signed for planar vectors, else the fastest plane's."""
        found = frequencies_of(self.generator)
        return float(found[0]) if len(found) else 0.0

    def __repr__(self) -> str:
        low, high = self.share.interval
        known = {"frequency": self.frequency, "order parameter": self.order_parameter, "winding": self.winding}
        told = ", ".join(f"{name} {number_text(value)}" for name, value in known.items() if value is not None)
        return f"Attractor({self.kind}: {self.share.fraction:.3g} of the samples ({low:.3g} to {high:.3g}), {told})"


@dataclass(frozen=True, repr=False)
class Basins:
    """Where the samples of a system end."""

    attractors: tuple[Attractor, ...]
    """What came to rest or turns as a whole, the most frequent first."""
    moving: Share
    """Samples that still change otherwise: on cycles, chaotic, or not there yet."""
    ends: Tensor
    """Number of each sample's attractor, int64 [sample]; -1 for those that move."""
    residual: Tensor
    """How far each sample's oscillators still move, other than turning together, per unit of time, float64 [sample]."""
    system: System
    """The samples at the end, in float64."""
    symmetry: Symmetry
    """Common rotations that make no difference."""

    def __repr__(self) -> str:
        told = f"{len(self.attractors)} attractors, {self.moving.count} of {len(self.ends)} samples still move"
        return listing(f"Basins({told})", self.attractors)


@torch.no_grad()
def basins(system: System, steps: int, *, still: float = 1e-4, same: float = 0.05) -> Basins:
    """Follow all samples to the end, and put together those that end in the same state up to a common rotation.

    What a sample does at the end is seen from one more step: it rests where its oscillators move by less than `still`,
    and turns as a whole where a rotation of all accounts for the rest. Near a saddle, or where everything is slow,
    samples seem to rest that do not: `fixed_points` of `found.system` tells which are stable.

    Args:
        system: its samples are the initial states; `random_starts` draws them. All are of one and the same network.
        steps: to take.
        still: largest motion of an oscillator that counts as none, in radians (or units of the state) per unit of time.
        same: largest distance of an oscillator, up to a common rotation, between states that are the same.

    Raises:
        ValueError: for noise, delays, a stimulus that changes with time; when there are no samples, they diverge or are
            of different networks; when `still` or `same` is not positive.
    """
    if min(still, same) <= 0 or steps < 0:
        raise ValueError(f"steps = {steps}, still = {still:g} and same = {same:g}; take positive numbers")
    refuse_what_never_rests(system)
    refuse_different(system)
    symmetry = symmetry_of(in_double(system.at(torch.zeros_like(_rows(system)[:1]))), _either(system))
    ended = in_double(_followed(system, steps))
    refuse_diverged(ended.state)
    end = _end_of(ended, symmetry)
    settled = (end.residual <= still).nonzero()[:, 0]
    groups = groups_of(symmetry, {name: value[settled] for name, value in end.state.items()}, same)
    count = int(groups.max()) + 1 if len(groups) else 0
    found = [_attractor(end, settled[groups == number], symmetry, still) for number in range(count)]
    found.sort(key=lambda one: -one.share.count)
    ends = torch.full((system.samples,), -1, dtype=torch.int64)
    for number, one in enumerate(found):
        ends[one.samples] = number
    moving = _share(system.samples - len(settled), system.samples)
    return Basins(tuple(found), moving, ends, end.residual.cpu(), ended, symmetry)


@dataclass(frozen=True)
class _End:
    """What all samples do at the end."""

    system: System
    state: State
    """What moves of it."""
    after: State
    """A step later."""
    residual: Tensor
    """How far oscillators move but for a common rotation, per unit of time, [sample]."""
    speed: Tensor
    """How far in all."""


def _end_of(system: System, symmetry: Symmetry) -> _End:
    following = _followed(system, 1)
    refuse_diverged(following.state)
    state, after = ({name: one.state[name] for name in MOVING if name in one.state} for one in (system, following))
    back, _ = symmetry.aligned(after, state)
    dt, plain = float(system.dt), symmetry.without
    return _End(system, state, after, plain.distance(back, state) / dt, plain.distance(after, state) / dt)


def _attractor(end: _End, samples: Tensor, symmetry: Symmetry, still: float) -> Attractor:
    """What those samples have in common."""
    best = samples[end.residual[samples].argmin()].reshape(1)
    one, after = ({name: value[best] for name, value in state.items()} for state in (end.state, end.after))
    generator = symmetry.generator(symmetry.angles(one, after) / end.system.dt)[0]
    kind = "rest" if float(end.speed[best]) <= still else "rotation"
    seen = None if oscillators_of(end.system.layer) is None else symmetry.manifold.embed(one["x"])
    return Attractor(
        kind, _share(len(samples), end.system.samples), samples.cpu(), one, generator, float(end.residual[best]),
        None if seen is None else float(order_parameter(merge_sites(unit(seen), seen.ndim - 3))[0]), _winding(seen),
    )  # fmt: skip


def _winding(seen: Tensor | None) -> int | None:
    """Whole turns along the oscillators of one group of planar vectors."""
    if seen is None or seen.ndim != 3 or seen.shape[-2] != 2:
        return None
    return round(float(phase_difference(seen.roll(-1, dims=-1), seen).sum()) / (2 * pi))


def _rows(system: System) -> Tensor:
    return torch.arange(system.samples, device=system.state["x"].device)


def _either(system: System) -> Literal["flow", "step"]:
    """The motion in which to look for rotations that leave it alone: the flow, where there is one."""
    try:
        refuse_what_has_no("flow", system)
    except ValueError:
        return "step"
    return "flow"


def _followed(system: System, steps: int) -> System:
    """All samples so many steps later, some of them at a time."""
    rows = _rows(system).split(max(1, AT_ONCE // max(1, system.state["x"][0].numel())))
    if len(rows) == 1:
        return system.after(steps)
    parts = [system.at(some).after(steps) for some in rows]
    state = {name: torch.cat([part.state[name] for part in parts]) for name in parts[0].state}
    return replace(system, state=state, step=parts[0].step)


def _share(count: int, total: int) -> Share:
    return Share(count, count / total, wilson_interval(count, total))
