"""The question for Lyapunov exponents: do neighbouring trajectories part, and how fast?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import xarray as xr
from pydantic import Field
from rich.table import Table

from oscillo.quantities import number_text
from oscillo.questions.question import Advance, Part, Question, Study
from oscillo.questions.source import Source
from oscillo.questions.stability.asked import asked_of, chunks, followed, rows_of
from oscillo.stability import LyapunovSpectrum, lyapunov_exponents
from oscillo.stability.lyapunov import exponents_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GROUP = "lyapunov"

_NUMBERS_AT_ONCE = 2e7
"""Samples times exponents times degrees of freedom that are pushed together."""

_TURNING = 0.2
"""Share of the transient in which disturbances already go along, to turn to where they belong."""


class LyapunovQuestion(Question):
    """How fast do neighbouring trajectories part? The largest Lyapunov exponents of every sample."""

    kind: ClassVar[str] = "lyapunov"

    exponents: int = Field(default=8, ge=1, description="How many, the largest first.")
    steps: int | None = Field(
        default=None, ge=1,
        description="Steps that are counted; left out, those of the spec after its transient, of a trained network "
        "four times those of its evaluation.",
    )  # fmt: skip
    transient: int | None = Field(
        default=None, ge=0,
        description="Steps before; left out, those that the spec leaves out, of a trained network those of its "
        "evaluation.",
    )  # fmt: skip
    evaluation: str | None = Field(default=None, description="Evaluation of a trained network; left out, the first.")
    samples: int | None = Field(
        default=None, ge=1,
        description="How many: the first members of a simulation (left out, all), or samples of the evaluation (20).",
    )  # fmt: skip
    seed: int = Field(default=0, ge=0, description="Of the disturbances.")

    def study(self, source: Source) -> LyapunovStudy:
        """What answers it."""
        return LyapunovStudy(self, source)


class LyapunovStudy(Study):
    """Exponents of some samples at a time."""

    def __init__(self, question: LyapunovQuestion, source: Source) -> None:
        self.question, self.name = question, source.spec.name
        self.asked = asked = asked_of(source, evaluation=question.evaluation, samples=question.samples)
        self.device = asked.system.state["x"].device
        after = 4 * asked.steps if asked.learned else asked.steps - asked.transient
        self.steps = question.steps or after
        self.transient = asked.transient if question.transient is None else question.transient
        # What cannot be asked is told before anything runs.
        each = question.exponents * exponents_of(asked.system, question.exponents)
        self.chunks = chunks(asked.system.samples, max(1, int(_NUMBERS_AT_ONCE / each)))
        self.parts = [f"samples {some.start} to {some.stop - 1}" for some in self.chunks]

    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """Exponents of one chunk of samples."""
        turning = int(_TURNING * self.transient)
        alone, whole = self.transient - turning, self.transient + self.steps

        def show(done: int) -> None:
            check()
            advance(done / whole)

        system = followed(rows_of(self.asked.system, self.chunks[part]), alone, show)
        found = lyapunov_exponents(
            system, self.question.exponents, steps=self.steps, transient=turning, seed=self.question.seed,
            show=lambda done: show(alone + turning + done),
        )  # fmt: skip
        growth, times = found.growth.cpu().numpy(), found.times.cpu().numpy()
        return {"growth": growth, "times": times, "freedom": np.array(found.degrees_of_freedom)}

    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """Group `lyapunov`: exponents of every sample, their errors, how they converged, and what follows from them."""
        import torch

        good = [
            (some, answer) for some, answer in zip(self.chunks, answers, strict=True) if not isinstance(answer, str)
        ]
        if not good:
            raise ValueError(f"no sample has exponents: {answers[0]}")
        rows = np.concatenate([np.arange(some.start, some.stop) for some, _ in good])
        growth = torch.from_numpy(np.concatenate([answer["growth"] for _, answer in good]))
        spectrum = LyapunovSpectrum(growth, torch.from_numpy(good[0][1]["times"]), int(good[0][1]["freedom"]))
        rate = {"units": "1/time"}
        arrays = {
            "exponents": (("sample", "exponent"), spectrum.exponents, {"long_name": "Lyapunov exponent", **rate}),
            "standard_error": (
                ("sample", "exponent"), spectrum.standard_error,
                {"long_name": "standard error", **rate, "description": "from the means of blocks of time"},
            ),
            "course": (
                ("sample", "time", "exponent"), spectrum.course,
                {"long_name": "exponent up to a time", **rate, "description": "how the exponents converged"},
            ),
            "dimension": (("sample",), spectrum.dimension, {"long_name": "Kaplan-Yorke dimension", "units": "1"}),
            "entropy_rate": (
                ("sample",), spectrum.entropy_rate, {"long_name": "sum of positive exponents", "units": "nats/time"},
            ),
        }  # fmt: skip
        coords = {name: (("sample",), values[rows]) for name, values in self.asked.labels.items()}
        coords |= {"time": spectrum.times.numpy(), "sample": rows, "exponent": np.arange(1, 1 + growth.shape[2])}
        variables = {name: (dims, values.numpy(), told) for name, (dims, values, told) in arrays.items()}
        facts = {
            "degrees_of_freedom": spectrum.degrees_of_freedom, "steps": self.steps, "transient": self.transient,
            "step_size": float(self.asked.system.dt), "resolution": 1 / spectrum.duration,
            "parameters": " ".join(self.asked.parameters),
        }  # fmt: skip
        return {GROUP: xr.Dataset(variables, coords, facts)}

    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """The exponents, as means over samples that have the same parameters, with their spread and error."""
        from oscillo.plotting.stability_figures import samples_by_what_differs

        found = data[GROUP]
        resolution = found.attrs["resolution"]
        told = f"nearer to 0 than {resolution:.2g}, or than two standard errors, is not told from 0"
        tables = []
        for label, some in samples_by_what_differs(found):
            count = some.sizes["sample"]
            of = f"with {label}" if label else f"of {count} sample{'s' if count > 1 else ''}"
            title = f"Lyapunov exponents {of} over a time of {1 / resolution:.4g}; {told}"
            table = Table(title=title, title_justify="left")
            spread = ("mean (1/time)", "least", "median", "greatest") if count > 1 else ("value (1/time)",)
            for heading in ("exponent", *spread, "standard error"):
                table.add_column(heading, justify="right")
            for number in some["exponent"].values:
                one = some.sel(exponent=number)
                values, error = one["exponents"].values, one["standard_error"].values
                cells = [values.mean(), values.min(), np.median(values), values.max()][: len(spread)]
                table.add_row(str(number), *map(number_text, [*cells, np.sqrt((error**2).mean())]))
            tables.append(table)
        return tables

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """The largest exponents, mean over samples."""
        values = data[GROUP]["exponents"].mean("sample").values
        return {f"exponent_{number}": float(value) for number, value in enumerate(values[:3], start=1)}

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """The spectra, and how they converged."""
        from oscillo.plotting.stability_figures import lyapunov_figure

        return {"lyapunov": partial(lyapunov_figure, data[GROUP], self.name)}
