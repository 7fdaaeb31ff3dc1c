"""Layers in float64 that observables are taken from, where they stand at one time, and what is kept of that."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from oscillo.draws import normal
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables import Moment, ObservableSpec, SeriesSpec, Taken
from oscillo.spec import Component

SAMPLES = 3
FLAVOURS: dict[str, dict[str, Any]] = {
    "sphere": {"manifold": {"kind": "sphere", "dimension": 4}},
    "circle": {"manifold": {"kind": "circle"}},
    "inertial": {"manifold": {"kind": "circle"}, "inertia": {"mass": 0.7, "damping": 0.2}},
    "plane": {"manifold": {"kind": "plane"}, "potential": {"kind": "quartic", "mu": 0.8}},
}
"""What else adds to an energy."""

_OBSERVABLE: TypeAdapter[ObservableSpec] = TypeAdapter(Component[ObservableSpec])


def numbers(*sizes: int, key: int = 0) -> Tensor:
    """Standard normal numbers, the same for the same key."""
    return normal(1, torch.tensor([key]), sizes)[0].double()


def declared(**fields: Any) -> OscillatorLayerSpec:
    """Six oscillators on a sphere, or what else is given."""
    plain = {"oscillators": 6, "coupling": {"kind": "mean_field"}, "integrator": {"kind": "rk4", "step_size": 0.1}}
    return OscillatorLayerSpec.model_validate(plain | FLAVOURS["sphere"] | fields)


def built(spec: OscillatorLayerSpec, sites: tuple[int, ...] = ()) -> OscillatorLayer:
    """The layer in float64."""
    layer = spec.build(sites, None)
    assert isinstance(layer, OscillatorLayer)
    return layer.double().requires_grad_(False)


def moment(layer: OscillatorLayer, *, stimulated: bool = False) -> Moment:
    """Where some samples of a layer stand, anywhere."""
    shape = layer.shape
    x = layer.spread(numbers(SAMPLES, *shape.sites, shape.components, shape.oscillators))
    seen = layer.seen
    stimulus = numbers(SAMPLES, *seen.sites, seen.components, seen.oscillators, key=2) if stimulated else None
    state = layer.initial_state(x, numbers(*x.shape, key=1))
    return Moment(layer, state, stimulus, torch.zeros((), dtype=torch.float64))


def observable(**fields: Any) -> SeriesSpec:
    """A series as it stands in a spec."""
    spec = _OBSERVABLE.validate_python(fields)
    assert isinstance(spec, SeriesSpec)
    return spec


def taken(layer: OscillatorLayer, **fields: Any) -> Taken:
    """A series of a layer as it is recorded, in float64 where it does not say."""
    spec = observable(**fields)
    return Taken("own", spec, spec.build(layer, 0.1), layer.shape, "float64")
