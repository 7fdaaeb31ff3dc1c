from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.testing import assert_close

from oscillo.couplings import RingCouplingSpec
from oscillo.layout import StateShape

pytestmark = pytest.mark.usefixtures("in_double")

PROFILES = st.one_of(
    st.builds(lambda decay: {"profile": "exponential", "decay": decay}, st.floats(0.01, 20)),
    st.builds(lambda amount: {"profile": "cosine", "modulation": amount}, st.floats(-1, 1)),
    st.builds(lambda reach: {"profile": "box", "range": reach}, st.integers(1, 3)),
)


@given(PROFILES, st.integers(7, 24))
def test_weights_are_an_even_average(profile: dict[str, Any], n: int) -> None:
    weights = RingCouplingSpec.model_validate(profile).weights(n)
    assert_close(weights.sum(), torch.ones(()))
    assert (weights >= 0).all() and weights.equal(weights.flip(0).roll(1))
    x = torch.ones(1, 2, n)
    assert_close(RingCouplingSpec.model_validate(profile).build(StateShape((), 2, n))(x), x)


@pytest.mark.parametrize("n", [8, 9])
def test_waves_feel_themselves_by_the_spectrum_of_the_profile(n: int) -> None:
    # 1 + A cos has three Fourier coefficients: 1, and A/2 for the wave that goes around once.
    wave = lambda q: torch.polar(torch.ones(n), 2 * math.pi * q * torch.arange(n) / n)  # noqa: E731
    coupling = RingCouplingSpec(profile="cosine", modulation=0.8).build(StateShape((), 2, n))
    for q, share in ((0, 1.0), (1, 0.4), (-1, 0.4), (2, 0.0), (3, 0.0)):
        x = torch.view_as_real(wave(q)).T[None]
        assert_close(coupling(x), share * x, rtol=0, atol=1e-14)


def test_the_widest_box_is_the_mean_field() -> None:
    x = torch.randn(2, 3, 9)
    field = RingCouplingSpec(range=4).build(StateShape((), 3, 9))(x)
    assert_close(field, x.mean(-1, keepdim=True).expand_as(x))


def test_a_box_wider_than_the_ring_is_refused() -> None:
    spec = RingCouplingSpec(range=4)
    assert not spec.problems(StateShape((), 2, 9))
    assert spec.problems(StateShape((), 2, 8)) == ["4 neighbours on either side are more than a ring of 8 has"]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "`profile: box` takes `range`"),
        ({"profile": "exponential"}, "`profile: exponential` takes `decay`"),
        (
            {"profile": "cosine", "modulation": 0.5, "range": 2},
            "`range` belongs to `profile: box`, and the profile is cosine",
        ),
        ({"range": 2, "decay": 1.0}, "`decay` belongs to `profile: exponential`"),
        ({"range": 0}, "greater than or equal to 1"),
        ({"profile": "exponential", "decay": 0.0}, "greater than 0"),
        ({"profile": "cosine", "modulation": 1.1}, "less than or equal to 1"),
        ({"profile": "gaussian"}, "box"),
    ],
)
def test_profiles_take_their_own_numbers(fields: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        RingCouplingSpec.model_validate(fields)
