"""A layer that is not made of oscillators but obeys the same stepping contract."""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape, join
from oscillo.network.blocks import Block, BlockSpec
from oscillo.network.layer import Layer, LayerSpec, Problem
from oscillo.network.readouts import Readout, ReadoutSpec, StateReadoutSpec
from oscillo.spec import Component, register


@register
class BlockLayerSpec(LayerSpec):
    """A block stepped a number of times: baselines, and layers between oscillators."""

    kind: Literal["block"] = "block"
    channels: int = Field(ge=1, description="Channels at each site.")
    block: Component[BlockSpec] = Field(description="What one step does.")
    steps: int = Field(default=1, ge=0, description="How often the block is applied, with the same weights.")
    readout: Component[ReadoutSpec] = Field(
        default=StateReadoutSpec(), description="How the last state becomes features."
    )

    def shape(self, sites: tuple[int, ...]) -> StateShape:
        """One component; the channels stand on the oscillator axis."""
        return StateShape(sites, 1, self.channels)

    def problems(self, sites: tuple[int, ...]) -> list[Problem]:
        """What the block objects to."""
        return [(("block",), text) for text in self.block.problems(self.shape(sites))]

    def channels_out(self, sites: tuple[int, ...], following: int | None) -> int:
        """Channels of the readout."""
        return self.readout.channels_out(self.shape(sites), following)

    def build(self, sites: tuple[int, ...], following: int | None) -> BlockLayer:
        """The layer's module."""
        shape = self.shape(sites)
        readout = self.readout.build(shape, self.channels_out(sites, following))
        return BlockLayer(shape, self.block.build(shape), self.steps, readout)


class BlockLayer(Layer):
    """Repeats a block. Its state is `x`, with one component; the block sees features [sample, *sites, channel]."""

    starts_from_features = True
    unit: Tensor

    def __init__(self, shape: StateShape, block: Block, steps: int, readout: Readout) -> None:
        super().__init__(shape, steps, readout)
        self.block = block
        self.register_buffer("unit", torch.ones(()), persistent=False)

    @property
    def dt(self) -> Tensor:
        """One: a block counts its steps."""
        return self.unit

    def stimulus_of(self, features: Tensor) -> Tensor:
        """Features as [sample, *sites, 1, channel]."""
        return self.shape.split(features)

    def initial_state(self, x: Tensor, v: Tensor | None = None) -> State:
        """The features themselves."""
        return {"x": x}

    def spread(self, normals: Tensor) -> Tensor:
        """Standard normal numbers, as they are."""
        return normals

    def forward(
        self, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor, noise: State | None = None,
        measure: bool = False, *, spent: bool = False,
    ) -> tuple[State, Measures]:  # fmt: skip
        """One application of the block; a block has no energy, so there is nothing to measure."""
        assert stimulus is not None
        h = self.block(join(state["x"]), join(stimulus))
        after = self.shape.split(h)
        return {"x": after if noise is None else after + noise["x"]}, {}

    def measure(self, state: State, stimulus: Tensor | None, t: Tensor) -> Measures:
        """Nothing: a block has no energy."""
        return {}
