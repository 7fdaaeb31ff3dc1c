"""What an evaluation does with a trained network: steps, votes over initial states, early stop."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from pydantic import Field, field_validator, model_validator

from oscillo.network import Network
from oscillo.spec import LocatedError, Spec

Selector = Literal[
    "energy_last", "energy_sum", "pseudo_energy_last", "pseudo_energy_sum", "confidence", "majority"
]  # fmt: skip
"""How one of several answers is chosen."""


class EarlyStopSpec(Spec):
    """When a sample has settled and leaves the batch: its answer stays, and its outputs hardly move.

    The states of a network with frequencies never stand still, so the outputs are looked at and not the states.
    """

    every: int = Field(default=8, ge=1, description="Steps between looks at the outputs.")
    patience: int = Field(
        default=8, ge=1, description="Steps for which the answer has not changed; a multiple of `every`."
    )
    threshold: float = Field(
        default=1.0,
        gt=0,
        description="Root mean square change of the outputs (logits) between two looks that counts as standing still.",
    )
    compare: int = Field(
        default=20,
        ge=0,
        description="First samples of the evaluation that are taken through all steps as well, to count the answers "
        "that stopping has changed.",
    )

    @property
    def first(self) -> int:
        """Steps after which a sample leaves at the earliest: the first look has nothing to be compared with."""
        return self.every + self.patience

    def looks(self, last: int) -> range:
        """Steps after which samples may leave, of so many."""
        return range(self.every, last, self.every)

    @model_validator(mode="after")
    def _whole_looks(self) -> EarlyStopSpec:
        if self.patience % self.every:
            near = self.every * max(1, round(self.patience / self.every))
            raise LocatedError(
                f"patience = {self.patience} is not a multiple of every = {self.every}; the nearest is {near}",
                "patience",
            )
        return self


class EvaluationSpec(Spec):
    """What one evaluation does with a trained network; a task adds where the data come from."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Name, as in `hard` and `hard/board_accuracy`.")
    steps: int | None = Field(default=None, ge=1, description="Steps to take; left out, as many as in training.")
    votes: int = Field(
        default=1, ge=1, description="Initial states that each sample starts from; one of their answers is chosen."
    )
    by: Selector = Field(
        default="confidence",
        description="Which answer is chosen: that of the highest mean top probability (`confidence`), that of the "
        "state with the least pseudo-energy (`pseudo_energy_last`) or of the trajectory with the least sum of them "
        "(`pseudo_energy_sum`), aligned as AKOrN's released code votes, the same with the energy (`energy_last`, "
        "`energy_sum`), or the answer that most initial states lead to (`majority`). What the others would have chosen "
        "is recorded too.",
    )
    early_stop: EarlyStopSpec | None = Field(
        default=None, description="When samples leave before the last step; left out, all take all steps."
    )
    batch_size: int = Field(
        default=100, ge=1, description="Samples, times votes, that go through the network together."
    )

    @field_validator("name")
    @classmethod
    def _not_of_training(cls, name: str) -> str:
        if name in ("train", "training", "validation"):
            raise ValueError(f"metrics called `{name}/...` are those of the training; take another name")
        return name

    @model_validator(mode="after")
    def _sums_are_comparable(self) -> EvaluationSpec:
        if self.early_stop is not None and self.by.endswith("_sum"):
            last = self.by.replace("_sum", "_last")
            raise LocatedError(
                f"`{self.by}` adds up over the steps, and with `early_stop` trajectories of one sample take "
                f"different numbers of steps, so that their sums cannot be compared; take `by: {last}` or another, "
                "or leave `early_stop` out",
                "by",
            )
        return self

    def problems(self, network: Network, results: Collection[str]) -> list[tuple[str, str]]:
        """Why votes or early stop cannot work, each with the field it belongs to.

        Args:
            network: that is to be evaluated.
            results: names of what the task finds out about each sample.
        """
        found, several = [], self.votes > 1
        if self.steps is not None and self.steps > 1 and network.layers[network.iterated].steps <= 1:
            text = "no layer of this network is declared with more than one step, so there are none to take more of"
            found.append(("steps", text))
        last = network.steps_of(self.steps)[network.iterated]
        if self.early_stop is not None and (first := self.early_stop.first) >= last:
            text = (
                f"a sample leaves after {first} steps at the earliest (`every` + `patience`), and there are only "
                f"{last}: none would stop early; take more `steps`, a smaller `every` and `patience`, or leave it out"
            )
            found.append(("early_stop", text))
        if several and not network.draws_states:
            same = f"all {self.votes} initial states would be the same one; leave `votes` out"
            text = f"nothing is drawn in this network: {same}"
            found.append(("votes", text))
        if "energy" in self.by and not network.layers[network.iterated].measures_energy:
            text = f"`{self.by}` compares energies, and a block has none; take `confidence` or `majority`"
            found.append(("by", text))
        needed = {"confidence": "confidence", "majority": "prediction"}.get(self.by, "")
        lacking = "it looks at what the task calls `{}`, and this task has no such result"
        if several and needed and needed not in results:
            found.append(("by", lacking.format(needed)))
        if self.early_stop is not None and "prediction" not in results:
            found.append(("early_stop", lacking.format("prediction")))
        return found
