"""The question for basins: what share of initial states ends where?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
import xarray as xr
from pydantic import Field
from rich.table import Table

from oscillo.observables import site_dims
from oscillo.quantities import number_text
from oscillo.questions.question import Advance, Part, Question, Study
from oscillo.questions.source import Source
from oscillo.questions.stability.asked import asked_of, chunks, followed, rows_of
from oscillo.stability import Basins, basins, random_starts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP, STARTS = "basins", "basin_starts"

_AT_ONCE = 1000
"""Starts that are followed together."""

_MOST_ROWS = 24

_SHOWN = ("fraction", "low", "high", "frequency", "order_parameter", "winding")
"""Numbers of an attractor that are shown."""


class BasinsQuestion(Question):
    """What share of initial states ends where? Random starts are followed, and ends that are the same are counted."""

    kind: ClassVar[str] = "basins"

    starts: int = Field(default=1000, ge=2, description="Random initial states.")
    steps: int | None = Field(default=None, ge=1, description="Steps to follow them; left out, those of the spec.")
    still: float = Field(
        default=1e-4, gt=0, allow_inf_nan=False,
        description="Largest motion of an oscillator that counts as none, per unit of time.",
    )  # fmt: skip
    same: float = Field(
        default=0.05, gt=0, allow_inf_nan=False,
        description="Largest distance of an oscillator between ends that are the same, up to a common rotation.",
    )  # fmt: skip
    evaluation: str | None = Field(default=None, description="Evaluation of a trained network; left out, the first.")
    sample: int = Field(
        default=0, ge=0, description="Whose parameters and stimulus: a member, or a sample of the evaluation."
    )
    seed: int = Field(default=0, ge=0, description="Of the starts.")

    def study(self, source: Source) -> BasinsStudy:
        """What answers it."""
        return BasinsStudy(self, source)


class BasinsStudy(Study):
    """Follows the starts, some of them at a time, and puts ends together that are the same."""

    def __init__(self, question: BasinsQuestion, source: Source) -> None:
        self.question, self.name = question, source.spec.name
        self.asked = asked_of(source, evaluation=question.evaluation, samples=question.sample + 1)
        system = rows_of(self.asked.system, range(question.sample, question.sample + 1))
        self.device, self.steps = system.state["x"].device, question.steps or self.asked.steps
        self.starts = random_starts(system, question.starts, seed=question.seed)
        self.limits = {"still": question.still, "same": question.same}
        # What cannot be asked is told before anything runs.
        basins(rows_of(self.starts, range(2)), 0, **self.limits)
        self.chunks = chunks(question.starts, _AT_ONCE)
        self.parts = [f"starts {some.start} to {some.stop - 1}" for some in self.chunks]

    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """Where some of the starts end."""

        def show(done: int) -> None:
            check()
            advance(done / self.steps)

        end = followed(rows_of(self.starts, self.chunks[part]), self.steps, show)
        return {name: value.cpu().numpy() for name, value in end.state.items()}

    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """Group `basins`, one entry for each attractor, and group `basin_starts`, one for each start."""
        if failed := [answer for answer in answers if isinstance(answer, str)]:
            raise ValueError(f"not all starts could be followed: {failed[0]}")
        parts = [answer for answer in answers if not isinstance(answer, str)]
        state = {name: torch.cat([torch.from_numpy(part[name]) for part in parts]).to(self.device) for name in parts[0]}
        found = basins(replace(self.starts, state=state, step=self.steps), 0, **self.limits)
        told = {"long_name": "attractor", "description": "number of the attractor; -1 for starts that still move"}
        starts = xr.Dataset(
            {
                "end": (("start",), found.ends.numpy(), told),
                "residual": (("start",), found.residual.numpy(), {"long_name": "motion at the end", "units": "1/time"}),
            },
            {"start": np.arange(self.question.starts)},
        )
        groups = {STARTS: starts}
        return groups | {GROUP: self._dataset(found)} if found.attractors else groups

    def _dataset(self, found: Basins) -> xr.Dataset:
        attractors, shape = found.attractors, self.asked.layer.shape
        sites = site_dims(shape)
        none = float("nan")
        each: dict[str, tuple[list[Any], str, str]] = {
            "fraction": ([one.share.fraction for one in attractors], "share of the starts", "1"),
            "low": ([one.share.interval[0] for one in attractors], "lower end of its 95 % interval", "1"),
            "high": ([one.share.interval[1] for one in attractors], "upper end of its 95 % interval", "1"),
            "count": ([one.share.count for one in attractors], "starts that end there", "1"),
            "what": ([one.kind for one in attractors], "at rest, or turning as a whole", "1"),
            "frequency": ([one.frequency for one in attractors], "frequency of the common rotation", "rad/time"),
            "order_parameter": (
                [none if one.order_parameter is None else one.order_parameter for one in attractors],
                "order parameter", "1",
            ),
            "winding": (
                [none if one.winding is None else float(one.winding) for one in attractors],
                "turns of the phase along the oscillators", "1",
            ),
            "residual": ([one.residual for one in attractors], "motion at the end", "1/time"),
        }  # fmt: skip
        variables: dict[str, Any] = {
            name: (("attractor",), np.array(values), {"long_name": told, "units": units})
            for name, (values, told, units) in each.items()
        }
        x = torch.cat([one.state["x"] for one in attractors]).cpu().numpy()
        variables["state"] = (("attractor", *sites[:-1], "component", sites[-1]), x, {"long_name": "state"})
        facts = {
            "moving": found.moving.fraction, "moving_low": found.moving.interval[0],
            "moving_high": found.moving.interval[1], "starts": self.question.starts, "steps": self.steps,
        }  # fmt: skip
        return xr.Dataset(variables, {"attractor": np.arange(len(attractors))}, facts)

    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """The attractors, the most frequent first."""
        moving = float((data[STARTS]["end"] < 0).mean())
        title = f"{100 * moving:.3g} % of {self.question.starts:,} starts still move after {self.steps:,} steps"
        found = data.get(GROUP)
        count = 0 if found is None else found.sizes["attractor"]
        more = f"; the first {_MOST_ROWS}" if count > _MOST_ROWS else ""
        told = f"{count or 'no'} attractor{'' if count == 1 else 's'}{more}"
        if moving:
            residual = data[STARTS]["residual"].values[data[STARTS]["end"].values < 0]
            title += f" (median {np.median(residual):.1g} per time): more `--steps` tell whether they come to rest"
        table = Table(title=f"{told}; {title}", title_justify="left")
        for heading in ("share of starts", "95 % interval", "what", "frequency", "order parameter", "winding"):
            table.add_column(heading, justify="right")
        if found is None:
            return [table]
        for row in range(min(count, _MOST_ROWS)):
            one = found.isel(attractor=row)
            number = {
                name: float(one[name])
                for name in found.data_vars
                if found[name].dtype.kind in "iuf" and not one[name].ndim
            }
            table.add_row(
                f"{number['fraction']:.4g}", f"{number['low']:.3g} to {number['high']:.3g}", str(one["what"].values),
                *(number_text(number[name]) for name in ("frequency", "order_parameter", "winding")),
            )  # fmt: skip
        return [table]

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """How many attractors there are, and the share of the largest basin."""
        found = {"still_moving": float((data[STARTS]["end"] < 0).mean())}
        if GROUP in data:
            sizes = data[GROUP]
            found |= {"attractors": float(sizes.sizes["attractor"]), "largest_basin": float(sizes["fraction"][0])}
        return found

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """The shares."""
        from oscillo.plotting.stability_figures import basins_figure

        return {"basins": partial(basins_figure, data[GROUP], self.name)} if GROUP in data else {}
