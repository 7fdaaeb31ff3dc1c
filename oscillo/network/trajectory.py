"""A trajectory in memory: what a network did, with names on every axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from oscillo.draws import Draws
from oscillo.integrators.loop import Measures
from oscillo.layout import State
from oscillo.network.network import Network
from oscillo.network.oscillator_layer import OscillatorLayer

SITE_NAMES = {0: (), 2: ("y", "x")}


def site_names(count: int) -> tuple[str, ...]:
    """Names of the axes of a grid: `y` and `x`, or `site0`, `site1`, ... for another number of axes."""
    return SITE_NAMES.get(count, tuple(f"site{axis}" for axis in range(count)))


@torch.no_grad()
def integrate(
    network: Network, features: Tensor, initial: Tensor | None = None, *, steps: int | Sequence[int] | None = None,
    draws: Draws | None = None, every: int = 1,
) -> xr.DataTree:  # fmt: skip
    """Run a network and keep what it does.

    Args:
        network: as `oscillo.build` makes it.
        features: what arrives at the first layer, [sample, *sites, channel]; the stimulus comes from it.
        initial: initial state of the first layer, [sample, *sites, component, oscillator]; left out, it is drawn.
        steps: steps to take in place of the declared ones, for all layers or one by one.
        draws: key of the random initial states; left out, seed 0 and the position in the batch.
        every: steps between kept states; the first and the last are always kept.

    Returns:
        A group `layer0`, `layer1`, ... for each layer with `state` (sample, step, *sites, component, oscillator), on
        the circle `phase` (sample, step, *sites, oscillator) in radians, and for layers of oscillators `energy` and
        `pseudo_energy` (sample, step); coordinates `step` and `time` (step times step size). The last readout is
        `features` (sample, *sites, channel) at the root.

    Raises:
        ValueError: when features do not have the first layer's channels.
    """
    counts = network.steps_of(steps)
    kept: list[dict[str, list[Tensor]]] = [{} for _ in counts]
    steps_kept: list[list[int]] = [[] for _ in counts]
    winds = [isinstance(layer, OscillatorLayer) and layer.oscillators.manifold.winds for layer in network.layers]

    def keep(layer: int, step: int, state: State, measures: Measures) -> None:
        if step % every == 0 or step == counts[layer]:
            steps_kept[layer].append(step)
            x = state["x"]
            told = {"phase": x.squeeze(-2)} if winds[layer] else {"state": x}
            for name, value in (told | measures).items():
                kept[layer].setdefault(name, []).append(value.cpu())

    output = network(features, initial, steps=steps, draws=draws, observe=keep)
    grid = site_names(len(network.shapes[0].sites))
    where = ("sample", "step", *grid)
    dims = {"state": (*where, "component", "oscillator"), "phase": (*where, "oscillator")}
    groups: dict[str, xr.Dataset] = {
        "/": xr.Dataset({"features": (("sample", *grid, "channel"), output.features.cpu().float().numpy())})
    }
    for number, layer in enumerate(network.layers):
        arrays = {name: torch.stack(values, dim=1).float().numpy() for name, values in kept[number].items()}
        step = np.array(steps_kept[number])
        groups[f"layer{number}"] = xr.Dataset(
            {name: (dims.get(name, ("sample", "step")), array) for name, array in arrays.items()},
            coords={"step": step, "time": ("step", step * float(layer.dt))},  # pyright: ignore[reportArgumentType]
        )
    return xr.DataTree.from_dict(groups)
