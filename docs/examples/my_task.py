"""A task of one's own: recall binary patterns from noisy copies of them.

A spec uses it by naming this file: `plugins: [./my_task.py]` and then `task: {kind: recall, patterns: 5}`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import PLAIN, Network, NetworkSpec, Unrolling
from oscillo.spec import register
from oscillo.training import Batch, EvaluationSpec, ResultArray, Results, Task, TaskSpec, TensorData


class RecallEvaluationSpec(EvaluationSpec):
    """Noisy patterns to be recalled, and how: a name, steps and batch size come with every evaluation."""

    samples: int = Field(200, ge=1, description="Noisy copies to make.")
    flips: float = Field(0.2, ge=0, le=1, description="Share of the pixels that are turned over.")


@register
class RecallTaskSpec(TaskSpec):
    """Recall patterns of black and white pixels from noisy copies."""

    kind: Literal["recall"] = "recall"
    side: int = Field(6, ge=2, description="Pixels on a side.")
    patterns: int = Field(5, ge=1, description="Patterns to remember.")
    samples: int = Field(1000, ge=1, description="Noisy copies to train on.")
    flips: float = Field(0.2, ge=0, le=1, description="Share of their pixels that are turned over.")
    evaluations: list[RecallEvaluationSpec] = Field([], description="What the trained network is evaluated on.")

    @property
    def sites(self) -> tuple[int, ...]:
        """The pixels are the grid of the network."""
        return (self.side, self.side)

    @property
    def training_samples(self) -> int:
        """Noisy copies to train on."""
        return self.samples

    @property
    def evaluation_specs(self) -> Sequence[EvaluationSpec]:
        """All evaluations, in order."""
        return self.evaluations

    def evaluation_samples(self, evaluation: RecallEvaluationSpec) -> int:
        """Noisy copies of an evaluation."""
        return evaluation.samples

    def build(self, network: NetworkSpec, seed: int) -> RecallTask:
        """The task."""
        return RecallTask(self, network, seed)


class RecallModel(nn.Module):
    """Each pixel's value as features, the oscillators, and a logit of each pixel."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.encoder = nn.Linear(1, network.channels_in)
        self.network = network
        self.head = nn.Linear(network.channels_out, 1)

    def features(self, noisy: Tensor) -> Tensor:
        """What the first layer gets of pixels [sample, y, x]: features [sample, y, x, channel]."""
        return self.encoder(noisy[..., None].float() - 0.5)

    def forward(self, noisy: Tensor, draws: Draws, **how: Any) -> Tensor:
        """Logits [sample, y, x]."""
        return self.head(self.network(self.features(noisy), draws=draws, **how).features)[..., 0]


class RecallTask(Task):
    """Patterns of random pixels; the loss is the cross-entropy of each pixel."""

    def model(self) -> RecallModel:
        """Encoder, network and head, with new weights."""
        return RecallModel(self.network.build(self.spec.sites))

    def _copies(self, samples: int, flips: float, number: int) -> TensorData:
        # The patterns depend on the seed, the noise on seed and number: every set of copies is one of its own.
        generator = torch.Generator().manual_seed(self.seed)
        patterns = torch.rand(self.spec.patterns, *self.spec.sites, generator=generator) < 0.5
        generator.manual_seed(1000 * (self.seed + 1) + number)
        pattern = patterns[torch.randint(self.spec.patterns, (samples,), generator=generator)]
        return TensorData(pattern=pattern, noisy=pattern ^ (torch.rand(pattern.shape, generator=generator) < flips))

    def training_data(self) -> TensorData:
        """Noisy copies to train on."""
        return self._copies(self.spec.samples, self.spec.flips, 0)

    def evaluation_data(self, evaluation: RecallEvaluationSpec) -> TensorData:
        """Noisy copies of an evaluation."""
        return self._copies(evaluation.samples, evaluation.flips, 1 + self.spec.evaluations.index(evaluation))

    def loss(
        self, model: RecallModel, batch: Batch, draws: Draws, *, unrolling: Unrolling = PLAIN
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss of each sample [sample], and numbers to log."""
        logits = model(batch["noisy"], draws, unrolling=unrolling)
        losses = F.binary_cross_entropy_with_logits(logits, batch["pattern"].float(), reduction="none")
        return losses.mean((1, 2)), {"pixel_accuracy": ((logits > 0) == batch["pattern"]).float().mean()}

    def inputs(self, model: RecallModel, batch: Batch, draws: Draws) -> tuple[Tensor, None]:
        """Features for the first layer; its initial states are drawn."""
        return model.features(batch["noisy"]), None

    def outputs(self, model: RecallModel, features: Tensor) -> Tensor:
        """Logits [sample, y, x] of the network's last features."""
        return model.head(features)[..., 0]

    def results(self, batch: Batch, outputs: Tensor) -> Results:
        """What is recalled. The names `prediction`, `confidence` and `correct` make votes and early stop work."""
        recalled, sure = outputs > 0, torch.sigmoid(outputs.abs()).mean((1, 2))
        right = recalled == batch["pattern"]
        return {
            "prediction": recalled, "confidence": sure, "correct": right.all(2).all(1),
            "share_right": right.float().mean((1, 2)),
        }  # fmt: skip

    def metrics(self, results: Mapping[str, np.ndarray]) -> dict[str, float]:
        """Numbers that go into `metrics.jsonl` and the table."""
        return {
            "pixel_accuracy": float(results["share_right"].mean()),
            "pattern_accuracy": float(results["correct"].mean()),
        }

    def arrays(self) -> dict[str, ResultArray]:
        """Which results of each sample are stored, and how; `at_steps`: after 1, 2, 4, ... steps as well."""
        return {
            "prediction": ResultArray(("y", "x"), self.spec.sites, "bool", "recalled pixel"),
            "confidence": ResultArray((), (), "float32", "confidence", "mean probability of the answer"),
            "correct": ResultArray((), (), "bool", "pattern recalled", "all pixels right", at_steps=True),
            "share_right": ResultArray((), (), "float32", "share of pixels right"),
        }
