"""Averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from oscillo.training.spec import EMASpec


class EMA:
    """Exponential moving average of a model's weights and buffers.

    Until `start` the average is a copy; from then on each update, every `every` steps, takes
    average <- d average + (1 - d) weights with d = min(decay, 1 - (1 + k)^-power), k the steps since `start`.
    These are the rule and the defaults that AKOrN's published results were evaluated with.
    """

    def __init__(self, model: nn.Module, spec: EMASpec) -> None:
        self.spec = spec
        self.average: dict[str, Tensor] = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def decay(self, step: int) -> float:
        """Weight of the old average at that optimiser step, the first being 1."""
        k = step - self.spec.start - 1
        return 0.0 if k <= 0 else min(self.spec.decay, 1 - (1 + k) ** -self.spec.power)

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Take in the weights after optimiser step `step` (1, 2, ...)."""
        if (step - 1) % self.spec.every:
            return
        decay = self.decay(step)
        for name, value in model.state_dict().items():
            old = self.average[name]
            if decay and value.is_floating_point():
                old.lerp_(value, 1 - decay)
            else:
                old.copy_(value)

    @contextmanager
    def applied(self, model: nn.Module) -> Iterator[None]:
        """Lend the averaged weights to the model, and give it its own back."""
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self.average)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def state_dict(self) -> dict[str, Any]:
        """The averaged weights."""
        return self.average

    def load_state_dict(self, average: dict[str, Any]) -> None:
        """Take up averaged weights."""
        for name, value in average.items():
            self.average[name].copy_(value)
