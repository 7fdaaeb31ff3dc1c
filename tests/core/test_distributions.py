from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor
from torch.testing import assert_close

from oscillo.couplings import DenseCouplingSpec
from oscillo.distributions import FREQUENCIES, DistributionSpec, LorentzianSpec, NormalSpec, UniformSpec
from oscillo.draws import normal
from oscillo.frequencies import DrawnFrequencySpec
from oscillo.layout import StateShape

KOLMOGOROV = 2.0
"""Largest distance of two distribution functions, times sqrt(n); larger ones come by chance in one of 1500 samples."""

shares = st.floats(1e-6, 1 - 1e-6)
places = st.floats(-10, 10)
widths = st.floats(1e-3, 10)


def cumulative(spec: DistributionSpec, x: Tensor) -> Tensor:
    """The share of all numbers that lie below x, by formulas that the quantiles do not use."""
    if isinstance(spec, NormalSpec):
        return 0.5 * (1 + torch.erf((x - spec.mean) / (spec.deviation * math.sqrt(2))))
    if isinstance(spec, LorentzianSpec):
        return 0.5 + torch.atan((x - spec.center) / spec.width) / math.pi
    assert isinstance(spec, UniformSpec)
    return (x - spec.low) / (spec.high - spec.low)


def specs(place: float, width: float) -> list[DistributionSpec]:
    """One of each kind around a place."""
    return [
        NormalSpec(mean=place, deviation=width), LorentzianSpec(center=place, width=width),
        UniformSpec(low=place - width, high=place + width),
    ]  # fmt: skip


@given(shares, places, widths)
def test_quantiles_invert_the_distribution_function(share: float, place: float, width: float) -> None:
    wanted = torch.tensor([share], dtype=torch.float64)
    for spec in specs(place, width):
        assert_close(cumulative(spec, spec.quantile(wanted)), wanted, rtol=0, atol=1e-10)


def test_quartiles_by_hand() -> None:
    quarters = torch.tensor([0.25, 0.5, 0.75], dtype=torch.float64)
    assert_close(LorentzianSpec(center=2.0, width=0.5).quantile(quarters).tolist(), [1.5, 2.0, 2.5])
    assert_close(UniformSpec(low=-1.0, high=3.0).quantile(quarters).tolist(), [0.0, 1.0, 2.0])
    deviation = 0.6744897501960817
    assert_close(
        NormalSpec(mean=1.0, deviation=2.0).quantile(quarters).tolist(), [1 - 2 * deviation, 1.0, 1 + 2 * deviation]
    )


@given(st.integers(1, 2000), places, widths)
def test_spaced_numbers_ascend_around_their_middle(count: int, place: float, width: float) -> None:
    for spec in specs(place, width):
        spaced = spec.spaced(count)
        assert spaced.shape == (count,) and spaced.dtype == torch.float64
        assert (spaced.diff() > 0).all()
        assert_close(
            spaced + spaced.flip(0), torch.full((count,), 2 * place, dtype=torch.float64), rtol=1e-8, atol=1e-8
        )
        assert_close(cumulative(spec, spaced), (torch.arange(count).double() + 0.5) / count, rtol=0, atol=1e-10)


@pytest.mark.parametrize("spec", specs(0.7, 1.3), ids=lambda spec: spec.kind)
def test_random_numbers_are_distributed_so(spec: DistributionSpec) -> None:
    n = 40_000
    x = spec.random((n // 4, 2, 2), seed=5, purpose=FREQUENCIES)
    assert x.shape == (n // 4, 2, 2) and x.dtype == torch.float64
    share = cumulative(spec, x.flatten().sort().values)
    steps = torch.arange(n + 1, dtype=torch.float64) / n
    distance = torch.maximum((share - steps[:-1]).abs(), (share - steps[1:]).abs()).max()
    assert math.sqrt(n) * distance < KOLMOGOROV
    a, b = (cumulative(spec, x[..., k, 0]) for k in (0, 1))
    assert abs(float(torch.corrcoef(torch.stack((a, b)))[0, 1])) < 4.5 / math.sqrt(n / 4)


@pytest.mark.parametrize("spec", specs(0.0, 1.0), ids=lambda spec: spec.kind)
def test_a_seed_gives_the_same_numbers_whatever_torch_draws(spec: DistributionSpec) -> None:
    first = spec.random((50,), seed=3, purpose=FREQUENCIES)
    torch.rand(7)
    before = torch.get_rng_state()
    assert torch.equal(spec.random((50,), seed=3, purpose=FREQUENCIES), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not torch.equal(spec.random((50,), seed=4, purpose=FREQUENCIES), first)


def test_parts_with_one_seed_share_no_numbers() -> None:
    """Nor do they share them with the initial states of a run of that seed."""
    n, seed = 2000, 3
    frequency = DrawnFrequencySpec(seed=seed).build(StateShape((), 2, n)).omega.flatten().double()
    dense = DenseCouplingSpec(seed=seed, distribution=NormalSpec()).build(StateShape((), 2, n)).weights[0].double()
    initial = [normal(seed, torch.zeros(1, dtype=torch.int64), (n,), purpose=k)[0].double() for k in range(3)]
    apart = torch.corrcoef(torch.stack((frequency, dense, *initial))) - torch.eye(5)
    assert apart.abs().max() < 4.5 / math.sqrt(n)


def test_in_float64_frequencies_are_finer_than_those_of_float32() -> None:
    assert len(UniformSpec().random((20_000,), seed=0, purpose=FREQUENCIES).unique()) == 20_000


def test_all_kinds_take_one_seed_to_the_same_shares() -> None:
    shares = [cumulative(spec, spec.random((100,), seed=8, purpose=FREQUENCIES)) for spec in specs(1.0, 2.0)]
    assert_close(shares[0], shares[1], rtol=0, atol=1e-10)
    assert_close(shares[0], shares[2], rtol=0, atol=1e-10)


def test_a_million_lorentzian_numbers_are_finite() -> None:
    assert torch.isfinite(LorentzianSpec().random((1_000_000,), seed=0, purpose=FREQUENCIES)).all()


def test_numbers_without_spread_are_all_the_same() -> None:
    for spec in (NormalSpec(mean=0.3, deviation=0.0), UniformSpec(low=0.3, high=0.3)):
        for numbers in (spec.random((20,), seed=1, purpose=FREQUENCIES), spec.spaced(20)):
            assert_close(numbers, torch.full((20,), 0.3, dtype=torch.float64))


@pytest.mark.parametrize(
    ("spec", "fields", "complaint"),
    [
        (UniformSpec, {"low": 1.0, "high": -1.0}, "upper bound -1 lies below the lower one, 1"),
        (UniformSpec, {"low": math.inf}, "finite number"),
        (LorentzianSpec, {"width": 0.0}, "greater than 0"),
        (LorentzianSpec, {"center": math.nan}, "finite number"),
        (NormalSpec, {"deviation": -1.0}, "greater than or equal to 0"),
        (NormalSpec, {"mean": math.inf}, "finite number"),
    ],
)
def test_distributions_that_cannot_be_are_refused(
    spec: type[DistributionSpec], fields: dict[str, float], complaint: str
) -> None:
    with pytest.raises(ValidationError, match=complaint):
        spec.model_validate(fields)
