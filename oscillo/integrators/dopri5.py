"""Dormand and Prince's method with a step size of its own for every sample."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NamedTuple

import torch
from pydantic import Field
from torch import Tensor

from oscillo.integrators.base import Integrator, IntegratorSpec, tolerance_problems
from oscillo.integrators.runge_kutta import combined
from oscillo.layout import State
from oscillo.oscillators import Evaluation, Oscillators
from oscillo.spec import register

_STAGES = (
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_TIMES = (1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERROR = (-71 / 57600, 0.0, 71 / 16695, -71 / 1920, 17253 / 339200, -22 / 525, 1 / 40)
_MIDDLE = (
    6025192743 / 30085553152, 0.0, 51252292925 / 65400821598, -2691868925 / 45128329728, 187940372067 / 1594534317056,
    -1776094331 / 19743644256, 11237099 / 235043384,
)  # fmt: skip
"""Weights of the state in the middle of a step, to fourth order (Shampine 1986)."""

_SAFETY, _SMALLEST_FACTOR, _LARGEST_FACTOR = 0.9, 0.2, 10.0
"""How a step follows from the one before it (Hairer, Norsett and Wanner 1993, section II.4)."""

_SMALLEST_BATCH = 4

_BESIDE = 1e-12
"""How far from a jump of the stimulus, as a share of its time, there is nothing of what is on its other side."""

_HALVES, _EIGHTHS = 2, 8
"""A batch shrinks to a half when no more than that goes on, and so forth; a compiled one, for which every size is
compiled anew, to an eighth and only once."""


@register
class Dopri5Spec(IntegratorSpec):
    """Dormand and Prince's method of fifth order; every sample chooses its own steps, and none waits for another.

    The steps do not end at the ends of the spec's steps: states there are interpolated to fourth order. A sample's
    result is the same in every batch.
    """

    kind: Literal["dopri5"] = "dopri5"
    takes_delays: ClassVar[bool] = False
    rtol: float = Field(default=1e-5, gt=0, allow_inf_nan=False, description="Relative tolerance of one inner step.")
    atol: float = Field(default=1e-6, gt=0, allow_inf_nan=False, description="Absolute tolerance of one inner step.")
    max_step: float | None = Field(default=None, gt=0, description="Longest inner step, in units of time.")

    @property
    def order(self) -> int:
        """Fifth; between its own steps it interpolates to fourth."""
        return 5

    @property
    def adaptive(self) -> bool:
        """Every sample chooses its steps."""
        return True

    def precision_problems(self, resolution: float) -> list[str]:
        """Tolerances that cannot be met."""
        return tolerance_problems(self.rtol, self.atol, resolution)

    def build(self) -> Dopri5:
        """The solver."""
        return Dopri5(self)


class _Step(NamedTuple):
    """An attempted step."""

    size: Tensor
    """Its size, float64 [sample]."""
    error: Tensor
    """Estimated error of each sample in units of its tolerance, float64 [sample]."""
    unfinished: Tensor
    """Which samples are still before their target, bool [sample]."""
    arrived: Tensor
    """Which ones the step took to their target or past it, bool [sample]."""
    told: Tensor
    """How many are unfinished, how many arrived, and of how many the step does not change the time any more; [3]."""
    rates: list[State]
    """Slopes at all stages."""
    end: State
    """x and v at the end, not settled."""


class Dopri5(Integrator):
    """Dormand and Prince 1980, with the error of each sample measured by itself (root mean square over its numbers).

    Samples that have arrived leave the batch when half of it has, so that the others go on in one of few fixed sizes.
    """

    evaluates_at_start: ClassVar[bool] = False
    compiles_itself: ClassVar[bool] = True
    evaluations = 0

    raises = True
    """Whether a sample that cannot go on stops everything; otherwise its state becomes NaN, and the others go on."""

    lands = False
    """Whether inner steps end at the ends of the spec's steps, and nothing is interpolated: where tolerances are tight,
    interpolation to fourth order makes the largest error of all."""

    def __init__(self, spec: Dopri5Spec) -> None:
        super().__init__(spec)
        self.rtol, self.atol = spec.rtol, spec.atol
        self.max_step = spec.max_step or torch.inf
        self.shrinks_to = _HALVES

    def restarted(self, state: State) -> State:
        """With steps that begin anew: where somebody moved the state, what was solved ahead is not its future."""
        return state | {"step": torch.zeros_like(state["step"])}

    def begin(self, state: State) -> State:
        """With room for what the solver remembers; a step size of zero says that it has not begun.

        Of each sample: the time it has `reached`, the size of its next `step`, the time `before` the last one,
        counters; the state there (`ahead`) with its slope (`k`); and what the step that passed the end of a spec's step
        is made of: where it began (`behind`), its `middle`, its `end` before it was retracted, and the slope at its
        beginning (`k0`).
        """
        x = state["x"]
        zero = torch.zeros(len(x), dtype=torch.float64, device=x.device)
        memory: State = {}
        for name, value in _moving(state).items():
            parts = ("ahead", "behind") if name == "winding" else ("ahead", "behind", "middle", "end", "k0", "k")
            memory |= {f"{part}.{name}": value for part in parts}
        counters = dict.fromkeys(("accepted", "rejected", "evaluations"), zero.long())
        return state | memory | counters | {"reached": zero, "before": zero, "step": zero, "drift": x.new_zeros(len(x))}

    def forward(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor, dt: Tensor,
        start: Evaluation, normals: Tensor | None = None,
    ) -> State:  # fmt: skip
        """State at t + dt.

        Raises:
            FloatingPointError: when the steps of a sample become too small to advance; the message has the time, the
                sample, and what to try.
        """
        samples = len(state["x"])
        each = lambda time: time.reshape(-1).double().expand(samples)  # noqa: E731
        if bool((state["step"] == 0).any()):
            state = self._begun(oscillators, state, stimulus, each(t))
        target = each(t + dt)
        state = self._until(
            oscillators, state, stimulus, target, torch.arange(samples, device=state["x"].device), self.shrinks_to
        )
        return oscillators.settled(state | self._interpolated(state, target))

    def _begun(self, oscillators: Oscillators, state: State, stimulus: Tensor | None, t: Tensor) -> State:
        """At time t, with the rates there and a first step size (Hairer, Norsett and Wanner 1993, section II.4)."""
        here = _moving(state)
        now = _aligned(t, state["x"])
        k = _whole(oscillators.evaluate(here, stimulus, now).rates, here)
        with torch.no_grad():
            sizes = {name: self.atol + self.rtol * here[name].abs() for name in k}
            d0, d1 = _norm(here, sizes), _norm(k, sizes)
            h0 = torch.where((d0 < 1e-5) | (d1 < 1e-5), torch.full_like(d0, 1e-6), 0.01 * d0 / d1)
            ahead = oscillators.moved(here, k, _column(h0, state["x"]))
            change = _whole(oscillators.evaluate(ahead, stimulus, now + _aligned(h0, state["x"])).rates, here)
            d2 = _norm({name: change[name] - k[name] for name in k}, sizes) / h0
            steep = torch.maximum(d1, d2)
            h1 = torch.where(steep <= 1e-15, (h0 * 1e-3).clamp_min(1e-6), (0.01 / steep.clamp_min(1e-15)) ** 0.2)
            h = torch.minimum(100 * h0, h1).clamp(max=self.max_step)
        memory = {f"ahead.{name}": value for name, value in here.items()}
        memory |= {f"k.{name}": value for name, value in k.items()}
        return state | memory | {"reached": t, "step": h, "evaluations": state["evaluations"] + 2}

    def _until(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, target: Tensor, rows: Tensor,
        shrinks_to: int,
    ) -> State:  # fmt: skip
        """Steps until every sample has reached its target; `rows` are the samples' numbers in the batch."""
        unfinished = state["reached"] < target
        count = int(unfinished.sum())
        while count:
            size = len(target) // shrinks_to if shrinks_to else 0
            if size >= _SMALLEST_BATCH and count <= size:
                kept = torch.argsort(unfinished.byte(), descending=True, stable=True)[:size]
                part = oscillators.arranged({name: value[kept] for name, value in state.items()})
                some = None if stimulus is None else stimulus[kept]
                further = _HALVES if shrinks_to == _HALVES else 0
                part = self._until(oscillators.rows(kept), part, some, target[kept], rows[kept], further)
                return {name: value.index_copy(0, kept, part[name]) for name, value in state.items()}
            before = state
            state, step = self.attempt(oscillators, before, stimulus, target)
            unfinished = step.unfinished
            count, arrived, stuck = step.told.tolist()
            if arrived:
                state = self.kept(oscillators, before, state, step)
            if stuck:
                state = self._marked(state, step.error, rows)
                unfinished = state["reached"] < target
                count = int(unfinished.sum())
        return state

    def compile(self, **options: Any) -> None:
        """Compile what an attempted step does; the loop around it, whose length depends on numbers, stays as it is."""
        self.attempt = torch.compile(self.attempt, **options)
        self.kept = torch.compile(self.kept, **options)
        self.shrinks_to = _EIGHTHS

    def attempt(
        self, oscillators: Oscillators, state: State, stimulus: Tensor | None, target: Tensor
    ) -> tuple[State, _Step]:
        """One attempted step of the samples before their target; those whose error is too large stay where they are.

        Returns:
            The state after it, and the step.
        """
        active = state["reached"] < target
        here = _moving(state, "ahead.")
        h, rates, after = self._stages(oscillators, state | {"step": self._allowed(state, target)}, stimulus, here)
        with torch.no_grad():
            error = self._error(here, after, rates, _column(h, here["x"]))
            good = active & (error <= 1)
            following = self._following(h, state["step"], error, active)
        settled = oscillators.settled(after)
        drift = oscillators.manifold.drift(after["x"]).detach().flatten(1).amax(1)
        fresh = {f"ahead.{name}": settled[name] for name in here} | {f"k.{name}": k for name, k in rates[-1].items()}
        chosen = state | {name: _where(good, value, state[name]) for name, value in fresh.items()}
        moved = {
            "before": torch.where(good, state["reached"], state["before"]),
            "reached": torch.where(good, state["reached"] + h, state["reached"]), "step": following,
            "accepted": state["accepted"] + good, "rejected": state["rejected"] + (active & ~good),
            "evaluations": state["evaluations"] + (6 if oscillators.drive is None else 7) * active,
            "drift": torch.where(good, torch.maximum(state["drift"], drift), state["drift"]),
        }  # fmt: skip
        unfinished = moved["reached"] < target
        arrived = active & ~unfinished
        stuck = active & ~good & _is_stuck(moved["reached"], following)
        told = torch.stack((unfinished.sum(), arrived.sum(), stuck.sum()))
        end = {name: after[name] for name in rates[0]}
        return chosen | moved, _Step(h, error, unfinished, arrived, told, rates, end)

    def _allowed(self, state: State, target: Tensor) -> Tensor:
        """Size of each sample's next step, as it wants it, or not past the target."""
        left = target - state["reached"]
        return torch.where(left > 0, torch.minimum(state["step"], left), state["step"]) if self.lands else state["step"]

    @staticmethod
    def _stages(
        oscillators: Oscillators, state: State, stimulus: Tensor | None, here: State
    ) -> tuple[Tensor, list[State], State]:
        """Size of the step, the slopes of all its stages, and the state at its end, not settled.

        A step ends where the stimulus jumps, at the latest. It sees what is between two jumps only, so that the slope
        at the end of the step before it is not the one it begins with.
        """
        x, t, h, drive = here["x"], state["reached"], state["step"], oscillators.drive
        earliest, latest = t * (1 + _BESIDE), None
        if drive is not None:
            jump = drive.next_break(earliest)
            h, latest = torch.minimum(h, jump - t), jump * (1 - _BESIDE)

        def evaluated(at: State, time: Tensor) -> State:
            time = time if latest is None else torch.minimum(torch.maximum(time, earliest), latest)
            return _whole(oscillators.evaluate(at, stimulus, _aligned(time, x)).rates, here)

        dt = _column(h, x)
        last = {name: state[f"k.{name}"] for name in here if name != "winding"}
        rates = [last if drive is None else evaluated(here, t)]
        for weights, share in zip(_STAGES, _TIMES, strict=True):
            rates.append(evaluated(oscillators.moved(here, combined(rates, weights), dt), t + share * h))
        after = oscillators.moved(here, combined(rates, _WEIGHTS), dt)
        rates.append(evaluated(after, t + h))
        return h, rates, after

    def _following(self, h: Tensor, wanted: Tensor, error: Tensor, active: Tensor) -> Tensor:
        """Size of the next step of each sample, after one of size h where a jump may have cut the one wanted."""
        factor = (_SAFETY * error.clamp_min(1e-10) ** -0.2).clamp(_SMALLEST_FACTOR, _LARGEST_FACTOR)
        factor = factor.nan_to_num(nan=_SMALLEST_FACTOR)  # an error that is not a number shrinks the step
        grown = torch.where((error <= 1) & (h < wanted), torch.maximum(h * factor, wanted), h * factor)
        return torch.where(active, grown.clamp(max=self.max_step), wanted)

    def kept(self, oscillators: Oscillators, before: State, state: State, step: _Step) -> State:
        """The state after a step, with what the interpolation needs of the step in samples that it took to the target.

        Args:
            oscillators: those that took it.
            before: the state before the step.
            state: the one after it.
            step: the step itself.
        """
        here = _moving(before, "ahead.")
        middle = oscillators.moved(here, combined(step.rates, _MIDDLE), _column(step.size, here["x"]) / 2)
        fresh = {f"behind.{name}": value for name, value in here.items()}
        for name, end in step.end.items():
            fresh |= {f"middle.{name}": middle[name], f"end.{name}": end, f"k0.{name}": step.rates[0][name]}
        return state | {name: _where(step.arrived, value, state[name]) for name, value in fresh.items()}

    def _error(self, here: State, after: State, rates: list[State], dt: Tensor) -> Tensor:
        """Estimated error of each sample in units of its tolerance, float64 [sample]."""
        error = {name: dt * value for name, value in combined(rates, _ERROR).items()}
        scale = {name: self.atol + self.rtol * torch.maximum(here[name].abs(), after[name].abs()) for name in error}
        return _norm(error, scale)

    def _marked(self, state: State, error: Tensor, rows: Tensor) -> State:
        """Stop, or mark with NaN, samples whose step does not change their time any more."""
        stuck = ~(error <= 1) & _is_stuck(state["reached"], state["step"])
        if self.raises:
            first = int(stuck.nonzero()[0])
            raise FloatingPointError(
                f"dopri5 could not advance sample {int(rows[first])} from t = {float(state['reached'][first]):g}: its "
                f"step has shrunk to {float(state['step'][first]):.3g}, and the error is still "
                f"{float(error[first]):.3g} times the tolerance; try a larger rtol and atol, or precision float64. "
                "A state that grows without bound ends so as well"
            )
        lost = {
            name: _where(stuck, torch.full_like(value, torch.nan), value)
            for name, value in state.items()
            if "." in name and value.is_floating_point()
        }
        reached = torch.where(stuck, torch.full_like(state["reached"], torch.inf), state["reached"])
        return state | lost | {"reached": reached}

    @staticmethod
    def _interpolated(state: State, target: Tensor) -> State:
        """The state at the target, on the quartic through both ends, both slopes and the middle of the last step."""
        x = state["x"]
        span = (state["reached"] - state["before"]).clamp_min(torch.finfo(torch.float64).tiny)
        h, s = _column(span, x), _column((target - state["before"]) / span, x)
        moved: State = {}
        for name in ("x", "v"):
            if f"k.{name}" not in state:
                continue
            y0, y1, middle = (state[f"{part}.{name}"] for part in ("behind", "end", "middle"))
            f0, f1 = h * state[f"k0.{name}"], h * state[f"k.{name}"]
            a = 2 * (f1 - f0) - 8 * (y1 + y0) + 16 * middle
            b = 5 * f0 - 3 * f1 + 18 * y0 + 14 * y1 - 32 * middle
            c = f1 - 4 * f0 - 11 * y0 - 5 * y1 + 16 * middle
            moved[name] = y0 + s * (f0 + s * (c + s * (b + s * a)))
        if "winding" in state:
            moved["winding"] = state["behind.winding"]
        return moved


def _is_stuck(reached: Tensor, step: Tensor) -> Tensor:
    return ~(step > 10 * torch.finfo(torch.float64).eps * reached.abs().clamp_min(1e-6))


def _moving(state: State, part: str = "") -> State:
    """The parts of the state that belong to the oscillators, or those that the solver keeps under that name."""
    return {name: state[part + name] for name in ("x", "v", "winding") if part + name in state}


def _whole(rates: State, like: State) -> State:
    """Rates of the full shape of the state."""
    return {name: rate.expand_as(like[name]) for name, rate in rates.items()}


def _column(each: Tensor, like: Tensor) -> Tensor:
    """A number for each sample, as [sample, 1, ...] in the type of the state."""
    return _aligned(each.to(like.dtype), like)


def _aligned(each: Tensor, like: Tensor) -> Tensor:
    """A number for each sample, as [sample, 1, ...] in a type of its own: float32 would lose count of long times."""
    return each.reshape(-1, *(1,) * (like.ndim - 1))


def _where(chosen: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(chosen.reshape(-1, *(1,) * (a.ndim - 1)), a, b)


def _norm(values: State, scale: State) -> Tensor:
    """Root mean square of each sample's numbers in units of the scale, float64 [sample]."""
    ratios = [(values[name] / scale[name]).flatten(1) for name in scale]
    return torch.cat(ratios, dim=1).double().square().mean(1).sqrt()
