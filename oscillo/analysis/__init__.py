"""Analysis of what was recorded: arrays in, numbers and arrays out."""

from oscillo.analysis.separation import pair_auc, pair_count, share_below
from oscillo.analysis.votes import SELECTOR_NAMES, Votes

__all__ = ["SELECTOR_NAMES", "Votes", "pair_auc", "pair_count", "share_below"]
