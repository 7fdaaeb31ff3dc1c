"""Analysis of what was recorded: arrays in, numbers and arrays out."""

from oscillo.analysis.separation import pair_auc, share_below

__all__ = ["pair_auc", "share_below"]
