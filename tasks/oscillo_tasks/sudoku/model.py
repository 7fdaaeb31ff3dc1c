"""The model around the oscillators: digits in, digit logits out."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from oscillo.draws import Draws
from oscillo.network import PLAIN, Network, NetworkObserver, Unrolling


class SudokuModel(nn.Module):
    """Digit embedding, oscillator network, digit logits (Miyato et al. 2025, AKOrN, section 5.2).

    Given cells start as their embedding and blank ones as standard normal numbers. The givens are not clamped: all
    cells evolve alike, held by the stimulus, which is the embedding of the board.
    """

    def __init__(self, network: Network, digits: int, *, rectify: bool = True) -> None:
        super().__init__()
        self.digits, self.rectify = digits, rectify
        self.embedding = nn.Embedding(digits + 1, network.channels_in)
        self.network = network
        self.head = nn.Linear(network.channels_out, digits)

    def forward(
        self, puzzles: Tensor, draws: Draws | None = None, *, noise: Tensor | None = None, steps: int | None = None,
        observe: NetworkObserver | None = None, unrolling: Unrolling = PLAIN,
    ) -> Tensor:  # fmt: skip
        """Logits of the digits 1 .. n of every cell.

        Args:
            puzzles: digits, 0 for a blank, integer [sample, row, column].
            draws: key of the random initial states of the blank cells.
            noise: the random numbers themselves, [sample, row, column, component, oscillator], in place of `draws`.
            steps: steps to take in place of the declared ones.
            observe: told every state; see `oscillo.network.Network`.
            unrolling: lead-in and gradient checkpointing, for training.

        Returns:
            [sample, row, column, digit].
        """
        features, initial = self.inputs(puzzles, draws, noise=noise)
        output = self.network(features, initial, steps=steps, draws=draws, observe=observe, unrolling=unrolling)
        return self.answer(output.features)

    def inputs(
        self, puzzles: Tensor, draws: Draws | None = None, *, noise: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Features [sample, row, column, channel] of boards, and the initial states of the first layer.

        A block starts from the features alone: it has None.
        """
        features = self.embedding(puzzles)
        if self.network.layers[0].starts_from_features:
            return features, None
        stimulus = self.network.shapes[0].split(features)
        if noise is None:
            if draws is None:
                raise ValueError("the blank cells start at random: give `draws` or `noise`")
            noise = draws.normal(tuple(stimulus.shape[1:]))
        return features, stimulus.where((puzzles > 0)[..., None, None], noise.to(stimulus.dtype))

    def answer(self, features: Tensor) -> Tensor:
        """Logits [sample, row, column, digit] of the last readout's features [sample, row, column, channel]."""
        return self.head(F.relu(features) if self.rectify else features)
