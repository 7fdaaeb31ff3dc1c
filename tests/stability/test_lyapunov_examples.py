"""Exponents of what comes with the project: a fish in waves, and a trained network that solves Sudoku."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from oscillo_tasks.sudoku.boards import generate
from oscillo_tasks.sudoku.solver import Solver

import oscillo
from oscillo.draws import Draws
from oscillo.network import Network
from oscillo.network.network import Way
from oscillo.stability import System, lyapunov_exponents
from oscillo.values import read_array

ROOT = Path(__file__).parents[2]


def fish(monkeypatch: pytest.MonkeyPatch) -> System:
    monkeypatch.chdir(ROOT)
    spec = oscillo.load("specs/fish.yaml")
    layer = oscillo.build(spec.network, spec.sites).layers[0].requires_grad_(False)
    shape = layer.shape
    arriving = torch.from_numpy(read_array("specs/data/fish.npz:stimulus")).float().flatten(-2)[None]
    drawn = Draws(0, torch.arange(1)).normal((*shape.sites, shape.components, shape.oscillators))
    return System(layer, layer.initial_state(layer.spread(drawn)), layer.dt.detach(), layer.stimulus_of(arriving))


def sudoku(boards: int, givens: tuple[int, int]) -> System:
    """The oscillators of the shipped network, at the beginning of their work on some boards."""
    model = Solver().model.requires_grad_(False)
    network = model.network
    assert isinstance(network, Network)
    puzzles = generate(boards, givens, seed=1, split="hard").puzzles
    draws = Draws(0, torch.arange(boards))
    features, initial = model.inputs(torch.from_numpy(np.asarray(puzzles)).long().view(-1, 9, 9), draws)  # pyright: ignore
    start = network.begin(features, initial, Way(network.steps_of(None), draws))
    layer = network.layers[network.iterated]
    return System(layer, start.state, layer.dt.detach(), start.stimulus)


def test_waves_through_a_fish(monkeypatch: pytest.MonkeyPatch) -> None:
    system = fish(monkeypatch).after(600)
    found = lyapunov_exponents(system, 4, steps=60, transient=60)
    assert found.degrees_of_freedom == 64 * 64 * 3
    assert found.exponents.isfinite().all()
    assert found.exponents.abs().max() < 0.2


@pytest.mark.slow
def test_waves_through_a_fish_are_regular(monkeypatch: pytest.MonkeyPatch) -> None:
    found = lyapunov_exponents(fish(monkeypatch).after(600), 4, steps=2000, transient=2000)
    first, second, third, fourth = found.exponents[0]
    assert first == pytest.approx(0, abs=1e-3)  # along the trajectory
    assert second == pytest.approx(-0.0048, abs=2e-3)
    assert third == pytest.approx(-0.0048, abs=2e-3)
    assert fourth == pytest.approx(-0.0575, abs=1e-3)
    assert found.dimension == pytest.approx(1, abs=0.1)  # a limit cycle: the same waves again and again


def test_a_trained_network() -> None:
    system = sudoku(2, (28, 32))
    found = lyapunov_exponents(system, 4, steps=64)
    assert found.degrees_of_freedom == 81 * 32 * 3
    assert found.exponents.isfinite().all()
    # At first disturbances die out, because the board says what the answer is.
    assert found.course[:, -1, 0].max() < 0.1
    alone = lyapunov_exponents(system.at(torch.tensor([1])), 4, steps=8)
    together = lyapunov_exponents(system, 4, steps=8)
    assert alone.exponents[0] == pytest.approx(together.exponents[1], abs=1e-3)
