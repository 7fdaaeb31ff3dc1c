"""Networks that the tests of layers are tried on."""

from __future__ import annotations

from typing import Any

from dynamics import numbers
from torch import Tensor

from oscillo.integrators.loop import Measures
from oscillo.layout import State
from oscillo.network import Network, NetworkSpec

SITES = (3, 4)
CONVOLUTION = {"kind": "convolution", "symmetric": True}


def layer(**fields: Any) -> dict[str, Any]:
    """An oscillator layer as it stands in a spec."""
    sphere = {"manifold": {"kind": "sphere", "dimension": 4}, "channels": 16, "coupling": CONVOLUTION}
    integrator = {"kind": "projected_euler", "steps": 3, "step_size": 0.2}
    return sphere | {"integrator": integrator} | fields


def network(*layers: dict[str, Any], sites: tuple[int, ...] = SITES) -> Network:
    spec = NetworkSpec.model_validate({"layers": list(layers)})
    assert not spec.problems(sites)
    return spec.build(sites)


def arriving(samples: int = 2, channels: int = 16, sites: tuple[int, ...] = SITES) -> Tensor:
    return numbers(samples, *sites, channels).float()


class Watch:
    """Keeps all that an observer is told."""

    def __init__(self) -> None:
        self.told: list[tuple[int, int, State, Measures]] = []

    def __call__(self, layer: int, step: int, state: State, measures: Measures) -> None:
        self.told.append((layer, step, {"x": state["x"].detach().clone()}, measures))
