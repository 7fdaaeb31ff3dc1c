"""Systems made of a function of one's own: a flow dx/dt = f(x, t), or a map x' = f(x).

def lorenz(x, t):
x, y, z = x.unbind(1)
return torch.stack((10 * (y - x), x * (28 - z) - y, x * y - 8 / 3 * z), dim=1)

start = torch.randn(16, 3, 1, dtype=torch.float64)                   # [sample, component, oscillator]
found = lyapunov_exponents(flow(lorenz, start, dt=0.01).after(1000), 3, steps=4000)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from oscillo.integrators.loop import Measures
from oscillo.integrators.runge_kutta import CLASSIC, HEUN, Tableau, combined
from oscillo.layout import State
from oscillo.stability.system import System, derivative

Method = Literal["euler", "heun", "rk4"]

_TABLEAUS: dict[Method, Tableau] = {"euler": Tableau((), (), (1.0,)), "heun": HEUN, "rk4": CLASSIC}


class _Function(ABC):
    """What steps by a function; a state is `x` alone."""

    def __call__(
        self, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor, noise: State | None = None,
        measure: bool = False, *, spent: bool = False,
    ) -> tuple[State, Measures]:  # fmt: skip
        """One step, and nothing measured."""
        return {"x": self.step(state["x"], stimulus, t, dt)}, {}

    def measure(self, state: State, stimulus: Tensor | None, t: Tensor) -> Measures:
        """Nothing."""
        return {}

    @abstractmethod
    def step(self, x: Tensor, parameters: Tensor | None, t: Tensor, dt: Tensor) -> Tensor:
        """Where x is one step later."""


@dataclass(frozen=True)
class FunctionFlow(_Function):
    """dx/dt = f(x, t), or f(x, t, parameters), by an explicit Runge-Kutta method of fixed steps."""

    function: Callable[..., Tensor]
    """Takes x [sample, ...] and a time, and gives dx/dt."""
    tableau: Tableau
    """The method."""

    def velocity(self, x: Tensor, parameters: Tensor | None, t: Tensor) -> Tensor:
        """dx/dt."""
        return self.function(x, t) if parameters is None else self.function(x, t, parameters)

    def step(self, x: Tensor, parameters: Tensor | None, t: Tensor, dt: Tensor) -> Tensor:
        """Where the method takes x."""
        rates = [{"x": self.velocity(x, parameters, t)}]
        for weights, share in zip(self.tableau.stages, self.tableau.times, strict=True):
            here = x + dt * combined(rates, weights)["x"]
            rates.append({"x": self.velocity(here, parameters, t + share * dt)})
        return x + dt * combined(rates, self.tableau.weights)["x"]


@dataclass(frozen=True)
class FunctionMap(_Function):
    """x' = f(x), or f(x, parameters)."""

    function: Callable[..., Tensor]
    """Takes x [sample, ...], and gives the next one."""

    def step(self, x: Tensor, parameters: Tensor | None, t: Tensor, dt: Tensor) -> Tensor:
        """The next x."""
        return self.function(x) if parameters is None else self.function(x, parameters)


def flow(
    function: Callable[..., Tensor], x: Tensor, *, dt: float, method: Method = "rk4", parameters: Tensor | None = None
) -> System:
    """The system dx/dt = f(x, t), in steps of one size.

    Args:
        function: takes x and the time, a scalar, and gives dx/dt of the shape of x, in PyTorch's operations. All
            samples are handed to it at once, each perhaps several times, so that numbers which differ from sample to
            sample are no part of the function: they are its third argument, `parameters`.
        x: where the samples start, [sample, component, oscillator] or any other [sample, ...]; in float32 or float64.
        dt: size of a step, in the function's units of time.
        method: `rk4` (order 4), `heun` (order 2) or `euler`.
        parameters: numbers of each sample, [sample, ...].

    Raises:
        ValueError: when the method is none of these, dt is not positive, the function gives another shape or type, or
            its result does not tell PyTorch how it depends on x.
    """
    if method not in _TABLEAUS:
        raise ValueError(f"method is one of {', '.join(_TABLEAUS)}, not {method!r}")
    if not 0 < dt < float("inf"):
        raise ValueError(f"dt is a positive number, not {dt}")
    layer = FunctionFlow(function, _TABLEAUS[method])
    return _system(layer, lambda x: layer.velocity(x, parameters, _zero(x)), x, dt, parameters)


def iterated_map(function: Callable[..., Tensor], x: Tensor, *, parameters: Tensor | None = None) -> System:
    """The system x' = f(x); a step is a unit of time.

    Args:
        function: takes x and gives the next one, of the same shape, in PyTorch's operations; as with `flow`, numbers
            that differ from sample to sample are its second argument, `parameters`.
        x: where the samples start, [sample, component, oscillator] or any other [sample, ...]; in float32 or float64.
        parameters: numbers of each sample, [sample, ...].

    Raises:
        ValueError: when the function gives another shape or type, or its result does not tell PyTorch how it depends
            on x.
    """
    layer = FunctionMap(function)
    return _system(layer, lambda x: layer.step(x, parameters, _zero(x), _zero(x)), x, 1.0, parameters)


def _zero(x: Tensor) -> Tensor:
    return torch.zeros((), dtype=torch.float64, device=x.device)


def _system(
    layer: FunctionFlow | FunctionMap, tried: Callable[[Tensor], Tensor], x: Tensor, dt: float,
    parameters: Tensor | None,
) -> System:  # fmt: skip
    """The system, once its function has been tried."""
    if not isinstance(x, Tensor):
        raise ValueError(f"x is {type(x).__name__}, and a tensor [sample, ...] is wanted: torch.as_tensor(x)")
    if not x.is_floating_point() or not x.numel() or x.ndim < 2:
        raise ValueError(f"x is {x.dtype} {list(x.shape)}, and floating-point numbers [sample, ...] are wanted")
    if parameters is not None and len(parameters) != len(x):
        raise ValueError(f"parameters are for {len(parameters)} samples, and x is of {len(x)}")
    value, rates = derivative(lambda state: {"f": tried(state["x"])}, {"x": x}, {"x": torch.ones_like(x)})
    found = value["f"]
    if found.shape != x.shape or found.dtype != x.dtype:
        gives = f"{found.dtype} {list(found.shape)} for x of {x.dtype} {list(x.shape)}"
        raise ValueError(f"the function gives {gives}, and the same shape and type are wanted")
    if "f" not in rates:
        raise ValueError(
            "the function's result does not tell how it depends on x: it has to be made of PyTorch's differentiable "
            "operations, without numpy, `detach` or `item`"
        )
    return System(layer, {"x": x}, torch.tensor(dt, dtype=x.dtype, device=x.device), parameters)
