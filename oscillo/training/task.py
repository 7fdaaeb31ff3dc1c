"""What a task is: data, a model around the network, a loss, and what is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import PLAIN, NetworkSpec, Unrolling
from oscillo.network.layer import Problem
from oscillo.observables import EnergySpec, PseudoEnergySpec, RecordingSpec, StateSpec
from oscillo.observables.recording_spec import Observables
from oscillo.spec import ComponentSpec
from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.recorded import recording_problems
from oscillo.training.references import Reference

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Batch = dict[str, Tensor]
"""Named tensors with the leading axis [sample]; `index` is the position of each sample in its data set."""

Results = dict[str, Tensor]
"""What an evaluation finds out about each sample; the leading axis is [sample]."""

Report = Callable[[str], None]
"""Takes a line to show to the user."""


class Data(Protocol):
    """A data set that fits in memory."""

    def __len__(self) -> int:
        """Number of samples."""
        ...

    def batch(self, index: Tensor) -> Batch:
        """The samples at those positions, int64 [sample], on the CPU."""
        ...


class TensorData:
    """A data set of tensors with the leading axis [sample], by name."""

    def __init__(self, **tensors: Tensor) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def batch(self, index: Tensor) -> Batch:
        """The samples at those positions, and `index` itself."""
        return {"index": index} | {name: values[index] for name, values in self.tensors.items()}


class ResultArray(NamedTuple):
    """How one array of results is stored."""

    dims: tuple[str, ...]
    """Names of the axes behind `sample`."""
    shape: tuple[int, ...]
    """Their lengths."""
    dtype: str
    """numpy type."""
    long_name: str
    """What an axis of a plot says."""
    description: str = ""
    """Meaning."""
    at_steps: bool = False
    """Whether it is also kept for the answers that are read out on the way, as `<name>_at` [sample, at_step, ...]."""


class TaskSpec(ComponentSpec):
    """A learning task or a simulation."""

    role: ClassVar[str] = "task"

    learns: ClassVar[bool] = True
    """Whether it trains and evaluates networks; a simulation does not (`oscillo.simulation.SimulationTaskSpec`)."""

    @property
    def sites(self) -> tuple[int, ...] | None:
        """Grid of the task's data, where the task knows it."""
        return None

    @property
    def evaluation_specs(self) -> Sequence[EvaluationSpec]:
        """What is evaluated at the end, in order."""
        return ()

    @property
    def training_samples(self) -> int | None:
        """Samples to train on, about; None when that cannot be said before data are read that are not there."""
        raise NotImplementedError

    def evaluation_samples(self, evaluation: EvaluationSpec) -> int | None:
        """Samples of an evaluation, about; None when that cannot be said."""
        raise NotImplementedError

    def missing(self, *, training: bool = True) -> list[Problem]:
        """Data files that a run needs and that are not there; `validate` and `plan` do without.

        Args:
            training: whether the run trains, and does not only evaluate.
        """
        return []

    def problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """What the task cannot do with that network or on this machine, each with its place in the task's spec."""
        return []

    def network_problems(self, network: NetworkSpec, sites: tuple[int, ...]) -> list[Problem]:
        """What of that network the task cannot use, each with its place in the network's spec."""
        return []

    def default_observables(self, network: NetworkSpec) -> Observables:
        """What is recorded where a spec does not say: energies, where there are any, and states."""
        found = {"energy": EnergySpec(), "pseudo_energy": PseudoEnergySpec(), "state": StateSpec(every=4)}
        return {name: spec for name, spec in found.items() if not all(spec.unfit(each, ()) for each in network.layers)}

    def recording_problems(
        self, recording: RecordingSpec, network: NetworkSpec, sites: tuple[int, ...]
    ) -> list[Problem]:
        """What of a recording cannot be, each with its place in the declaration of the recording."""
        return recording_problems(recording, self, network, sites)

    def references(self, run: Any) -> Sequence[Reference]:
        """What the numbers of a run (`oscillo.open_run`) are compared with in its report; left out, nothing."""
        return ()

    def completed(self, network: NetworkSpec) -> NetworkSpec:
        """The network with what its declaration leaves out, where for this task that is something of its own."""
        return network

    def build(self, network: NetworkSpec, seed: int) -> Task:
        """The task. Nothing is read or generated yet."""
        raise NotImplementedError


class Task(ABC):
    """Brings data, an encoder in front of the network, a head behind it, a loss and measurements.

    Args:
        spec: the task's declaration.
        network: the network's.
        seed: of the run.
    """

    def __init__(self, spec: Any, network: NetworkSpec, seed: int) -> None:
        self.spec, self.network, self.seed = spec, network, seed

    @abstractmethod
    def model(self) -> nn.Module:
        """Encoder, network and head, with new weights; the network is its attribute `network`."""

    def example(self, samples: int) -> Batch:
        """A batch for planning, of the right shapes; left out, the first training samples.

        A task whose `prepare` reads or generates data makes samples up here, because planning does without data.
        """
        return self.training_data().batch(torch.arange(samples))

    def prepare(self, report: Report) -> None:  # noqa: B027 (a task may have nothing to prepare)
        """Read or generate the data, saying what takes long; left out, there is nothing to prepare.

        Raises:
            ValueError: when data are missing or unusable; the message names file and remedy.
        """

    def prepare_evaluations(self, report: Report) -> None:  # noqa: B027
        """Read or generate only what evaluations need; `prepare` includes it.

        Raises:
            ValueError: when data are missing or unusable; the message names file and remedy.
        """

    @abstractmethod
    def training_data(self) -> Data:
        """What the network is trained on."""

    @abstractmethod
    def evaluation_data(self, evaluation: EvaluationSpec) -> Data:
        """What an evaluation looks at."""

    @abstractmethod
    def loss(
        self, model: nn.Module, batch: Batch, draws: Draws, *, unrolling: Unrolling = PLAIN
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of each sample, [sample], and numbers to log: means over the batch, without gradient.

        `unrolling` is for the network: lead-in and gradient checkpointing.
        """

    @abstractmethod
    def inputs(self, model: nn.Module, batch: Batch, draws: Draws) -> tuple[Tensor, Tensor | None]:
        """What goes into the network.

        Args:
            model: as made by `model`.
            batch: samples.
            draws: key of the initial states.

        Returns:
            Features that arrive at the first layer, [sample, *sites, channel], and its initial states
            [sample, *sites, component, oscillator], or None to have them drawn.
        """

    @abstractmethod
    def outputs(self, model: nn.Module, features: Tensor) -> Tensor:
        """What the head makes of the network's last features, such as logits: [sample, ...]."""

    @abstractmethod
    def results(self, batch: Batch, outputs: Tensor) -> Results:
        """What is found out about each sample, given the outputs for it.

        Three names have a meaning of their own. `prediction` [sample, ...] is the answer: with it `by: majority`
        and `early_stop` work. `confidence` [sample] in [0, 1] makes `by: confidence` work, and `correct` [sample],
        whether the answer is right, lets an evaluation say what each way to choose is worth.
        """

    @abstractmethod
    def metrics(self, results: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Numbers that sum up the results of an evaluation, by name."""

    def arrays(self) -> dict[str, ResultArray]:
        """Which results of each sample are stored, and how."""
        return {}

    def output_array(self) -> ResultArray | None:
        """How the outputs of a sample would be stored, for a recording that asks for them; None where they cannot."""
        return None

    def shipped_weights(self) -> Path | None:
        """Weights that come with the task for this network, if there are any."""
        return None

    def figures(self, run: Any) -> dict[str, Figure]:
        """Figures of a run (`oscillo.open_run`), by name."""
        return {}
