"""What a sweep will take."""

from __future__ import annotations

from oscillo.plan import plan_of
from oscillo.quantities import bytes_text, count_text
from oscillo.questions.sweep.units import Division, division_text

_PLANNED = 8
"""Runs whose plans are made; what all of them take follows from these."""


def plan_text(division: Division) -> str:
    """The plan of a sweep for people: how the points are shared out, what the first run takes, and what all take.

    Raises:
        ValueError: as `plan_of`.
    """
    units = division.units
    plans = [plan_of(unit.spec.spec) for unit in units[:: -(-len(units) // _PLANNED)]]
    lines = [f"sweep: {division_text(division)}", "the first run:" if len(units) > 1 else "the run:"]
    lines.append(plans[0].to_text())
    if len(units) > 1:
        share = len(units) / len(plans)
        flops, recording = (share * sum(getattr(one, key) for one in plans) for key in ("total_flops", "recording"))
        known = f"operations {count_text(flops)}FLOP, " if all(one.total_flops for one in plans) else ""
        about = "" if share == 1 else f" (from {len(plans)} of them)"
        lines.append(f"all runs: {known}recording {bytes_text(recording)} in their stores{about}")
    return "\n".join(lines)
