"""`oscillo animate`: the recorded oscillators of a run as a moving picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from oscillo.cli.arguments import RunFolder
from oscillo.cli.endings import end_with, tell

if TYPE_CHECKING:
    import numpy as np

    from oscillo.plotting.animation import Form
    from oscillo.plotting.scenes import Scene

_SHORT = {"gif": 12.0, "mp4": 24.0, "html": 12.0}
"""Frames a second, where nothing else is asked for."""


def animate(
    run: RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write.",
                                  show_default="RUN/animations/EVALUATION_layer_sample.gif")
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="gif|html|mp4", help="Form; left out, by the end of FILE.",
                                 show_default="gif")
    ] = None,
    evaluation: Annotated[
        str | None, typer.Option("--evaluation", metavar="NAME", help="Which evaluation.", show_default="the first")
    ] = None,
    layer: Annotated[int, typer.Option("--layer", metavar="N", min=0, help="Number of the layer.")] = 0,
    sample: Annotated[
        int, typer.Option("--sample", metavar="N", min=0, help="Which of the recorded samples, counted from 0.")
    ] = 0,
    fps: Annotated[
        float | None, typer.Option("--fps", metavar="N", min=0.1, max=100,
                                   help="Frames a second; in a page its reader chooses.",
                                   show_default="12; of mp4 24")
    ] = None,
    steps: Annotated[
        str | None, typer.Option("--steps", metavar="FIRST:LAST:STRIDE",
                                 help="Which of the recorded times, counted from 0, both ends included; parts "
                                      "may be left out.",
                                 show_default="all")
    ] = None,
) -> None:  # fmt: skip
    """Show recorded oscillators as GIF, video or page.

    Grids are drawn as maps, oscillators without a grid on the circle and against time. Colours are the same in all
    frames. mp4 needs ffmpeg: pip install 'oscillo[video]'.
    """
    form = _form(to, out)
    from oscillo.plotting.animation import Animation, write_animation
    from oscillo.recording import open_run
    from oscillo.training.progress import progress

    opened = open_run(run)
    scene = _scene(opened.data, evaluation, layer)
    animation = Animation(scene, sample, _finite(scene, sample, _times(steps, scene)), str(opened.spec["name"]))
    target = out or run / "animations" / f"{scene.name}_layer{scene.layer}_sample{sample}.{form}"
    try:
        with progress("drawing", len(animation.times)) as show:
            write_animation(animation, target, form, fps or _SHORT[form], lambda done: show(done, {}))
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"{target} was not written: {error}", param_hint="--out") from None
    end_with(target)


def _form(to: str | None, out: Path | None) -> Form:
    """What is written; video needs something that writes it.

    Raises:
        typer.BadParameter: when it is none of the forms, or cannot be written here.
    """
    from oscillo.plotting.animation import FORMS, VideoMissing, video_writer

    by_name = out.suffix.lstrip(".") if out is not None else "gif"
    for form in FORMS:
        if form != (to or by_name):
            continue
        try:
            if form == "mp4":
                video_writer()
        except VideoMissing as error:
            raise typer.BadParameter(str(error), param_hint="--to") from None
        return form
    hint = "--to" if to else "--out"
    raise typer.BadParameter(f"{to or out} is none of {', '.join(FORMS)}", param_hint=hint)


def _scene(data: object, evaluation: str | None, layer: int) -> Scene:
    """The layer that is asked for.

    Raises:
        typer.BadParameter: when it was not recorded.
    """
    from oscillo.plotting.scenes import recorded_scenes

    scenes = recorded_scenes(data)  # pyright: ignore[reportArgumentType]
    if not scenes:
        words = "no states were recorded, or they were pruned; declare `recording.observables.state`, and run again"
        raise typer.BadParameter(words, param_hint="RUN")
    names = list(dict.fromkeys(scene.name for scene in scenes))
    name = evaluation or names[0]
    if name not in names:
        raise typer.BadParameter(
            f"{name} has no recorded states; there are {', '.join(names)}", param_hint="--evaluation"
        )
    layers = {scene.layer: scene for scene in scenes if scene.name == name}
    if layer not in layers:
        raise typer.BadParameter(f"{layer}: recorded are {', '.join(map(str, layers))}", param_hint="--layer")
    return layers[layer]


def _times(steps: str | None, scene: Scene) -> np.ndarray:
    """Places of the recorded times.

    Raises:
        typer.BadParameter: when they are not given as three whole numbers, or are not there.
    """
    import numpy as np

    count = scene.states.sizes[scene.along]
    parts = (steps or "").split(":")
    try:
        first, last, stride = (int(part) if part else None for part in (*parts, "", "")[:3])
    except ValueError:
        first = last = stride = -1
    chosen = np.arange(count)[slice(first, None if last is None else last + 1, stride if stride != 0 else -1)]
    wrong = len(parts) > 3 or any(part is not None and part < 0 for part in (first, last, stride)) or stride == 0
    if wrong or not chosen.size or (last or 0) >= count:
        words = f"{steps} is not FIRST:LAST:STRIDE within the {count} recorded {scene.along}s, 0 to {count - 1}"
        raise typer.BadParameter(words, param_hint="--steps")
    return chosen


def _finite(scene: Scene, sample: int, times: np.ndarray) -> np.ndarray:
    """Those of the times at which the sample is still there; what is left out is told.

    Raises:
        typer.BadParameter: when the sample was not recorded, or is at none of the times.
    """
    from oscillo.plotting.animation import finite_times

    if sample >= (count := scene.states.sizes["sample"]):
        raise typer.BadParameter(f"{sample}: there are {count} recorded samples, counted from 0", param_hint="--sample")
    found = finite_times(scene, sample, times)
    if not found.size:
        raise typer.BadParameter(f"{sample}: its states are not finite at these times", param_hint="--sample")
    if left := len(times) - len(found):
        tell(f"left out: {left} of {len(times)} times at which the sample has left or diverged")
    return found
