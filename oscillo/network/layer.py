"""What a layer is: something that steps, with a readout behind it."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from oscillo.integrators.loop import Measures
from oscillo.layout import State, StateShape
from oscillo.network.readouts import Readout
from oscillo.spec import ComponentSpec

Problem = tuple[tuple[str | int, ...], str]
"""Where in a declaration, as keys from the declaration down, and what is wrong there."""


class LayerSpec(ComponentSpec):
    """One layer of a network."""

    role: ClassVar[str] = "layer"

    def shape(self, sites: tuple[int, ...]) -> StateShape:
        """Shape of one sample's state on a grid of those sites."""
        raise NotImplementedError

    def seen(self, sites: tuple[int, ...]) -> StateShape:
        """Shape of what one sample's state shows to others, and of the features that arrive."""
        return self.shape(sites)

    def problems(self, sites: tuple[int, ...]) -> list[Problem]:
        """Reasons why the layer cannot be built on those sites."""
        raise NotImplementedError

    def channels_out(self, sites: tuple[int, ...], following: int | None) -> int:
        """Channels of the layer's features."""
        raise NotImplementedError

    def build(self, sites: tuple[int, ...], following: int | None) -> Layer:
        """The layer's module."""
        raise NotImplementedError


class Layer(nn.Module):
    """A recurrent or feed-forward module that obeys the stepping contract.

    Calling it takes one step: `layer(state, stimulus, t, dt, noise, measure, spent) -> (state, measures)`. The state
    is a named set of tensors; t and dt are scalars or [sample, 1, ...]; noise comes in as tensors; the memory of a
    state that is `spent` may become that of the next one. `layer.compile()` compiles the step, and nothing but the
    step.
    """

    starts_from_features = False
    """Whether the first state is made of the arriving features, and not carried on or drawn."""
    measures_energy = False
    """Whether `energy` is among the measures."""
    carries_on = True
    """Whether the first state is the last one of the layer before, where there is one."""

    def __init__(self, shape: StateShape, steps: int, readout: Readout) -> None:
        super().__init__()
        self.shape, self.steps, self.readout = shape, steps, readout
        self.seen = shape

    @property
    def compilable(self) -> bool:
        """Whether the step is worth compiling."""
        return True

    @property
    def dt(self) -> Tensor:
        """Step size, a scalar."""
        raise NotImplementedError

    @property
    def is_noisy(self) -> bool:
        """Whether a step takes standard normal numbers, as `noise["normals"]` of the shape of x."""
        return False

    def stimulus_of(self, features: Tensor) -> Tensor | None:
        """Stimulus that features [sample, *sites, channel] exert during the layer's steps; None for none."""
        raise NotImplementedError

    def initial_state(self, x: Tensor, v: Tensor | None = None) -> State:
        """State to start from, given [sample, *sites, component, oscillator], and velocities where there is inertia."""
        raise NotImplementedError

    def read(self, state: State) -> Tensor:
        """Features of a state, [sample, *sites, channel]."""
        return self.readout(state["x"])

    def spread(self, normals: Tensor) -> Tensor:
        """Turn standard normal numbers into initial states spread evenly over where the layer's states live."""
        raise NotImplementedError

    def forward(
        self, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor, noise: State | None = None,
        measure: bool = False, *, spent: bool = False,
    ) -> tuple[State, Measures]:  # fmt: skip
        """State after one step, and what is measured at the state it started from (empty unless `measure`)."""
        raise NotImplementedError

    def measure(self, state: State, stimulus: Tensor | None, t: Tensor) -> Measures:
        """What is measured at a state, such as `energy` [sample]."""
        raise NotImplementedError
