"""Cadences: what they say agrees with the steps that they name, one by one."""

from __future__ import annotations

from math import log10

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oscillo.observables import At, Cadence, Clock, Every
from oscillo.observables import cadence as module
from oscillo.observables.cadence import logarithmic

STEPS = st.integers(0, 60)


def agrees(cadence: Cadence, named: set[int], steps: int) -> None:
    """`has`, `count` and `after` of a cadence of a run of so many steps, against the steps it names."""
    assert [step for step in range(steps + 1) if cadence.has(step)] == sorted(named)
    assert cadence.count == len(named)
    for step in range(-2, steps + 1):
        found, known = cadence.after(step), min((one for one in named if one > step), default=None)
        assert found == known if known is not None else found is None or found > steps


@given(steps=STEPS, first=STEPS, every=st.integers(1, 70))
def test_every_nth_step(steps: int, first: int, every: int) -> None:
    first = min(first, steps)
    agrees(Every(first, every, steps), set(range(first, steps + 1, every)), steps)


@given(steps=STEPS, chosen=st.sets(STEPS, min_size=1))
def test_steps_one_by_one(steps: int, chosen: set[int]) -> None:
    agrees(At(tuple(sorted(chosen))), chosen, max(steps, *chosen))


@given(first=STEPS, span=st.integers(0, 5000), per_decade=st.integers(1, 30))
def test_logarithmic_steps(first: int, span: int, per_decade: int) -> None:
    found = logarithmic(first, first + span, per_decade)
    assert found[0] == first and list(found) == sorted(set(found)) and found[-1] <= first + span
    behind = [step - first for step in found[1:]]
    assert bool(behind) == bool(span)
    for k in range(1, len(behind)):  # no wider than asked for, as whole steps allow
        assert behind[k] - behind[k - 1] == 1 or behind[k] / behind[k - 1] <= 10 ** (1 / per_decade) * 1.5
    decades = {10**power for power in range(int(log10(span)) + 1 if span else 0) if 10**power <= span}
    assert decades <= set(behind)
    if span < 300:
        agrees(At(found), set(found), first + span)


def test_a_clock_strikes_when_its_time_has_gone_by(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    clock = Clock(2.0, first=3)
    assert not clock.has(2), "nothing before the first step"
    assert clock.has(3) and not clock.has(4)
    now[0] += 1.9
    assert not clock.has(5)
    now[0] += 0.1
    assert clock.has(6) and not clock.has(7)
    now[0] += 100
    assert clock.has(8) and not clock.has(9), "what was missed is not made up for"
    assert clock.after(9) is None and clock.count > 0
