"""The figures at the end of a Sudoku run."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from oscillo.analysis import Votes
from oscillo.plotting import (
    Curve,
    EnergyPanel,
    compute_figure,
    counted,
    energy_figure,
    first_member,
    selection_figure,
    settling_figure,
    training_figure,
    votes_figure,
)
from oscillo.recording import Run
from oscillo_tasks.sudoku.accuracy_figures import accuracy_by_givens, accuracy_over_steps, singles_line
from oscillo_tasks.sudoku.board_figure import BoardStory, board_figure
from oscillo_tasks.sudoku.boards import BlockShape

__all__ = ["BoardStory", "accuracy_by_givens", "accuracy_over_steps", "board_figure", "figures"]

CURVES = (
    Curve("loss", "loss", "nats per cell", log=True),
    Curve("board_accuracy", "boards solved", "%"),
    Curve("cell_accuracy", "blank cells right", "%"),
)

_LOOKS = ("train", "validation")
"""What is measured while training goes on."""

_log = logging.getLogger(__name__)


class _Missing(Exception):
    """Why a figure cannot be drawn from a run."""


def figures(run: Run, note: Callable[[str], None] = _log.warning) -> dict[str, Figure]:
    """Draw every figure that a run has data for.

    Args:
        run: as `oscillo.open_run` gives it.
        note: told, for each figure that is left out, which and why; by default it is logged as a warning.

    Returns:
        Figures by name, as files are called: `training`, `energy`, `accuracy_over_steps`, `settling`, `oscillators`,
        `accuracy_by_givens`, and where the spec asks for votes `votes`, `error_against_compute` and `selection`.
    """
    makers: dict[str, Callable[[Run], Figure]] = {
        "training": _training,
        "energy": _energy,
        "accuracy_over_steps": _over_steps,
        "settling": _settling,
        "oscillators": _oscillators,
        "accuracy_by_givens": _by_givens,
    }
    if any(evaluation.get("votes", 1) > 1 for evaluation in run.spec.get("task", {}).get("evaluations") or ()):
        makers |= {"votes": _votes, "error_against_compute": _compute, "selection": _selection}
    drawn = {}
    for name, make in makers.items():
        try:
            drawn[name] = make(run)
        except _Missing as reason:
            note(f"figure {name}: left out, since {reason}")
    return drawn


@dataclass(frozen=True)
class _Iterated:
    """The layer whose steps are counted: the last one of the spec with more than one step, or else the last."""

    number: int
    declared: Mapping[str, Any]

    @classmethod
    def of(cls, run: Run) -> _Iterated:
        layers = [cls(*layer) for layer in enumerate(run.spec["network"]["layers"])]
        return next((layer for layer in reversed(layers) if layer.steps > 1), layers[-1])

    @property
    def is_block(self) -> bool:
        return self.declared.get("kind") == "block"

    @property
    def steps(self) -> int:
        """As declared."""
        return int((self.declared if self.is_block else self.declared["integrator"]).get("steps", 1))


def _results(run: Run, *needed: str) -> dict[str, xr.Dataset]:
    """The results of all evaluations that have these variables, in the order in which they were recorded."""
    if "result" not in run.data.children:
        raise _Missing("no evaluation was recorded")
    found = {name: node.to_dataset() for name, node in run.data["result"].children.items()}
    usable = {name: result for name, result in found.items() if set(needed) <= set(result.variables)}
    if not usable:
        raise _Missing(f"no recorded evaluation has {', '.join(needed)}")
    order = {name: position for position, name in enumerate(_measured(run))}
    return dict(sorted(usable.items(), key=lambda item: order.get(item[0], len(order))))


def _measured(run: Run) -> list[str]:
    """Names of the evaluations in the metrics, in the order of their first lines."""
    names = [str(name).split("/") for name in run.metrics.data_vars]
    return list(dict.fromkeys(first for first, *rest in names if rest == ["singles_only"] and first not in _LOOKS))


def _training(run: Run) -> Figure:
    if not any(f"train/{curve.name}" in run.metrics for curve in CURVES):
        raise _Missing("the run has no training records")
    return training_figure(run.metrics, CURVES, _measured(run))


def _over_steps(run: Run) -> Figure:
    needed = ("correct_at", "cells_correct_at", "puzzle", "branching")
    return accuracy_over_steps(_results(run, *needed), _Iterated.of(run).steps, _how_declared(run))


def _how_declared(run: Run) -> str:
    """What is said of the declared number of steps: whether the run trained with it, and behind which lead-in."""
    training = run.spec.get("training", {})
    if not (training.get("steps") or training.get("epochs")):
        return "declared with {steps}"
    lead_in = training.get("lead_in", 0)
    return "trained with {steps}" + (f" behind up to {lead_in:,}" if lead_in else "")


def _by_givens(run: Run) -> Figure:
    return accuracy_by_givens(_results(run, "correct", "givens", "branching"))


def _settling(run: Run) -> Figure:
    results = _results(run, "correct_at", "changed_at", "distance_at", "branching")
    return settling_figure(results, singles_line(results))


def _votes(run: Run) -> Figure:
    results = _results(run, "member_correct", "branching")
    return votes_figure(results, singles_line(results))


def _compute(run: Run) -> Figure:
    results = _results(run, "member_correct", "branching")
    return compute_figure(results, reference=singles_line(results))


def _selection(run: Run) -> Figure:
    return selection_figure(_results(run, "member_correct"))


def _energy(run: Run) -> Figure:
    panels = []
    for name, result in _results(run, "correct", "givens").items():
        # With votes, energies along the steps are those of the first initial state.
        voted = "member_correct" in result
        answers = result["member_correct"].isel(at_step=-1, member=0) if voted else result["correct"]
        right, givens = answers.values.astype(bool), result["givens"].values
        layers = _layers(run, "summary", name)
        for layer, summary in layers.items():
            if "energy" in summary:
                energy = summary["energy"].sel(sample=result["sample"].values)
                title = first_member(name if len(layers) == 1 else f"{name}, {layer}", result)
                panels.append(EnergyPanel(title, energy.compute(), right, givens))
    if not panels:
        raise _Missing("no energies were recorded")
    # Energy goes with the number of givens, and boards with few of them are the ones that stay unsolved.
    return energy_figure(panels, ("solved boards", "unsolved boards"), common="givens")


def _layers(run: Run, section: str, evaluation: str) -> dict[str, xr.Dataset]:
    """The recorded layers of an evaluation in one section, in the order of their numbers."""
    path = f"/{section}/{evaluation}"
    if path not in run.data.groups:
        return {}
    found = {name: node.to_dataset() for name, node in run.data[path].children.items()}
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in re.findall(r"\d+", item[0])]))


@dataclass(frozen=True, eq=False)
class _Shown:
    """A board whose trajectory was recorded, with votes that of the first member."""

    evaluation: str
    sample: int
    result: xr.Dataset
    states: xr.DataArray
    by: str | None
    """Whose answer was chosen, if there were votes."""

    @property
    def solved(self) -> bool:
        return bool(self.result["correct"] if self.by is None else self.result["member_correct"][-1, 0])

    @property
    def own(self) -> np.ndarray:
        """Whether the recorded answer is the one it gave, bool [at_step]; of votes the chosen answer is recorded."""
        if self.by is None:
            return np.ones(self.result.sizes.get("at_step", 1), dtype=bool)
        answers, chosen = self.result["member_answer"].compute(), self.result[f"chosen_{self.by}"].isel(votes=-1)
        return (answers.isel(member=chosen.compute()) == answers.isel(member=0)).values

    @property
    def givens(self) -> int:
        return int(self.result["givens"])

    @property
    def hardness(self) -> tuple[bool, int]:
        """Boards that need branching first, then those with few givens."""
        return bool(self.result["branching"]), -self.givens

    def story(self) -> BoardStory:
        """The board as it is drawn."""
        arrays = {name: self.result[name].values for name in ("puzzle", "prediction", "solution")}
        states = self.states.compute()
        # After a board has stopped its states are not numbers.
        stacked = states.transpose("step", ...).values.reshape(states.sizes["step"], -1)
        states = states.isel(step=np.isfinite(stacked).all(axis=1))
        last = int(self.result["steps_taken"][0] if "steps_taken" in self.result else states["step"][-1])
        wrong, blanks = int((arrays["prediction"] != arrays["solution"]).sum()), int((arrays["puzzle"] == 0).sum())
        steps = counted(last, "step")
        ending = f"solved in {steps}" if self.solved else f"{wrong} of {blanks} blanks wrong after {steps}"
        kind = "needs branching" if self.hardness[0] else "singles suffice"
        answers = None
        if "prediction_at" in self.result:
            told = self.result["prediction_at"].compute()
            own = self.own
            answers = {int(digits["at_step"]): digits.values * own[number] for number, digits in enumerate(told)}
        return BoardStory(
            **arrays,
            states=states,
            answers=answers,
            title=f"{first_member(self.evaluation, self.result)}, sample {self.sample}, {self.givens} givens, {kind}: "
            f"{ending}",
            label=f"{'solved' if self.solved else 'unsolved'} ({self.evaluation}, {steps})",
        )


def _recorded_boards(run: Run) -> Iterator[_Shown]:
    for name, result in _results(run, "puzzle", "solution", "prediction", "correct", "givens", "branching").items():
        recorded = _layers(run, "trajectory", name).get(f"layer{_Iterated.of(run).number}")
        if recorded is None or "state" not in recorded:
            continue
        states, by = recorded["state"], Votes(name, result).main if "member_correct" in result else None
        for sample in np.intersect1d(states["sample"].values, result["sample"].values):
            board = _Shown(name, int(sample), result.sel(sample=sample), states.sel(sample=sample), by)
            # The digits of a first member that was outvoted are not known.
            if board.own[-1]:
                yield board


def _oscillators(run: Run) -> Figure:
    if _Iterated.of(run).is_block:
        raise _Missing("the layer whose steps are counted is a block, and its states are no oscillators")
    boards = list(_recorded_boards(run))
    if not boards:
        raise _Missing("no trajectory with a known answer was recorded")
    block = BlockShape(*run.spec.get("task", {}).get("block", (3, 3)))
    return board_figure([board.story() for board in _solved_and_unsolved(boards)], block=block)


def _solved_and_unsolved(boards: list[_Shown]) -> list[_Shown]:
    """The hardest board that was solved and the hardest that was not, as far as there are both.

    Of one evaluation if one has both, so that the two differ in nothing but the ending; rather of one without votes,
    since with them the answers of the first member on the way are not all known.
    """
    endings = {(board.evaluation, board.solved) for board in boards}
    both = [board for board in boards if {(board.evaluation, True), (board.evaluation, False)} <= endings]
    first = max(both or boards, key=lambda board: (board.by is None, board.solved, board.hardness))
    others = [board for board in both or boards if board.solved != first.solved]
    if both:
        others = [board for board in others if board.evaluation == first.evaluation]
    return [first, *([max(others, key=lambda board: board.hardness)] if others else [])]
