from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from oscillo.training import progress as shown
from oscillo.training.progress import progress


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(file=io.StringIO(), force_terminal=request.param, width=80, highlight=False, soft_wrap=True)
    monkeypatch.setattr(shown, "console", lambda: console)
    return console


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_one_line_stays_that_says_how_far_it_came(screen: Console) -> None:
    with progress("training", 400) as show:
        for step in range(1, 8):
            show(step, {"loss": 0.5, "samples/s": 1234.5, "board accuracy": 0.25})
    last = written(screen).splitlines()[-1]
    assert re.search(r"training 7/400, \d+ s, loss 0.5, samples/s 1234, board accuracy 0.25$", last)
    if screen.is_terminal:
        assert re.search(r"7/400, .* left, loss 0.5, samples/s 1234", written(screen))
    else:
        assert len(written(screen).splitlines()) == 1


def test_work_that_was_done_before_leaves_no_line(screen: Console) -> None:
    with progress("generating", 20):
        pass
    assert written(screen).rpartition("\x1b[2K")[2].strip() == ""  # whatever there was is wiped away


def test_time_left_is_bounded_by_the_limit(screen: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(0, 10_000, 20))
    monkeypatch.setattr(shown.time, "monotonic", lambda: next(clock))
    with progress("training", 100, 0, lambda: 30.0) as show:
        show(1, {})
        show(2, {})
    assert "/100, 30 s left" in written(screen)
    assert "training 2/100, " in written(screen).splitlines()[-1]
