"""What is recorded while a network learns: the same samples, every so many epochs."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from oscillo.evaluation.block import Block, Passage
from oscillo.evaluation.kept import Kept
from oscillo.evaluation.schedule import Schedule
from oscillo.evaluation.watched import Watched, watched
from oscillo.network import Network
from oscillo.observables import RecordingSpec, indices
from oscillo.recording import TrajectoryStore
from oscillo.recording.declarations import ArrayDeclaration, coordinate, coordinate_of
from oscillo.training import Task
from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.hardware import Precision
from oscillo.training.task import Data

GROUP = "training"
"""Group of the store."""

_MOST_TOGETHER = 100
"""Samples that go through the network together."""


class TrainingRecord:
    """Looks at the same samples every so many epochs, and appends what the network does with them to a store.

    Args:
        task: that answers.
        network: that learns; for its shapes.
        evaluation: the first one, whose samples are looked at.
        recording: what is recorded; its `training` says when.
        samples: how many samples the evaluation has.
        epochs: whole epochs of the training.
        per_epoch: optimiser steps of an epoch.
    """

    def __init__(
        self, task: Task, network: Network, evaluation: EvaluationSpec, recording: RecordingSpec, samples: int, *,
        epochs: int, per_epoch: int,
    ) -> None:  # fmt: skip
        assert recording.training is not None
        declared = recording.training
        self.task, self.per_epoch, self.interval = task, per_epoch, declared.every * per_epoch
        self.records = epochs // declared.every + 1
        self.positions = indices(declared.samples, samples, "samples")
        observables = declared.observables if declared.observables is not None else recording.chosen
        # Selections of samples are about those of an evaluation; here there are only the chosen ones.
        taken = {name: spec.model_copy(update={"samples": None}) for name, spec in observables.items()}
        own = RecordingSpec(every=recording.every, samples=len(self.positions), observables=taken, answers=False)
        self.evaluation = evaluation.model_copy(update={"steps": declared.steps, "votes": 1, "early_stop": None})
        self.schedule = Schedule.of(network, self.evaluation, None)
        self.watched = watched(own, task, network, self.schedule.steps, len(self.positions))

    def groups(self) -> dict[str, list[ArrayDeclaration]]:
        """The arrays, by the paths of their groups."""
        return {self._path(one): self._arrays(one) for one in self.watched}

    def start(self, store: TrajectoryStore, step: int) -> None:
        """Make the groups, or take them up where a training that goes on after a step has left them."""
        for one in self.watched:
            path = self._path(one)
            attributes = {"evaluation": self.evaluation.name, "coordinates": "optimizer_step"}
            store.declare(path, self._arrays(one), attributes)
            store.write(f"{path}/sample", (), np.asarray(self.positions))
            store.write(f"{path}/step", (), np.asarray(one.steps))
            for dim, numbers in one.taken.coordinates.items():
                store.write(f"{path}/{dim}", (), np.asarray(numbers))
        # A record of the step itself may be there already; it is made again, and is the same.
        done = min(-(-step // self.interval), self.records)
        store.truncate(dict.fromkeys(store.lengths, done))

    def due(self, step: int) -> bool:
        """Whether there is a record of the weights after so many optimiser steps."""
        return step % self.interval == 0

    @torch.no_grad()
    def take(
        self, store: TrajectoryStore, model: nn.Module, data: Data, step: int, *, seed: int, precision: Precision
    ) -> None:
        """Record what the network does now, and commit it.

        Args:
            store: takes it.
            model: with its weights.
            data: of the evaluation.
            step: optimiser steps taken.
            seed: of the run.
            precision: of the network.
        """
        model.eval()
        size = min(_MOST_TOGETHER, len(self.positions))
        passage = Passage(self.task, model, self.schedule, 1, size, seed, precision, self.watched, frozenset())
        kept = Kept(self.watched, range(len(self.positions)))
        batch = data.batch(torch.tensor(self.positions))
        Block(passage, batch, first=0, compared=0, keep=kept).run()
        for one in self.watched:
            path = self._path(one)
            store.append(f"{path}/epoch", np.asarray([step // self.per_epoch]))
            store.append(f"{path}/optimizer_step", np.asarray([step]))
            for _, stored in one.arrays:
                store.append(f"{path}/{stored}", kept.arrays[one.key(stored)][None])
        store.commit()

    def _path(self, one: Watched) -> str:
        return f"{GROUP}/layer{one.layer}/{one.taken.name}"

    def _arrays(self, one: Watched) -> list[ArrayDeclaration]:
        samples, steps = len(self.positions), len(one.steps)
        told = ArrayDeclaration(
            "optimizer_step", ("epoch",), (self.records,), "int64", "optimiser steps", "optimiser step",
            "steps taken when it was recorded", "epoch",
        )  # fmt: skip
        numbers = [coordinate_of(dim, values) for dim, values in one.taken.coordinates.items()]
        arrays = [
            ArrayDeclaration(
                stored, ("epoch", "sample", "step", *v.dims), (self.records, samples, steps, *v.shape),
                v.dtype or "float32", v.units, v.long_name, v.description, "epoch",
            )
            for v, stored in one.arrays
        ]  # fmt: skip
        epoch = coordinate("epoch", self.records, append=True)
        return [epoch, told, coordinate("sample", samples), coordinate("step", steps), *numbers, *arrays]
