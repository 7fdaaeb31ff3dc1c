"""What a comparison of integrators is told: which ones, how exact, for how long."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_serializer, field_validator

from oscillo.integrators import IntegratorSpec
from oscillo.questions.comparison.settings import declared, written
from oscillo.questions.comparison.simulated import SimulatedComparison
from oscillo.questions.comparison.trained import TrainedComparison
from oscillo.questions.question import Question, Study
from oscillo.questions.source import Source
from oscillo.spec import Component

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Compare(Question):
    """Which integrator follows the same dynamics how closely, and what it costs.

    Of a simulation the states are compared with those of a tight reference solution. Of a trained network the answers
    are compared after equally many evaluations of the right-hand side.
    """

    kind: ClassVar[str] = "compare"

    integrators: list[Component[IntegratorSpec]] | None = Field(
        default=None, min_length=1,
        description="Kinds, such as `rk4`; `torchdiffeq.bosh3` for a method of torchdiffeq; or a mapping with fields "
        "of its own. Left out, all that need no package and can serve the network.",
    )  # fmt: skip
    step_sizes: list[Positive] | None = Field(
        default=None, min_length=1,
        description="Step sizes to try, in units of time. Left out, of a simulation the spec's times 2, 1, 1/2, ..., "
        "1/8; of a trained network the trained one times 1, 1/2 and 1/4.",
    )  # fmt: skip
    tolerances: list[Positive] | None = Field(
        default=None, min_length=1,
        description="Relative tolerances of integrators that choose their own steps; the absolute one is a tenth. Left "
        "out, 1e-3, 1e-5, 1e-7 (and 1e-9 in float64).",
    )  # fmt: skip
    reference_tolerance: Positive | None = Field(
        default=None,
        description="Relative tolerance of the reference solution; left out, 1e-11 for simulations and 1e-5 for "
        "trained networks, which run in float32.",
    )
    horizon: Positive | None = Field(
        default=None,
        description="Time up to which a simulation is compared, which may be longer than the spec's duration. Left "
        "out, that duration, and 200 of its steps at most: chaos makes every integrator wrong after long times.",
    )
    samples: int | None = Field(
        default=None, ge=1,
        description="How many: members of the ensemble, evenly spread, or the first samples of the evaluation. Left "
        "out, all members that the spec has integrated at once, or 200 samples.",
    )  # fmt: skip
    precision: Literal["float64", "float32"] | None = Field(
        default=None,
        description="Of the compared integrators in a simulation; left out, `float64`. The reference and all errors "
        "are float64.",
    )
    evaluation: str | None = Field(
        default=None, description="Evaluation of a trained network whose samples are answered; left out, the first."
    )
    evaluations: int | None = Field(
        default=None, ge=1,
        description="The most evaluations of the right-hand side for each sample of a trained network; left out, four "
        "times those of the evaluation.",
    )  # fmt: skip

    @field_validator("integrators", mode="before")
    @classmethod
    def _words_are_kinds(cls, value: Any) -> Any:
        return [declared(one) for one in value] if isinstance(value, list | tuple) else value

    @field_serializer("integrators")
    def _as_written(self, value: list[IntegratorSpec] | None) -> list[dict[str, Any]] | None:
        return None if value is None else [written(one) for one in value]

    def study(self, source: Source) -> Study:
        """What answers it for that network.

        Raises:
            ValueError: when these integrators cannot be compared on it.
        """
        learns = source.spec.task.learns
        foreign = ("horizon", "precision") if learns else ("evaluation", "evaluations")
        for name in foreign:
            if getattr(self, name) is not None:
                about, other = ("a simulation", "learns") if learns else ("a trained network", "simulates")
                raise ValueError(f"`{name}` is for {about}, and this task {other}; leave it out")
        return TrainedComparison(self, source) if learns else SimulatedComparison(self, source)
