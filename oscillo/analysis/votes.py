"""What the votes of an evaluation are worth: right answers by selector, agreement, cost.

A sample starts from several initial states, its members, and a selector chooses the answer of one of them. An
evaluation of one initial state has one member, whom every selector takes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr

SELECTOR_NAMES = (
    "energy_last", "energy_sum", "confidence", "majority", "pseudo_energy_last", "pseudo_energy_sum",
)  # fmt: skip
"""All ways to choose, in the order in which they are told."""


@dataclass(frozen=True, eq=False)
class Votes:
    """The votes of one evaluation.

    Attributes:
        name: of the evaluation.
        result: with `member_correct` [sample, at_step, member], `chosen_<selector>` [sample, at_step, votes] (the
            member that is taken among the first so many) and the coordinates `at_step` and `votes`; of one initial
            state `correct_at` [sample, at_step] and the attribute `by`. `member_answer` [sample, at_step, member]
            (equal numbers for equal answers) where agreement is asked for; where the cost is, the attributes
            `flops_per_step`, `flops_outside`, `flops_per_look` and `looks` and, after an early stop, `steps_taken`
            [sample, member].

    Raises:
        ValueError: when it is not known which answers were right on the way, or who was chosen.
    """

    name: str
    result: xr.Dataset

    def __post_init__(self) -> None:
        if not ("correct_at" in self.result if self.alone else "member_correct" in self.result and self.selectors):
            needed = "correct_at" if self.alone else "member_correct and chosen_<selector>"
            raise ValueError(f"{self.name}: there is no {needed}, only {', '.join(map(str, self.result))}")

    @property
    def alone(self) -> bool:
        """Whether every sample has started from one initial state alone."""
        return "votes" not in self.result.sizes

    @property
    def selectors(self) -> list[str]:
        """Selectors whose choices are known; the one that is declared for a single initial state."""
        if self.alone:
            return [str(self.result.attrs.get("by", "confidence"))]
        return [name for name in SELECTOR_NAMES if f"chosen_{name}" in self.result]

    @property
    def samples(self) -> int:
        """How many samples there are."""
        return self.result.sizes["sample"]

    @property
    def steps(self) -> np.ndarray:
        """Steps after which answers were read out, [at_step]."""
        return self.result["at_step"].values

    @property
    def counts(self) -> np.ndarray:
        """How many members vote, [votes]."""
        return np.array([1]) if self.alone else self.result["votes"].values

    @cached_property
    def member_right(self) -> np.ndarray:
        """Whether each member is right, bool [sample, at_step, member]."""
        if self.alone:
            return self.result["correct_at"].transpose("sample", "at_step").values.astype(bool)[..., None]
        return self.result["member_correct"].transpose("sample", "at_step", "member").values.astype(bool)

    @property
    def oracle(self) -> np.ndarray:
        """Whether any of the first so many members is right, bool [sample, at_step, votes]."""
        return np.logical_or.accumulate(self.member_right, axis=2)[..., self.counts - 1]

    def chosen(self, selector: str) -> np.ndarray:
        """The member that a selector takes, int [sample, at_step, votes]."""
        if self.alone:
            return np.zeros((self.samples, len(self.steps), 1), dtype=int)
        return self.result[f"chosen_{selector}"].transpose("sample", "at_step", "votes").values.astype(int)

    def right(self, selector: str) -> np.ndarray:
        """Whether the chosen answer is right, bool [sample, at_step, votes]."""
        return np.take_along_axis(self.member_right, self.chosen(selector), axis=2)

    @property
    def main(self) -> str:
        """The selector that the evaluation declares (attribute `by`).

        Where none is declared, the one with the most right answers of all members after the last step.
        """
        if (declared := self.result.attrs.get("by")) in self.selectors:
            return str(declared)
        return max(self.selectors, key=lambda selector: self.right(selector)[:, -1, -1].sum())

    def member_values(self, name: str) -> np.ndarray:
        """An array of the members after the last step, [sample, member]."""
        return self.result[name].isel(at_step=-1).transpose("sample", "member").values

    def answers(self, selector: str) -> np.ndarray:
        """Number of the answer chosen by all after the last step, equal for equal answers of a sample, [sample]."""
        chosen = self.chosen(selector)[:, -1, -1:]
        return np.take_along_axis(self.member_values("member_answer"), chosen, axis=1)[:, 0]

    @property
    def flops(self) -> np.ndarray:
        """Mean cost of a sample in FLOP, [at_step, votes].

        A member costs `flops_per_step` for each step it took, `flops_outside`, and `flops_per_look` for every look of
        an early stop (attribute `looks`, the steps at which there is one) before its end.

        Raises:
            ValueError: when the cost of a step is not known.
        """
        needed = ("flops_per_step", "flops_outside", "flops_per_look", "looks")
        if lacking := [name for name in needed if name not in self.result.attrs]:
            raise ValueError(f"{self.name}: the attribute {lacking[0]} is not there")
        facts, members = self.result.attrs, self.member_right.shape[2]
        taken = np.full((self.samples, members), self.steps[-1])
        if "steps_taken" in self.result:
            taken = self.result["steps_taken"].transpose("sample", "member").values
        ends = np.minimum(taken, self.steps[:, None, None])  # [at_step, sample, member]
        looks = np.searchsorted(facts["looks"], ends)  # the answer at the end is among what comes once
        cost = ends * facts["flops_per_step"] + looks * facts["flops_per_look"] + facts["flops_outside"]
        return cost.mean(axis=1).cumsum(axis=1)[:, self.counts - 1]

    def table(self) -> xr.DataArray:
        """Share of right answers, [selector, at_step, votes]; the last selector is the oracle, any right answer."""
        shares = [self.right(selector).mean(axis=0) for selector in self.selectors] + [self.oracle.mean(axis=0)]
        return xr.DataArray(
            np.stack(shares),
            dims=("selector", "at_step", "votes"),
            coords={"selector": [*self.selectors, "oracle"], "at_step": self.steps, "votes": self.counts},
            name=self.name,
            attrs={"long_name": "right answers", "units": "1"},
        )
