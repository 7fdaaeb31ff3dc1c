"""What an evaluation records along the steps: observables of its layers, with their steps and samples."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from oscillo.network import Network
from oscillo.observables import (
    Answer,
    AnswerSpec,
    EnergySpec,
    PseudoEnergySpec,
    RecordingSpec,
    Series,
    SeriesSpec,
    StateSpec,
    Taken,
    Variable,
    indices,
)
from oscillo.observables.cadence import logarithmic
from oscillo.recording.recorder import Section
from oscillo.spec import LocatedError
from oscillo.training.recorded import layers_of
from oscillo.training.task import Task

DEFAULT_SAMPLES = 16
"""Samples of which arrays are kept where a recording does not say."""

_ALONE = "state"
"""Name of the observable whose arrays are the trajectory."""


@dataclass(frozen=True)
class Watched:
    """An observable of one layer: when, and of which samples."""

    layer: int
    taken: Taken
    steps: tuple[int, ...]
    samples: tuple[int, ...]
    """Positions of the samples in the evaluation."""
    section: Section
    """`trajectory` for the state, `summary` for numbers at the common steps of all samples, else `observables`."""

    @property
    def layer_name(self) -> str:
        """Name of the layer in the store."""
        return f"layer{self.layer}"

    @property
    def own_name(self) -> str | None:
        """Its name, where it has a group of its own."""
        return self.taken.name if self.section == "observables" else None

    @property
    def is_streamed(self) -> bool:
        """Whether it goes to the store step by step, and not with the results of its samples."""
        return self.section != "summary"

    @property
    def arrays(self) -> list[tuple[Variable, str]]:
        """Its arrays, with the names under which they are stored."""
        shared = self.section == "summary"
        return [(variable, self.taken.name if shared else variable.name) for variable in self.taken.variables]

    @property
    def needs_measures(self) -> bool:
        """Whether the step measures it anyway."""
        return isinstance(self.taken.spec, EnergySpec | PseudoEnergySpec) and self.taken.is_single

    def key(self, stored: str) -> str:
        """Name of one of its arrays among those of a part of the samples."""
        return "/".join(part for part in (self.section, self.layer_name, self.own_name, stored) if part)


def watched(
    recording: RecordingSpec, task: Task, network: Network, steps: Sequence[int], samples: int,
    looks: Collection[int] = (),
) -> list[Watched]:  # fmt: skip
    """What is recorded along the steps of an evaluation.

    Args:
        recording: what is declared; an observable whose steps never come here is left out.
        task: that answers.
        network: that is evaluated.
        steps: of each layer.
        samples: how many samples there are.
        looks: steps of the iterated layer after which samples may leave; numbers of single samples are kept there as
            well, so that the last one of a sample that leaves is among them.

    Raises:
        LocatedError: when something does not fit, with its place in the spec.
    """
    found = []
    for name, spec in recording.chosen.items():
        assert isinstance(spec, SeriesSpec)
        for number in _layers(spec, task, network):
            try:
                series = _built(spec, task, network, number)
                taken = Taken(name, spec, series, network.layers[number].shape, "float32")
                kept = _samples(spec, taken, recording, samples)
            except LocatedError as error:
                raise LocatedError(str(error), "recording", "observables", name, *error.path) from None
            common = spec.at is None and spec.per_decade is None and (spec.every or recording.every) == recording.every
            together = common and taken.is_single and len(kept) == samples and not taken.coordinates
            further = looks if together and number == network.iterated else ()
            at = _steps(spec, recording, steps[number], further)
            if at and kept:
                section: Section = "summary" if together else "observables"
                if isinstance(spec, StateSpec) and name == _ALONE:
                    section = "trajectory"
                found.append(Watched(number, taken, at, tuple(kept), section))
    return found


def _layers(spec: SeriesSpec, task: Task, network: Network) -> list[int]:
    """Numbers of the layers that it is taken from; answers come from the layer whose steps are counted."""
    if isinstance(spec, AnswerSpec):
        return [network.iterated]
    return layers_of(spec, task.network.layers, network.shapes[0].sites)


def _built(spec: SeriesSpec, task: Task, network: Network, number: int) -> Series:
    layer = network.layers[number]
    if not isinstance(spec, AnswerSpec):
        return spec.build(layer, float(layer.dt.detach()))  # pyright: ignore[reportArgumentType]
    arrays = task.arrays() | ({"outputs": outputs} if (outputs := task.output_array()) else {})
    if spec.of not in arrays:
        raise LocatedError(f"the task finds no `{spec.of}`; it has {', '.join(arrays)}", "of")
    array = arrays[spec.of]
    dtype = None if array.dtype.startswith("float") else array.dtype
    return Answer(spec.of, Variable(spec.of, array.long_name, array.dims, array.shape, "1", array.description, dtype))


def _samples(spec: SeriesSpec, taken: Taken, recording: RecordingSpec, samples: int) -> list[int]:
    if spec.samples is not None:
        try:
            return sorted(indices(spec.samples, samples, "samples"))  # as they come
        except ValueError as error:
            raise LocatedError(str(error), "samples") from None
    most = DEFAULT_SAMPLES if recording.samples is None else recording.samples
    return list(range(samples if taken.is_single else min(most, samples)))


def _steps(spec: SeriesSpec, recording: RecordingSpec, steps: int, further: Collection[int]) -> tuple[int, ...]:
    """Every n-th step and the last, or those that are declared as far as they come."""
    if spec.at is not None:
        return tuple(step for step in spec.at if step <= steps)
    if spec.per_decade is not None:
        return tuple(sorted({*logarithmic(0, steps, spec.per_decade), steps}))
    return tuple(sorted({*range(0, steps + 1, spec.every or recording.every), steps, *further}))
