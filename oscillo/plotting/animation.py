"""Animations of recorded oscillators: GIF, mp4, or a page with a player; frame by frame, so memory stays small."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from oscillo.plotting.members import moment
from oscillo.plotting.phase_circles import draw_circle
from oscillo.plotting.raster_figure import draw_raster, has_phases, raster_label, raster_scale
from oscillo.plotting.scenes import SIMULATION, Scene
from oscillo.plotting.site_colours import SiteColours, draw_map
from oscillo.plotting.style import INK, SHADE, new_figure, series_style, style

Form = Literal["gif", "html", "mp4"]

FORMS: tuple[Form, ...] = ("gif", "html", "mp4")

_DOTS_PER_INCH = 120

_COLOURS = 255
"""Of a frame of a GIF; the last of its 256 numbers says that a dot is as it was."""

Advance = Callable[[int], None]
"""Told how many frames are drawn."""


class VideoMissing(ValueError):
    """There is nothing that writes mp4; the message says how to get it."""


@dataclass(frozen=True, eq=False)
class Animation:
    """Oscillators of one sample in one layer along time.

    Attributes:
        scene: where they come from.
        sample: its place along `sample`.
        times: places along time, one for each frame.
        name: of the run.
    """

    scene: Scene
    sample: int
    times: np.ndarray
    name: str

    @property
    def states(self) -> xr.DataArray:
        """What is drawn, (time or step, ...)."""
        return self.scene.states.isel({"sample": self.sample, self.scene.along: self.times})

    @property
    def title(self) -> str:
        """What it is of."""
        many = self.scene.states.sizes["sample"] > 1
        where = "" if self.scene.name == SIMULATION else f"{self.scene.name}, layer {self.scene.layer}"
        return ", ".join(filter(None, [self.name, where, self.scene.labels[self.sample] if many else ""]))


def finite_times(scene: Scene, sample: int, times: np.ndarray) -> np.ndarray:
    """Those of some times at which the states are finite: a sample may have left early, or diverged."""
    states = (scene.states.isel({"sample": sample, scene.along: int(time)}) for time in times)
    return times[np.array([bool(np.isfinite(state.values).all()) for state in states], dtype=bool)]


def write_animation(animation: Animation, out: Path, form: Form, fps: float, advance: Advance = lambda _: None) -> Path:
    """Draw an animation into a file, which is there when it is whole, and not before.

    Args:
        animation: what is drawn.
        out: the file.
        form: `gif`, `html` (a page with a player) or `mp4`.
        fps: frames a second; in a page they are chosen there.
        advance: told after every frame.

    Raises:
        VideoMissing: for mp4 where neither ffmpeg nor imageio-ffmpeg is installed.
        ValueError: when states are not finite.
        OSError: when the file cannot be written.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    if form == "html":
        return _write_player(animation, out)
    partial = out.with_name(f"{out.name}.{uuid4().hex}.partial")
    try:
        frames = _counted(drawn_frames(animation), advance)
        if form == "gif":
            _write_gif(frames, partial, fps)
        else:
            _write_mp4(frames, partial, fps)
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
    return out


def drawn_frames(animation: Animation) -> Iterator[np.ndarray]:
    """The frames one after the other, uint8 [row, column, 3], all of one size and with the same colours and limits."""
    with style():
        figure, draw = _grid(animation) if animation.scene.on_grid else _row(animation)
        canvas = FigureCanvasAgg(figure)
        figure.suptitle(animation.title, x=0.02, ha="left", fontsize=10, fontweight="bold", color=INK)
        stamp = figure.text(0.98, 0.985, "", ha="right", va="top", fontsize=10, color=INK)
        for number in range(len(animation.times)):
            draw(number)
            stamp.set_text(moment(animation.states, animation.scene.along, number))
            if number == 0:
                figure.draw_without_rendering()  # parts are arranged once: what moves must not move the rest
                figure.set_layout_engine("none")
            canvas.draw()
            yield np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _grid(animation: Animation) -> tuple[Figure, Callable[[int], None]]:
    """A grid of colours."""
    states = animation.states
    colours = SiteColours.fit(states)
    height, width = states.sizes["y"], states.sizes["x"]
    figure = new_figure(*_even(4.6, 4.6 * height / width + 0.5))
    axes = figure.subplots()
    first = draw_map(axes, colours.image(states.isel({animation.scene.along: 0})))
    if colours.scale is not None:
        figure.colorbar(colours.scale, ax=axes, fraction=0.045, pad=0.02).set_label(colours.label)
    else:
        axes.set_xlabel(f"Colour: {colours.label}", fontsize=7.5, color=SHADE)

    def draw(number: int) -> None:
        first.set_data(colours.image(states.isel({animation.scene.along: number})))

    return figure, draw


def _row(animation: Animation) -> tuple[Figure, Callable[[int], None]]:
    """Oscillators without a grid: on the circle where they have phases, and against time with a moving line."""
    states, along = animation.states, animation.scene.along
    phases = has_phases(states)
    figure = new_figure(*_even(8.4 if phases else 6.0, 3.9))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.35]) if phases else (None, figure.subplots())
    scale = raster_scale(states)
    draw_raster(right, states, scale)
    right.set_xlabel(along)
    figure.colorbar(scale, ax=right, fraction=0.045, pad=0.02).set_label(raster_label(states))
    line = right.axvline(float(states[along].values[0]), color=series_style(1).color, linewidth=1.6)

    def draw(number: int) -> None:
        place = states.isel({along: number})
        line.set_xdata([float(states[along].values[number])] * 2)
        if left is not None:
            _redraw(left, place)

    return figure, draw


def _redraw(axes: Axes, place: xr.DataArray) -> None:
    axes.clear()
    draw_circle(axes, place)


def _even(width: float, height: float) -> tuple[float, float]:
    """A size in inches that makes an even number of dots, which video needs."""
    even = lambda inches: 2 * round(inches * _DOTS_PER_INCH / 2) / _DOTS_PER_INCH  # noqa: E731
    return even(width), even(height)


def _counted(frames: Iterator[np.ndarray], advance: Advance) -> Iterator[np.ndarray]:
    for number, frame in enumerate(frames, start=1):
        yield frame
        advance(number)


def _write_gif(frames: Iterator[np.ndarray], path: Path, fps: float) -> None:
    """Frames written as they come, each with its own colours, and of each only what has changed.

    Pillow's `save(save_all=True)` would keep them all until the last one is there.
    """
    from PIL import GifImagePlugin, Image

    span = {"duration": round(1000 / fps)}
    with path.open("wb") as file:
        before: np.ndarray | None = None
        for frame in frames:
            changed = np.ones(frame.shape[:2], bool) if before is None else (before != frame).any(axis=2)
            left, top, right, bottom = _box(changed)
            inside = changed[top:bottom, left:right]
            coloured = Image.fromarray(frame[top:bottom, left:right]).quantize(_COLOURS, dither=Image.Dither.NONE)
            image = Image.fromarray(np.where(inside, np.asarray(coloured), _COLOURS).astype(np.uint8))
            image.putpalette((coloured.getpalette() or [])[: 3 * _COLOURS])
            if before is None:
                header, _ = GifImagePlugin.getheader(image, info={"loop": 0, **span})
                file.writelines(header)
            file.writelines(
                GifImagePlugin.getdata(image, (left, top), include_color_table=True, transparency=_COLOURS, **span)
            )
            before = frame
        file.write(b";")  # the end of a GIF


def _box(changed: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what has changed, bool [row, column]; one dot where nothing has."""
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not rows.size:
        return 0, 0, 1, 1
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _write_mp4(frames: Iterator[np.ndarray], path: Path, fps: float) -> None:
    """H.264 by ffmpeg, fed through a pipe."""
    import subprocess

    first = next(frames)
    height, width = first.shape[:2]
    command = [
        video_writer(), "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}",
        "-r", f"{fps:g}", "-i", "-", "-an", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-f", "mp4",
        str(path),
    ]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stderr is not None
        try:
            for frame in chain([first], frames):
                process.stdin.write(frame.tobytes())
            process.stdin.close()
        except BrokenPipeError:
            pass  # what ffmpeg has to say is told below
        except BaseException:
            process.kill()
            raise
        said = process.stderr.read().decode(errors="replace").strip()
    if process.returncode:
        raise OSError(f"ffmpeg could not write {path.name}: {said.splitlines()[-1] if said else process.returncode}")


def video_writer() -> str:
    """Path of ffmpeg.

    Raises:
        VideoMissing: when there is none.
    """
    if found := shutil.which("ffmpeg"):
        return found
    try:
        import imageio_ffmpeg
    except ImportError:
        raise VideoMissing(
            "mp4 needs ffmpeg, which is not here: pip install 'oscillo[video]', or write a .gif or .html"
        ) from None
    return imageio_ffmpeg.get_ffmpeg_exe()


def _write_player(animation: Animation, out: Path) -> Path:
    """A page with the player of the report, for this sample and these times alone."""
    from oscillo.plotting.pages import page_templates, write_page
    from oscillo.plotting.player import player_data

    scene = animation.scene
    chosen = {"sample": [animation.sample], scene.along: animation.times}
    traces = None if scene.traces is None else scene.traces.isel(chosen)
    one = Scene(scene.name, scene.layer, scene.states.isel(chosen), [scene.labels[animation.sample]], traces)
    values: dict[str, Any] = {"title": animation.title, "player": player_data([one], most_times=len(animation.times))}
    return write_page(out, page_templates(), "animation.html", values)
