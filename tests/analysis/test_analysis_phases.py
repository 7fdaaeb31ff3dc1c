from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from known_motion import phases, turning, uniform, wrapped
from scipy.sparse.csgraph import connected_components

from oscillo.analysis import locked_clusters, mean_frequency, order_parameter, phase, phase_locking
from oscillo.measures import PhaseLocking, accumulate, linked_clusters

keys = st.integers(0, 2**31)


def states_of(theta: xr.DataArray, amplitude: float = 1.0) -> xr.DataArray:
    """Planar states with these phases."""
    parts = [amplitude * np.cos(theta), amplitude * np.sin(theta)]
    return xr.concat(parts, dim="component").rename("state").drop_attrs()


@given(keys)
def test_phases_of_planar_states_are_the_phases(key: int) -> None:
    theta = phases(uniform((3, 5, 4), key), ("sample", "time", "oscillator"))
    found = phase(states_of(theta, 2.5).to_dataset())
    assert found.dims == theta.dims and found.attrs == {"long_name": "phase", "units": "rad"}
    np.testing.assert_allclose(found, theta, atol=1e-12)
    xr.testing.assert_equal(phase(theta.to_dataset()), theta)


def test_what_has_no_phase_is_refused_with_a_remedy() -> None:
    with pytest.raises(ValueError, match="two components, and `state` has 3; choose two"):
        phase(xr.DataArray(np.ones((3, 4)), dims=("component", "oscillator"), name="state"))
    with pytest.raises(
        ValueError, match=r"angle on a circle, pass it on as such with `\.isel\(component=0, drop=True\)"
    ):
        phase(xr.DataArray(np.ones((1, 4)), dims=("component", "oscillator"), name="state"))
    with pytest.raises(ValueError, match="angle on a circle"):
        order_parameter(xr.DataArray(np.ones((1, 4)), dims=("component", "oscillator"), name="state"))
    with pytest.raises(ValueError, match="neither `phase` nor `state`, but energy"):
        phase(xr.Dataset({"energy": 1.0}))
    with pytest.raises(ValueError, match="its groups are layer0"):
        phase(xr.DataTree.from_dict({"/layer0": xr.Dataset({"state": 1.0})}))
    with pytest.raises(ValueError, match="needs the dimension `oscillator`, and phase has time"):
        order_parameter(phases(np.zeros((5, 1))).isel(oscillator=0))


@given(keys, st.integers(1, 5))
def test_order_parameters_are_moments_whatever_stands_around(key: int, moment: int) -> None:
    theta = phases(uniform((2, 3, 6), key), ("strength", "time", "oscillator")).assign_coords(strength=[1.0, 2.0])
    expected = abs(np.exp(1j * moment * theta).mean("oscillator"))
    for data in (theta, theta.to_dataset(), states_of(theta), theta.transpose("oscillator", ...)):
        found = order_parameter(data, moment).transpose("strength", "time")
        np.testing.assert_allclose(found, expected, atol=1e-12)
        assert found["strength"].values.tolist() == [1.0, 2.0] and found.attrs["units"] == "1"


def test_order_of_equal_and_even_phases_is_one_and_zero() -> None:
    even = 2 * np.pi * np.arange(8) / 8
    theta = phases(np.stack([np.full(8, 0.4), even]))
    np.testing.assert_allclose(order_parameter(theta), [1, 0], atol=1e-12)
    np.testing.assert_allclose(order_parameter(theta, 8), [1, 1], atol=1e-12)


def test_oscillators_at_sites_are_one_population() -> None:
    theta = uniform((4, 2, 3, 5), 1)
    grid = phases(theta, ("time", "y", "x", "oscillator"))
    flat = phases(theta.reshape(4, 30))
    np.testing.assert_allclose(order_parameter(grid), order_parameter(flat), atol=1e-12)
    pairs = phase_locking(grid)
    np.testing.assert_allclose(pairs, phase_locking(flat), atol=1e-12)
    assert pairs["y"].dims == ("oscillator",) and pairs["x2"].values[:6].tolist() == [0, 0, 0, 0, 0, 1]
    assert phase(grid).dims == grid.dims and mean_frequency(0 * grid).dims == ("y", "x", "oscillator")


@given(st.lists(st.floats(-15, 15), min_size=1, max_size=4))
def test_mean_frequencies_of_turning_phases(frequencies: list[float]) -> None:
    theta = turning(frequencies)
    np.testing.assert_allclose(mean_frequency(theta), frequencies, atol=1e-9)
    np.testing.assert_allclose(mean_frequency(states_of(theta)), frequencies, atol=1e-9)


def test_windings_count_turns_between_records() -> None:
    straight = np.outer(np.arange(5.0), [50.0, -3.0, 0.1])
    angle = phases(straight, step=1.0)
    winding = xr.zeros_like(angle, dtype=np.int32) + np.round((straight - wrapped(straight)) / (2 * np.pi)).astype("i4")
    np.testing.assert_allclose(mean_frequency(xr.Dataset({"phase": angle, "winding": winding})), [50, -3, 0.1])
    # Without them -3 is more than a quarter turn, and nothing tells 50 from what is left of it after eight turns.
    np.testing.assert_allclose(mean_frequency(angle), [50 - 16 * np.pi, np.nan, 0.1])
    assert mean_frequency(angle).attrs["units"] == "rad/time"


def test_times_may_be_a_coordinate_of_steps() -> None:
    theta = turning([0.5, 2.0])
    steps = theta.rename(time="step").assign_coords(time=("step", theta["time"].values), step=np.arange(400))
    np.testing.assert_allclose(mean_frequency(steps), [0.5, 2.0])


@given(keys)
def test_phase_locking_agrees_with_the_accumulator(key: int) -> None:
    theta = phases(uniform((2, 7, 5), key), ("sample", "time", "oscillator"))
    z = torch.from_numpy(np.stack([np.cos(theta), np.sin(theta)], axis=-2)).movedim(1, 0)
    pairs = phase_locking(theta)
    assert pairs.dims == ("sample", "oscillator", "oscillator2")
    np.testing.assert_allclose(pairs, accumulate(PhaseLocking(), z)["pairs"], atol=1e-12)
    turned = phases(theta.values + 0.3 * np.arange(7)[:, None], theta.dims)
    np.testing.assert_allclose(phase_locking(turned), pairs, atol=1e-12)


def test_clusters_by_locking_by_frequency_and_by_both() -> None:
    # 0 and 2 turn with one frequency; 1 and 3 with nearly one, and are not locked over a long time.
    theta = turning([1.0, 2.0, 1.0, 2.02], times=4000)
    found = locked_clusters(theta)
    assert found["label"].values.tolist() == [0, 1, 0, 2] and int(found["count"]) == 3
    assert float(found["largest_share"]) == 0.5
    assert locked_clusters(theta, locking=None, frequency=0.05)["label"].values.tolist() == [0, 1, 0, 1]
    assert locked_clusters(theta, frequency=0.05)["label"].values.tolist() == [0, 1, 0, 2]
    assert locked_clusters(theta, locking=0.0, frequency=0.05)["label"].values.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"locking": None}, "give `locking`"),
        ({"locking": 1.5}, "between 0 and 1"),
        ({"frequency": -1.0}, "not negative"),
    ],
)
def test_clusters_without_a_threshold_are_refused(arguments: dict[str, float | None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        locked_clusters(turning([1.0, 2.0]), **arguments)


def test_one_time_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2 times, and there are 1; record longer"):
        phase_locking(turning([1.0], times=1))
    with pytest.raises(ValueError, match="needs the dimension `time`"):
        mean_frequency(turning([1.0]).isel(time=0))


@given(st.integers(1, 12), st.floats(0, 0.3), keys)
def test_linked_clusters_are_the_components_of_the_graph(n: int, density: float, key: int) -> None:
    linked = np.random.default_rng(key).random((2, n, n)) < density
    found = linked_clusters(torch.from_numpy(linked))
    for one, labels, count, share in zip(linked, found.labels, found.count, found.largest_share, strict=True):
        number, expected = connected_components(one, directed=False)
        same = labels[:, None] == labels
        assert int(count) == number and np.array_equal(same, expected[:, None] == expected)
        assert float(share) == pytest.approx(np.bincount(expected).max() / n)
        assert sorted(set(labels.tolist()), key=labels.tolist().index) == list(range(number))


def test_a_long_chain_is_one_cluster() -> None:
    chain = torch.diag(torch.ones(199), 1).bool()
    assert linked_clusters(chain).count.item() == 1
