"""Whose stability is asked about: the members of a simulation, or samples on their way through a trained network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from oscillo.network.oscillator_layer import OscillatorLayer
from oscillo.questions.comparison.answering import Answering, evaluation_of, with_one_evaluation
from oscillo.questions.source import Source
from oscillo.simulation import Simulation
from oscillo.simulation.plan import design_of
from oscillo.simulation.recording import member_columns
from oscillo.stability import System
from oscillo.training.hardware import precision_context
from oscillo.training.progress import report

SAMPLES = 20
"""Samples of a trained network where no number is given."""

_STEPS_BETWEEN_LOOKS = 16


@dataclass(frozen=True)
class Asked:
    """Samples at their start."""

    system: System
    labels: Mapping[str, np.ndarray]
    """What is known of each sample, such as its seed or whether its answer is right, by name, [sample]."""
    steps: int
    """Steps that the spec has them take."""
    transient: int
    """Steps of these that are left out."""
    learned: bool
    """Whether the network has learned to answer."""

    @property
    def parameters(self) -> list[str]:
        """Labels that say how samples differ in what moves them."""
        return [] if self.learned else [name for name in self.labels if name != "seed"]

    @property
    def layer(self) -> OscillatorLayer:
        """What steps."""
        assert isinstance(self.system.layer, OscillatorLayer)
        return self.system.layer


def asked_of(source: Source, *, evaluation: str | None = None, samples: int | None = None) -> Asked:
    """The samples of a spec or run that a question is about.

    Args:
        source: the spec or run.
        evaluation: of a trained network, whose samples; left out, the first.
        samples: the first so many; left out, all members of a simulation and 20 samples of a trained network.

    Raises:
        ValueError: when there is no such evaluation, or a layer of blocks is iterated, which is no flow of oscillators.
    """
    if source.spec.task.learns:
        return _of_network(source, evaluation, samples)
    if evaluation is not None:
        raise ValueError("`evaluation` is for a trained network, and this task simulates; leave it out")
    return _of_simulation(source, samples)


def _of_simulation(source: Source, samples: int | None) -> Asked:
    simulation = Simulation(design_of(source.spec), source.device())
    members = len(simulation.members)
    if samples is not None and samples > members:
        raise ValueError(f"{samples} samples are asked for, and the simulation has {members}; take more `seeds`")
    rows = torch.arange(samples or members, device=simulation.device)
    batch = simulation.batch(rows)
    state = {name: value[rows] for name, value in simulation.initial_state().items()}
    system = System(batch.layer, state, batch.layer.dt.detach(), batch.stimulus)
    columns = member_columns(simulation.members, simulation.recording.names)
    labels = {name: values[: len(rows)] for name, values in columns.items()}
    return Asked(system, labels, simulation.course.steps, simulation.course.transient, False)


def _of_network(source: Source, name: str | None, samples: int | None) -> Asked:
    spec = source.spec
    evaluation = evaluation_of(spec.task.evaluation_specs, name)
    task, model = with_one_evaluation(source, evaluation).learned()
    task.prepare_evaluations(report)
    there = len(task.evaluation_data(evaluation))
    if samples is not None and samples > there:
        raise ValueError(f"{samples} samples are asked for, and the evaluation {evaluation.name} has {there}")
    chosen = torch.arange(min(samples or SAMPLES, there))
    device = next(model.parameters()).device
    answering = Answering(task, model, evaluation, len(chosen), spec.seed, spec.precision, device)
    layer = answering.network.layers[answering.network.iterated]
    if not isinstance(layer, OscillatorLayer):
        raise ValueError("the layer whose steps are counted is a block, and no flow or map of oscillators")
    here = {key: value.to(device) for key, value in task.evaluation_data(evaluation).batch(chosen).items()}
    with torch.no_grad(), precision_context(spec.precision, device):
        start = answering.begin(here)
        system = System(layer, start.state, layer.dt.detach(), start.stimulus)
        end = system.after(answering.steps).state
        outputs = task.outputs(model, answering.network.finish(end, answering.way(here)))
        results = task.results(here, outputs)
    told = {name: value.cpu().numpy() for name, value in results.items() if value.ndim == 1 and name != "index"}
    return Asked(system, told, answering.steps, answering.steps, True)


def chunks(total: int, size: int) -> list[range]:
    """Numbers of samples, so many at a time."""
    return [range(first, min(first + size, total)) for first in range(0, total, size)]


def rows_of(system: System, some: range) -> System:
    """Some samples of a system."""
    return system.at(torch.arange(some.start, some.stop, device=system.state["x"].device))


def followed(system: System, steps: int, show: Callable[[int], None]) -> System:
    """The samples so many steps later; how many are done is told now and then, and whoever is told may stop it."""
    done = 0
    while done < steps:
        some = min(_STEPS_BETWEEN_LOOKS, steps - done)
        system, done = system.after(some), done + some
        show(done)
    return system
