"""Paths and clouds of states in few dimensions: principal components, and t-SNE beside them."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from oscillo.analysis.components import Of, StateBlocks, pca
from oscillo.analysis.states import Data, recorded, time_of
from oscillo.plotting.members import member_labels, one_sample, spread_out, titled
from oscillo.plotting.statistics import percent
from oscillo.plotting.style import INK, SEQUENTIAL, colour_bar, headline, new_figure, series_style, style

Method = Literal["pca", "tsne"]

_PATHS = 7

_POINTS = 1000
"""Points of a cloud; t-SNE takes seconds for them."""

_REDUCED = 30
"""Principal components that t-SNE starts from; what comes after them is mostly noise."""

_CATEGORIES = 7


@style()
def trajectory_figure(data: Data, name: str = "") -> Figure:
    """Draw the path of the whole network's state along its first three principal components, for some samples.

    Args:
        data: phases or states (sample, time, ..., oscillator), with or without `sample`.
        name: of the run.

    Raises:
        ValueError: when there is no time, or numbers are not finite.
    """
    values = one_sample(recorded(data))
    along, width = time_of(values, "a trajectory"), StateBlocks(values, "network").width
    found = pca(values, n=min(3, width))
    paths, labels = found["score"].transpose("sample", along, "principal"), member_labels(values)
    chosen = spread_out(np.ones(values.sizes["sample"], bool), _PATHS)
    figure = new_figure(6.6, 4.6)
    axes: Any = figure.add_subplot(projection="3d" if width > 2 else None)
    for i, sample in enumerate(chosen):
        look, path = series_style(i), paths.isel(sample=sample).values.T
        last: dict[str, Any] = look.line | look.mark | {"markevery": [-1], "markersize": 6}
        axes.plot(*path, **last, linewidth=1.1, label=labels[sample])
        axes.plot(*path[:, :1], linestyle="none", marker=".", color=look.color, markersize=6)
    for place, side in enumerate("xyz"[: len(found["principal"])]):
        getattr(axes, f"set_{side}label")(_axis(found, place))
        getattr(axes, f"{side}axis").set_major_locator(MaxNLocator(5))
    if width > 2:
        axes.set_box_aspect(None, zoom=0.9)
    if any(labels):
        axes.legend(loc="center left", bbox_to_anchor=(1.06, 0.5))
    shown = percent(float(found["explained"].sum()))
    caption = (
        "Positions of the state of all oscillators along principal components, fitted to all samples and times; they "
        f"hold {shown} of the variance. Dot: the first time; mark: the last."
    )
    headline(figure, titled(name, "the path of the whole network's state"), caption)
    return figure


@style()
def embedding_figure(
    data: Data, name: str = "", method: Method = "pca", of: Of = "network", colour: str | None = None, seed: int = 0
) -> Figure:
    """Draw states as points in the plane: along two principal components, and by t-SNE beside that where asked for.

    Points that are close by t-SNE (van der Maaten & Hinton 2008, J. Mach. Learn. Res. 9, 2579) have been close before;
    distances between groups and the size of groups mean nothing there, and it needs scikit-learn.

    Args:
        data: phases or states (..., time, ..., oscillator). Choose a time before, as in `.isel(time=-1)`, for a
            picture of it alone.
        name: of the run.
        method: `pca`, or `tsne` for both.
        of: what a point is: the state of the whole `network`, of a `site`, or of an `oscillator`.
        colour: name of the coordinate that colours the points; left out, the time. Words, truth values and few whole
            numbers are told apart by mark and colour, others along a scale.
        seed: of t-SNE.

    Raises:
        ValueError: when there are too few points, numbers are not finite, or there is no such coordinate.
        ImportError: when scikit-learn is wanted and not there.
    """
    if method not in ("pca", "tsne"):
        raise ValueError(f"`method` is `pca` or `tsne`, and it is {method!r}")
    embed = _tsne() if method == "tsne" else None
    values = recorded(data)
    width = StateBlocks(values, of).width
    found = pca(values, n=min(_REDUCED if embed else 2, width), of=of)
    cloud = found["score"].stack(point=[dim for dim in found["score"].dims if dim != "principal"], create_index=False)
    cloud = cloud.transpose("point", "principal")
    chosen = spread_out(np.ones(cloud.sizes["point"], bool), _POINTS)
    shown = cloud.isel(point=chosen)
    if len(chosen) < 4:
        raise ValueError(f"an embedding needs four points and more, and there are {len(chosen)}")
    colours = _colours(found["score"], colour, chosen)
    figure = new_figure(8.6 if embed else 5.6, 4.3)
    panels = figure.subplots(1, 2 if embed else 1, squeeze=False)[0]
    picture = _draw_cloud(panels[0], shown.values[:, :2], colours)
    panels[0].set(xlabel=_axis(found, 0), ylabel=_axis(found, 1))
    if embed:
        picture = _draw_cloud(panels[1], embed(shown.values, seed), colours)
        panels[0].set_title("principal components")
        panels[1].set(title="t-SNE", xlabel="t-SNE 1", ylabel="t-SNE 2")
    if picture is not None:
        colour_bar(figure, picture, panels, _named(colours))
    elif colours is not None:
        panels[-1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), title=_named(colours))
    caption = _caption(len(chosen), cloud.sizes["point"], seed, embed)
    headline(figure, titled(name, f"states of {_whose(of)} as points"), caption)
    return figure


def _tsne() -> Any:
    """What embeds vectors [point, feature] in the plane.

    Raises:
        ImportError: when scikit-learn is not there.
    """
    try:
        from sklearn.manifold import TSNE
    except ImportError as error:
        raise ImportError("t-SNE needs scikit-learn: pip install 'oscillo[embedding]'") from error

    def embed(vectors: np.ndarray, seed: int) -> np.ndarray:
        # From principal components, which keeps the large picture (Kobak & Linderman 2021, Nat. Biotechnol. 39, 156);
        # a little noise makes the seed count, so that another one shows what is by chance.
        start = np.zeros((len(vectors), 2))
        start[:, : vectors.shape[1]] = 1e-4 * vectors[:, :2] / (vectors[:, 0].std() or 1.0)
        start += 1e-5 * np.random.default_rng(seed).normal(size=start.shape)
        perplexity = min(30.0, (len(vectors) - 1) / 3)
        tsne = TSNE(2, perplexity=perplexity, init=start, random_state=seed)  # pyright: ignore[reportArgumentType]
        return tsne.fit_transform(vectors)

    return embed


def _colours(score: xr.DataArray, name: str | None, chosen: np.ndarray) -> xr.DataArray | None:
    """What colours the points, along `point`.

    Raises:
        ValueError: when there is no such coordinate.
    """
    each = score.isel(principal=0, drop=True)
    there = [*each.dims, *(key for key, c in each.coords.items() if c.ndim and key not in each.dims)]
    if name is None:
        name = next((key for key in ("time", "step") if key in there), None)
        if name is None:
            return None
    if name not in there:
        raise ValueError(
            f"there is no coordinate `{name}` along the points, only {', '.join(map(str, there)) or 'none'}; add it "
            "with `.assign_coords`"
        )
    # A dimension without coordinate counts from 0.
    spread = each[name].drop_vars(list(each[name].coords)).broadcast_like(each)
    row = spread.transpose(*each.dims).stack(point=each.dims, create_index=False)
    return row.isel(point=chosen).rename(name)


def _draw_cloud(axes: Axes, points: np.ndarray, colours: xr.DataArray | None) -> Any:
    """Points, [point, 2]; returns what a bar of colours is made of where there is a scale."""
    if points.shape[1] < 2:
        points = np.column_stack([points, np.zeros(len(points))])
    if colours is None:
        axes.scatter(*points.T, s=12, color=series_style(0).color, alpha=0.6, linewidths=0)
        return None
    values = colours.values
    kinds = np.unique(values)
    if len(kinds) <= _CATEGORIES and not np.issubdtype(values.dtype, np.floating):
        for i, kind in enumerate(kinds):
            look, here = series_style(i), values == kind
            face = look.color if look.filled else "none"
            axes.scatter(
                *points[here].T, s=16, marker=look.marker, facecolor=face, edgecolor=look.color, linewidths=0.8,
                alpha=0.8, label=str(kind),
            )  # fmt: skip
        return None
    norm = Normalize(float(values.min()), float(values.max()))
    return axes.scatter(*points.T, s=12, c=values, cmap=SEQUENTIAL, norm=norm, linewidths=0.2, edgecolor=INK)


def _axis(found: xr.Dataset, place: int) -> str:
    if place >= found.sizes["principal"]:
        return ""
    return f"PC {place + 1} ({percent(float(found['explained'][place]))})"


def _named(colours: xr.DataArray | None) -> str:
    return "" if colours is None else str(colours.name).replace("_", " ")


def _whose(of: Of) -> str:
    return {"network": "the whole network", "site": "single sites", "oscillator": "single oscillators"}[of]


def _caption(shown: int, there: int, seed: int, embed: Any) -> str:
    text = f"{shown:,} of {there:,} states, evenly spread. " if shown < there else ""
    text += "Beside the axes: share of the variance."
    if embed:
        text += (
            f" t-SNE (seed {seed}) keeps who is close to whom; distances between groups, and their sizes, mean nothing."
        )
    return text
