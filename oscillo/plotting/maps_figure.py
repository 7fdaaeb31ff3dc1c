"""The grid at some times, in colours that are the same throughout: samples below one another, or layers."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from oscillo.analysis.states import Data, states, time_of
from oscillo.plotting.members import member_labels, moment, moments, one_sample, spread_out, titled
from oscillo.plotting.site_colours import SiteColours, draw_map
from oscillo.plotting.statistics import percent
from oscillo.plotting.style import colour_bar, headline, new_figure, style

_SAMPLES, _TIMES = 3, 6


@style()
def maps_figure(data: Data, name: str = "") -> Figure:
    """Draw the sites of a grid at some times, coloured by their phase or by principal components.

    Samples that have diverged are left out. Of a tree with the groups `layer0`, `layer1`, ... the first sample is drawn
    layer by layer, each layer in colours of its own, at times from its first to its last; of one layer all samples are.

    Args:
        data: phases or states (sample, time, y, x, [component], oscillator), with or without `sample`; or a tree of
            layers.
        name: of the run.

    Raises:
        ValueError: when there is no grid or no time, or all samples have diverged.
    """
    layers = sorted(key for key in data.children if key.startswith("layer")) if isinstance(data, xr.DataTree) else []
    if not isinstance(data, xr.DataTree) or not layers:
        return _by_sample(data, name)
    groups = {key.replace("layer", "layer "): data[key].to_dataset() for key in layers}
    if len(groups) == 1:
        return _by_sample(next(iter(groups.values())), name)
    rows = [(title, one_sample(states(group)).isel(sample=0)) for title, group in groups.items()]
    colours = [SiteColours.fit(values) for _, values in rows]
    return _drawn(rows, colours, titled(name, f"the grid at some times, in each of {len(rows)} layers"))


def _by_sample(data: Data, name: str) -> Figure:
    values = one_sample(states(data))
    along = time_of(values, "maps", 1)
    ends = values.isel({along: -1})
    finite = np.isfinite(ends.transpose("sample", ...).values).reshape(ends.sizes["sample"], -1).all(axis=1)
    if not finite.any():
        raise ValueError("all samples have diverged: no state at the last time is finite")
    chosen, labels = spread_out(finite, _SAMPLES), member_labels(values)
    values = values.isel(sample=chosen)
    colours = SiteColours.fit(values)
    rows = [(labels[sample], values.isel(sample=row)) for row, sample in enumerate(chosen)]
    return _drawn(rows, [colours] * len(rows), titled(name, "the grid at some times"))


def _drawn(rows: list[tuple[str, xr.DataArray]], colours: list[SiteColours], finding: str) -> Figure:
    """A row of maps for each of some trajectories without samples."""
    along = [time_of(values, "maps", 1) for _, values in rows]
    places = [moments(values.sizes[dim], _TIMES) for (_, values), dim in zip(rows, along, strict=True)]
    columns = max(map(len, places))
    figure = new_figure(1.5 * columns + 0.7, 1.6 * len(rows) + 0.85)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    together = (
        len({tuple(values[dim].values[at]) for (_, values), dim, at in zip(rows, along, places, strict=True)}) == 1
    )
    for row, (title, values) in enumerate(rows):
        for axes, place in zip(grid[row], places[row], strict=False):
            draw_map(axes, colours[row].image(values.isel({along[row]: place})))
            if row == 0 or not together:
                axes.set_title(moment(values, along[row], place))
        for axes in grid[row][len(places[row]) :]:
            axes.set_axis_off()
        grid[row][0].set_ylabel(title)
    scale = next((one.scale for one in colours if one.scale is not None), None)
    if scale is not None and all(one is colours[0] for one in colours):
        colour_bar(figure, scale, grid.ravel(), colours[0].label)
    headline(figure, finding, _caption(rows, colours))
    return figure


def _caption(rows: list[tuple[str, xr.DataArray]], colours: list[SiteColours]) -> str:
    if all(one is colours[0] for one in colours):
        if colours[0].explained is None:
            return ""
        held = percent(float(colours[0].explained.sum()))
        return f"Colour: {colours[0].label}, fitted once to all times; they hold {held} of the variance."
    told = [
        f"{title} {one.label if one.explained is None else percent(float(one.explained.sum()))}"
        for (title, _), one in zip(rows, colours, strict=True)
    ]  # fmt: skip
    return (
        f"Colour: {colours[0].label}, fitted once to all times of a layer; each layer has colours of its own. Share of "
        f"the variance that is shown: {', '.join(told)}."
    )
