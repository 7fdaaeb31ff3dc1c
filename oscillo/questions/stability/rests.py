"""The question for fixed points: where does a network rest, or only turn as a whole, and does it stay there?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
import xarray as xr
from pydantic import Field
from rich.table import Table

from oscillo.measures import merge_sites, order_parameter, unit
from oscillo.observables import site_dims
from oscillo.quantities import number_text
from oscillo.questions.question import Advance, Part, Question, Study
from oscillo.questions.source import Source
from oscillo.questions.stability.asked import asked_of, chunks, rows_of
from oscillo.stability import FixedPoints, System, fixed_points, random_starts

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP = "fixed_points"

_AT_ONCE = 100
"""Starts that are followed together."""

_FOLLOWED = 4
"""One start of so many is followed to the end of the spec's steps before the search."""

_FURTHER_ON = (0.0, 0.01, 0.1, 1.0)
"""Shares of the spec's steps after which the search begins: at once, which finds what repels as well; for starts
from which it ends nowhere, later on their way, which leads past saddles and in the end to what attracts."""

_MOST_ROWS = 24

_STATE = "state."


class FixedPointsQuestion(Question):
    """Where does the network rest, or only turn as a whole? Fixed points from many starts, and their stability."""

    kind: ClassVar[str] = "fixed_points"

    starts: int = Field(default=200, ge=1, description="Random states to start from.")
    of: Literal["flow", "step"] = Field(
        default="flow",
        description="Fixed points of the flow, or of the integrator's step (of a map there are only these).",
    )
    relative: bool = Field(default=True, description="Whether states that turn as a whole count as well.")
    lead_in: int = Field(
        default=0, ge=0, description="Steps to take before the search; what repels is then hardly found."
    )
    lead_in_step: float | None = Field(
        default=None, gt=0, allow_inf_nan=False,
        description="Their size, where the network's own steps are too long to come near what attracts under the flow.",
    )  # fmt: skip
    eigenvalues: int | None = Field(
        default=None, ge=1, description="Leading eigenvalues of each; left out, all of small networks and 6 of others."
    )
    evaluation: str | None = Field(default=None, description="Evaluation of a trained network; left out, the first.")
    sample: int = Field(
        default=0, ge=0, description="Whose parameters and stimulus: a member, or a sample of the evaluation."
    )
    seed: int = Field(default=0, ge=0, description="Of the starts.")

    def study(self, source: Source) -> FixedPointsStudy:
        """What answers it."""
        return FixedPointsStudy(self, source)


class FixedPointsStudy(Study):
    """Newton's method from many starts, some of them at a time; what is found several times is put together."""

    def __init__(self, question: FixedPointsQuestion, source: Source) -> None:
        self.question, self.name = question, source.spec.name
        self.asked = asked_of(source, evaluation=question.evaluation, samples=question.sample + 1)
        system = rows_of(self.asked.system, range(question.sample, question.sample + 1))
        self.device = system.state["x"].device
        self.starts = random_starts(system, question.starts, seed=question.seed)
        self.settings: dict[str, Any] = {
            "of": question.of, "relative": question.relative, "eigenvalues": question.eigenvalues,
            "lead_in_dt": question.lead_in_step,
        }  # fmt: skip
        # What cannot be asked is told before anything runs.
        fixed_points(rows_of(self.starts, range(1)), iterations=1, **self.settings)
        self.chunks = chunks(question.starts, _AT_ONCE)
        self.parts = [f"starts {some.start} to {some.stop - 1}" for some in self.chunks]

    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """The points that some of the starts lead to; those that lead nowhere are tried again from further on."""
        left, found = rows_of(self.starts, self.chunks[part]), []
        # What attracts is hardly found at once: some starts are followed to where they are drawn.
        drawn = torch.arange(0, left.samples, _FOLLOWED, device=self.device)
        check()
        found.append(fixed_points(left.at(drawn), lead_in=self.question.lead_in + self.asked.steps, **self.settings))
        others = torch.ones(left.samples, dtype=torch.bool, device=self.device)
        others[drawn] = False
        lost = drawn[found[0].lost.to(self.device)]
        left = left.at(torch.cat((others.nonzero()[:, 0], lost)))
        for share in _FURTHER_ON:
            check()
            if not left.samples:
                break
            lead_in = self.question.lead_in + round(share * self.asked.steps)
            found.append(fixed_points(left, lead_in=lead_in, **self.settings))
            left = left.at(found[-1].lost.to(self.device))
        states = [one.system.state for one in found if one.points]
        led = [len(point.starts) for one in found for point in one.points]
        state = {
            f"{_STATE}{name}": torch.cat([one[name] for one in states]).cpu().numpy()
            for name in (states[0] if states else ())
        }
        return state | {"led": np.array(led, dtype=np.int64), "lost": np.array(left.samples)}

    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """Group `fixed_points`: states, frequencies, eigenvalues, and how many starts led to each."""
        good = [answer for answer in answers if not isinstance(answer, str)]
        if not good:
            raise ValueError(f"no start could be followed: {answers[0]}")
        led = np.concatenate([answer["led"] for answer in good])
        lost = int(sum(answer["lost"] for answer in good))
        if not len(led):
            raise ValueError(
                f"none of the {lost} starts led to a fixed point. There may be none: where some oscillators drift, the "
                "network never rests, and `oscillo stability lyapunov` says how it moves. Else take more `starts`, or "
                "`lead_in`"
            )
        some = [answer for answer in good if len(answer["led"])]
        state = {
            name: torch.cat([torch.from_numpy(answer[f"{_STATE}{name}"]) for answer in some])
            for name in self.starts.state
            if f"{_STATE}{name}" in some[0]
        }
        together = rows_of(self.starts, range(1)).at(torch.zeros(len(led), dtype=torch.int64))
        merged = fixed_points(
            replace(together, state={k: v.to(self.device) for k, v in state.items()}), **self.settings
        )
        counts = np.array([int(led[point.starts.numpy()].sum()) for point in merged.points])
        return {GROUP: self._dataset(merged, counts, lost)}

    def _dataset(self, found: FixedPoints, counts: np.ndarray, lost: int) -> xr.Dataset:
        points, shape = found.points, self.asked.layer.shape
        eigenvalues = torch.stack([point.eigenvalues.cpu() for point in points])
        sites = site_dims(shape)
        dims = ("point", *sites[:-1], "component", sites[-1])
        rate = "1/time" if found.of == "flow" else "1"
        words = "of the Jacobian, common rotations left out" if found.of == "flow" else "multipliers of a step"
        each: dict[str, tuple[list[Any], str, str]] = {
            "stable": ([point.stable for point in points], "stable", "1"),
            "frequency": ([point.frequency for point in points], "frequency of the common rotation", "rad/time"),
            "unstable": ([point.unstable for point in points], "directions that grow", "1"),
            "neutral": ([point.neutral for point in points], "directions that neither grow nor shrink", "1"),
            "residual": ([point.residual for point in points], "what is left of the motion", rate),
            "order_parameter": (_orders(found.system).tolist(), "order parameter", "1"),
        }  # fmt: skip
        variables: dict[str, Any] = {
            name: (("point",), np.array(values), {"long_name": told, "units": units})
            for name, (values, told, units) in each.items()
        }
        variables["starts"] = (("point",), counts, {"long_name": "starts that led there", "units": "1"})
        for part, values in (("real", eigenvalues.real), ("imaginary", eigenvalues.imag)):
            told = {"long_name": f"{part} part of the eigenvalues", "units": rate, "description": words}
            variables[f"eigenvalues_{part}"] = (("point", "eigenvalue"), values.numpy(), told)
        x = found.system.state["x"].cpu().numpy()
        variables["state"] = (dims, x, {"long_name": "state", "units": "1"})
        coords = {"point": np.arange(len(points)), "eigenvalue": np.arange(eigenvalues.shape[1])}
        facts = {"of": found.of, "lost": lost, "starts": self.question.starts, "symmetric": points[0].symmetric}
        return xr.Dataset(variables, coords, facts)

    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """The points, stable ones first."""
        found = data[GROUP]
        count, stable = found.sizes["point"], int(found["stable"].sum())
        more = f"; the first {_MOST_ROWS}" if count > _MOST_ROWS else ""
        table = Table(title=f"{count} fixed points, {stable} of them stable{more}", title_justify="left")
        names = ("stable", "unstable", "frequency", "order_parameter", "starts")
        for name in names:
            table.add_column(str(found[name].attrs["long_name"]), justify="right")
        table.add_column("leading eigenvalue", justify="right")
        for row in range(min(count, _MOST_ROWS)):
            one = found.isel(point=row)
            leading = complex(float(one["eigenvalues_real"][0]), float(one["eigenvalues_imaginary"][0]))
            cells = [_text(one[name].values[()]) for name in names]
            turning = f"{leading.imag:+.3g}i" if leading.imag else ""
            table.add_row(*cells, f"{number_text(leading.real)}{turning}")
        return [table]

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """How many there are, and how many attract."""
        found = data[GROUP]
        return {"fixed_points": float(found.sizes["point"]), "stable": float(found["stable"].sum())}

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """Eigenvalues, and what the points look like."""
        from oscillo.plotting.stability_figures import fixed_points_figure

        return {"fixed_points": partial(fixed_points_figure, data[GROUP], self.name)}


def _orders(system: System) -> torch.Tensor:
    """Order parameter of every point."""
    oscillators = system.layer.oscillators  # pyright: ignore[reportAttributeAccessIssue]
    seen = unit(oscillators.manifold.embed(system.state["x"]))
    return order_parameter(merge_sites(seen, seen.ndim - 3)).cpu()


def _text(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    return number_text(value) if isinstance(value, float | np.floating) else str(value)
