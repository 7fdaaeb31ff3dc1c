from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.testing import assert_close

from oscillo.measures import (
    Accumulator,
    CommunityMoments,
    Links,
    MeanFieldLocking,
    MeanFrequency,
    Moments,
    PhaseLocking,
    accumulate,
    circular_variance,
    community_order,
    daido,
    dirichlet_energy,
    frequency_clusters,
    local_order_on_graph,
    local_order_on_grid,
    local_order_on_ring,
    mean_frequency,
    mean_speed,
    mean_vector,
    membership,
    merge_sites,
    order_parameter,
    phase,
    phase_difference,
    speed,
    unit,
)

counts, keys, dtypes = st.integers(1, 12), st.integers(0, 2**31), st.sampled_from([torch.float32, torch.float64])

LINKS = Links(torch.tensor([0, 1, 1, 2, 3, 3, 0]), torch.tensor([1, 0, 2, 1, 0, 2, 3]))
WEIGHTED = Links(LINKS.targets, LINKS.sources, torch.tensor([1.0, 1.0, 0.5, 0.5, 2.0, 3.0, 2.0]))

ON_SIX: dict[str, Callable[[Tensor], Tensor]] = {
    "mean_vector": mean_vector,
    "order_parameter": order_parameter,
    "circular_variance": circular_variance,
    "daido": lambda z: daido(z, 3),
    "phase": phase,
    "phase_difference": lambda z: phase_difference(z, z.roll(1, -1)),
    "unit": unit,
    "local_order_on_graph": lambda z: local_order_on_graph(z, WEIGHTED)[..., :4],
    "local_order_on_ring": lambda z: local_order_on_ring(z, 2),
    "dirichlet_energy": lambda z: dirichlet_energy(z, WEIGHTED),
    "community_order": lambda z: community_order(z, membership(torch.tensor([0, 1, 1, 0, 2, 2]))),
    "speed": speed,
    "mean_speed": mean_speed,
}
"""Measures of planar vectors of six oscillators."""

BETWEEN_0_AND_1 = [
    "order_parameter", "circular_variance", "daido", "local_order_on_graph", "local_order_on_ring", "community_order"
]  # fmt: skip

ACCUMULATORS: dict[str, Accumulator] = {
    "PhaseLocking": PhaseLocking(),
    "MeanFieldLocking": MeanFieldLocking(),
    "MeanFrequency": MeanFrequency(0.25),
    "Moments": Moments(),
    "CommunityMoments": CommunityMoments(torch.tensor([0, 1, 1, 0, 2, 2])),
}


def angles(*sizes: int, key: int = 0) -> Tensor:
    """Random phases in float64, the same for the same key."""
    return 2 * math.pi * torch.rand(*sizes, generator=torch.Generator().manual_seed(key), dtype=torch.float64) - math.pi


def circle(theta: Tensor) -> Tensor:
    return torch.stack((theta.cos(), theta.sin()), dim=-2)


def numpy_complex(theta: Tensor) -> np.ndarray:
    return np.exp(1j * theta.numpy())


# Order parameters


@given(counts, keys, st.integers(1, 17), dtypes)
def test_order_parameters_are_moments_of_complex_numbers(n: int, key: int, m: int, dtype: torch.dtype) -> None:
    theta = angles(3, n, key=key)
    z, expected = circle(theta).to(dtype), numpy_complex(theta)
    atol = m * (1e-14 if dtype == torch.float64 else 1e-6)
    found = [order_parameter(z), 1 - circular_variance(z), daido(2.5 * z, m)]
    moments = [torch.from_numpy(abs(powers.mean(-1))) for powers in (expected, expected, expected**m)]
    assert_close(found, moments, rtol=0, atol=atol, check_dtype=False)
    assert order_parameter(z).dtype == daido(z, m).dtype == dtype


@pytest.mark.parametrize("clusters", [1, 2, 3, 5])
def test_daido_finds_clusters(clusters: int) -> None:
    theta = 0.3 + 2 * math.pi * torch.arange(4 * clusters).double() / clusters
    for m in range(1, 11):
        assert daido(circle(theta), m).item() == pytest.approx(1.0 if m % clusters == 0 else 0.0, abs=1e-12)


def test_daido_refuses_what_has_no_moment() -> None:
    with pytest.raises(ValueError, match="counted from m = 1"):
        daido(circle(angles(4)), 0)
    with pytest.raises(ValueError, match="two components, and these have 3"):
        daido(torch.ones(3, 4), 2)


def test_amplitudes_count_in_the_order_parameter_alone() -> None:
    z = 3 * circle(torch.full((5,), 0.7, dtype=torch.float64))
    assert order_parameter(z).item() == pytest.approx(3.0)
    assert order_parameter(unit(z)).item() == pytest.approx(1.0) and daido(z, 2).item() == pytest.approx(1.0)
    assert circular_variance(z).item() == pytest.approx(0.0, abs=1e-15)


def test_merged_sites_keep_components_apart() -> None:
    z = torch.randn(2, 3, 4, 5, 6)
    merged = merge_sites(z, sites=2)
    assert merged.shape == (2, 5, 3 * 4 * 6)
    assert torch.equal(merged[1, 2].view(3, 4, 6), z[1, :, :, 2])
    assert torch.equal(merge_sites(z, sites=0), z)


# All formulas on one state


@pytest.mark.parametrize("name", ON_SIX)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_leading_axes_are_a_batch(name: str, dtype: torch.dtype) -> None:
    z = circle(angles(2, 3, 6)).to(dtype)
    together = ON_SIX[name](z)
    assert together.dtype == dtype and together.shape[:2] == (2, 3)
    assert_close(together, torch.stack([torch.stack([ON_SIX[name](sample) for sample in row]) for row in z]))


@pytest.mark.parametrize("name", ON_SIX)
def test_gradients_are_right(name: str) -> None:
    z = (torch.rand(2, 1, 6, dtype=torch.float64) + 0.5) * circle(angles(2, 6))
    assert torch.autograd.gradcheck(ON_SIX[name], z.requires_grad_())


@pytest.mark.parametrize("name", ON_SIX)
def test_gradients_at_vanishing_order_are_finite(name: str) -> None:
    for z in (torch.zeros(2, 6), circle(torch.arange(6) * math.pi / 3)):
        z.requires_grad_()
        ON_SIX[name](z).sum().backward()
        assert z.grad is not None and torch.isfinite(z.grad).all()


@given(keys, st.floats(-4.0, 4.0))
def test_turning_all_oscillators_changes_no_measure_of_order(key: int, by: float) -> None:
    theta = angles(2, 6, key=key)
    for name in [*BETWEEN_0_AND_1, "dirichlet_energy", "speed"]:
        measured = ON_SIX[name](circle(theta))
        assert_close(measured, ON_SIX[name](circle(theta + by)), rtol=0, atol=1e-12)
        if name in BETWEEN_0_AND_1:
            assert measured.min() >= -1e-15 and measured.max() <= 1 + 1e-15


# Local order


@given(keys)
def test_local_order_on_a_graph_is_the_mean_over_neighbours(key: int) -> None:
    theta = angles(2, 5, key=key)
    for links in (LINKS, WEIGHTED):
        weights = np.zeros((5, 5))
        weights[links.targets, links.sources] = 1.0 if links.weights is None else links.weights.numpy()
        degree = weights.sum(1)
        expected = abs(numpy_complex(theta) @ weights.T)[:, :4] / degree[:4]
        measured = local_order_on_graph(circle(theta), links)
        assert_close(measured[:, :4], torch.from_numpy(expected))
        assert measured[:, 4].isnan().all(), "the last oscillator has no neighbours"


def test_links_of_rows() -> None:
    rows, columns = torch.tensor([0, 2, 2, 3]), torch.tensor([1, 2, 0])
    links = Links.from_rows(rows, columns)
    assert links.targets.tolist() == [0, 0, 2] and links.sources.tolist() == [1, 2, 0] and links.weights is None


@given(st.integers(5, 9), st.integers(0, 2), keys)
def test_local_order_on_a_ring(n: int, radius: int, key: int) -> None:
    theta = angles(2, n, key=key)
    window = sum(np.roll(numpy_complex(theta), shift, axis=-1) for shift in range(-radius, radius + 1))
    assert_close(local_order_on_ring(circle(theta), radius), torch.from_numpy(abs(window) / (2 * radius + 1)))


def test_local_order_tells_the_parts_of_a_chimera_apart() -> None:
    theta = torch.where(torch.arange(200) < 100, 0.4, angles(200))
    order = local_order_on_ring(circle(theta), 10)
    assert order[10:90].min() > 1 - 1e-12 and order[110:190].max() < 0.8


@pytest.mark.parametrize("boundary", ["zero", "circular"])
@pytest.mark.parametrize("radius", [0, 1, 2])
def test_local_order_on_a_grid(boundary: str, radius: int) -> None:
    theta = angles(2, 5, 6, 3)
    z, numbers = circle(theta), numpy_complex(theta)
    measured = local_order_on_grid(z, radius, "circular" if boundary == "circular" else "zero")
    for y, x in np.ndindex(5, 6):
        near_y, near_x = np.arange(y - radius, y + radius + 1), np.arange(x - radius, x + radius + 1)
        if boundary == "zero":
            near_y, near_x = (near[(near >= 0) & (near < n)] for near, n in ((near_y, 5), (near_x, 6)))
        window = numbers[:, near_y % 5][:, :, near_x % 6]
        assert_close(measured[:, y, x], torch.from_numpy(abs(window.mean((1, 2)))))


def test_a_window_longer_than_the_ring_is_refused() -> None:
    with pytest.raises(ValueError, match="a window of 7 wraps around 6 places"):
        local_order_on_ring(circle(angles(6)), 3)
    assert_close(local_order_on_grid(torch.ones(2, 2, 1, 1), 5), torch.ones(2, 2, 1))


def test_dirichlet_energy_is_the_form_of_the_laplacian() -> None:
    weights = torch.rand(5, 5, dtype=torch.float64)
    weights = weights + weights.T
    targets, sources = weights.nonzero().T
    z = torch.randn(3, 4, 5, dtype=torch.float64)
    laplacian = weights.sum(1).diag() - weights
    links = Links(targets, sources, weights[targets, sources])
    assert_close(dirichlet_energy(z, links), torch.einsum("sci,ij,scj->s", z, laplacian, z))
    assert dirichlet_energy(torch.ones(3, 4, 5), LINKS).tolist() == [0.0, 0.0, 0.0]


# Phases and frequencies


@given(keys, st.floats(-50, 50))
def test_phases_and_their_differences(key: int, by: float) -> None:
    theta = angles(2, 5, key=key)
    assert_close(phase(3 * circle(theta)), theta)
    difference = phase_difference(2 * circle(theta + by), circle(theta))
    assert_close(circle(difference), circle(torch.full_like(theta, by)))
    assert difference.abs().max() <= math.pi


def test_small_phase_differences_keep_their_digits() -> None:
    theta = torch.tensor([0.1, 1.6, 3.1])
    assert_close(phase_difference(circle(theta), circle(theta)), torch.zeros(3), rtol=0, atol=1e-7)


@given(st.integers(-(10**6), 10**6), st.integers(-(2**31), 2**31), st.floats(-3.1, 3.1), st.floats(-3.1, 3.1))
def test_mean_frequency_is_that_of_the_unwrapped_angle(turns: int, before: int, first: float, last: float) -> None:
    ends = torch.tensor([first]).float(), torch.tensor([last]).float()
    windings = torch.tensor([before]), torch.tensor([before + turns])
    unwrapped = ends[1].item() - ends[0].item() + 2 * math.pi * turns
    frequency = mean_frequency(ends, windings, 8.0)
    assert frequency.dtype == torch.float64 and frequency.item() == pytest.approx(unwrapped / 8, rel=1e-14)


def test_a_million_turns_in_float32_lose_nothing() -> None:
    omega, duration = torch.tensor([1.0, 1.000001, -0.3], dtype=torch.float64), 2 * math.pi * 1e6
    turns = torch.round(omega * duration / (2 * math.pi))
    ends = (torch.zeros(3), (omega * duration - 2 * math.pi * turns).float())
    windings = (torch.zeros(3, dtype=torch.int32), turns.int())
    assert_close(mean_frequency(ends, windings, duration), omega, rtol=0, atol=1e-13)
    assert_close(mean_frequency(ends, windings, torch.full((3,), duration)), omega, rtol=1e-6, atol=0)


def test_mean_frequency_without_windings() -> None:
    omega = torch.tensor([0.0, 2.0, -5.0, 12.0], dtype=torch.float64)
    run = circle(0.3 + omega * 0.25 * torch.arange(40)[:, None])
    assert_close(accumulate(MeanFrequency(0.25), run)["frequency"], omega)
    assert accumulate(MeanFrequency(0.25), run[:1])["frequency"].isnan().all()


def test_speeds() -> None:
    rates = torch.tensor([[3.0, 0.0], [4.0, -1.0]])
    assert speed(rates).tolist() == [5.0, 1.0] and mean_speed(rates).item() == 3.0


def test_frequency_clusters_are_chains_of_small_gaps() -> None:
    clusters = frequency_clusters(torch.tensor([[2.0, 0.1, 0.0, 2.05, 0.2], [1.0, 1.0, 1.0, math.nan, math.nan]]), 0.11)
    assert clusters.labels.tolist() == [[1, 0, 0, 1, 0], [0, 0, 0, 1, 2]]
    assert clusters.count.tolist() == [2, 3] and clusters.largest_share.tolist() == [0.6, 0.6]
    assert frequency_clusters(torch.tensor([7.0]), 0.1).largest_share.item() == 1.0


@given(keys, st.floats(0.0, 2.0))
def test_frequency_clusters_do_not_depend_on_the_order(key: int, tolerance: float) -> None:
    frequencies = angles(7, key=key)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(key))
    first, second = frequency_clusters(frequencies, tolerance), frequency_clusters(frequencies[order], tolerance)
    assert torch.equal(first.labels[order], second.labels) and first.largest_share == second.largest_share


# Accumulators


@pytest.mark.parametrize("name", ACCUMULATORS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_run_taken_up_again_gives_the_same(name: str, dtype: torch.dtype) -> None:
    accumulator, run = ACCUMULATORS[name], circle(angles(9, 2, 6)).to(dtype)
    whole = accumulate(accumulator, run)
    for split in range(10):
        state = accumulator.start(run[0])
        for z in run[:split]:
            state = accumulator.update(state, z)
        kept = {key: tensor.clone() for key, tensor in state.items()}
        resumed = kept
        for z in run[split:]:
            resumed = accumulator.update(resumed, z)
        assert all(torch.equal(state[key], kept[key]) for key in state), "an update changes nothing it is given"
        assert all(torch.equal(whole[key], value) for key, value in accumulator.result(resumed).items())
        assert all(value.dtype == torch.float64 for value in whole.values())


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_samples_of_a_batch_are_measured_apart(name: str) -> None:
    run = circle(angles(5, 2, 3, 6))
    together, apart = (accumulate(ACCUMULATORS[name], part) for part in (run, run[:, 1, 2]))
    for key, value in together.items():
        assert_close(value[1, 2], apart[key])


@pytest.mark.parametrize("name", ACCUMULATORS)
def test_nothing_seen_measures_nothing(name: str) -> None:
    accumulator = ACCUMULATORS[name]
    assert all(value.isnan().all() for value in accumulator.result(accumulator.start(torch.zeros(2, 6))).values())
    with pytest.raises(ValueError, match="without moments"):
        accumulate(accumulator, [])


@given(st.integers(2, 6), st.integers(1, 9), keys)
def test_phase_locking_is_the_mean_over_time(n: int, steps: int, key: int) -> None:
    theta = angles(steps, 2, n, key=key)
    numbers = numpy_complex(theta)
    pairs = abs((numbers[..., :, None] * numbers[..., None, :].conj()).mean(0))
    amplitudes = torch.rand(steps, 2, 1, n, dtype=torch.float64) + 0.1
    locking = accumulate(PhaseLocking(), amplitudes * circle(theta))
    assert_close(locking["pairs"], torch.from_numpy(pairs))
    assert_close(locking["mean"], torch.from_numpy(pairs[:, ~np.eye(n, dtype=bool)].mean(1)))
    assert locking["pairs"].min() >= 0 and locking["pairs"].max() <= 1 + 1e-14

    field = numbers.mean(-1, keepdims=True)
    expected = abs((numbers * (field / abs(field)).conj()).mean(0))
    to_field = accumulate(MeanFieldLocking(), circle(theta))
    assert_close(to_field["oscillators"], torch.from_numpy(expected))
    assert_close(to_field["mean"], torch.from_numpy(expected.mean(-1)))


def test_locked_oscillators_are_locked_and_drifting_ones_are_not() -> None:
    time = torch.linspace(0, 200 * math.pi, 2001)[:-1, None]
    run = circle(torch.tensor([0.0, 1.0, 0.0]) + time * torch.tensor([1.0, 1.0, 1.5]))
    pairs = accumulate(PhaseLocking(), run)["pairs"]
    assert pairs[0, 1].item() == pytest.approx(1.0) and pairs[0, 2].item() < 1e-3


@given(st.integers(2, 12), keys, st.floats(-1e6, 1e6))
def test_running_moments_are_those_of_the_whole(steps: int, key: int, shift: float) -> None:
    values = angles(steps, 2, 3, key=key) + shift
    found = accumulate(Moments(), values)
    expected = {"mean": values.mean(0), "variance": values.var(0), "deviation": values.std(0)}
    assert_close(found, expected, rtol=1e-12, atol=1e-8)


def test_metastability_and_chimera_index() -> None:
    labels, theta = torch.tensor([0, 0, 1, 1, 1]), angles(20, 3, 5)
    orders = torch.stack([order_parameter(circle(theta)[..., labels == k]) for k in (0, 1)], dim=-1)
    assert_close(community_order(circle(theta), membership(labels)), orders)
    found = accumulate(CommunityMoments(labels), circle(theta))
    assert_close(found["order"], orders.mean(0))
    assert_close(found["metastability"], orders.var(0).mean(-1))
    assert_close(found["chimera"], orders.var(-1).mean(0))


def test_long_sums_do_not_stall_in_float32() -> None:
    locking, z = PhaseLocking(), circle(torch.tensor([0.0, 0.5]))
    state = locking.update(locking.start(z), z)
    late = {"count": state["count"] * 2**26, "sums": state["sums"] * 2**26}
    for _ in range(1000):
        late = locking.update(late, circle(torch.tensor([0.0, 0.5 + math.pi])))
    expected = (2**26 - 1000) / (2**26 + 1000)
    assert locking.result(late)["pairs"][0, 1].item() == pytest.approx(expected, rel=1e-7)
