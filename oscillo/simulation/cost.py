"""What a step of a simulation costs, counted while one or two samples take it."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from oscillo.draws import Draws
from oscillo.layout import State
from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.observables import Moment
from oscillo.simulation.observed import Observed

_SHORT = 1e-6
"""Share of a step that is taken by an integrator that chooses its own steps: it then takes one."""


class Cost(NamedTuple):
    """What a batch of members takes while it moves."""

    flops: int
    """Floating-point operations of one evaluation of the right-hand side for one member: two for a multiplication and
    an addition, one for a number that a function such as the sine gives."""
    once: float
    """Bytes that a step or an observation takes for itself, whatever the batch."""
    each: float
    """Bytes beside them for each member of the batch."""


def cost_of(layer: OscillatorLayer, observed: Observed, stimulus: Tensor | None) -> Cost:
    """What one evaluation computes, and what a step and an observation hold at most.

    Args:
        layer: of one member, with the past of delays as short as can be.
        observed: what is taken from it.
        stimulus: of one sample, or None.
    """
    one, two = (_Held(layer, observed, stimulus, samples) for samples in (1, 2))
    each = max(0, two.peak - one.peak)
    return Cost(one.flops, max(0, one.peak - each), each)


def sample_states(layer: OscillatorLayer, samples: int, device: str = "cpu") -> State:
    """States of some samples that stand anywhere; on `meta` without numbers, only with shapes."""
    shape = layer.shape
    sizes = (samples, *shape.sites, shape.components, shape.oscillators)
    x = torch.empty(sizes, dtype=layer.dt.dtype, device=device)
    if device != "meta":
        x = layer.spread(torch.linspace(-1, 1, x.numel(), dtype=x.dtype).sin().reshape(sizes))
    return layer.initial_state(x)


class _Held:
    """What some samples hold at most in a step and in an observation."""

    def __init__(self, layer: OscillatorLayer, observed: Observed, stimulus: Tensor | None, samples: int) -> None:
        self.layer = layer
        self.state = sample_states(layer, samples)
        self.stimulus = None if stimulus is None else stimulus.expand(samples, *stimulus.shape[1:])
        self.observed = observed
        self.flops = _counted(self._evaluate).flops
        self.peak = max(_counted(work).peak for work in (self._step, self._observe))

    def _evaluate(self) -> Any:
        return self.layer.oscillators.evaluate(self.state, self.stimulus, 0 * self.layer.dt.double())

    def _step(self) -> Any:
        layer, x = self.layer, self.state["x"]
        dt = layer.dt.detach() * (1 if layer.integrator.evaluations else _SHORT)
        drawn = Draws(0, torch.arange(len(x))).normal(tuple(x.shape[1:])).to(x.dtype) if layer.is_noisy else None
        return layer(self.state, self.stimulus, 0 * dt.double(), dt, None if drawn is None else {"normals": drawn})

    def _observe(self) -> Any:
        moment = Moment(self.layer, self.state, self.stimulus, 0 * self.layer.dt.double())
        found = [taken.measure(moment) for group in self.observed.groups for taken in group.taken]
        for summary, _ in self.observed.summaries.values():
            summary.update(summary.start(moment), moment)  # what it keeps is counted apart, and lasts
        return found


class _Counting(TorchDispatchMode):
    """Counts operations, and the bytes that tensors made meanwhile take at once."""

    def __init__(self) -> None:
        super().__init__()
        self.flops, self.peak, self._held = 0, 0, 0
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # Nothing compiled runs while it counts, and hiding from the compiler would first load it, for a second.
        return False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        out = func(*args, **kwargs)
        inputs, outputs = ([leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)] for tree in (args, out))
        if not getattr(func, "is_view", False):
            self.flops += _operations(func, args, kwargs, out, inputs, outputs)
        for tensor in outputs:
            self._hold(tensor)
        return out

    def _hold(self, tensor: Tensor) -> None:
        if tensor.layout is not torch.strided:
            return
        storage = tensor.untyped_storage()
        if storage in self._seen:
            return
        self._seen.add(storage)
        size = storage.nbytes()
        self._held += size
        self.peak = max(self.peak, self._held)
        weakref.finalize(storage, self._release, size)

    def _release(self, size: int) -> None:
        self._held -= size


def _operations(func: Any, args: Any, kwargs: Any, out: Any, inputs: list[Tensor], outputs: list[Tensor]) -> int:
    """Operations of one call: products by their formulas, all else by the numbers that go in or come out."""
    name = func._schema.name
    if name == "oscillo::sparse_product":
        weights, x, rows = inputs[:3]
        return 2 * weights.numel() * (x.numel() // (len(rows) - 1))
    sparse = [tensor for tensor in inputs if tensor.layout is not torch.strided]
    if sparse:
        return 2 * sparse[0].values().numel() * (outputs[0].shape[-1] if outputs and outputs[0].ndim else 1)
    if func._overloadpacket in flop_registry:
        return int(flop_registry[func._overloadpacket](*args, **kwargs, out_val=out))
    floating = [tensor.numel() for tensor in (*inputs, *outputs) if tensor.is_floating_point()]
    moved = name.removeprefix("aten::") in _MOVES
    return 0 if moved else max(floating, default=0)


_MOVES = frozenset({
    "clone", "copy_", "cat", "stack", "index", "index_select", "index_copy", "index_copy_", "empty_like", "empty",
    "zeros", "zeros_like", "ones_like", "full", "full_like", "_to_copy", "repeat", "arange", "where", "lift_fresh",
    "new_empty", "new_zeros", "_local_scalar_dense",
})  # fmt: skip
"""What moves numbers and computes none."""


@torch.no_grad()
def _counted(work: Callable[[], Any]) -> _Counting:
    """What a piece of work took."""
    counting = _Counting()
    with counting:
        kept = work()
    del kept
    return counting
