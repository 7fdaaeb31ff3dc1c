from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from oscillo.training import progress as shown
from oscillo.training.progress import progress


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def screen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Console:
    console = Console(file=io.StringIO(), force_terminal=request.param, width=80, highlight=False, soft_wrap=True)
    monkeypatch.setattr(shown, "console", lambda: console)
    return console


class Clock:
    """A clock that tests set, in seconds."""

    now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(shown, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


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


def test_the_first_step_is_compiled_and_no_measure_of_the_others(screen: Console, clock: Clock) -> None:
    with progress("training", 112, done=10) as show:
        clock.now = 60.0
        show(11, {"loss": 0.5})
        clock.now = 80.0
        show(12, {"loss": 0.5})
    assert "12/112, 33 min 20 s left, loss 0.5" in written(screen)
    assert "0 s left" not in written(screen).replace("33 min 20 s left", "")  # nothing is said before there is a pace
    assert "training 12/112, 80 s, loss 0.5" in written(screen).splitlines()[-1]


@pytest.mark.parametrize(("total", "left"), [(1_000_000, "5 min 20 s left"), (4, "40 s left")])
def test_time_left_is_bounded_by_the_limit(screen: Console, clock: Clock, total: int, left: str) -> None:
    with progress("training", total, 0, lambda: 400.0 - clock.now) as show:
        clock.now = 60.0
        show(1, {})
        if not screen.is_terminal:
            assert f"training 1/{total}, 5 min 40 s left" in written(screen)
        clock.now = 80.0
        show(2, {})
    assert f"2/{total}, {left}" in written(screen)
