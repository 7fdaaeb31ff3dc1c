"""Many Sudoku boards at once by hand-set couplings: share solved against the number of blank cells.

The network is that of specs/sudoku_kuramoto.yaml, which declares one board as its stimulus. Here the stimulus is
conditional, so that every sample of a batch has a board of its own. Nothing is trained. Any valid completion counts:
boards with many blanks have several.

    python docs/examples/sudoku_by_hand.py --boards 40 --starts 4
"""

from __future__ import annotations

import argparse
from math import pi

import numpy as np
import torch
from oscillo_tasks.sudoku.boards import BlockShape, contradictions
from oscillo_tasks.sudoku.boards.grids import random_grids
from torch import Tensor

import oscillo
from oscillo.network import Network

BLOCK = BlockShape(3, 3)
GIVEN, BLANK = 15.0, -7.0
"""Stimulus of the digits of a given (minus that of those it is not), and of all nine of a blank cell."""


def network() -> Network:
    """729 phases, nine for each cell: 0 is on, pi is off."""
    declared = oscillo.load("specs/sudoku_kuramoto.yaml").network.model_dump(mode="json")
    declared["layers"][0]["stimulus"] = {"kind": "conditional"}
    return oscillo.build(declared)


def boards(count: int, blanks: int, seed: int) -> np.ndarray:
    """Random solution grids with that many random cells blank, [board, cell], 0 for a blank."""
    generator = np.random.default_rng([seed, blanks])
    grids = random_grids(count, BLOCK, generator)
    hidden = generator.random(grids.shape).argsort(axis=1) < blanks
    return np.where(hidden, 0, grids)


def features(given: np.ndarray) -> Tensor:
    """What the conditional stimulus takes, [board, channel]: for each oscillator its pull along cos, then along sin."""
    digits = torch.as_tensor(given)[..., None]
    pull = torch.where(digits == torch.arange(1, 10), GIVEN, -GIVEN)
    along_cos = torch.where(digits > 0, pull, BLANK).flatten(1)
    return torch.cat((along_cos, torch.zeros_like(along_cos)), dim=1)


def fill_in(net: Network, given: np.ndarray, duration: float, seed: int) -> np.ndarray:
    """Boards as the oscillators fill them in, [board, cell]: of each cell the digit that is nearest to on."""
    generator = torch.Generator().manual_seed(seed)
    start = pi / 2 + 0.02 * torch.randn(len(given), 1, 729, generator=generator)
    with torch.no_grad():
        steps = round(duration / float(net.layers[0].dt))
        phases = net(features(given), start, steps=[steps]).states[0]["x"]
    return phases.reshape(len(given), 81, 9).cos().argmax(-1).numpy() + 1


def solved(answers: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Whether boards obey the rules and keep the givens, [board]."""
    wrong = list(contradictions(answers, BLOCK))
    right = ((given == 0) | (answers == given)).all(axis=1)
    right[wrong] = False
    return right


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--boards", type=int, default=40, help="boards for each number of blanks")
    parser.add_argument(
        "--blanks", type=int, nargs="+", default=[10, 20, 30, 40, 50, 60], help="numbers of blank cells"
    )
    parser.add_argument("--starts", type=int, default=1, help="initial states of each board")
    parser.add_argument("--duration", type=float, default=120.0, help="time to simulate")
    chosen = parser.parse_args()
    net = network()
    print("| blanks | solved | by any of the starts |\n|---|---|---|")
    for blanks in chosen.blanks:
        given = boards(chosen.boards, blanks, seed=0).repeat(chosen.starts, axis=0)
        found = solved(fill_in(net, given, chosen.duration, seed=blanks), given).reshape(chosen.boards, chosen.starts)
        print(f"| {blanks} | {found.mean():.3f} | {found.any(axis=1).mean():.3f} |", flush=True)


if __name__ == "__main__":
    main()
