"""Figures of a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figures(run: Any) -> dict[str, Figure]:
    """All figures that the recorded numbers allow, by name."""
    return {}
