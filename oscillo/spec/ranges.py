"""Several values for one place of a spec: lists, ranges, and the names of the axes that they make."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from oscillo.spec.base import Spec

MOST_VALUES = 1_000_000
"""More are a slip of the pen; listing them would take gigabytes."""


class Range(Spec):
    """Evenly spaced numbers from a first to a last one."""

    first: float = Field(allow_inf_nan=False, description="The first number.")
    last: float = Field(allow_inf_nan=False, description="The last number.")
    count: int = Field(ge=2, le=MOST_VALUES, description="How many, both ends included.")
    spacing: Literal["linear", "log"] = Field(default="linear", description="Even steps, or even factors.")

    @model_validator(mode="after")
    def _logs_are_of_positive_numbers(self) -> Range:
        if self.spacing == "log" and min(self.first, self.last) <= 0:
            raise ValueError("even factors lead between positive numbers only: take `spacing: linear`")
        return self

    @property
    def values(self) -> list[float]:
        """The numbers, to twelve digits: 0.3 and not 0.30000000000000004."""
        space = np.geomspace if self.spacing == "log" else np.linspace
        return [float(f"{value:.12g}") for value in space(self.first, self.last, self.count)]


def axis_names(places: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A name for the axis of each place: as much of its end as tells it apart, such as `strength`.

    Args:
        places: dotted paths of a spec, such as `network.layers.0.coupling.strength`.
        taken: names that something else has.
    """
    keys = list(places)
    parts = [key.split(".") for key in keys]
    for depth in range(1, max(map(len, parts), default=0) + 1):
        names = ["_".join(part[-depth:]) for part in parts]
        clear = not any(name in taken or name[:1].isdigit() for name in names)
        if clear and len(set(names)) == len(names):
            return dict(zip(keys, names, strict=True))
    return {key: f"parameter_{number}" for number, key in enumerate(keys)}
