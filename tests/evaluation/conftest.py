from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

from oscillo_tasks.sudoku import SudokuTask


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
