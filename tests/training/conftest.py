from __future__ import annotations

import pytest
from oscillo_tasks.sudoku import SudokuTask
from small_runs import run_small


@pytest.fixture(scope="session", autouse=True)
def board_cache(tmp_path_factory):
    """Boards are generated once for all tests, and not among the user's own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSCILLO_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def no_figures(board_cache):
    """Drawing takes longer than everything else in such small runs; the figures have their own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SudokuTask, "figures", lambda self, run: {})
        yield


@pytest.fixture(scope="session")
def finished(tmp_path_factory, no_figures):
    """A run from beginning to end, for tests that only look at it."""
    return run_small(tmp_path_factory.mktemp("runs"))
