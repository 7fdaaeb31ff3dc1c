"""The trainer: optimiser steps that can be stopped at any moment and taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import Unrolling
from oscillo.recording import MetricsLog
from oscillo.training.checkpoints import Checkpoints
from oscillo.training.ema import EMA
from oscillo.training.hardware import Precision, precision_context
from oscillo.training.interrupt import Interrupted, Interruption
from oscillo.training.progress import progress
from oscillo.training.spec import TrainingSpec
from oscillo.training.task import Batch, Data, Task

Validate = Callable[[], Mapping[str, float]]

LEAD_IN = 1 << 16
"""What the draws of lead-ins are for, among all draws."""


class TrainingError(ValueError):
    """The training cannot go on; the message says at which step and why."""


@dataclass
class Window:
    """Sums of what was measured since the last line of metrics."""

    steps: int = 0
    sums: dict[str, float] = field(default_factory=dict)

    def add(self, numbers: Mapping[str, float]) -> None:
        """Take in the numbers of one step."""
        self.steps += 1
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def means(self) -> dict[str, float]:
        """Means over the steps taken in."""
        return {name: value / self.steps for name, value in self.sums.items()}


class Trainer:
    """Trains a model on a task. Its whole state goes into a checkpoint and comes out of it.

    Args:
        task: brings the loss.
        model: with the weights to start from, on its device.
        spec: how to train.
        seed: key of the order of the data and of all draws.
        precision: of the network.
        checkpoints: where checkpoints go.
        log: where metrics go.
        interruption: asked after each step whether to stop.
        validate: looks at validation samples with the averaged weights; None for no such look.
        watch: told the optimiser steps taken, before the first one and after each, to record what the network does.
    """

    def __init__(
        self, task: Task, model: nn.Module, spec: TrainingSpec, *, seed: int, precision: Precision,
        checkpoints: Checkpoints, log: MetricsLog, interruption: Interruption, validate: Validate | None = None,
        watch: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        self.task, self.model, self.spec, self.seed = task, model, spec, seed
        self.precision: Precision = precision
        self.checkpoints, self.log, self.interruption = checkpoints, log, interruption
        self.validate, self.watch = validate, watch
        self.device = next(model.parameters()).device
        self.optimizer = spec.optimizer.build(model, self.device)
        self.ema = EMA(model, spec.ema) if spec.ema else None
        self.step, self.seconds, self.window = 0, 0.0, Window()
        self.finished = False

    def state_dict(self) -> dict[str, Any]:
        """All that the next step depends on."""
        return {
            "step": self.step, "seconds": self.seconds, "finished": self.finished,
            "window": {"steps": self.window.steps, "sums": self.window.sums},
            "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
            "ema": self.ema.state_dict() if self.ema else None,
            "random": torch.get_rng_state(),
        }  # fmt: skip

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a checkpoint."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.ema and state["ema"] is not None:
            self.ema.load_state_dict(state["ema"])
        self.step, self.seconds, self.finished = state["step"], state["seconds"], state["finished"]
        self.window = Window(**state["window"])
        torch.set_rng_state(state["random"].cpu())

    def total_steps(self, samples: int) -> int:
        """Optimiser steps of the whole training on a data set of that size."""
        return total_steps(self.spec, samples)

    def run(self, data: Data) -> None:
        """Train to the end, or to the time limit.

        Raises:
            TrainingError: when the loss or its gradient is not finite; the last checkpoint is from before.
            Interrupted: when the user stops it; a checkpoint has been written.
        """
        total = self.total_steps(len(data))
        if self.finished or self.step >= total:
            return
        self.model.train()
        last_save = began = time.monotonic()
        before = self.seconds
        if self.step == 0:
            self.checkpoints.save(0, self.state_dict())
        with progress("training", total, self.step, self._seconds_left) as show:
            self._watch()
            while self.step < total and not self._out_of_time():
                index = order(self.seed, self.step, len(data), self.spec.batch_size)
                loss = self._take_step(data.batch(index), total)
                self.seconds = before + time.monotonic() - began
                show(self.step, self._shown(loss))
                self._log(total)
                self._watch()
                if self.interruption.asked:
                    self.checkpoints.save(self.step, self.state_dict())
                    raise Interrupted(self.interruption.signal)
                if time.monotonic() - last_save > 60 * self.spec.checkpoint_minutes:
                    self.checkpoints.save(self.step, self.state_dict())
                    last_save = time.monotonic()
        if self.window.steps:
            self._write_window()  # the time limit came between two lines
        self.finished = True
        self.checkpoints.save(self.step, self.state_dict())

    def _take_step(self, batch: Batch, total: int) -> float:
        index = batch["index"]
        batch = {name: value.to(self.device, non_blocking=True) for name, value in batch.items()}
        draws = Draws(self.seed, batch["index"], step=self.step)
        rate = self.spec.schedule.factor(self.step, self._share_done(total))
        for group in self.optimizer.param_groups:
            group["lr"] = self.spec.optimizer.lr * rate
        with precision_context(self.precision, self.device):
            losses, numbers = self.task.loss(self.model, batch, draws, unrolling=self._unrolling())
        loss = losses.float().mean()
        value = loss.item()
        if not torch.isfinite(loss):
            bad = index[~torch.isfinite(losses.detach()).cpu()]
            raise TrainingError(self._not_finite("loss", bad))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = self._clip()
        if not torch.isfinite(norm):
            raise TrainingError(self._not_finite("gradient", index))
        self.optimizer.step()
        self.step += 1
        if self.ema:
            self.ema.update(self.model, self.step)
        shown = {name: float(number) for name, number in numbers.items()}
        self.window.add(
            {"loss": value, "gradient_norm": norm.item(), "learning_rate": self.spec.optimizer.lr * rate} | shown
        )
        return value

    def _unrolling(self) -> Unrolling:
        """How the steps of this batch are taken, with a lead-in drawn like everything else by seed and step."""
        uniform = Draws(self.seed, torch.zeros(1, dtype=torch.int64), step=self.step).uniform((), purpose=LEAD_IN)
        return Unrolling(
            int(uniform * (self.spec.lead_in + 1)), self.spec.recompute_every, self.spec.path_noise
        )  # fmt: skip

    def _clip(self) -> Tensor:
        most = self.spec.clip_norm or float("inf")
        return torch.nn.utils.clip_grad_norm_(self.model.parameters(), most)

    def _not_finite(self, what: str, samples: Tensor) -> str:
        shown = ", ".join(str(int(sample)) for sample in samples[:8])
        more = f" and {len(samples) - 8} more" if len(samples) > 8 else ""
        kept = self.checkpoints.files()
        last = f"the last good checkpoint is {kept[-1].name}" if kept else "there is no checkpoint yet"
        return (
            f"the {what} is not finite at optimiser step {self.step + 1}, for the training samples {shown}{more}; "
            f"{last}. A lower learning rate, `clip_norm` or `precision: float32` may help"
        )

    def _log(self, total: int) -> None:
        if self.step % self.spec.log_every == 0 or self.step == total:
            self._write_window()
        every = self.spec.validate_every
        if every and self.validate and self.step % every == 0:
            found = self.validate()
            self.log.write(self.step, {f"validation/{name}": value for name, value in found.items()})
            self.model.train()

    def _watch(self) -> None:
        if self.watch is not None:
            self.watch(self.step)
            self.model.train()

    def _write_window(self) -> None:
        numbers = self.window.means()
        numbers["samples_per_s"] = self.spec.batch_size * self.step / self.seconds
        self.log.write(self.step, {f"train/{name}": value for name, value in numbers.items()})
        self.window = Window()

    def _shown(self, loss: float) -> dict[str, float]:
        means = self.window.means() if self.window.steps else {}
        told = {name.replace("_", " "): value for name, value in means.items() if name.endswith("accuracy")}
        return {"loss": loss, **told, "samples/s": self.spec.batch_size * self.step / max(self.seconds, 1e-9)}

    def _out_of_time(self) -> bool:
        left = self._seconds_left()
        return left is not None and left <= 0

    def _seconds_left(self) -> float | None:
        return None if self.spec.time_limit is None else 60 * self.spec.time_limit - self.seconds

    def _share_done(self, total: int) -> float:
        """Share of the training that is over, by steps or by the time limit, whichever comes first."""
        share = self.step / total
        return share if self.spec.time_limit is None else max(share, self.seconds / (60 * self.spec.time_limit))


def total_steps(spec: TrainingSpec, samples: int) -> int:
    """Optimiser steps of a training on that many samples."""
    if spec.steps is not None:
        return spec.steps
    return (spec.epochs or 0) * (samples // spec.batch_size)


def order(seed: int, step: int, samples: int, batch_size: int) -> Tensor:
    """Positions of the samples of an optimiser step: each epoch is a permutation keyed by seed and epoch."""
    per_epoch = max(1, samples // batch_size)
    epoch, batch = divmod(step, per_epoch)
    return _permutation(seed, epoch, samples)[batch * batch_size : (batch + 1) * batch_size]


@lru_cache(maxsize=1)
def _permutation(seed: int, epoch: int, samples: int) -> Tensor:
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) & 0x7FFFFFFFFFFFFFFF)
    return torch.randperm(samples, generator=generator)
