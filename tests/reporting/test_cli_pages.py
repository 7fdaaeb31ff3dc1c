"""`oscillo report` and `oscillo animate` as processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import oscillo

OSCILLO = Path(sys.executable).with_name("oscillo")


def command(folder: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [OSCILLO, *map(str, arguments)], cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def test_reports_and_animations_end_with_their_path(kuramoto: oscillo.Run, waves: oscillo.Run, tmp_path: Path) -> None:
    done = command(tmp_path, "report", kuramoto.path, waves.path)
    assert (done.returncode, done.stdout) == (0, "comparison.html\n"), done.stderr
    done = command(tmp_path, "animate", waves.path, "--steps", "2:8:3", "--fps", 5, "--out", "waves.gif")
    assert done.returncode == 0 and done.stdout.splitlines()[-1] == "waves.gif", done.stderr
    with Image.open(tmp_path / "waves.gif") as image:
        assert (getattr(image, "n_frames", 0), image.info["duration"]) == (3, 200)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["report", "nowhere"], "nowhere is not a run"),
        (["report", "RUN", "--out", "page.pdf"], "ends in .html"),
        (["animate", "RUN", "--steps", "3:99"], "the 11 recorded times, 0 to 10"),
        (["animate", "RUN", "--sample", "7"], "there are 3 recorded samples"),
        (["animate", "RUN", "--layer", "1"], "recorded are 0"),
        (["animate", "RUN", "--evaluation", "hard"], "there are simulation"),
        (["animate", "RUN", "--out", "a.avi"], "none of gif, html, mp4"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_told_before_anything_is_written(
    arguments: list[str], said: str, kuramoto: oscillo.Run, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from oscillo.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["oscillo", *(str(kuramoto.path) if one == "RUN" else one for one in arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    told = " ".join(capfd.readouterr().err.split())
    assert ended.value.code == 2 and said in told and "Traceback" not in told
    assert not list(tmp_path.iterdir())
