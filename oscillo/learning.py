"""What a run of a task that learns does: it trains what is not trained yet, and evaluates what is not evaluated yet."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from torch import nn

from oscillo.evaluation import Parts, block_samples, evaluate, metric_names
from oscillo.evaluation.during_training import TrainingRecord
from oscillo.evaluation.operations import operations
from oscillo.preparation import WEIGHTS, Preparation
from oscillo.recording import MetricsLog, RunDirectory, TrajectoryStore, open_run, read_metrics, truncate_after
from oscillo.summary import show_results
from oscillo.training import Checkpoints, EvaluationSpec, Interruption, Trainer
from oscillo.training.progress import report
from oscillo.training.trackers import Tracking
from oscillo.training.weights import load_weights, save_weights

PARTS = "evaluating"
"""Folder of samples that are evaluated while others of the same evaluation are not."""


class Learning:
    """One pass through a run of a task that learns, from wherever it stands to its end.

    Args:
        directory: of the run.
        ready: what was prepared: model, data, weights.
        checkpoints: of its training.
        interruption: asked whether to stop.
    """

    def __init__(
        self, directory: RunDirectory, ready: Preparation, checkpoints: Checkpoints, interruption: Interruption
    ) -> None:
        self.directory, self.ready, self.checkpoints, self.interruption = directory, ready, checkpoints, interruption
        self.spec, self.task = ready.spec, ready.task
        self.weights = directory.path / WEIGHTS
        # Of the run's own spec, in which plugins are the copies it keeps: the same when it is resumed.
        self.spec_sha256: str = directory.record()["spec_sha256"]

    def execute(self, *, alone: bool = True) -> None:
        """Train what is not trained yet, evaluate what is not evaluated yet; a run that stands alone shows it all."""
        report(f"run {self.directory.path}")
        model, trained, saved = self.ready.model, self.ready.weights, self.ready.saved
        first_step = None if trained is not None else (saved["step"] if saved else 0) + 1
        with Tracking(self.spec.tracking, self.directory.path, first_step) as tracking:
            if trained is None:
                self._train(model, tracking)
                self.interruption.check()
                load_weights(model, self.weights)
            elif not self.weights.is_file():
                _copy_whole(trained, self.weights)
            results = self._evaluate(model, tracking)
            if alone:
                self._draw(tracking)
        if alone:
            show_results(self.spec.task.evaluation_specs, results)

    def _train(self, model: nn.Module, tracking: Tracking) -> None:
        spec, saved, checkpoints = self.spec.trained, self.ready.saved, self.checkpoints
        if self.directory.metrics.is_file():
            truncate_after(self.directory.metrics, saved["step"] if saved else 0)
        with MetricsLog(self.directory.metrics, [tracking.log_scalars]) as log:
            trainer = Trainer(
                self.task, model, spec, seed=self.spec.seed, precision=self.spec.precision, checkpoints=checkpoints,
                log=log, interruption=self.interruption,
            )  # fmt: skip
            trainer.validate = lambda: self._look(model, trainer)
            if saved is not None:
                trainer.load_state_dict(saved)
                report(f"going on after {trainer.step} optimiser steps")
            if spec.trains:
                data = self.task.training_data()
                with self._recorded(model, trainer, len(data)):
                    trainer.run(data)
        final = trainer.ema.average if trainer.ema else model.state_dict()
        parts = {"network": self.spec.network, "task": self.spec.task}
        facts = {name: part.model_dump_json() for name, part in parts.items()} | {"spec_sha256": self.spec_sha256}
        save_weights(final, self.weights, facts)

    @contextmanager
    def _recorded(self, model: nn.Module, trainer: Trainer, samples: int) -> Iterator[None]:
        """Have the trainer watched, where the spec asks for a record of the training and there is some of it left."""
        recording, evaluations = self.spec.recording, self.spec.task.evaluation_specs
        total = trainer.total_steps(samples)
        if recording.training is None or trainer.finished or trainer.step >= total:
            yield
            return
        data, per_epoch = self.task.evaluation_data(evaluations[0]), max(1, samples // self.spec.trained.batch_size)
        record = TrainingRecord(
            self.task, model.network, evaluations[0], recording, len(data),  # pyright: ignore[reportArgumentType]
            epochs=total // per_epoch, per_epoch=per_epoch,
        )  # fmt: skip
        with self._store() as store:
            record.start(store, trainer.step)

            def watch(step: int) -> None:
                if record.due(step):
                    with trainer.ema.applied(model) if trainer.ema else nullcontext():
                        record.take(store, model, data, step, seed=self.spec.seed, precision=self.spec.precision)

            trainer.watch = watch
            yield

    def _store(self) -> TrajectoryStore:
        """The store of the run."""
        facts, recording = {"spec_sha256": self.spec_sha256}, self.spec.recording
        return TrajectoryStore(self.directory.data, facts, fsync=recording.fsync)

    def _look(self, model: nn.Module, trainer: Trainer) -> dict[str, float]:
        """Metrics of the averaged weights on the first samples of the first evaluation."""
        evaluations = self.spec.task.evaluation_specs
        if not evaluations:
            return {}
        first, limit = evaluations[0], self.spec.trained.validation_samples
        data = self.task.evaluation_data(first)

        def look() -> dict[str, float]:
            found = evaluate(
                self.task, model, first, data, seed=self.spec.seed, precision=self.spec.precision, limit=limit
            )
            return {name: value for name, value in found.items() if "/" not in name}

        if trainer.ema is None:
            return look()
        with trainer.ema.applied(model):
            return look()

    def _evaluate(self, model: nn.Module, tracking: Tracking) -> dict[str, dict[str, float]]:
        """Metrics of all evaluations, by name."""
        lines = read_metrics(self.directory.metrics) if self.directory.metrics.is_file() else []
        steps = max((line["step"] for line in lines), default=0)
        results: dict[str, dict[str, float]] = {}
        with MetricsLog(self.directory.metrics, [tracking.log_scalars]) as log:
            for evaluation in self.spec.task.evaluation_specs:
                prefix = f"{evaluation.name}/"
                parts = Parts(self.directory.path / PARTS / evaluation.name)
                done = [line for line in lines if any(name.startswith(prefix) for name in line)]
                if done:
                    report(f"{evaluation.name}: done before")
                    results[evaluation.name] = {
                        name.removeprefix(prefix): value for name, value in done[-1].items() if name.startswith(prefix)
                    }
                    parts.remove()  # a kill between the last two lines below leaves them
                    continue
                found = self._evaluate_one(model, evaluation, parts)
                results[evaluation.name] = found
                log.write(steps, metric_names(evaluation.name, found))
                parts.remove()
        return results

    def _evaluate_one(self, model: nn.Module, evaluation: EvaluationSpec, parts: Parts) -> dict[str, float]:
        """Metrics of one evaluation, which is recorded."""
        data = self.task.evaluation_data(evaluation)
        if kept := parts.kept(block_samples(evaluation), len(data)):
            report(f"{evaluation.name}: going on after {kept} of {len(data)} samples")
        with self._store() as store:
            found = evaluate(
                self.task, model, evaluation, data, seed=self.spec.seed,
                precision=self.spec.precision, recording=self.spec.recording, store=store, parts=parts,
                cost=operations(self.task, self.task.model(), evaluation.steps), check=self.interruption.check,
                title=f"evaluating {evaluation.name}",
            )  # fmt: skip
        if store.slow_disk:
            report(store.slow_disk)
        return found

    def _draw(self, tracking: Tracking) -> None:
        from oscillo.plotting import save_figure

        run = open_run(self.directory.path)
        steps = int(run.metrics["step"].max())
        for name, figure in self.task.figures(run).items():
            tracking.log_figure(steps, name, figure)
            save_figure(figure, self.directory.figures / f"{name}.png")


def _copy_whole(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    fresh = target.with_suffix(".new")
    shutil.copyfile(source, fresh)
    fresh.replace(target)
