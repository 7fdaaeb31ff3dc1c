"""A network: layers, and between them readouts that turn a last state into the next stimulus."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from oscillo.draws import Draws
from oscillo.integrators.loop import PLAIN, Measures, Noise, Unrolling, advance
from oscillo.layout import State, StateShape
from oscillo.network.block_layer import BlockLayerSpec
from oscillo.network.layer import Layer, LayerSpec, Problem
from oscillo.network.oscillator_layer import OscillatorLayerSpec
from oscillo.spec import OneOf, Spec

NetworkObserver = Callable[[int, int, State, Measures], None]
"""Called with the layer's number, the step number 0 .. T, the state at that step, and its measures."""

PATH_NOISE, EQUATION_NOISE, STEPS = 1 << 8, 1 << 9, 1 << 22
"""What the draws of disturbed states and those of stochastic equations are for, with the number of the layer; and how
many steps lie between one layer's draws and the next one's."""


class NetworkSpec(Spec):
    """Layers of oscillators or blocks, from the input to the last readout."""

    sites: list[int] | None = Field(
        default=None,
        description="Grid that the layers live on, such as [9, 9]; [] for none. A task may know it by itself.",
    )
    layers: list[Annotated[LayerSpec, OneOf(LayerSpec, "oscillators")]] = Field(
        min_length=1, description="The layers, first to last."
    )

    def resolve_sites(self, sites: Sequence[int] | None) -> tuple[int, ...]:
        """The declared grid, or the one a task knows.

        Raises:
            ValueError: when neither is there, or they differ.
        """
        if self.sites is None and sites is None:
            raise ValueError("the network has no `sites`: give the grid, such as `sites: [9, 9]`, or `sites: []`")
        if self.sites is not None and sites is not None and list(self.sites) != list(sites):
            raise ValueError(f"the network's sites are {list(self.sites)}, and the task's are {list(sites)}")
        return tuple(self.sites if self.sites is not None else sites or ())

    def problems(self, sites: tuple[int, ...], channels: int | None = None) -> list[Problem]:
        """Reasons why the network cannot be built on those sites, each with its place in the declaration.

        Args:
            sites: the grid.
            channels: channels of the features that will arrive at the first layer, where they are known.
        """
        found: list[Problem] = []
        for number, layer in enumerate(self.layers):
            place = ("layers", number)
            found += [((*place, *where), text) for where, text in layer.problems(sites)]
            seen = layer.seen(sites)
            if channels is not None and channels != seen.channels:
                found.append((place, f"the layer has {seen.channels} channels, and {channels} arrive from before it"))
            before = self.layers[number - 1] if number else None
            if before is not None and isinstance(layer, OscillatorLayerSpec) and layer.initial == "previous":
                found += [((*place, "initial"), text) for text in _carrying_problems(before, layer, sites)]
            channels = layer.channels_out(sites, self._following(number, sites))
        return found

    def channels_in(self, sites: tuple[int, ...]) -> int:
        """Channels of the features the first layer takes."""
        return self.layers[0].seen(sites).channels

    def build(self, sites: tuple[int, ...]) -> Network:
        """The network's module."""
        layers = [layer.build(sites, self._following(number, sites)) for number, layer in enumerate(self.layers)]
        channels = self.layers[-1].channels_out(sites, None)
        return Network(layers, channels)

    def _following(self, number: int, sites: tuple[int, ...]) -> int | None:
        after = self.layers[number + 1 :]
        return after[0].seen(sites).channels if after else None


def _carrying_problems(before: LayerSpec, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
    """Reasons why a layer cannot start from the last state of the one before; empty when it can."""
    carried, own = before.shape(sites).channels, layer.shape(sites).channels
    if carried != own:
        return [f"the layer before ends with {carried} channels, and this one has {own}; take `initial: drawn`"]
    if isinstance(before, OscillatorLayerSpec) and before.manifold != layer.manifold:
        there, here = (
            ", ".join(f"{key}: {value}" for key, value in one.manifold.model_dump().items()) for one in (before, layer)
        )
        return [f"the layer before ends on another manifold ({there}, and here {here}); take `initial: drawn`"]
    return []


class NetworkOutput(NamedTuple):
    """What a network gives back."""

    features: Tensor
    """The last readout, [sample, *sites, channel]."""
    states: list[State]
    """The last state of every layer."""


class Way(NamedTuple):
    """How layers are run."""

    steps: Sequence[int]
    """Steps of each layer."""
    draws: Draws | None = None
    """Key of the random initial states; None: seed 0 and the position in the batch."""
    observe: NetworkObserver | None = None
    """Told every state and its measures."""
    unrolling: Unrolling = PLAIN
    """Lead-in and gradient checkpointing."""
    enter: Callable[[int, Tensor | None], None] | None = None
    """Told the number and the stimulus of a layer before its first step."""


class Start(NamedTuple):
    """Where the iterated layer starts."""

    state: State
    """Its first state."""
    stimulus: Tensor | None
    """What it feels from outside during its steps; None for nothing."""


class Network(nn.Module):
    """Layers of oscillators or blocks; an ordinary module, to be used alone or inside another model."""

    def __init__(self, layers: Sequence[Layer], channels_out: int) -> None:
        super().__init__()
        self.layers: Sequence[Layer] = nn.ModuleList(layers)  # pyright: ignore[reportAttributeAccessIssue]
        self.channels_in, self.channels_out = layers[0].seen.channels, channels_out

    @property
    def shapes(self) -> list[StateShape]:
        """Shape of one sample's state in each layer, on the grid the network was built for."""
        return [layer.shape for layer in self.layers]

    def compile_steps(self, backend: str = "inductor") -> list[str]:
        """Have every layer's step, and its readout, compiled when first taken; returns the names of those layers.

        One step is compiled, not the loop: an unrolled loop takes minutes. A layer whose solver chooses its own
        steps, or whose coupling is a sparse product, is left as it is.
        """
        # Each layer, batch shape, gradient mode and set of measures is a variant of one function's code.
        torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
        compiled = []
        for number, layer in enumerate(self.layers):
            if layer.compilable:
                layer.compile(dynamic=False, backend=backend)
                layer.readout.compile(dynamic=False, backend=backend)
                compiled.append(f"layer {number}")
        return compiled

    def steps_of(self, steps: int | Sequence[int] | None) -> list[int]:
        """Steps each layer takes; one number counts for every layer that is declared with more than one step."""
        declared = [layer.steps for layer in self.layers]
        if steps is None:
            return declared
        if isinstance(steps, int):
            return [steps if own > 1 else own for own in declared]
        if len(steps) != len(declared):
            raise ValueError(f"steps for {len(steps)} layers, and the network has {len(declared)}")
        return list(steps)

    def forward(
        self, features: Tensor, initial: Tensor | State | None = None, *, steps: int | Sequence[int] | None = None,
        draws: Draws | None = None, observe: NetworkObserver | None = None, unrolling: Unrolling = PLAIN,
    ) -> NetworkOutput:  # fmt: skip
        """Run all layers and read out the last one.

        Args:
            features: what arrives at the first layer, [sample, *sites, channel].
            initial: initial state of the first layer, [sample, *sites, component, oscillator], or `x` and `v` of one
                with inertia; left out, it is drawn.
            steps: steps to take in place of the declared ones, for all layers or one by one.
            draws: key of the random initial states; left out, seed 0 and the position in the batch.
            observe: told every state and its measures; see `oscillo.integrators.loop`.
            unrolling: lead-in and path noise of every layer that is declared with more than one step, and gradient
                checkpointing; with it readouts are computed again as well.

        Raises:
            TypeError: when features are no tensor.
            ValueError: when features or initial states have another shape than the first layer's. The grid may be
                another one than the network was built for, where the couplings can be moved to it.
        """
        self._check_shapes(features, initial)
        way = Way(self.steps_of(steps), draws, observe, unrolling)
        states: list[State] = []
        for number in range(len(self.layers)):
            features = self._through(number, features, states, initial, way)
        return NetworkOutput(features, states)

    @property
    def iterated(self) -> int:
        """Number of the layer whose steps are counted: the last one that is declared with more than one step."""
        several = (number for number, layer in enumerate(self.layers) if layer.steps > 1)
        return max(several, default=len(self.layers) - 1)

    @property
    def draws_states(self) -> bool:
        """Whether some layer starts from a draw, unless it is given its initial states."""
        return any(
            not layer.starts_from_features and (number == 0 or not layer.carries_on)
            for number, layer in enumerate(self.layers)
        )

    def begin(self, features: Tensor, initial: Tensor | State | None, way: Way) -> Start:
        """Run the layers before the iterated one, and return where that one starts.

        With `finish` behind any number of its steps this is `forward`, cut open where the steps are counted: whoever
        takes them may read an answer out at any time, and go on.

        Args:
            features: what arrives at the first layer, [sample, *sites, channel].
            initial: as in `forward`.
            way: how the layers are run.
        """
        self._check_shapes(features, initial)
        states: list[State] = []
        for number in range(self.iterated):
            features = self._through(number, features, states, initial, way)
        return Start(*self._enter(self.iterated, features, states, initial, way))

    def finish(self, state: State, way: Way) -> Tensor:
        """Read the iterated layer out at a state, run the layers behind it, and return the features of the last one."""
        states = [state]
        features = self.layers[self.iterated].read(state)
        for number in range(self.iterated + 1, len(self.layers)):
            features = self._through(number, features, states, None, way)
        return features

    def noise(self, number: int, state: State, way: Way) -> Noise | None:
        """What disturbs the steps of a layer, where something does; the same for the same sample and step.

        Args:
            number: of the layer.
            state: one of its states, for the shape.
            way: how the layers are run; it says who draws.
        """
        layer, x = self.layers[number], state["x"]
        path = way.unrolling.path_noise if layer.steps > 1 else 0.0
        if not (path or layer.is_noisy):
            return None
        draws = way.draws or Draws(0, torch.arange(len(x), device=x.device))
        of_path, of_equation = (
            _Normals(draws, (purpose + number) * STEPS, x) for purpose in (PATH_NOISE, EQUATION_NOISE)
        )

        def noise(k: int) -> State:
            disturbance = {"x": path * of_path(k)} if path else {}
            return disturbance | ({"normals": of_equation(k)} if layer.is_noisy else {})

        return noise

    def _enter(
        self, number: int, features: Tensor, states: list[State], initial: Tensor | State | None, way: Way
    ) -> tuple[State, Tensor | None]:
        """First state of a layer, and its stimulus."""
        layer = self.layers[number]
        stimulus = layer.stimulus_of(features)
        if way.enter is not None:
            way.enter(number, stimulus)
        given = initial if number == 0 else None
        if isinstance(given, dict):
            return layer.initial_state(given["x"], given.get("v")), stimulus
        x = self._first_state(layer, number, features, stimulus, states, given, way)
        return layer.initial_state(x), stimulus

    def _through(
        self, number: int, features: Tensor, states: list[State], initial: Tensor | State | None, way: Way
    ) -> Tensor:
        """Take all steps of a layer and read it out; its last state is added to `states`."""
        layer, unrolling = self.layers[number], way.unrolling
        state, stimulus = self._enter(number, features, states, initial, way)
        watch = None if way.observe is None else _of_layer(way.observe, number)
        own = unrolling if layer.steps > 1 else unrolling._replace(lead_in=0, path_noise=0.0)
        state = advance(
            layer, state, stimulus, steps=way.steps[number], dt=layer.dt, observe=watch, unrolling=own,
            noise=self.noise(number, state, way),
        )  # fmt: skip
        states.append(state)
        return _recomputed(layer, state) if unrolling.recompute_every else layer.read(state)

    def _check_shapes(self, features: Tensor, initial: Tensor | State | None) -> None:
        if not isinstance(features, Tensor):
            raise TypeError(f"features are a {type(features).__name__}, and a network takes a torch.Tensor")
        seen, first = self.layers[0].seen, self.shapes[0]
        if features.ndim != len(seen.sites) + 2 or features.shape[-1] != seen.channels:
            wanted = ", ".join(["sample", *["site"] * len(seen.sites), f"{seen.channels} channels"])
            raise ValueError(f"features are {list(features.shape)}, and the first layer takes [{wanted}]")
        wanted = [*features.shape[:-1], first.components, first.oscillators]
        x = initial["x"] if isinstance(initial, dict) else initial
        if x is not None and list(x.shape) != wanted:
            raise ValueError(f"initial states are {list(x.shape)}, and for these features they would be {wanted}")

    @staticmethod
    def _first_state(
        layer: Layer, number: int, features: Tensor, stimulus: Tensor | None, states: list[State],
        initial: Tensor | None, way: Way,
    ) -> Tensor:  # fmt: skip
        if initial is not None:
            return initial
        if layer.starts_from_features and stimulus is not None:
            return stimulus
        shape = layer.shape
        if states and layer.carries_on:
            return states[-1]["x"].flatten(-2).unflatten(-1, (shape.components, shape.oscillators))
        sizes = (*features.shape[1:-1], shape.components, shape.oscillators)
        draws = way.draws or Draws(0, torch.arange(len(features), device=features.device))
        return layer.spread(draws.normal(sizes, purpose=number).to(features.dtype))


class _Normals:
    """Normal numbers for every step, drawn for several steps at once: a draw costs many small operations."""

    def __init__(self, draws: Draws, purpose: int, x: Tensor) -> None:
        self.draws, self.purpose, self.shape, self.dtype = draws, purpose, tuple(x.shape[1:]), x.dtype
        self.together = max(1, min(64, 2**18 // max(1, x.numel())))
        self.first, self.drawn = -1, x.new_empty(0)

    def __call__(self, k: int) -> Tensor:
        first = k - k % self.together
        if first != self.first:
            start = self.purpose + first
            self.drawn = self.draws.normals(self.shape, range(start, start + self.together)).to(self.dtype)
            self.first = first
        return self.drawn[k - first]


def _recomputed(layer: Layer, state: State) -> Tensor:
    """The layer read out, with no intermediate result kept for the backward pass."""
    return checkpoint(layer.read, state, use_reentrant=False)  # pyright: ignore[reportReturnType]


def _of_layer(observe: NetworkObserver, number: int) -> Callable[[int, State, Measures], None]:
    return lambda step, state, measures: observe(number, step, state, measures)


__all__ = ["BlockLayerSpec", "Network", "NetworkObserver", "NetworkOutput", "NetworkSpec", "OscillatorLayerSpec"]
