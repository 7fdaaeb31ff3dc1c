"""What of a declared recording an evaluation of a trained network, or a look during training, cannot take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from oscillo.network import NetworkSpec
from oscillo.network.layer import LayerSpec, Problem
from oscillo.observables import ObservableSpec, RecordingSpec, SeriesSpec, indices
from oscillo.observables.taken import Selection
from oscillo.spec import LocatedError

if TYPE_CHECKING:
    from oscillo.training.task import TaskSpec


def layers_of(spec: SeriesSpec, layers: Sequence[LayerSpec], sites: tuple[int, ...]) -> list[int]:
    """Numbers of the layers that an observable is taken from: those that are declared, or all that have it."""
    if spec.layers is not None:
        return spec.layers
    return [number for number, layer in enumerate(layers) if not spec.unfit(layer, sites)]


def recording_problems(
    recording: RecordingSpec, task: TaskSpec, network: NetworkSpec, sites: tuple[int, ...]
) -> list[Problem]:
    """What of a recording cannot be, each with its place in the declaration of the recording."""
    found: list[Problem] = []
    declared = [_declared_steps(layer) for layer in network.layers]
    taken = [_steps(declared, evaluation.steps) for evaluation in task.evaluation_specs]
    longest = [max(counts) for counts in zip(declared, *taken, strict=True)]
    # To count them files may have to be read, so it is only done for those who name some.
    named = recording.training is not None or any(getattr(one, "samples", None) for one in recording.chosen.values())
    samples = [_count(task, number) if named else None for number in range(len(taken))]
    for name, spec in recording.chosen.items():
        for path, text in _problems_of(spec, network, sites, longest, samples):
            found.append((("observables", name, *path), text))
    if (training := recording.training) is not None:
        if not task.evaluation_specs:
            found.append((("training",), "looks at samples of the first evaluation, and there is none"))
        elif samples[0] is not None:
            found += [(("training", *path), text) for path, text in _outside(training.samples, samples[0])]
        own = _steps(declared, training.steps)
        for name, spec in (training.observables or {}).items():
            for path, text in _problems_of(spec, network, sites, own, samples[:1]):
                found.append((("training", "observables", name, *path), text))
    return found


def _count(task: TaskSpec, evaluation: int) -> int | None:
    """Samples of an evaluation; None where they are not there, or cannot be read, which is told before a run begins."""
    try:
        return task.evaluation_samples(task.evaluation_specs[evaluation])
    except ValueError:
        return None


def _problems_of(
    spec: ObservableSpec, network: NetworkSpec, sites: tuple[int, ...], steps: Sequence[int],
    samples: Sequence[int | None],
) -> Iterator[Problem]:  # fmt: skip
    """What of an observable cannot be taken from a network whose layers take so many steps at most."""
    if not isinstance(spec, SeriesSpec):
        yield (), f"`{getattr(spec, 'kind', '')}` sums up a simulation; an evaluation records series"
        return
    if spec.seconds is not None:
        yield ("seconds",), "all samples of an evaluation are recorded at the same steps; take `every` or `at`"
    layers = network.layers
    if outside := [number for number in spec.layers or () if not 0 <= number < len(layers)]:
        yield ("layers",), f"layer {outside[0]} is asked for, and there are {len(layers)}, from 0"
        return
    there = layers_of(spec, layers, sites)
    reasons = [spec.unfit(layers[number], sites) for number in (there or range(len(layers)))]
    if texts := [text for reason in reasons for text in reason]:
        yield (), texts[0]
        return
    try:
        for number in there:
            Selection(spec, layers[number].shape(sites))
    except LocatedError as error:
        yield error.path, str(error)
    last = max((steps[number] for number in there), default=0)
    if late := [step for step in spec.at or () if not 0 <= step <= last]:
        yield ("at",), f"step {late[0]} never comes: the longest evaluation takes {last}"
    if spec.samples is not None and (known := [count for count in samples if count is not None]):
        yield from _outside(spec.samples, max(known))


def _outside(chosen: int | str | list[int], samples: int) -> Iterator[Problem]:
    try:
        indices(chosen, samples, "samples")
    except ValueError as error:
        yield ("samples",), str(error)


def _declared_steps(layer: LayerSpec) -> int:
    integrator = getattr(layer, "integrator", None)
    return integrator.steps if integrator is not None else getattr(layer, "steps", 1)


def _steps(declared: Sequence[int], steps: int | None) -> list[int]:
    """Steps of each layer in an evaluation, as `Network.steps_of` counts them."""
    return [own if steps is None or own == 1 else steps for own in declared]
