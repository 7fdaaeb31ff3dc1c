"""Local order, energy, principal components and clusters: against what they are by definition."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from known_motion import phases, states, turning, uniform

import oscillo
from oscillo.analysis import clusters, energy, local_order, order_parameter, pca
from oscillo.analysis.principal_axes import PrincipalAxes

keys = st.integers(0, 2**31)
GRID = ("time", "y", "x", "oscillator")


def field(key: int, shape: tuple[int, ...] = (2, 5, 6, 2)) -> xr.DataArray:
    return phases(uniform(shape, key), GRID)


@given(keys, st.integers(1, 2), st.sampled_from(["zero", "circular"]))
def test_local_order_on_a_grid_is_the_mean_over_the_window(key: int, radius: int, boundary: str) -> None:
    theta = field(key)
    found = local_order(theta.transpose("x", "oscillator", "time", "y"), radius, boundary)  # pyright: ignore[reportArgumentType]
    z = np.exp(1j * theta.values)
    mode = "wrap" if boundary == "circular" else "constant"
    padded = np.pad(z, ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode=mode)
    there = np.pad(np.ones(z.shape), ((0, 0), (radius, radius), (radius, radius), (0, 0)), mode=mode)
    window = [(dy, dx) for dy in range(2 * radius + 1) for dx in range(2 * radius + 1)]
    sums = sum(padded[:, dy : dy + 5, dx : dx + 6] for dy, dx in window)
    counts = sum(there[:, dy : dy + 5, dx : dx + 6] for dy, dx in window)
    np.testing.assert_allclose(found.transpose(*GRID), abs(sums / counts), atol=1e-12)


@given(keys)
def test_a_window_of_the_whole_ring_gives_the_order_parameter(key: int) -> None:
    theta = phases(uniform((3, 4, 11), key), ("sample", "time", "oscillator"))
    found = local_order(theta, 5)
    assert found.dims == theta.dims
    np.testing.assert_allclose(found, order_parameter(theta).broadcast_like(found), atol=1e-12)


def test_local_order_needs_a_grid_or_a_ring_with_room() -> None:
    with pytest.raises(ValueError, match=r"2 \* 3 \+ 1 does not fit a grid of 5 x 6"):
        local_order(field(0), 3)
    with pytest.raises(ValueError, match="does not fit a ring of 10"):
        local_order(turning([1.0] * 10))
    with pytest.raises(ValueError, match=r"grid .* and sites are site0"):
        local_order(field(0).isel(x=0).rename(y="site0"))


@given(keys)
def test_energy_is_the_sum_over_pairs_and_the_stimulus(key: int) -> None:
    theta, draws = uniform((3, 6), key), np.random.default_rng(key)
    coupling, stimulus = draws.normal(size=(6, 6)), draws.normal(size=(2, 6))
    differences = np.cos(theta[:, :, None] - theta[:, None, :])
    expected = -np.einsum("ij,tij->t", coupling, differences) / 2
    np.testing.assert_allclose(energy(phases(theta), coupling), expected, atol=1e-12)
    expected -= (np.cos(theta) * stimulus[0] + np.sin(theta) * stimulus[1]).sum(1)
    given_stimulus = xr.DataArray(stimulus.T, dims=("oscillator", "component"), coords={"component": [0, 1]})
    np.testing.assert_allclose(energy(phases(theta), coupling, given_stimulus), expected, atol=1e-12)


def test_energy_of_a_graph_is_that_of_its_matrix() -> None:
    graph = nx.cycle_graph(6)
    nx.set_edge_attributes(graph, {(0, 1): 3.0}, "weight")
    theta = phases(uniform((4, 6), 3))
    np.testing.assert_allclose(energy(theta, graph), energy(theta, nx.to_numpy_array(graph)))
    # Equal phases on a ring: every link counts once, with its weight.
    assert energy(0 * theta, graph).values == pytest.approx(-8.0)


def test_recorded_energy_is_looked_up_and_nothing_is_made_up() -> None:
    recorded = xr.Dataset({"energy": ("time", [3.0, 1.0]), "state": ("time", [0.0, 0.0])})
    tree = xr.DataTree.from_dict({"/series": recorded, "/states": xr.Dataset({"phase": turning([1.0, 2.0])})})
    for data in (recorded, tree["series"], tree):
        assert energy(data).values.tolist() == [3.0, 1.0]
    with pytest.raises(
        ValueError, match="no `energy` was recorded: declare the observable `energy`, or pass `coupling=`"
    ):
        energy(tree["states"])
    with pytest.raises(ValueError, match="2 groups have an energy, /a, /b; take one"):
        energy(xr.DataTree.from_dict({"/a": recorded, "/b": recorded}))
    with pytest.raises(ValueError, match="from states alone"):
        energy(turning([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"of 2 oscillators is a matrix 2 x 2, and it is \(3, 3\)"):
        energy(turning([1.0, 2.0]), np.eye(3))
    with pytest.raises(ValueError, match="2 along `oscillator`, and the stimulus 3"):
        energy(turning([1.0, 2.0]), stimulus=xr.DataArray(np.ones((2, 3)), dims=("component", "oscillator")))


def vectors(key: int, shape: tuple[int, ...], dims: tuple[str, ...]) -> xr.DataArray:
    """States whose numbers have variances well apart."""
    scale = 2.0 ** -np.arange(np.prod(shape[-2:])).reshape(shape[-2:])
    return xr.DataArray(np.random.default_rng(key).normal(size=shape) * scale, dims=dims, name="state")


@settings(max_examples=20)
@given(keys)
def test_components_are_those_of_the_singular_values(key: int) -> None:
    data = vectors(key, (2, 20, 3, 2), ("sample", "time", "component", "oscillator"))
    found = pca(data, n=4)
    flat = data.values.reshape(40, 6)
    centred = flat - flat.mean(0)
    _, singular, axes = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(found["explained"], (singular**2 / (singular**2).sum())[:4], rtol=1e-8)
    np.testing.assert_allclose(abs(found["axis"].values.reshape(4, 6) @ axes[:4].T), np.eye(4), atol=1e-6)
    back = found["score"].values @ found["axis"].values.reshape(4, 6) + found["mean"].values.ravel()
    assert np.abs(back - data.values.reshape(2, 20, 6)).max() <= 1.01 * singular[4:].sum()
    assert found["score"].dims == ("sample", "time", "principal") and found["principal"].values.tolist() == [1, 2, 3, 4]


def test_of_whom_vectors_are_decides_what_is_a_feature() -> None:
    data = vectors(1, (2, 7, 3, 4, 3, 2), ("sample", "time", "y", "x", "component", "oscillator"))
    assert pca(data)["axis"].dims == ("principal", "y", "x", "component", "oscillator")
    assert pca(data)["score"].dims == ("sample", "time", "principal")
    assert pca(data, of="site")["axis"].dims == ("principal", "component", "oscillator")
    assert pca(data, of="site")["score"].dims == ("sample", "time", "y", "x", "principal")
    one = pca(data, of="oscillator")
    assert one["axis"].dims == ("principal", "component") and one["score"].dims[-2:] == ("oscillator", "principal")
    assert float(one["explained"].sum()) == pytest.approx(1)
    # The order of the dimensions changes nothing.
    turned = pca(data.transpose("x", "oscillator", "y", "time", "component", "sample"))["score"]
    xr.testing.assert_allclose(turned.transpose("sample", "time", "principal"), pca(data)["score"])


def test_a_rotating_pattern_of_phases_is_a_circle() -> None:
    found = pca(turning([2.0] * 5), n=3)
    assert found["explained"].values[:2].sum() == pytest.approx(1) and found["explained"].values[2] < 1e-12
    # Over whole turns the mean is the circle's centre, so the radius is that of five unit vectors, sqrt(5).
    radius = np.linalg.norm(found["score"].values[:, :2], axis=1)
    np.testing.assert_allclose(radius, np.sqrt(5), rtol=0.05)


def test_wide_vectors_have_the_components_of_the_covariance(monkeypatch: pytest.MonkeyPatch) -> None:
    data = vectors(2, (40, 4, 8), ("time", "component", "oscillator"))
    exact = pca(data)
    monkeypatch.setattr("oscillo.analysis.principal_axes._NARROW", 5)
    wide = pca(data)
    np.testing.assert_allclose(wide["explained"], exact["explained"], rtol=1e-6)
    np.testing.assert_allclose(wide["score"], exact["score"], atol=1e-4)


@settings(max_examples=20)
@given(keys, st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_blocks_of_any_size_give_one_fit(key: int, sizes: list[int]) -> None:
    rows = 1e3 + np.random.default_rng(key).normal(size=(sum(sizes), 3))
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    whole, pieced = PrincipalAxes.fit([rows], 3), PrincipalAxes.fit(parts, 3)
    np.testing.assert_allclose(pieced.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(pieced.explained, whole.explained, atol=1e-9)


def test_components_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="vectors of 2 numbers have so many components at most, and n is 3"):
        pca(turning([1.0]))
    with pytest.raises(ValueError, match="`of` is `network`, `site` or `oscillator`, and it is 'grid'"):
        pca(turning([1.0, 2.0]), of="grid")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"3 numbers are not; leave out what diverged"):
        pca(states(np.array([[1.0, np.nan, 3.0], [np.inf, 2.0, np.nan]]), np.arange(3.0)), n=1)


@given(keys, st.integers(2, 5), st.floats(0.05, 0.4), st.floats(-10, 10))
def test_clumps_of_phases_are_clusters_wherever_the_circle_is_cut(
    key: int, count: int, gap: float, turn: float
) -> None:
    draws = np.random.default_rng(key)
    of = draws.integers(0, count, size=20)
    middle = 2 * np.pi * np.arange(count) / count
    theta = middle[of] + draws.uniform(-0.49 * gap, 0.49 * gap, size=20) + turn
    found = clusters(phases(theta[None]), gap=gap)
    labels = found["label"].values[0]
    assert [len(set(labels[of == i])) for i in set(of)] == [1] * len(set(of))
    assert int(found["count"][0]) == len(set(of)) == len(set(labels))
    assert float(found["largest_share"][0]) == np.bincount(of).max() / 20
    # Of vectors in three dimensions they are the same groups.
    z = xr.DataArray(np.stack([np.cos(theta), np.sin(theta), 0 * theta]), dims=("component", "oscillator"))
    other = clusters(z.rename("state"), gap=gap)
    assert int(other["count"]) == len(set(of))
    assert np.array_equal(other["label"].values[:, None] == other["label"].values, labels[:, None] == labels)


def test_what_is_not_a_number_is_a_cluster_of_its_own() -> None:
    found = clusters(phases(np.array([[0.1, np.nan, -0.1, 3.0, np.nan]])))
    assert int(found["count"][0]) == 4 and found["label"].values[0, 0] == found["label"].values[0, 2]
    with pytest.raises(ValueError, match="between 0 and pi"):
        clusters(turning([1.0]), gap=4)


def test_energy_of_the_couplings_matrix_is_the_one_that_a_network_records() -> None:
    """With the matrix K / n of a mean field, and with the one of a graph."""
    graph = {"kind": "graph", "generator": "cycle_graph", "parameters": {}, "strength": 0.5}
    for coupling, matrix in (
        ({"kind": "mean_field", "strength": 2.0}, np.full((7, 7), 2.0 / 7)),
        (graph, 0.5 * nx.to_numpy_array(nx.cycle_graph(7))),
    ):
        layer = {
            "manifold": {"kind": "circle"}, "oscillators": 7, "frequency": {"kind": "none"}, "coupling": coupling,
            "stimulus": {"kind": "none"}, "integrator": {"kind": "rk4", "step_size": 0.1}, "readout": {"kind": "state"},
        }  # fmt: skip
        network = oscillo.build({"sites": [], "layers": [layer]})
        data = oscillo.integrate(network, torch.zeros(2, network.channels_in), steps=20)["layer0"].to_dataset()
        np.testing.assert_allclose(energy(data["phase"], matrix), energy(data), atol=1e-5)
        assert (energy(data).diff("step") < 1e-6).all()


@pytest.mark.parametrize("dimension", ["bin", "direction"])
def test_what_a_reduction_has_left_is_no_state(dimension: str) -> None:
    reduced = xr.Dataset({"phase": (("time", dimension), np.full((3, 4), 0.25), {"units": "rad"})})
    for look in (
        lambda data: data.osc.phase(),
        lambda data: data.osc.residual(),
        lambda data: data["phase"].osc.phase(),
    ):
        with pytest.raises(ValueError, match="and no states; record a `state` without `reduce`"):
            look(reduced)
