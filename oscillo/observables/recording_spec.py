"""What a run leaves in its store along the way."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, field_validator

from oscillo.observables.base import ObservableSpec, SeriesSpec
from oscillo.observables.selection import Chosen
from oscillo.recording.declarations import check_name
from oscillo.spec import LocatedError, Named, Spec

Observables = Mapping[str, ObservableSpec]
"""Observables by the names that a spec gives them."""


def _checked(observables: Observables | None) -> Observables | None:
    """Names have to be names of groups and arrays.

    Raises:
        LocatedError: when one is not.
    """
    for name in observables or ():
        try:
            check_name(name, "observable")
        except ValueError as error:
            raise LocatedError(str(error), name) from None
    return observables


class TrainingRecordingSpec(Spec):
    """What is recorded while a network learns: the same samples again and again."""

    every: int = Field(default=1, ge=1, description="Epochs between records; the first is before training.")
    samples: Chosen = Field(default=4, description="Samples of the first evaluation that are looked at.")
    steps: int | None = Field(default=None, ge=1, description="Steps that the network takes; left out, its own.")
    observables: Named[SeriesSpec] | None = Field(
        default=None, description="What is taken from them; left out, `recording.observables`."
    )

    @field_validator("observables")
    @classmethod
    def _names(cls, observables: Observables | None) -> Observables | None:
        return _checked(observables)


class RecordingSpec(Spec):
    """What a run leaves in its store: which quantities, when, and of which samples."""

    every: int = Field(default=1, ge=1, description="Steps between records, for observables that do not say.")
    samples: int | None = Field(
        default=None,
        ge=0,
        description="Samples of which arrays such as states are kept, the first ones; left out, all members of a "
        "simulation, and 16 of an evaluation.",
    )
    observables: Named[ObservableSpec] | None = Field(
        default=None,
        description="Quantities by name; a name that is a kind needs no `kind`. Left out, `order_parameter` of a "
        "simulation, and `energy`, `pseudo_energy` and every fourth `state` of an evaluation.",
    )
    answers: bool = Field(
        default=True, description="Whether evaluations read out answers after 1, 2, 4, ... steps as well."
    )
    training: TrainingRecordingSpec | None = Field(
        default=None, description="What is recorded while the network learns; left out, nothing."
    )
    fsync: bool = Field(
        default=False,
        description="Whether every commit waits until the disk has everything, so that a power cut loses no more than "
        "the death of the process.",
    )

    store: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9+]+://.",
        description="URL below which trajectories are stored, such as s3://bucket/runs, as <name>/<id>.zarr; left out, "
        "in the run's folder.",
    )

    @field_validator("observables")
    @classmethod
    def _names(cls, observables: Observables | None) -> Observables | None:
        return _checked(observables)

    @property
    def chosen(self) -> Observables:
        """The observables; none where a task has not completed the declaration."""
        return self.observables or {}
