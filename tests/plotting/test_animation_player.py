"""What a page's player shows: the recorded numbers, within a budget."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from oscillo.plotting.player import player_data
from oscillo.plotting.scenes import Scene, recorded_scenes


def phases(samples: int, times: int, oscillators: int, seed: int = 0) -> xr.DataArray:
    values = np.random.default_rng(seed).uniform(-np.pi, np.pi, (samples, times, oscillators))
    coordinates = {"sample": range(samples), "time": 0.5 * np.arange(times)}
    return xr.DataArray(values, dims=("sample", "time", "oscillator"), coords=coordinates, name="phase")


def grid(samples: int, times: int, height: int, width: int, components: int) -> xr.DataArray:
    values = np.random.default_rng(1).normal(size=(samples, times, height, width, components, 1))
    values /= np.linalg.norm(values, axis=4, keepdims=True)
    dims = ("sample", "step", "y", "x", "component", "oscillator")
    return xr.DataArray(values, dims=dims, coords={"sample": range(samples), "step": range(times)}, name="state")


def scene(states: xr.DataArray) -> Scene:
    return Scene("id", 0, states, [f"sample {n}" for n in range(states.sizes["sample"])])


def numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8)


def test_phases_can_be_read_back() -> None:
    states = phases(2, 5, 9)
    shown = player_data([scene(states)])["scenes"][0]
    indices = numbers(shown["pixels"]).reshape(2, 5, 9)
    angles = indices / 254 * 2 * np.pi - np.pi
    assert np.abs(angles - states.values).max() <= np.pi / 254 + 1e-9
    means = np.array(shown["mean"])
    expected = np.exp(1j * states.values).mean(axis=-1)
    assert np.allclose(means[..., 0] + 1j * means[..., 1], expected, atol=1e-3)


@settings(max_examples=15)
@given(st.integers(1, 12), st.integers(2, 260), st.integers(1, 700), st.integers(3000, 60_000))
def test_rows_fit_the_budget_and_say_what_is_left_out(samples: int, times: int, count: int, budget: int) -> None:
    shown = player_data([scene(phases(samples, times, count))], budget)["scenes"][0]
    size = len(numbers(shown["pixels"]))
    assert size == len(shown["labels"]) * len(shown["times"]) * shown["width"]
    assert size <= budget
    assert shown["times"][0] == 0 and shown["times"][-1] == pytest.approx(0.5 * (times - 1))
    whole = (len(shown["labels"]), len(shown["times"]), shown["width"]) == (samples, times, count)
    assert bool(shown["shown"]) != whole


def test_a_grid_keeps_one_colour_for_one_state() -> None:
    states = grid(1, 6, 4, 3, 4)
    states[:, 4] = states[:, 1]
    shown = player_data([scene(states)])["scenes"][0]
    pixels = numbers(shown["pixels"]).reshape(6, 4, 3, 3)
    assert (pixels[4] == pixels[1]).all() and (pixels[2] != pixels[1]).any()
    assert shown["colours"] == "components" and "% of the variance" in shown["label"]


def test_planar_states_of_a_grid_have_the_colours_of_phases() -> None:
    shown = player_data([scene(grid(2, 3, 4, 4, 2))])["scenes"][0]
    assert shown["colours"] == "phase" and np.allclose(shown["ends"], [-np.pi, np.pi], atol=1e-3)


def test_what_is_not_finite_is_grey() -> None:
    states = grid(2, 4, 3, 3, 4)
    states[0, 2:] = np.nan
    pixels = numbers(player_data([scene(states)])["scenes"][0]["pixels"]).reshape(2, 4, 3, 3, 3)
    assert (pixels[0, 2:] == 128).all() and (pixels[1] != 128).any()
    rows = phases(1, 3, 4)
    rows[0, 1, 2] = np.nan
    shown = player_data([scene(rows)])["scenes"][0]
    assert numbers(shown["pixels"]).reshape(3, 4)[1, 2] == 255
    assert shown["mean"][0][1] == [None, None]
    json.dumps(shown, allow_nan=False)


def test_amplitudes_of_planar_states_are_kept_and_those_of_phases_are_not() -> None:
    values = np.zeros((1, 2, 2, 3))
    values[0, :, 0] = [[1.0, 2.0, 4.0], [4.0, 2.0, 0.0]]
    dims = ("sample", "time", "component", "oscillator")
    states = xr.DataArray(values, dims=dims, coords={"sample": [0], "time": [0.0, 1.0]}, name="state")
    shown = player_data([scene(states)])["scenes"][0]
    assert numbers(shown["radius"]).reshape(2, 3).tolist() == [[64, 127, 254], [254, 127, 0]]
    values[0, :, 0] = 1.0
    assert "radius" not in player_data([scene(states.copy(data=values))])["scenes"][0]


def test_scenes_of_a_run_have_its_numbers_beside_them() -> None:
    states = grid(2, 5, 3, 3, 4)
    energy = xr.DataArray(
        np.arange(50.0).reshape(5, 10), dims=("sample", "step"), coords={"sample": range(5), "step": range(10)}
    )
    tree = xr.DataTree.from_dict(
        {
            "trajectory/hard/layer0": states.isel(step=slice(None, None, 2)).to_dataset(name="state"),
            "trajectory/hard/layer1": states.isel(step=[0]).to_dataset(name="state"),
            "summary/hard/layer0": energy.to_dataset(name="energy"),
            "result/hard": xr.Dataset({"correct": ("sample", [True] * 5)}, coords={"sample": range(5)}),
        }
    )
    (found,) = recorded_scenes(tree)  # a single step does not move
    assert (found.name, found.layer, found.along, found.on_grid) == ("hard", 0, "step", True)
    assert found.traces is not None and found.traces.values.tolist() == [[0, 2, 4], [10, 12, 14]]
    assert found.labels == ["sample 0, right", "sample 1, right"]
