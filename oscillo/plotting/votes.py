"""How selectors look in figures."""

from __future__ import annotations

from oscillo.plotting.style import INK, SeriesStyle, series_style

SELECTORS = {
    "energy_last": ("least energy", series_style(0)),
    "energy_sum": ("least sum of energies", series_style(2)),
    "confidence": ("highest confidence", series_style(1)),
    "majority": ("majority", series_style(3)),
    "pseudo_energy_last": ("least pseudo-energy", series_style(4)),
    "pseudo_energy_sum": ("least sum of pseudo-energies", series_style(6)),
}
"""Name and look of every selector, the same in all figures."""

ORACLE = SeriesStyle(INK, "", (0, (4, 1.5)))
"""Look of the bound: any of the answers is right."""
