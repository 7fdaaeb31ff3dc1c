"""What an evaluation leaves in the store, declared before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from oscillo.evaluation.schedule import Schedule, vote_counts
from oscillo.evaluation.selection import ENERGIES, compared_steps
from oscillo.evaluation.watched import Watched, watched
from oscillo.network import Network
from oscillo.observables import RecordingSpec, Variable
from oscillo.recording import ArrayDeclaration, GroupDeclaration, Recorder
from oscillo.training.evaluation_spec import EvaluationSpec
from oscillo.training.task import ResultArray, Task

SCORES: dict[str, tuple[str, str, str]] = {
    "energy_last": ("member_energy", "energy", "of the state the answer was read from"),
    "energy_sum": ("member_energy_sum", "sum of energies", "over steps 0 .. at_step"),
    "pseudo_energy_last": ("member_pseudo_energy", "pseudo-energy", "of the state before, as published"),
    "pseudo_energy_sum": ("member_pseudo_energy_sum", "sum of pseudo-energies", "over steps 0 .. at_step - 1"),
    "confidence": ("member_confidence", "confidence", ""),
    "majority": ("member_answer", "first with the same answer", "equal numbers mean equal answers"),
}
"""What each selector compares: name of the array [sample, at_step, member], what it is, and of what."""


class EvaluationRecording:
    """Which arrays an evaluation has, and which of them it stores.

    Attributes:
        schedule: when what is kept.
        selectors: all that can choose among the votes, or the declared one where nothing is recorded; none without
            votes.
        votes: numbers of members that are let vote, 1, 2, 4, ... and all; none without votes.
        watched: observables along the steps; none without a recording.
        measured_at: steps of the iterated layer at which energies are compared by a selector.
        pieces: samples whose states at a step come together.

    Args:
        task: what is evaluated.
        network: with which network.
        evaluation: how.
        recording: what to keep; None for nothing but what metrics need.
        samples: how many samples there are.
    """

    def __init__(
        self, task: Task, network: Network, evaluation: EvaluationSpec, recording: RecordingSpec | None, samples: int
    ) -> None:
        self.schedule = Schedule.of(network, evaluation, recording)
        self.shapes, self.samples, self.members = network.shapes, samples, evaluation.votes
        self.declared = task.arrays()
        looks = self.schedule.looks
        self.watched = (
            watched(recording, task, network, self.schedule.steps, samples, looks) if recording and samples else []
        )
        votes = evaluation.votes > 1
        energies, sums = network.layers[network.iterated].measures_energy, evaluation.early_stop is None
        # Without a recording no one asks what the other selectors would have chosen.
        asked = SCORES if recording else (evaluation.by,)
        self.selectors: tuple[str, ...] = tuple(
            name for name in asked if votes and self._can(name, energies=energies, sums=sums)
        )
        self.measured_at = self._measured_at()
        # Batches of samples that leave early, or of several initial states, hold any of them.
        orderly = evaluation.early_stop is None and evaluation.votes == 1
        self.pieces = evaluation.batch_size if orderly else 1
        self.votes = vote_counts(evaluation.votes) if votes else []
        self.results = self._results()

    def _can(self, selector: str, *, energies: bool, sums: bool) -> bool:
        """Whether a selector has what it compares."""
        if selector in ENERGIES:
            return energies and (sums or not selector.endswith("_sum"))
        return {"confidence": "confidence", "majority": "prediction"}[selector] in self.declared

    def _measured_at(self) -> frozenset[int]:
        ends = self.schedule.looks.union(self.schedule.answers)
        return frozenset().union(*(compared_steps(name, ends) for name in self.selectors))

    def _results(self) -> dict[str, ResultArray]:
        """All arrays of results [sample, ...] that are stored."""
        found, answers = dict(self.declared), len(self.schedule.answers)
        if self.schedule.successive:
            for name, array in self.declared.items():
                if array.at_steps:
                    found[f"{name}_at"] = array._replace(
                        dims=("at_step", *array.dims), shape=(answers, *array.shape),
                        description="read out at that step",
                    )  # fmt: skip
            if "prediction" in self.declared:
                found["changed_at"] = ResultArray(
                    ("at_step",), (answers,), "bool", "answer changed", "it differs from the answer a step before"
                )
            found["distance_at"] = ResultArray(
                ("at_step",), (answers,), "float32", "change of outputs in a step",
                "root mean square difference of the outputs (logits) from those a step before",
            )  # fmt: skip
        if self.votes:
            found |= self._of_votes(answers)
        if self.schedule.early_stop:
            each = ("member",), (self.members,)
            found["steps_taken"] = ResultArray(*each, "int32", "steps taken", "until it had settled, or all")
            found["settled"] = ResultArray(*each, "bool", "settled", "whether it left before the last step")
            found["changed_by_stopping"] = ResultArray(
                *each, "int8", "answer changed by stopping",
                "1 when all steps lead to another answer, 0 when not, -1 where that was not found out",
            )  # fmt: skip
            if "correct" in self.declared:
                found["right_after_all_steps"] = ResultArray(
                    *each, "int8", "answer right after all steps",
                    "1 when all steps lead to the right answer, 0 when not, -1 where that was not found out",
                )  # fmt: skip
        return found

    def _of_votes(self, answers: int) -> dict[str, ResultArray]:
        found = {}
        each = ("at_step", "member"), (answers, self.members)
        if "correct" in self.declared:
            found["member_correct"] = ResultArray(*each, "bool", "answer right", "of each initial state")
        for selector in self.selectors:
            name, long_name, of = SCORES[selector]
            found[name] = ResultArray(*each, "int32" if selector == "majority" else "float32", long_name, of)
            found[f"chosen_{selector}"] = ResultArray(
                ("at_step", "votes"), (answers, len(self.votes)), "int32", "member chosen",
                f"by {selector} among the first so many",
            )  # fmt: skip
        return found

    def groups(self) -> list[GroupDeclaration]:
        """All groups of arrays the evaluation fills."""
        found = [_group(together, self.pieces) for together in self._together()]
        if self.results:
            arrays = tuple(
                ArrayDeclaration(
                    name, ("sample", *array.dims), (self.samples, *array.shape), array.dtype,
                    units="1", long_name=array.long_name, description=array.description,
                )
                for name, array in self.results.items()
            )  # fmt: skip
            found.append(GroupDeclaration("result", arrays, coordinates=self._coordinates()))
        return found

    def _coordinates(self) -> dict[str, list[int]]:
        used = {dim for array in self.results.values() for dim in array.dims}
        known = {"at_step": list(self.schedule.answers), "member": list(range(self.members)), "votes": self.votes}
        return {dim: values for dim, values in known.items() if dim in used}

    def _together(self) -> list[list[Watched]]:
        """What is recorded along the steps, by its groups in the store."""
        found: dict[tuple[str, str, str | None], list[Watched]] = {}
        for one in self.watched:
            found.setdefault((one.section, one.layer_name, one.own_name), []).append(one)
        return list(found.values())

    def part_names(self) -> set[str]:
        """Names of the arrays that a part of the samples holds, as `collect` gives them."""
        found = {f"result/{name}" for name in self.results}
        found |= {one.key(stored) for one in self.watched if not one.is_streamed for _, stored in one.arrays}
        return found

    def write(self, recorder: Recorder, part: Mapping[str, np.ndarray]) -> None:
        """Hand one part of the samples to the recorder; its arrays are named as `collect` names them."""
        index = part["index"]
        for together in self._together():
            if not (first := together[0]).is_streamed:
                arrays = {stored: part[one.key(stored)] for one in together for _, stored in one.arrays}
                recorder.write(first.section, index, arrays, layer=first.layer_name)
        if self.results:
            recorder.write("result", index, {name: part[f"result/{name}"] for name in self.results})


def _group(together: Sequence[Watched], batch: int) -> GroupDeclaration:
    """The group of observables with the same steps and samples, which come in batches of so many samples at most."""
    first = together[0]
    samples, steps = len(first.samples), len(first.steps)
    pieces = (min(batch, samples), 1) if first.is_streamed else ()
    arrays = tuple(
        ArrayDeclaration(
            stored, ("sample", "step", *v.dims), (samples, steps, *v.shape), v.dtype or "float32", v.units,
            v.long_name, f"{v.description}; of the first initial state, {_nothing(v)} after the sample has left",
            pieces=pieces,
        )
        for one in together for v, stored in one.arrays
    )  # fmt: skip
    numbers = {dim: list(values) for one in together for dim, values in one.taken.coordinates.items()}
    coordinates = {"step": list(first.steps), **numbers}
    return GroupDeclaration(first.section, arrays, first.layer_name, coordinates, first.own_name)


def _nothing(variable: Variable) -> str:
    """What stands where nothing came."""
    return "not a number" if np.dtype(variable.dtype or "float32").kind == "f" else "0"
