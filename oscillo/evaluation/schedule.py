"""At which steps of an evaluation something is done."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from oscillo.network import Network
from oscillo.training.evaluation_spec import EarlyStopSpec, EvaluationSpec
from oscillo.training.spec import ObservableSpec, RecordingSpec


def answer_steps(steps: int) -> list[int]:
    """1, 2, 4, ... and the last step: after how many steps answers are read out."""
    powers = [2**k for k in range(steps.bit_length()) if 2**k < steps]
    return [*powers, steps]


def vote_counts(members: int) -> list[int]:
    """1, 2, 4, ... and all: how many of the members are let vote."""
    return answer_steps(members)


def recorded_steps(observable: ObservableSpec | None, steps: int) -> list[int]:
    """Steps at which an observable is kept: every n-th, and the last; none when it is not recorded."""
    return [] if observable is None else sorted({*range(0, steps + 1, observable.every), steps})


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
    state_steps: tuple[tuple[int, ...], ...]
    """Steps at which states are kept, for each layer."""
    energy_steps: tuple[tuple[int, ...], ...]
    """Steps at which energies are kept, for each layer; none in a layer without energy."""

    @classmethod
    def of(cls, network: Network, evaluation: EvaluationSpec, recording: RecordingSpec | None) -> Schedule:
        """The schedule of an evaluation; without a recording only its end is looked at."""
        steps = network.steps_of(evaluation.steps)
        last = steps[network.iterated]
        observables = recording.observables if recording else None
        state = observables.state if observables else None
        energy = observables.energy if observables else None
        answers = answer_steps(last) if recording and recording.answers else [last]
        energies = [
            set(recorded_steps(energy if layer.measures_energy else None, count))
            for layer, count in zip(network.layers, steps, strict=True)
        ]
        if energies[network.iterated] and evaluation.early_stop:
            # The last energy of a sample that leaves is one of those that are kept.
            energies[network.iterated].update(evaluation.early_stop.looks(last))
        return cls(
            tuple(steps), network.iterated, tuple(answers), bool(recording and recording.answers),
            evaluation.early_stop,
            tuple(tuple(recorded_steps(state, count)) for count in steps),
            tuple(tuple(sorted(each)) for each in energies),
        )  # fmt: skip

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
