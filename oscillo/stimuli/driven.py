"""Stimuli that do not depend on an input: constant, or functions of time, on all or on chosen oscillators."""

from __future__ import annotations

from math import pi
from typing import Literal

import numpy as np
import torch
from pydantic import Field, FiniteFloat, model_validator
from torch import Tensor, nn

from oscillo.layout import StateShape
from oscillo.spec import LocatedError, register
from oscillo.stimuli.base import Drive, Stimulus, StimulusSpec
from oscillo.values import Values, read_array, read_values, value_problems

_FORWARD = 1 + 3e-7
"""Times are steps times a step size in float32, and may fall short of the time at which a pulse ends."""


class DrivenStimulusSpec(StimulusSpec):
    """A pattern over the oscillators, times a function of time."""

    amplitude: Values = Field(
        default=1.0, description="How strong: a number, a list with one for each oscillator, or a file."
    )
    direction: list[FiniteFloat] | None = Field(
        default=None,
        description="Components of the vector that acts; left out, (1, 0, ...), which as a field pulls phases to zero.",
    )
    oscillators: list[int] | None = Field(
        default=None, min_length=1, description="Numbers of the oscillators that feel it; left out, all."
    )
    acts_on: Literal["field", "velocity"] = Field(
        default="field",
        description="`field` is added to what oscillators feel from the others; `velocity` to dx/dt itself, as a "
        "current or torque is (with inertia, to the force).",
    )

    def problems(self, shape: StateShape) -> list[str]:
        """Numbers that fit the oscillators."""
        found = value_problems(self.amplitude, shape.oscillators)
        outside = [number for number in self.oscillators or () if not 0 <= number < shape.oscillators]
        if outside:
            found.append(f"there is no oscillator {outside[0]}; they are numbered from 0 to {shape.oscillators - 1}")
        if self.direction is not None and len(self.direction) != shape.components:
            found.append(f"`direction` has {len(self.direction)} components, and {shape.components} are wanted")
        if self.direction is not None and not any(self.direction):
            found.append("a `direction` of zeros pushes nowhere; leave the stimulus out, or take `amplitude: 0`")
        return found

    def pattern(self, shape: StateShape) -> Tensor:
        """Amplitude times direction, [component, oscillator]."""
        amplitude = read_values(self.amplitude, shape.oscillators).expand(shape.oscillators)
        if self.oscillators is not None:
            chosen = torch.zeros(shape.oscillators, dtype=torch.float64)
            chosen[self.oscillators] = 1
            amplitude = amplitude * chosen
        axis = [1.0] + [0.0] * (shape.components - 1)
        direction = torch.tensor(axis if self.direction is None else self.direction, dtype=torch.float64)
        return (direction[:, None] * amplitude).to(torch.get_default_dtype())

    def drive(self, shape: StateShape) -> Drive:
        """The function of time."""
        raise NotImplementedError

    def build(self, shape: StateShape) -> DrivenStimulus:
        """Nothing from the input, and the drive."""
        return DrivenStimulus(self.drive(shape))


class DrivenStimulus(Stimulus):
    """No stimulus from the input; what drives the oscillators is a function of time."""

    def __init__(self, drive: Drive) -> None:
        super().__init__()
        # The oscillators own the module; here it is only handed on.
        object.__setattr__(self, "drive", drive)

    def forward(self, arriving: Tensor) -> None:
        """Nothing."""
        return None


@register
class SineStimulusSpec(DrivenStimulusSpec):
    """amplitude sin(frequency t + phase), or with `rotating` a vector that turns."""

    kind: Literal["sine"] = "sine"
    frequency: float = Field(default=1.0, allow_inf_nan=False, description="Angular frequency, in radians per time.")
    phase: float = Field(default=0.0, allow_inf_nan=False, description="Phase at time 0, in radians.")
    rotating: bool = Field(
        default=False,
        description="Whether the field is the turning vector (cos, sin): phases are then pulled to frequency t "
        "+ phase.",
    )

    def problems(self, shape: StateShape) -> list[str]:
        """A turning vector lies in a plane."""
        found = super().problems(shape)
        if self.rotating and (shape.components != 2 or self.direction is not None or self.acts_on != "field"):
            found.append("a `rotating` stimulus is a field of two components, without a `direction`")
        return found

    def drive(self, shape: StateShape) -> Drive:
        """The sine."""
        return _Sine(self, shape)


@register
class PulseStimulusSpec(DrivenStimulusSpec):
    """amplitude from `start` for `width`, once or every `period`, else nothing."""

    kind: Literal["pulse"] = "pulse"
    start: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="Time at which the first pulse begins.")
    width: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="How long a pulse lasts.")
    period: float | None = Field(default=None, gt=0, allow_inf_nan=False, description="Time from pulse to pulse.")

    @model_validator(mode="after")
    def _pulses_end(self) -> PulseStimulusSpec:
        if self.period is not None and self.width >= self.period:
            raise LocatedError(f"pulses of {self.width:g} every {self.period:g} do not end", "width")
        return self

    def drive(self, shape: StateShape) -> Drive:
        """The pulses."""
        return _Pulse(self, shape)


@register
class RampStimulusSpec(DrivenStimulusSpec):
    """amplitude times a factor that goes from `first` at `start` to `last` at `end`, and stays there."""

    kind: Literal["ramp"] = "ramp"
    first: float = Field(default=0.0, allow_inf_nan=False, description="Factor before and at the start.")
    last: float = Field(default=1.0, allow_inf_nan=False, description="Factor at the end and after it.")
    start: float = Field(default=0.0, ge=0, allow_inf_nan=False, description="Time at which it begins to change.")
    end: float = Field(gt=0, allow_inf_nan=False, description="Time at which it has changed.")

    @model_validator(mode="after")
    def _forward_in_time(self) -> RampStimulusSpec:
        if self.end <= self.start:
            raise LocatedError(f"the ramp begins at {self.start:g} and has to end later", "end")
        return self

    def drive(self, shape: StateShape) -> Drive:
        """The ramp."""
        return _Ramp(self, shape)


@register
class SeriesStimulusSpec(DrivenStimulusSpec):
    """amplitude times numbers from a file, at evenly spaced times and straight lines between them."""

    kind: Literal["series"] = "series"
    file: str = Field(
        description="The numbers, [time] for all oscillators or [time, oscillator], such as `input.npz:current`; the "
        "last ones stay."
    )
    interval: float = Field(default=1.0, gt=0, allow_inf_nan=False, description="Time between them.")

    def problems(self, shape: StateShape) -> list[str]:
        """An array that is there and fits."""
        found = super().problems(shape)
        try:
            self.read(shape.oscillators)
        except (ValueError, OSError) as error:
            found.append(str(error))
        return found

    def read(self, oscillators: int) -> Tensor:
        """The numbers, [time, oscillator or 1].

        Raises:
            ValueError: when the file is not there or does not fit.
        """
        array = read_array(self.file)
        table = array[:, None] if array.ndim == 1 else array
        fits = table.ndim == 2 and table.shape[1] in (1, oscillators) and len(table) > 0
        if not fits or table.dtype.kind not in "biuf":
            raise ValueError(f"{self.file} is {list(array.shape)}, and [time] or [time, {oscillators}] is wanted")
        if not np.isfinite(table).all():
            raise ValueError(f"{self.file} has a number that is not finite")
        return torch.from_numpy(table.astype(np.float64)).to(torch.get_default_dtype())

    def drive(self, shape: StateShape) -> Drive:
        """The series."""
        return _Series(self, shape)


@register
class ConstantStimulusSpec(DrivenStimulusSpec):
    """A stimulus that is always the same; as a field it is part of the energy."""

    kind: Literal["constant"] = "constant"

    def build(self, shape: StateShape) -> Stimulus:
        """The pattern as a stimulus, or as a constant velocity."""
        return _Constant(self.pattern(shape)) if self.acts_on == "field" else super().build(shape)

    def drive(self, shape: StateShape) -> Drive:
        """The pattern at all times."""
        return _Driven(self, shape)


class _Constant(Stimulus):
    """The same pattern for every sample."""

    stackable = frozenset({"pattern"})
    needs_input = False

    def __init__(self, pattern: Tensor) -> None:
        super().__init__()
        self.pattern = nn.Parameter(pattern, requires_grad=False)

    def forward(self, arriving: Tensor) -> Tensor:
        """The pattern, of the shape of what arrives."""
        return self.pattern.expand_as(arriving)


class _Driven(Drive):
    """A pattern [component, oscillator] times a factor."""

    stackable = frozenset({"pattern", "frequency", "phase"})

    def __init__(self, spec: DrivenStimulusSpec, shape: StateShape) -> None:
        super().__init__()
        self.acts_on = spec.acts_on
        self.pattern = nn.Parameter(spec.pattern(shape), requires_grad=False)

    @property
    def steady(self) -> bool:
        """Of this class itself; the others are functions of time."""
        return type(self) is _Driven

    def factor(self, t: Tensor) -> Tensor | float:
        """What the pattern is multiplied by."""
        return 1.0

    def forward(self, t: Tensor | float) -> Tensor:
        """The pattern times the factor; times that are single numbers are in double precision."""
        time = t if isinstance(t, Tensor) else torch.tensor(t, dtype=torch.float64)
        factor = self.factor(time)
        return self.pattern * (factor.to(self.pattern.dtype) if isinstance(factor, Tensor) else factor)


class _Sine(_Driven):
    def __init__(self, spec: SineStimulusSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        number = lambda value: nn.Parameter(torch.tensor(value), requires_grad=False)  # noqa: E731
        self.frequency, self.phase = number(spec.frequency), number(spec.phase)
        self.rotating = spec.rotating

    def forward(self, t: Tensor | float) -> Tensor:
        """The sine, or the turning vector."""
        if not self.rotating:
            return super().forward(t)
        angle = self._angle(t if isinstance(t, Tensor) else torch.tensor(t, dtype=torch.float64))
        amplitude = self.pattern[..., :1, :]
        turned = torch.stack((torch.cos(angle), torch.sin(angle)), dim=-1)
        turned = turned.reshape(2, 1) if turned.ndim == 1 else turned.squeeze(-2).movedim(-1, -2)
        return amplitude * turned.to(amplitude.dtype)

    def _angle(self, t: Tensor) -> Tensor:
        # Whole turns are taken off in the precision of the time, before it is cut to that of the state.
        return torch.remainder(self.frequency.to(t.dtype) * t, 2 * pi) + self.phase

    def factor(self, t: Tensor) -> Tensor:
        return torch.sin(self._angle(t))


class _Pulse(_Driven):
    def __init__(self, spec: PulseStimulusSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        self.start, self.width, self.period = spec.start, spec.width, spec.period

    def factor(self, t: Tensor) -> Tensor:
        since = self._since(t)
        return ((since >= 0) & (since < self.width)).to(t.dtype)

    def next_break(self, t: Tensor) -> Tensor:
        since = self._since(t)
        again = torch.inf if self.period is None else self.period
        to = torch.where(since < self.width, self.width - since, again - since)
        return t + torch.where(since < 0, -since, to) / _FORWARD

    def _since(self, t: Tensor) -> Tensor:
        """Time since the last pulse began, negative before the first one."""
        since = t * _FORWARD - self.start
        if self.period is not None:
            since = torch.where(since >= 0, torch.remainder(since, self.period), since)
        return since


class _Ramp(_Driven):
    def __init__(self, spec: RampStimulusSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        self.first, self.last, self.start, self.end = spec.first, spec.last, spec.start, spec.end

    def factor(self, t: Tensor) -> Tensor:
        share = ((t - self.start) / (self.end - self.start)).clamp(0, 1)
        return self.first + (self.last - self.first) * share

    def next_break(self, t: Tensor) -> Tensor:
        later = torch.where(t < self.end, torch.full_like(t, self.end), torch.inf)
        return torch.where(t < self.start, torch.full_like(t, self.start), later)


class _Series(_Driven):
    table: Tensor

    def __init__(self, spec: SeriesStimulusSpec, shape: StateShape) -> None:
        super().__init__(spec, shape)
        self.interval = spec.interval
        self.register_buffer("table", spec.read(shape.oscillators))

    def factor(self, t: Tensor) -> Tensor:
        position = (t / self.interval).clamp(0, len(self.table) - 1)
        before = position.floor().long().clamp(max=max(0, len(self.table) - 2))
        after = (before + 1).clamp(max=len(self.table) - 1)
        share = (position - before).to(self.table.dtype)
        # In a time for each sample the axis of the oscillators is the last one.
        rows = lambda index: self.table[index.squeeze(-1)]  # noqa: E731
        return rows(before) + share * (rows(after) - rows(before))

    def next_break(self, t: Tensor) -> Tensor:
        following = (torch.floor(t / self.interval) + 1) * self.interval
        return torch.where(following < len(self.table) * self.interval, following, torch.inf)
