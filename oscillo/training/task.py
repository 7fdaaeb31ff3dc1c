"""What a task is: data, a model around the network, a loss, and what is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import PLAIN, NetworkObserver, NetworkSpec, Unrolling
from oscillo.network.layer import Problem
from oscillo.spec import ComponentSpec, Spec

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


class EvaluationSpec(Spec):
    """What one evaluation does with a trained network; a task adds where the data come from."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name, as in `hard` and `hard/board_accuracy`.")
    steps: int | None = Field(default=None, ge=1, description="Steps to take; left out, as many as in training.")
    batch_size: int = Field(default=100, ge=1, description="Samples that run together.")

    @field_validator("name")
    @classmethod
    def _not_of_training(cls, name: str) -> str:
        if name in ("train", "validation"):
            raise ValueError(f"metrics called `{name}/...` are those of the training; take another name")
        return name


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


class TaskSpec(ComponentSpec):
    """A learning task or a simulation."""

    role: ClassVar[str] = "task"

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
    def predict(
        self, model: nn.Module, batch: Batch, draws: Draws, *, steps: int | None = None,
        observe: NetworkObserver | None = None, answer_steps: Sequence[int] = (),
    ) -> Results:  # fmt: skip
        """What the network answers.

        Args:
            model: as made by `model`.
            batch: samples.
            draws: key of the initial states.
            steps: steps to take; None for the declared number.
            observe: told every state.
            answer_steps: numbers of steps after which an answer is wanted besides the last.
        """

    @abstractmethod
    def metrics(self, results: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Numbers that sum up the results of an evaluation, by name."""

    def arrays(self, answer_steps: Sequence[int]) -> dict[str, ResultArray]:
        """Which results of each sample are stored, and how."""
        return {}

    def shipped_weights(self) -> Path | None:
        """Weights that come with the task for this network, if there are any."""
        return None

    def figures(self, run: Any) -> dict[str, Figure]:
        """Figures of a run (`oscillo.open_run`), by name."""
        return {}
