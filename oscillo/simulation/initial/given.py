"""Given initial states: numbers in the spec or in a file."""

from __future__ import annotations

from math import isfinite
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.manifolds import SphereSpec
from oscillo.network.layer import Problem
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.simulation.initial.base import DisturbedInitialSpec, axes
from oscillo.spec import register
from oscillo.values import Values, read_array


@register
class GivenInitialSpec(DisturbedInitialSpec):
    """One initial state for all samples, disturbed for each where `noise` says so."""

    kind: Literal["given"] = "given"
    x: Values = Field(
        description="The state (on the circle angles in radians): a number for all, a list with one for each "
        "oscillator, or a file such as `start.npz:x` with an array [*sites, component, oscillator], or [oscillator] "
        "where there is one component.",
    )
    v: Values | None = Field(default=None, description="Velocities of oscillators with inertia; left out, at rest.")

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...], samples: int) -> list[Problem]:
        """Numbers that are there and fit; velocities where there is inertia."""
        shape = layer.shape(sites)
        found: list[Problem] = []
        for name in ("x", "v"):
            values = getattr(self, name)
            try:
                if values is not None:
                    _read(values, (*shape.sites, shape.components, shape.oscillators))
            except ValueError as error:
                found.append(((name,), str(error)))
        if not found and isinstance(layer.manifold, SphereSpec):
            lengths = _read(self.x, (*shape.sites, shape.components, shape.oscillators)).norm(dim=-2)
            if self.noise == 0 and bool((lengths == 0).any()):
                found.append((("x",), "on a sphere a vector of zeros points nowhere; give another one, or `noise`"))
        if self.v is not None and layer.inertia is None:
            found.append((("v",), "velocities are part of the state with `inertia` only; leave `v` out"))
        return found

    def states(self, layer: OscillatorLayer, draws: Draws) -> State:
        """The same for all samples, with noise on x."""
        state = {"x": self.disturbed(_read(self.x, axes(layer)), layer, draws)}
        if self.v is not None:
            state["v"] = _read(self.v, axes(layer)).expand_as(state["x"]).clone()
        return state


def _read(values: Values, sizes: tuple[int, ...]) -> Tensor:
    """The numbers as one sample's state, float64.

    Raises:
        ValueError: when they do not fit.
    """
    if isinstance(values, int | float):
        if not isfinite(values):
            raise ValueError(f"{values} is not finite")
        return torch.full(sizes, float(values), dtype=torch.float64)
    array = read_array(values) if isinstance(values, str) else np.asarray(values, dtype=np.float64)
    what = values if isinstance(values, str) else "the list"
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise ValueError(f"{what} holds something that is not a finite number")
    single = sizes[-2] == 1 and array.shape == (*sizes[:-2], sizes[-1])
    if array.shape != sizes and not single:
        raise ValueError(f"{what} is {list(array.shape)}, and a state is {list(sizes)}")
    return torch.from_numpy(array.astype(np.float64)).reshape(sizes)
