"""What a simulation has against a layer that is sound by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from oscillo.integrators.torchdiffeq import ADAPTIVE, TorchdiffeqSpec
from oscillo.network import OscillatorLayerSpec
from oscillo.network.layer import LayerSpec, Problem
from oscillo.spec import Spec
from oscillo.stimuli import ConditionalStimulusSpec

_WITH_TOLERANCE = (*ADAPTIVE, "implicit_adams", "fixed_adams")
"""Methods of torchdiffeq that choose steps, or end an iteration, by an error."""


def objections(layer: LayerSpec, members: int, *, driven: bool) -> list[Problem]:
    """What of a network of one layer a simulation cannot use, each with its place in the network's spec.

    Args:
        layer: the first of the network.
        members: how many run side by side.
        driven: whether there is an input to make a conditional stimulus of.
    """
    if not isinstance(layer, OscillatorLayerSpec):  # which the task objects to
        return []
    found: list[Problem] = [(path, f"a simulation trains nothing; leave `{path[-1]}` out") for path in _trained(layer)]
    if isinstance(layer.stimulus, ConditionalStimulusSpec) and not driven:
        words = "nothing arrives that a conditional stimulus could be made of; give `task.input`, or take `kind: none`"
        found.append((("stimulus",), words))
    integrator = layer.integrator
    if members > 1 and isinstance(integrator, TorchdiffeqSpec) and integrator.method in _WITH_TOLERANCE:
        words = (
            f"`{integrator.method}` of torchdiffeq measures its error over all members together, so that each depends "
            "on the others, and one that diverges spoils them all; take `integrator: {kind: dopri5}`"
        )
        found.append((("integrator",), words))
    return [(("layers", 0, *path), text) for path, text in found]


def _trained(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Places of the switches such as `learn` that somebody has turned on.

    Some are on by default, and stand in every resolved spec; they do no harm.
    """
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, Spec):
        for name, field in type(value).model_fields.items():
            inside.append((name, below := getattr(value, name)))
            if name.partition("_")[0] == "learn" and below is True and not field.default:
                yield (name,)
    elif isinstance(value, Mapping):
        inside = list(value.items())
    elif isinstance(value, list | tuple):
        inside = list(enumerate(value))
    for key, below in inside:
        yield from ((key, *path) for path in _trained(below))
