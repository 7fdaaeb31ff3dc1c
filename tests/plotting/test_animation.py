"""Animations: frames in files, one by one, and no half file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image
from test_animation_player import grid, phases, scene

from oscillo.plotting import animation as module
from oscillo.plotting.animation import (
    Animation,
    VideoMissing,
    drawn_frames,
    finite_times,
    video_writer,
    write_animation,
)


def animation(states: xr.DataArray, sample: int = 0) -> Animation:
    along = "time" if "time" in states.dims else "step"
    return Animation(scene(states), sample, np.arange(states.sizes[along]), "small")


@pytest.mark.parametrize(
    "states", [phases(2, 3, 8), grid(2, 3, 4, 5, 4), grid(2, 3, 4, 5, 2)], ids=["row", "grid", "planar"]
)
def test_all_frames_have_one_size_that_video_takes(states: xr.DataArray) -> None:
    frames = list(drawn_frames(animation(states, 1)))
    assert len(frames) == 3 and len({frame.shape for frame in frames}) == 1
    assert not frames[0].shape[0] % 2 and not frames[0].shape[1] % 2
    assert all(frame.std() > 10 for frame in frames) and (frames[0] != frames[1]).any()


@pytest.mark.parametrize("components", [2, 4])
def test_equal_states_look_alike_at_all_times(components: int) -> None:
    states = grid(1, 4, 4, 4, components)
    states[:, 3] = states[:, 0]
    frames = list(drawn_frames(animation(states)))
    below = slice(frames[0].shape[0] // 8, None)  # the time stamp stands above
    assert (frames[0][below] == frames[3][below]).all()
    assert (frames[0][below] != frames[1][below]).any()
    assert (frames[0] != frames[3]).any()  # and does differ


def test_a_gif_has_all_frames_at_their_pace(tmp_path: Path) -> None:
    states = phases(1, 5, 6)
    states[:, 3] = states[:, 2]
    told: list[int] = []
    path = write_animation(animation(states), tmp_path / "new" / "a.gif", "gif", 10, told.append)
    with Image.open(path) as image:
        assert (getattr(image, "n_frames", 0), image.info["duration"], image.info["loop"]) == (5, 100, 0)
        drawn = list(drawn_frames(animation(states)))
        for number in (0, 2, 4):
            image.seek(number)
            shown = np.asarray(image.convert("RGB")).astype(int)
            assert np.abs(shown - drawn[number]).mean() < 2
    assert told == [1, 2, 3, 4, 5]


def test_frames_are_written_as_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []

    def frames(_: Animation) -> Iterator[np.ndarray]:
        for number in range(40):
            (partial,) = tmp_path.glob("*.partial")
            written.append(partial.stat().st_size)
            yield np.random.default_rng(number).integers(0, 255, (60, 60, 3), np.uint8)

    monkeypatch.setattr(module, "drawn_frames", frames)
    write_animation(animation(phases(1, 2, 3)), tmp_path / "a.gif", "gif", 10)
    assert written[30] > 10_000  # the first frames are in the file while later ones are drawn


@pytest.mark.parametrize("form", ["gif", "mp4"])
def test_an_interruption_leaves_no_half_file(tmp_path: Path, form: str) -> None:
    if form == "mp4":
        pytest.importorskip("imageio_ffmpeg")

    def stop(done: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    (tmp_path / f"a.{form}").write_text("an older one")
    with pytest.raises(KeyboardInterrupt):
        write_animation(animation(phases(1, 5, 4)), tmp_path / f"a.{form}", form, 10, stop)  # pyright: ignore
    assert [path.read_text() for path in tmp_path.iterdir()] == ["an older one"]


def test_a_video_has_all_frames(tmp_path: Path) -> None:
    imageio_ffmpeg = pytest.importorskip("imageio_ffmpeg")
    path = write_animation(animation(grid(1, 6, 4, 4, 4)), tmp_path / "a.mp4", "mp4", 5)
    assert path.read_bytes()[4:8] == b"ftyp"
    frames, seconds = imageio_ffmpeg.count_frames_and_secs(str(path))
    assert frames == 6 and seconds == pytest.approx(1.2, abs=0.05)


def test_without_ffmpeg_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "which", lambda _: None)
    monkeypatch.setitem(__import__("sys").modules, "imageio_ffmpeg", None)
    with pytest.raises(VideoMissing, match=r"pip install 'oscillo\[video\]'"):
        video_writer()


def test_times_at_which_a_sample_has_left_are_known() -> None:
    states = grid(2, 5, 3, 3, 4)
    states[1, 3:] = np.nan
    assert finite_times(scene(states), 0, np.arange(5)).tolist() == [0, 1, 2, 3, 4]
    assert finite_times(scene(states), 1, np.array([0, 2, 4])).tolist() == [0, 2]
    assert finite_times(scene(states), 1, np.array([3, 4])).tolist() == []


def test_a_page_shows_the_chosen_sample_and_times(tmp_path: Path) -> None:
    states = phases(3, 9, 4)
    one = Animation(scene(states), 2, np.array([2, 4, 6]), "small")
    text = write_animation(one, tmp_path / "a.html", "html", 10).read_text()
    assert '"times": [1.0, 2.0, 3.0]' in text and '"labels": ["sample 2"]' in text
    assert "https:" not in text and "http:" not in text
