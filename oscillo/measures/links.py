"""Links of a graph, as measures on graphs take them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Links(NamedTuple):
    """Directed links of a graph whose nodes are the oscillators, in coordinate form.

    An undirected edge stands for two links, one in each direction.
    """

    targets: Tensor
    """The oscillator that feels, int64 [link]."""
    sources: Tensor
    """The oscillator that is felt, int64 [link]."""
    weights: Tensor | None = None
    """Weight of each link, [link]; all 1 when not given."""

    @classmethod
    def from_rows(cls, rows: Tensor, columns: Tensor, weights: Tensor | None = None) -> Links:
        """Links of a matrix in CSR form, whose rows are the oscillators that feel.

        Args:
            rows: where each row begins, int64 [oscillator + 1].
            columns: the sources, int64 [link].
            weights: the matrix's values, [link].
        """
        targets = torch.repeat_interleave(torch.arange(len(rows) - 1, device=rows.device), rows.diff())
        return cls(targets, columns, weights)

    def gather(self, values: Tensor) -> Tensor:
        """Sums of weighted values over the links that reach each oscillator.

        Args:
            values: a number at the source of each link, [..., oscillator].

        Returns:
            Sums, [..., oscillator]. The order of summation is not fixed on a GPU, unless PyTorch is told to.
        """
        carried = values.index_select(-1, self.sources)
        if self.weights is not None:
            carried = carried * self.weights.to(values.dtype)
        return torch.zeros_like(values).index_add(-1, self.targets, carried)
