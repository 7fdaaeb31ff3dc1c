"""Members of an ensemble that are integrated at once."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from oscillo.draws import Draws
from oscillo.integrators.loop import Noise
from oscillo.layout import State
from oscillo.network.network import Network, Way
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.stacking import of_samples


class Batch:
    """Some members, one behind the other, with what acts on them from outside.

    Args:
        layer: of all members.
        rows: the numbers of these.
        draws: of all members.
        arriving: what the stimulus is made of, [1, *sites, channel]; None for nothing.
    """

    def __init__(self, layer: OscillatorLayer, rows: Tensor, draws: Draws, *, arriving: Tensor | None) -> None:
        self.layer, self.first, self.samples = of_samples(layer, rows), int(rows[0]), len(rows)
        self.alone = len(rows) == len(draws.index)
        seed = draws.seed[rows] if isinstance(draws.seed, Tensor) else draws.seed
        self.draws, self.arriving = Draws(seed, draws.index[rows]), arriving
        self._noise: Noise | None = None

    def of(self, values: dict[str, Tensor]) -> dict[str, Tensor]:
        """These members' part of tensors [sample, ...]: views."""
        if self.alone:
            return values
        return {name: value.narrow(0, self.first, self.samples) for name, value in values.items()}

    def put(self, part: dict[str, Tensor], values: dict[str, Tensor]) -> dict[str, Tensor]:
        """The tensors of all members with these members' part replaced, in place where there are others."""
        if self.alone:
            return part
        for name, value in self.of(values).items():
            if value.data_ptr() != part[name].data_ptr():  # else it was written in place already
                value.copy_(part[name])
        return values

    def noise(self, state: State) -> Noise | None:
        """What disturbs their steps, where something does: keyed by seed and step, whatever the batch."""
        if self._noise is None and self.layer.is_noisy:
            self._noise = Network([self.layer], 0).noise(0, state, Way([0], self.draws))
        return self._noise

    @cached_property
    def stimulus(self) -> Tensor | None:
        """What comes from outside, the same at all times."""
        layer, seen = self.layer, self.layer.seen
        if self.arriving is None and layer.stimulus.needs_input:
            return None
        channels = (*seen.sites, seen.channels)
        arriving = torch.zeros(1, *channels, dtype=layer.dt.dtype, device=layer.dt.device)
        arriving = arriving if self.arriving is None else self.arriving
        return layer.stimulus_of(arriving.expand(self.samples, *channels))


def joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """What was found of all batches, one behind the other."""
    if len(parts) == 1:
        return parts[0]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
