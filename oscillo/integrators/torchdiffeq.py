"""Solvers of the torchdiffeq package, behind the contract of one step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec, tolerance_problems
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register

ADAPTIVE = ("dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun")
ADAMS = ("explicit_adams", "implicit_adams", "fixed_adams")
TOLERANT = (*ADAPTIVE, "implicit_adams", "fixed_adams")
"""Methods that have a use for tolerances."""

_ORDERS = {
    "dopri5": 5, "dopri8": 8, "bosh3": 3, "fehlberg2": 2, "adaptive_heun": 2, "euler": 1, "midpoint": 2, "heun2": 2,
    "heun3": 3, "rk4": 4, "explicit_adams": 3, "implicit_adams": 4, "fixed_adams": 4,
}  # fmt: skip
"""Orders of the methods; of Adams methods with few inner steps, whose first ones are those of another method."""

_ADAMS_ORDER = 5
"""Terms that Adams methods go up to: order 4 of the explicit one, 5 of the implicit ones."""

_ADAMS_LEAD = 2
"""Inner steps of `rk4` that Adams methods begin with, to have slopes to go on from."""

Method = Literal[
    "dopri5", "dopri8", "bosh3", "fehlberg2", "adaptive_heun", "euler", "midpoint", "heun2", "heun3", "rk4",
    "explicit_adams", "implicit_adams", "fixed_adams",
]  # fmt: skip


@register
class TorchdiffeqSpec(IntegratorSpec):
    """A solver of torchdiffeq over each step, from the state at its start; the state is retracted at its end only.

    Adaptive methods measure their error over the whole batch: a sample's result depends, within the tolerance, on the
    samples beside it. Where that matters, take `dopri5`.
    """

    kind: Literal["torchdiffeq"] = "torchdiffeq"
    takes_delays: ClassVar[bool] = False
    method: Method = Field(
        default="dopri5",
        description="Adaptive methods choose their own steps within each step of the spec; fixed ones take `substeps`. "
        "Adams methods start anew at each step of the spec, with two inner steps of `rk4`.",
    )
    rtol: float = Field(
        default=1e-5, gt=0, allow_inf_nan=False, description="Relative tolerance of adaptive and implicit methods."
    )
    atol: float = Field(
        default=1e-6, gt=0, allow_inf_nan=False, description="Absolute tolerance of adaptive and implicit methods."
    )
    substeps: int = Field(default=1, ge=1, description="Inner steps of a fixed method in each step of the spec.")
    adjoint: bool = Field(
        default=False,
        description="Whether gradients come from solving the adjoint equation backward in time, with memory that does "
        "not grow with the inner steps, and not from backpropagation through them.",
    )

    @property
    def order(self) -> int:
        """That of the method, for as many inner steps in each step of the spec."""
        return _ORDERS[self.method]

    @property
    def adaptive(self) -> bool:
        """As the method says."""
        return self.method in ADAPTIVE

    def problems(self, oscillators: Oscillators) -> list[str]:
        """What the solver has no use for."""
        found = super().problems(oscillators)
        if self.substeps > 1 and self.method in ADAPTIVE:
            found.append(f"`{self.method}` chooses its own inner steps; leave out `substeps`")
        tolerances = [name for name in ("rtol", "atol") if getattr(self, name) != type(self).model_fields[name].default]
        if tolerances and self.method not in TOLERANT:
            found.append(f"`{self.method}` measures no error; leave out `{'` and `'.join(tolerances)}`")
        if self.method in ADAMS and self.substeps <= _ADAMS_LEAD:
            found.append(
                f"`{self.method}` starts anew at each step of the spec, and its first {_ADAMS_LEAD} inner steps are "
                f"those of `rk4`; take {_ADAMS_LEAD + 1} `substeps` or more in longer steps, or `rk4`"
            )
        return found

    def precision_problems(self, resolution: float) -> list[str]:
        """Tolerances that cannot be met."""
        return tolerance_problems(self.rtol, self.atol, resolution) if self.method in TOLERANT else []

    def build(self) -> Torchdiffeq:
        """The adapter."""
        return Torchdiffeq(self)


class Torchdiffeq(Integrator):
    """One step of the spec as a call of `torchdiffeq.odeint` over [t, t + dt], retracted at its end.

    The state counts `evaluations` [sample] and keeps the largest `drift` [sample] off the manifold before a retraction.
    """

    compilable: ClassVar[bool] = False
    evaluates_at_start = False
    evaluations = 0

    def __init__(self, spec: TorchdiffeqSpec) -> None:
        super().__init__(spec)
        self.method, self.rtol, self.atol, self.adjoint = spec.method, spec.rtol, spec.atol, spec.adjoint
        self.options: dict[str, Any] = {} if spec.method in ADAPTIVE else {"step_size": 1.0 / spec.substeps}
        if spec.method in ADAMS:
            # Left alone, torchdiffeq goes up to order 12, and the explicit method then blows up on next to everything.
            self.options["max_order"] = _ADAMS_ORDER

    def begin(self, state: State) -> State:
        """With the counters at zero."""
        x = state["x"]
        zero = x.new_zeros(len(x))
        return state | {"evaluations": zero.long(), "drift": zero}

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State after one step.

        Raises:
            FloatingPointError: when the solver's own steps become too small to advance.
        """
        names = [name for name in ("x", "v") if name in state]
        calls = 0

        # Time runs from 0 to 1 within the step, so that a trained or per-sample dt stays a factor of the velocity.
        def velocity(s: Tensor, here: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            nonlocal calls
            calls += 1
            rates = oscillators.evaluate(state | dict(zip(names, here, strict=True)), stimulus, t + s * dt).rates
            return tuple((dt * rates[name]).expand_as(part) for name, part in zip(names, here, strict=True))

        before = tuple(state[name] for name in names)
        after = dict(zip(names, self._solve(velocity, before, oscillators, stimulus, dt, t), strict=True))
        counted = {
            "evaluations": state["evaluations"] + calls,
            "drift": torch.maximum(state["drift"], oscillators.manifold.drift(after["x"]).detach().flatten(1).amax(1)),
        }
        return oscillators.settled(state | after | counted)

    def _solve(
        self, velocity: Callable[..., Any], before: tuple[Tensor, ...], oscillators: Oscillators,
        stimulus: Tensor | None, dt: Tensor, t: Tensor,
    ) -> list[Tensor]:  # fmt: skip
        import torchdiffeq  # with SciPy behind it, which every command would wait for

        span = torch.tensor([0.0, 1.0], dtype=before[0].dtype, device=before[0].device)
        settings: dict[str, Any] = {
            "method": self.method, "rtol": self.rtol, "atol": self.atol, "options": dict(self.options),
        }  # fmt: skip
        try:
            if self.adjoint:
                outside = [dt] if stimulus is None else [dt, stimulus]
                learned = tuple(p for p in (*oscillators.parameters(), *outside) if p.requires_grad)
                after = torchdiffeq.odeint_adjoint(velocity, before, span, adjoint_params=learned, **settings)
            else:
                after = torchdiffeq.odeint(velocity, before, span, **settings)
        except AssertionError as error:
            raise FloatingPointError(self._stuck(velocity, before, t, error)) from error
        return [part[-1] for part in after]

    def _stuck(self, velocity: Callable[..., Any], before: tuple[Tensor, ...], t: Tensor, error: AssertionError) -> str:
        with torch.no_grad():
            speed = velocity(torch.zeros_like(t), before)[-1].flatten(1).norm(dim=1)
        worst = int(torch.nan_to_num(speed, nan=torch.inf).argmax())
        return (
            f"torchdiffeq's {self.method} could not advance from t = {float(t.max()):g}: {error}. The fastest sample "
            f"of the batch is {worst}, with a rate of change of norm {float(speed[worst]):g} over the step; try a "
            "larger rtol and atol, a smaller step size, precision float64, or `dopri5`, which names the sample"
        )
