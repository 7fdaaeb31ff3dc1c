"""Power spectra: how fast what was recorded goes to and fro."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from oscillo import analysis
from oscillo.analysis.states import Data
from oscillo.plotting.members import member_labels, one_sample, spread_out, titled
from oscillo.plotting.style import headline, new_figure, series_style, style

_SAMPLES = 7

_POWER = 0.999
"""Share of the power that the axis of frequencies shows at least."""

_RANGE = 1e-8
"""Share of the largest density below which nothing is drawn: there is rounding."""


@style()
def spectrum_figure(data: Data, name: str = "", segments: int = 4) -> Figure:
    """Draw power spectral densities against the angular frequency, a line for each sample.

    Of states it is the mean over all oscillators and components, sites included.

    Args:
        data: phases, states or a series (sample, time, ...), with or without `sample`.
        name: of the run.
        segments: how many segments the record is cut into; fewer resolve more, and are noisier.

    Raises:
        ValueError: when there is no time, it is not even, or the segments are too short.
    """
    found = one_sample(analysis.spectrum(data, segments))
    over = [dim for dim in found.dims if dim not in ("sample", "frequency")]
    density = found.mean(over, keep_attrs=True).transpose("sample", "frequency")
    chosen, labels = spread_out(np.ones(density.sizes["sample"], bool), _SAMPLES), member_labels(density)
    figure = new_figure(7.0, 3.4)
    axes = figure.subplots()
    frequency, unit = density["frequency"].values, density["frequency"].attrs["units"]
    shown = density.values[chosen][:, 1:][:, frequency[1:] <= _end(density)]
    # The mean was taken off, so the lowest frequency tells nothing.
    for i, sample in enumerate(chosen):
        look = series_style(i).marked_line(shown.shape[1], i, len(chosen)) if any(labels) else series_style(i).line
        axes.plot(frequency[1:], density.values[sample, 1:], **look, label=labels[sample], linewidth=1.2)
    axes.set(yscale="log", xlim=(0, _end(density)), xlabel=f"angular frequency ({unit})")
    positive = shown[np.isfinite(shown) & (shown > 0)]
    if positive.size:
        axes.set_ylim(positive[positive > _RANGE * positive.max()].min() / 2, positive.max() * 2)
    axes.set_ylabel(f"power spectral density\n({density.attrs['units']})")
    if any(labels):
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    mean = "Mean over oscillators and components. " if over else ""
    low = axes.get_ylim()[0]
    unseen = [labels[sample] for sample, line in zip(chosen, shown, strict=True) if not (line > low).any()]
    below = f" Below the frame, as what hardly moves: {', '.join(unseen)}." if any(unseen) else ""
    caption = f"{mean}Welch's method, {segments} segments; resolution {frequency[1]:.3g} {unit}.{below}"
    headline(figure, titled(name, f"spectrum of {_subject(found)}"), caption)
    return figure


def _end(density: xr.DataArray) -> float:
    """Where most of the power has come, and half as much again."""
    total = density.values[:, 1:].cumsum(axis=1)
    share = np.nanmax(np.where(total[:, -1:] > 0, _POWER * total[:, -1:], np.nan) > total, axis=0).sum()
    frequency = density["frequency"].values
    return float(min(1.5 * frequency[1 + min(int(share), len(frequency) - 2)], frequency[-1]))


def _subject(found: xr.DataArray) -> str:
    return str(found.attrs["long_name"]).removeprefix("power spectral density of ")
