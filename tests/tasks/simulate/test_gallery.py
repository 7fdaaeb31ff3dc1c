"""The specs of the gallery are sound, and what theory or other programs expect of them comes out.

"Elsewhere" is a program in plain NumPy that shares no code with this one. Shortened runs check what full ones do, which
are marked `slow`.
"""

from __future__ import annotations

import importlib.util
import shlex
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import xarray as xr
from oscillo_tasks.simulate import SimulateTaskSpec
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

import oscillo
from oscillo.measures.theory import (
    amplitude_death,
    gaussian_order,
    lorentzian_order,
    winfree_dead_share,
    winfree_death,
)

ROOT = Path(__file__).parents[3]
GALLERY = (
    "kuramoto", "kuramoto_transition", "sakaguchi_chimera", "winfree", "stuart_landau", "turing", "ising", "fish",
    "fish_symmetric", "power_grid", "connectome", "sudoku_kuramoto",
)  # fmt: skip
STRENGTH = "network.layers.0.coupling.strength"
DENSITY = "network.layers.0.frequency.distribution"

Simulate = Callable[..., xr.DataTree]


@pytest.fixture
def simulate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Simulate:
    """Runs a spec of the gallery with some changes, and gives what it has recorded."""
    monkeypatch.chdir(ROOT)  # specs name their data from there
    monkeypatch.setattr(SimulateTaskSpec, "figures", lambda self, run: {})

    def run(name: str, *changes: str) -> xr.DataTree:
        return oscillo.run(f"specs/{name}.yaml", [*changes, "device=cpu", "compile=off"], runs=tmp_path).data

    return run


def data_of(name: str) -> dict[str, np.ndarray]:
    with np.load(ROOT / "specs/data" / f"{name}.npz") as file:
        return dict(file)


def varying(*strengths: float) -> str:
    return f"task.ensemble.vary={{{STRENGTH}: {[float(strength) for strength in strengths]}}}"


@pytest.mark.parametrize("name", GALLERY)
def test_specs_are_valid_and_on_the_page(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert oscillo.load(f"specs/{name}.yaml").name == name
    assert f"specs/{name}.yaml" in (ROOT / "docs/gallery.md").read_text(encoding="utf-8")


def test_commands_of_the_page_are_sound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    lines = (ROOT / "docs/gallery.md").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = [shlex.split(line) for line in lines if line.startswith("oscillo run") and "$" not in line]
    assert len(found) > len(GALLERY)
    for _, _, spec, *changes in found:
        oscillo.load(spec, changes)


def test_kuramoto_is_where_self_consistency_puts_it(simulate: Simulate) -> None:
    summary = simulate("kuramoto")["summary"].to_dataset()
    natural = norm.ppf((np.arange(1000) + 0.5) / 1000)
    none, partial, full = summary["order_parameter_mean"].values
    assert none < 0.12  # elsewhere .045 +- .004
    assert partial == pytest.approx(gaussian_order(2.0, 1.0), abs=0.004)
    # All lock: 1000 equations with a closed solution, sin(theta_i) = w_i / (K r).
    locked = brentq(lambda r: np.sqrt(1 - (natural / (5 * r)) ** 2).mean() - r, 0.9, 1)
    assert full == pytest.approx(locked, abs=1e-6)
    assert np.abs(summary["mean_frequency"].values[2]).max() < 1e-6
    drifting = np.abs(natural) > 2 * partial + 0.2
    expected = np.sign(natural) * np.sqrt(np.clip(natural**2 - (2 * partial) ** 2, 0, None))
    assert summary["mean_frequency"].values[1][drifting] == pytest.approx(expected[drifting], abs=0.06)


def test_transition_follows_the_mean_field(simulate: Simulate) -> None:
    summary = simulate("kuramoto_transition", varying(0, 1, 1.5, 2.5, 3, 4))["summary"].to_dataset()
    off = summary["order_parameter_mean"] - lorentzian_order(summary["strength"].values, 1.0).numpy()
    assert float(np.abs(off.where(summary["strength"] < 2)).max()) < 0.06  # elsewhere .054; 1/sqrt(n) = .032
    assert float(np.abs(off.where(summary["strength"] > 2)).max()) < 0.005  # elsewhere .003


@pytest.mark.slow
def test_transition_follows_the_mean_field_at_every_strength(simulate: Simulate) -> None:
    summary = simulate("kuramoto_transition")["summary"].to_dataset()
    off = summary["order_parameter_mean"] - lorentzian_order(summary["strength"].values, 1.0).numpy()
    assert float(np.abs(off.where(summary["strength"] <= 1.5)).max()) < 0.06
    assert float(np.abs(off.where(np.abs(summary["strength"] - 2) < 0.5)).max()) < 0.15  # slow near K = 2
    assert float(np.abs(off.where(summary["strength"] >= 2.5)).max()) < 0.005


def test_chimera_has_both_parts(simulate: Simulate) -> None:
    data = simulate("sakaguchi_chimera")
    series, frequencies = data["series"].to_dataset(), data["summary/mean_frequency"].values[0]
    local = series["local_order"][0].where(series["time"] >= 100, drop=True).mean("time").values
    assert local.max() > 0.999
    assert 0.45 < local.min() < 0.56  # elsewhere .505 +- .006
    coherent = np.median(frequencies[local > 0.999])
    assert (np.abs(frequencies - coherent) < 0.01).mean() == pytest.approx(0.289, abs=0.03)
    assert np.ptp(frequencies) == pytest.approx(0.490, abs=0.02)
    assert float(data["summary/order_parameter_mean"][0]) == pytest.approx(0.704, abs=0.015)


def band(width: float) -> str:
    return f"{DENSITY}={{kind: uniform, low: {1 - width}, high: {1 + width}}}"


def dead(frequencies: np.ndarray) -> np.ndarray:
    """Share of oscillators that stand still, [sample]."""
    return (np.abs(frequencies) < 0.01).mean(axis=-1)


@pytest.mark.parametrize("width", [0.1, 0.3, 0.5])
def test_winfree_oscillators_die_where_they_can(width: float, simulate: Simulate) -> None:
    strengths = winfree_death(width) * np.array([0.99, 1.01])
    shorter = ["network.layers.0.oscillators=300", "task.duration=200"]
    summary = simulate("winfree", varying(*strengths), band(width), *shorter)["summary"].to_dataset()
    before, after = dead(summary["mean_frequency"].values)
    assert after == 1
    assert before < 1
    if 1 - width < strengths[0]:  # some are dead already
        assert before == pytest.approx(winfree_dead_share(strengths[0], width), abs=0.02)
    else:
        assert before == 0


def test_weak_winfree_oscillators_drift_as_if_alone(simulate: Simulate) -> None:
    data = simulate("winfree", varying(0.2), band(0.2), "task.duration=200", "network.layers.0.oscillators=300")
    spread = np.ptp(data["summary/mean_frequency"].values[0])
    assert spread == pytest.approx(np.sqrt(1.2**2 - 0.2**2) - np.sqrt(0.8**2 - 0.2**2), abs=0.01)


@pytest.mark.slow
def test_winfree_goes_from_drift_over_locking_to_death(simulate: Simulate) -> None:
    summary = simulate("winfree")["summary"].to_dataset()
    assert summary["strength"].values == pytest.approx([0.2, 0.4, 0.65, 0.75, 0.8, 0.9])
    frequencies = summary["mean_frequency"].values
    assert dead(frequencies).tolist() == [0, 0, 0, 0, 1, 1]
    assert np.ptp(frequencies[0]) == pytest.approx(0.4086, abs=0.005)
    assert np.ptp(frequencies[2]) < 0.05
    assert float(summary["order_parameter_mean"][5]) == pytest.approx(0.9956, abs=0.0005)


def order_of_locked(strength: float, natural: np.ndarray) -> float:
    """|mean z| of Stuart-Landau oscillators that all stand still in the rotating frame.

    z = K R / (a - i w) with a = K - 1 + |z|^2: so |z|^2 (a^2 + w^2) = K^2 R^2, and 1 is the mean of K a / (a^2 + w^2).
    """

    def excess(order: float) -> float:
        field = (strength * order) ** 2
        excesses = [lambda s, w=w: s * ((strength - 1 + s) ** 2 + w**2) - field for w in natural]
        squares = [brentq(one, 0, 2) for one in excesses]
        a = strength - 1 + np.array(squares)
        return strength * (a / (a**2 + natural**2)).mean() - 1

    return brentq(excess, 1e-3, 1)


def test_amplitudes_die_and_come_back(simulate: Simulate) -> None:
    strengths = [0.6, 1.2, 2.0, 3.0, 3.4, 6.0]
    start, end = amplitude_death(3.0) or (0, 0)
    assert start == 1.0
    assert end == pytest.approx(3.1929, abs=1e-4)
    data = simulate("stuart_landau", varying(*strengths), "network.layers.0.oscillators=200", "precision=float64")
    amplitude, order = (data[f"summary/{name}_mean"].values for name in ("amplitude", "order_parameter"))
    inside = np.array([start < strength < end for strength in strengths])
    assert (amplitude[inside] < 2e-3).all()
    assert (amplitude[~inside] > 0.2).all()
    assert amplitude[0] == pytest.approx(np.sqrt(0.4), abs=0.01)
    natural = 3 * (2 * (np.arange(200) + 0.5) / 200 - 1)
    assert order[-1] == pytest.approx(order_of_locked(6.0, natural), abs=1e-6)


def wavelength_of(pattern: np.ndarray) -> float:
    """Sites per wave: mean wave number around the largest ring of the power spectrum."""
    waves = np.fft.fftfreq(len(pattern), 1 / len(pattern))
    radius = np.hypot(waves[:, None], waves)
    power = np.abs(np.fft.fft2(pattern)) ** 2
    peak = np.bincount(radius.round().astype(int).ravel(), power.ravel())[1:].argmax() + 1
    near = np.abs(radius - peak) <= 2.5
    return float(len(pattern) / np.average(radius[near], weights=power[near]))


def test_labyrinth_has_the_wavelength_of_its_kernel(simulate: Simulate) -> None:
    reach = np.arange(-6, 7)
    bells = [np.exp(-(reach**2) / (2 * width**2)) for width in (1.5, 3.0)]
    gain = lambda k: np.diff([(bell * np.cos(k * reach)).sum() / bell.sum() for bell in bells])[0]  # noqa: E731
    expected = 2 * np.pi / minimize_scalar(gain, bounds=(0.3, 1.5), method="bounded").x
    assert expected == pytest.approx(9.1, abs=0.02)
    data = simulate("turing")
    pattern = data["states/state"][0, -1].isel(component=0, oscillator=0).values
    assert wavelength_of(pattern) == pytest.approx(expected, rel=0.06)  # elsewhere 9.33 +- .13
    energy = data["series/energy"].values[0]
    assert (np.diff(energy) < 0).all()
    assert energy[-1] / 96**2 == pytest.approx(-0.775, abs=0.02)


def test_cuts_are_good_and_none_is_too_good(simulate: Simulate) -> None:
    cuts = simulate("ising")["series/cut"].values
    assert cuts.max() == 137  # proven elsewhere to be the largest, by integer programming
    assert cuts[:, -1].mean() / 137 >= 0.97  # elsewhere .982 over graphs


def speeds(states: xr.DataArray, inside: np.ndarray) -> tuple[float, float]:
    """Mean speed of the vectors in the second half of the time, in the fish and outside."""
    late = states[0, states.sizes["time"] // 2 :].isel(oscillator=0).transpose("time", "y", "x", "component").values
    speed = np.linalg.norm(np.diff(late, axis=0), axis=-1) / float(states["time"].diff("time")[0])
    return float(speed[:, inside].mean()), float(speed[:, ~inside].mean())


def test_waves_stay_in_the_fish(simulate: Simulate) -> None:
    inside = data_of("fish")["mask"]
    data = simulate("fish")
    within, water = speeds(data["states/state"], inside)
    assert within == pytest.approx(0.89, abs=0.06)  # elsewhere .898 and .890
    assert water == pytest.approx(0.03, abs=0.01)
    assert float(data["series/energy"][0, -1]) / 64**2 == pytest.approx(-1.337, abs=0.01)
    free = simulate("fish", "~task.input", "network.layers.0.stimulus.kind=none")["states/state"]
    assert min(speeds(free, inside)) > 0.8  # elsewhere 1.02 to 1.12


@pytest.mark.parametrize("steps", [120, pytest.param(600, marks=pytest.mark.slow)])
def test_energy_of_the_symmetric_fish_falls_at_every_step(steps: int, simulate: Simulate) -> None:
    data = simulate("fish_symmetric", f"task.steps={steps}", "~recording.observables.state")
    energy = data["series/energy"].values[0]
    assert len(energy) == steps + 1
    assert (np.diff(energy) < 0).all()
    assert energy[-1] / 64**2 == pytest.approx(-1.822, abs=0.002)


GRIDS = [
    pytest.param(["task.duration=60", "task.transient=40", "network.layers.0.integrator.step_size=0.1"], id="short"),
    pytest.param([], id="full", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("changes", GRIDS)
@pytest.mark.parametrize(("file", "load"), [("power_grid", 0.80), ("power_grid_cut_safe", 0.83)])
def test_whole_grid_comes_to_rest(file: str, load: float, changes: list[str], simulate: Simulate) -> None:
    grid = data_of(file)
    data = simulate("power_grid", f"network.layers.0.coupling.file=specs/data/{file}.npz", *changes)
    assert np.abs(data["states/velocity"].values[0, -1]).max() < 1e-4
    a, b = grid["edges"].T
    flow = np.sin(np.diff(data["states/phase"].values[0, -1][grid["edges"]], axis=1)[:, 0])
    balance = np.bincount(a, grid["weights"] * flow, 120) - np.bincount(b, grid["weights"] * flow, 120)
    assert -balance == pytest.approx(grid["power"], abs=2e-3)
    assert np.abs(flow).max() == pytest.approx(load, abs=0.01)


@pytest.mark.parametrize("changes", [["task.duration=80", "task.transient=20", GRIDS[0].values[0][2]], GRIDS[1]])
def test_grid_without_a_tie_falls_in_two(changes: list[str], simulate: Simulate) -> None:
    file = "coupling.file=specs/data/power_grid_cut.npz"
    frequencies = simulate("power_grid", f"network.layers.0.{file}", *changes)["summary/mean_frequency"].values[0]
    south, north = frequencies[:74].mean(), frequencies[74:].mean()
    assert north == pytest.approx(0.50, rel=0.1)  # elsewhere .492 and -.328
    assert south == pytest.approx(-0.34, rel=0.1)
    # Power sums to zero, so what damping takes from one area it gives to the other.
    damping = data_of("power_grid")["damping"]
    assert abs(damping @ frequencies) < 0.03 * damping @ np.abs(frequencies)


SHORT = ["task.ensemble.seeds=8", "task.duration=1.2", "task.transient=0.4"]


@pytest.mark.parametrize("changes", [SHORT, pytest.param([], marks=pytest.mark.slow)])
def test_delays_keep_the_brain_between_order_and_none(changes: list[str], simulate: Simulate) -> None:
    summary = simulate("connectome", *changes)["summary"].to_dataset()
    assert 0.35 < float(summary["order_parameter_mean"].mean()) < 0.70  # elsewhere .53 to .59 in 4 s
    assert float(summary["order_parameter_std"].mean()) > 0.1  # elsewhere .13 to .18


def test_without_delays_all_synchronise(simulate: Simulate) -> None:
    data = simulate(
        "connectome", "~network.layers.0.coupling.delay", "task.duration=0.6", "task.transient=0.3"
    )  # fmt: skip
    order = data["series/order_parameter"]
    assert float(order.where(order["time"] >= 0.3).min()) > 0.99


def test_the_board_of_the_spec_is_solved(simulate: Simulate) -> None:
    board = data_of("sudoku")
    phases = simulate("sudoku_kuramoto", "task.duration=60", "task.ensemble.seeds=2")["states/phase"][:, -1].values
    digits = np.cos(phases).reshape(-1, 81, 9).argmax(-1) + 1
    assert (digits == board["solution"]).all()
    assert (board["board"] == 0).sum() == 40


@pytest.fixture
def by_hand(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The example that fills in many boards at once."""
    monkeypatch.chdir(ROOT)
    found = importlib.util.spec_from_file_location("sudoku_by_hand", ROOT / "docs/examples/sudoku_by_hand.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def share(by_hand: ModuleType, boards: int, blanks: int, duration: float) -> float:
    given = by_hand.boards(boards, blanks, seed=1)
    assert ((given == 0).sum(axis=1) == blanks).all()
    return by_hand.solved(by_hand.fill_in(by_hand.network(), given, duration, seed=0), given).mean()


def test_a_board_counts_when_it_obeys_the_rules_and_keeps_its_givens(by_hand: ModuleType) -> None:
    full = by_hand.boards(3, 0, seed=0)
    answers = full.copy()
    answers[1, [0, 1]] = answers[1, [1, 0]]  # against the rules
    given = full.copy()
    given[2, 5] = full[2, 6]  # another given
    assert by_hand.solved(answers, np.where(np.arange(81) < 2, 0, full)).tolist() == [True, False, True]
    assert by_hand.solved(answers, given).tolist() == [True, False, False]


def test_repulsion_fills_in_boards_of_thirty_blanks(by_hand: ModuleType) -> None:
    assert share(by_hand, 16, 30, 60.0) > 0.9  # elsewhere 1.00


@pytest.mark.slow
@pytest.mark.parametrize(("blanks", "low", "high"), [(40, 0.9, 1.0), (50, 0.4, 0.95)])
def test_repulsion_fills_in_most_boards(blanks: int, low: float, high: float, by_hand: ModuleType) -> None:
    assert low <= share(by_hand, 40, blanks, 120.0) <= high  # elsewhere .99 +- .014 and .68 +- .09
