"""At which steps of an evaluation something is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from oscillo.network import Network
from oscillo.observables import RecordingSpec
from oscillo.training.evaluation_spec import EarlyStopSpec, EvaluationSpec


def answer_steps(steps: int) -> list[int]:
    """1, 2, 4, ... and the last step: after how many steps answers are read out."""
    powers = [2**k for k in range(steps.bit_length()) if 2**k < steps]
    return [*powers, steps]


def vote_counts(members: int) -> list[int]:
    """1, 2, 4, ... and all: how many of the members are let vote."""
    return answer_steps(members)


@dataclass(frozen=True)
class Schedule:
    """When answers are read out, samples may leave, and states are kept."""

    steps: tuple[int, ...]
    """Steps of each layer."""
    iterated: int
    """Number of the layer whose steps are counted."""
    answers: tuple[int, ...]
    """Steps after which answers are read out; the last one is the last step."""
    successive: bool
    """Whether answers are also read out a single step before those, to be compared."""
    early_stop: EarlyStopSpec | None
    """When samples leave."""

    @classmethod
    def of(cls, network: Network, evaluation: EvaluationSpec, recording: RecordingSpec | None) -> Schedule:
        """The schedule of an evaluation; without a recording only its end is looked at."""
        steps = network.steps_of(evaluation.steps)
        last = steps[network.iterated]
        answers = answer_steps(last) if recording and recording.answers else [last]
        successive = bool(recording and recording.answers)
        return cls(tuple(steps), network.iterated, tuple(answers), successive, evaluation.early_stop)

    @property
    def last(self) -> int:
        """The last step of the iterated layer."""
        return self.steps[self.iterated]

    @cached_property
    def before(self) -> frozenset[int]:
        """Steps a single one before an answer."""
        return frozenset(step - 1 for step in self.answers if step) if self.successive else frozenset()

    @cached_property
    def looks(self) -> frozenset[int]:
        """Steps after which samples may leave."""
        return frozenset(self.early_stop.looks(self.last) if self.early_stop else ())

    @cached_property
    def halts(self) -> list[int]:
        """All steps at which the samples are halted to read something out, in order."""
        return sorted({*self.answers, *self.before, *self.looks})
