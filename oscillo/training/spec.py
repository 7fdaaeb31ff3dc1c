"""Declarations of training and recording."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import nn

from oscillo.spec import Component, ComponentSpec, Spec, register


class OptimizerSpec(ComponentSpec):
    """How gradients change the weights."""

    role: ClassVar[str] = "optimizer"

    lr: float = Field(default=1e-3, gt=0, description="Learning rate, at the schedule's height.")

    def build(self, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
        """The optimiser of the model's trained weights."""
        raise NotImplementedError


@register
class AdamSpec(OptimizerSpec):
    """Adam (Kingma and Ba 2015)."""

    kind: Literal["adam"] = "adam"
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="Decay of the two moments.")
    eps: float = Field(default=1e-8, gt=0, description="Added to the root of the second moment.")

    def build(self, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
        """Adam over all weights."""
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        return torch.optim.Adam(trained, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)


@register
class AdamWSpec(OptimizerSpec):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""

    kind: Literal["adamw"] = "adamw"
    betas: tuple[float, float] = Field(default=(0.9, 0.999), description="Decay of the two moments.")
    eps: float = Field(default=1e-8, gt=0, description="Added to the root of the second moment.")
    weight_decay: float = Field(
        default=0.01, ge=0, description="Decay of matrices; vectors and single numbers have none."
    )

    def build(self, model: nn.Module, device: torch.device) -> torch.optim.Optimizer:
        """AdamW; biases, scales, frequencies and step sizes do not decay."""
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        groups = [
            {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": self.weight_decay},
            {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)


class ScheduleSpec(Spec):
    """The learning rate over the course of a training."""

    kind: Literal["constant", "cosine", "linear"] = Field(
        default="constant",
        description="Shape after the warm-up: constant, or falling to `final` along a cosine or a line.",
    )
    warmup_steps: int = Field(default=0, ge=0, description="Steps over which the rate rises from zero.")
    hold: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the training during which the rate keeps its height."
    )
    final: float = Field(default=0.0, ge=0, le=1, description="Rate at the end, as a share of the height.")

    def factor(self, step: int, done: float) -> float:
        """Share of the height.

        Args:
            step: optimiser steps taken.
            done: share of the training that is over, 0 to 1.
        """
        rise = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.kind == "constant":
            return rise
        fall = min(1.0, max(0.0, (done - self.hold) / (1 - self.hold)))
        height = 0.5 + 0.5 * torch.cos(torch.tensor(fall * torch.pi)).item() if self.kind == "cosine" else 1 - fall
        return rise * (self.final + (1 - self.final) * height)


class EMASpec(Spec):
    """Exponential moving average of the weights, used for evaluation."""

    decay: float = Field(default=0.995, ge=0, lt=1, description="Weight of the average at each update.")
    start: int = Field(default=100, ge=0, description="Optimiser steps during which the average is a plain copy.")
    every: int = Field(default=10, ge=1, description="Optimiser steps between updates.")
    power: float = Field(default=2 / 3, gt=0, description="The decay warms up as 1 - (1 + steps since start)^-power.")


class TrainingSpec(Spec):
    """How the network is trained."""

    start: str = Field(
        default="scratch",
        description="`scratch`, `shipped` (weights that come with the task), a .safetensors file or the folder of a "
        "trained run.",
    )
    epochs: int | None = Field(default=None, ge=0, description="Passes over the training data; or give `steps`.")
    steps: int | None = Field(default=None, ge=0, description="Optimiser steps; or give `epochs`.")
    batch_size: int = Field(
        default=100, ge=1, description="Samples per optimiser step; an incomplete batch is left out."
    )
    optimizer: Component[OptimizerSpec] = Field(default=AdamSpec(), description="How gradients change the weights.")
    schedule: ScheduleSpec = Field(default=ScheduleSpec(), description="The learning rate over time.")
    clip_norm: float | None = Field(
        default=None, gt=0, description="Largest norm of the gradient; longer ones are scaled."
    )
    ema: EMASpec | None = Field(default=None, description="Averaged weights for evaluation.")
    lead_in: int = Field(
        default=0,
        ge=0,
        description="At most so many steps are taken before the declared ones, without gradient, and a number is "
        "drawn for each batch: the network learns to go on from where it stands, and bears more steps at test time.",
    )
    path_noise: float = Field(
        default=0.0,
        ge=0,
        description="Standard deviation of the normal numbers added to the state after every step of training, in the "
        "lead-in as well, before it goes back to the manifold: the network learns to come back to its way.",
    )
    recompute_every: int = Field(
        default=0,
        ge=0,
        description="Gradient checkpointing: keep every n-th state and compute the rest again; 0 keeps all.",
    )
    time_limit: float | None = Field(
        default=None, gt=0, description="Minutes of training, without evaluation; a falling schedule then ends with it."
    )
    log_every: int = Field(default=50, ge=1, description="Optimiser steps per line of metrics.")
    validate_every: int | None = Field(
        default=None, ge=1, description="Optimiser steps between looks at the first samples of the first evaluation."
    )
    validation_samples: int = Field(default=200, ge=1, description="Samples that such a look takes in.")
    checkpoint_minutes: float = Field(default=5.0, gt=0, le=5, description="Minutes between checkpoints, at most.")
    keep_checkpoints: int = Field(default=2, ge=1, description="Latest checkpoints that are kept.")

    @model_validator(mode="after")
    def _one_length(self) -> TrainingSpec:
        if self.epochs is None and self.steps is None:
            raise ValueError("needs `epochs` or `steps`")
        if self.epochs is not None and self.steps is not None:
            raise ValueError(
                "takes `epochs` or `steps`, not both; on the command line, change over with "
                f"`~training.steps training.epochs={self.epochs}` or `~training.epochs training.steps={self.steps}`"
            )
        return self

    @property
    def trains(self) -> bool:
        """Whether there is an optimiser step to take, and thus any need of training data."""
        return bool(self.steps or self.epochs)
