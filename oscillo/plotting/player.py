"""A player of recorded oscillators in a page: what it shows, packed into the page within a budget of bytes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from oscillo.analysis import phase
from oscillo.analysis.states import population
from oscillo.plotting.members import spread_out
from oscillo.plotting.raster_figure import has_phases
from oscillo.plotting.scenes import Scene
from oscillo.plotting.site_colours import SiteColours
from oscillo.plotting.statistics import percent
from oscillo.plotting.style import CYCLIC, SEQUENTIAL

BUDGET = 2_400_000
"""Bytes of pixels in a page; as text they take a third more."""

_MOST_SCENES = 24
_MOST_SAMPLES, _MOST_TIMES = 8, 200
_FEW_SAMPLES, _FEW_TIMES = 3, 60
"""Samples and times that are kept as long as the budget allows."""

_MOST_SITES, _MOST_OSCILLATORS = 96, 320
"""Sites along an edge of a grid, and oscillators in a row; more would not be told apart."""

_GREY = 0.5
"""Colour of a state that is not finite: the sample has left, or diverged."""

_LEVELS = 255
"""Colours of a row of oscillators; one more is for what is not finite."""


class _Shown(NamedTuple):
    """What of a scene is shown."""

    samples: np.ndarray
    times: np.ndarray
    stride: int
    """Between the sites, or the oscillators, that are shown."""


def player_data(scenes: Sequence[Scene], budget: int = BUDGET, *, most_times: int = _MOST_TIMES) -> dict[str, Any]:
    """What the player shows of some scenes, as values that JSON can hold.

    Args:
        scenes: at least one.
        budget: bytes of pixels for all of them together; samples, times and sites are left out until they fit.
        most_times: times that are shown of a scene, if the budget allows.

    Returns:
        `scenes`, `palettes` (256 colours each, the last for what is not finite) and `left_out`, in words.
    """
    shown = scenes[:_MOST_SCENES]
    packed = [_packed(scene, budget // len(shown), most_times) for scene in shown]
    left = len(scenes) - len(shown)
    palettes = {"phase": _palette(CYCLIC), "value": _palette(SEQUENTIAL)}
    return {"scenes": packed, "palettes": palettes, "left_out": f"{left} more layers are in data.zarr." if left else ""}


def _packed(scene: Scene, budget: int, most_times: int) -> dict[str, Any]:
    shown = _choose(scene, budget, most_times)
    states = scene.states.isel({"sample": shown.samples, scene.along: shown.times})
    common = {
        "name": scene.name,
        "layer": scene.layer,
        "along": scene.along,
        "times": [float(f"{value:.6g}") for value in states[scene.along].values.astype(float)],
        "labels": [scene.labels[sample] for sample in shown.samples],
        "shown": _told(scene, shown),
        "trace": _trace(scene, shown),
    }
    return common | (_grid(states, shown.stride) if scene.on_grid else _row(states, shown.stride))


def _choose(scene: Scene, budget: int, most_times: int) -> _Shown:
    """Samples, times and sites that fit into the budget."""
    sizes = scene.states.sizes
    if scene.on_grid:
        stride = max(1, -(-max(sizes["y"], sizes["x"]) // _MOST_SITES))
        each = -(-sizes["y"] // stride) * -(-sizes["x"] // stride) * 3
    else:
        count = _oscillators(scene.states)
        stride = max(1, -(-count // _MOST_OSCILLATORS))
        each = -(-count // stride)
    samples, times = min(sizes["sample"], _MOST_SAMPLES), min(sizes[scene.along], most_times)
    while samples * times * each > budget and (samples > 1 or times > 2):
        if samples > _FEW_SAMPLES or (samples > 1 and times <= _FEW_TIMES):
            samples -= 1
        else:
            times = max(2, times * 4 // 5)
    return _Shown(_spread(sizes["sample"], samples), _spread(sizes[scene.along], times), stride)


def _oscillators(states: xr.DataArray) -> int:
    """How many stand in a row."""
    outer = {"sample", "time", "step", "component"}
    return int(np.prod([size for dim, size in states.sizes.items() if dim not in outer]))


def _spread(count: int, most: int) -> np.ndarray:
    return spread_out(np.ones(count, bool), most)


def _told(scene: Scene, shown: _Shown) -> str:
    """What of the record is shown, where that is not all of it."""
    sizes, parts = scene.states.sizes, []
    for count, size, word in (
        (len(shown.samples), sizes["sample"], "samples"), (len(shown.times), sizes[scene.along], f"{scene.along}s"),
    ):  # fmt: skip
        if count < size:
            parts.append(f"{count:,} of {size:,} {word}")
    if shown.stride > 1:
        each = f"{shown.stride}{ {2: 'nd', 3: 'rd'}.get(shown.stride, 'th') }"
        parts.append(f"every {each} site along each edge" if scene.on_grid else f"every {each} oscillator")
    return f"Shown: {', '.join(parts)}, evenly spread." if parts else ""


def _grid(states: xr.DataArray, stride: int) -> dict[str, Any]:
    """Colours of a grid, [sample, time, y, x, 3]."""
    states = states.isel(y=slice(None, None, stride), x=slice(None, None, stride)).load()
    along = next(dim for dim in ("time", "step") if dim in states.dims)
    ordered = states.transpose("sample", along, ...)
    finite = xr.ufuncs.isfinite(ordered).all([dim for dim in ordered.dims if dim not in ("sample", along)]).values
    frames = ordered.stack(frame=("sample", along), create_index=False).transpose("frame", ...)
    flat = finite.ravel()
    colours = SiteColours.fit(frames.isel(frame=np.flatnonzero(flat))) if flat.any() else None
    images = np.full((flat.size, states.sizes["y"], states.sizes["x"], 3), _GREY, np.float32)
    if colours is not None:
        for frame in np.flatnonzero(flat):
            images[frame] = colours.image(frames.isel(frame=frame))
    legend: dict[str, Any] = {"colours": "components", "label": "state"}
    if colours is not None and colours.scale is not None:
        kind = "phase" if has_phases(states) else "value"
        legend = {
            "colours": kind,
            "label": colours.label,
            "ends": [float(f"{end:.4g}") for end in colours.scale.get_clim()],
        }
    elif colours is not None and colours.explained is not None:
        legend["label"] = f"{colours.label} ({percent(float(colours.explained.sum()))} of the variance)"
    pixels = (images * 255).round().astype(np.uint8)
    return {"kind": "grid", "height": images.shape[1], "width": images.shape[2], "pixels": _text(pixels), **legend}


def _row(states: xr.DataArray, stride: int) -> dict[str, Any]:
    """Numbers of the palette for oscillators in a row, [sample, time, oscillator], and their means on the circle."""
    along = next(dim for dim in ("time", "step") if dim in states.dims)
    phases = has_phases(states)
    values = phase(states) if phases else states.isel(component=0) if "component" in states.dims else states
    rows = population(values).transpose("sample", along, "oscillator").values.astype(np.float64)
    found: dict[str, Any] = {"kind": "row"}
    if phases:
        mean = np.exp(1j * rows).mean(axis=-1)
        found |= {"colours": "phase", "label": "phase (rad)", "ends": [-np.pi, np.pi], "mean": _complex(mean)}
        if (sizes := _amplitudes(states, along)) is not None:
            found |= {"radius": _text(_indices(sizes[..., ::stride], 0.0, sizes[np.isfinite(sizes)].max()))}
    else:
        known = rows[np.isfinite(rows)]
        ends = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        label = str(states.attrs.get("long_name", states.name)) + (
            ", first component" if "component" in states.dims else ""
        )
        found |= {"colours": "value", "label": label, "ends": [float(f"{end:.4g}") for end in ends]}
    low, high = found["ends"]
    rows = rows[..., ::stride]
    return found | {"width": rows.shape[-1], "height": 1, "step": stride, "pixels": _text(_indices(rows, low, high))}


def _amplitudes(states: xr.DataArray, along: str) -> np.ndarray | None:
    """Lengths of planar states, [sample, time, oscillator]; None where all of them are one."""
    if "component" not in states.dims:
        return None
    lengths = xr.ufuncs.sqrt(population((states**2).sum("component", skipna=False)))
    sizes = lengths.transpose("sample", along, "oscillator").values
    return None if np.allclose(sizes[np.isfinite(sizes)], 1.0, atol=1e-3) else sizes


def _indices(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Numbers from 0 to 254 between two ends; 255 for what is not finite."""
    share = (values - low) / ((high - low) or 1.0)
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(share), np.clip(share * (_LEVELS - 1), 0, _LEVELS - 1).round(), _LEVELS).astype(
            np.uint8
        )


def _complex(mean: np.ndarray) -> list[list[list[float | None]]]:
    """[sample][time] of real and imaginary part; null where they are not finite."""
    return [[[_short(z.real), _short(z.imag)] for z in row] for row in mean]


def _trace(scene: Scene, shown: _Shown) -> dict[str, Any] | None:
    if scene.traces is None:
        return None
    values = scene.traces.isel({"sample": shown.samples, scene.along: shown.times})
    if not np.isfinite(values.values).any():
        return None
    label = str(values.attrs.get("long_name", values.name)).replace("_", " ")
    return {"label": label, "values": [[_short(value) for value in row] for row in values.values]}


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if np.isfinite(value) else None


def _palette(name: str) -> str:
    from matplotlib import colormaps

    colours = colormaps[name](np.linspace(0, 1, _LEVELS))[:, :3]
    return _text((np.concatenate([colours, np.full((1, 3), _GREY)]) * 255).round().astype(np.uint8))


def _text(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode("ascii")
