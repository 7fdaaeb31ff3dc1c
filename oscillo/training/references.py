"""What a result is compared with: baselines, published numbers, theory."""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """A known value of a number that a run has found.

    A task gives these (`TaskSpec.references`), and the report of a run shows them beside its own numbers.
    """

    name: str
    """What the value is of, in a few words: `singles alone`, `published, 128 steps`, `theory`."""
    metric: str
    """Name of the metric, as in `<evaluation>/<metric>`; or of the variable in a simulation's `summary`."""
    value: float
    """What it is there."""
    source: str
    """Paper, table, formula or file that it comes from."""
    differs: str = ""
    """What is not the same as in this run: data, size, number of seeds. A reader should not overlook it."""
    evaluation: str = ""
    """Name of the evaluation; empty in a simulation."""
    sample: int | None = None
    """Member of a simulation's ensemble; None for all of them."""
