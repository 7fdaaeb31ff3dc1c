"""The cache of generated boards."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest
from oscillo_tasks.sudoku.boards import BlockShape, Boards, cached_boards, default_cache_dir
from oscillo_tasks.sudoku.boards import cache as cache_module

FOUR = BlockShape(2, 2)


def load(folder, **changes) -> Boards:
    return cached_boards(**({"count": 20, "givens": (6, 10), "seed": 3, "block": FOUR, "cache_dir": folder} | changes))


def test_the_second_time_nothing_is_made(tmp_path, monkeypatch):
    files, told = [], []

    @contextmanager
    def generating():
        yield lambda done, total: told.append((done, total))

    first = load(tmp_path / "new" / "folder", generating=generating, found=files.append)
    assert told[-1] == (20, 20) and not files
    monkeypatch.setattr(cache_module, "generate", lambda *_, **__: pytest.fail("made again"))
    second = load(tmp_path / "new" / "folder", generating=lambda: pytest.fail("a bar for nothing"), found=files.append)
    assert files == list((tmp_path / "new" / "folder").iterdir())
    assert np.array_equal(first.puzzles, second.puzzles) and np.array_equal(first.nodes, second.nodes)


@pytest.mark.parametrize("change", [{"seed": 4}, {"split": "test"}, {"givens": (6, 11)}, {"count": 21}])
def test_every_parameter_has_its_own_file(tmp_path, change):
    first, second = load(tmp_path), load(tmp_path, **change)
    assert len(list(tmp_path.iterdir())) == 2
    assert not np.array_equal(first.puzzles, second.puzzles)


def test_another_version_of_the_generator_is_another_file(tmp_path, monkeypatch):
    load(tmp_path)
    monkeypatch.setattr(cache_module, "GENERATOR_VERSION", 0)
    load(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"nonsense", None])
def test_a_damaged_file_is_made_anew_with_a_warning(tmp_path, damage):
    boards = load(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    with pytest.warns(UserWarning, match="made anew"):
        again = load(tmp_path)
    assert np.array_equal(boards.puzzles, again.puzzles)
    assert np.array_equal(load(tmp_path).puzzles, boards.puzzles)
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_written_to_costs_only_a_warning(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.warns(UserWarning, match="cannot be kept"):
        assert len(load(tmp_path / "file" / "cache")) == 20


def test_bad_requests_are_refused_before_the_cache_is_asked(tmp_path):
    with pytest.raises(ValueError, match="reaches 4 clues"):
        load(tmp_path, givens=(2, 3))


def test_default_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("OSCILLO_CACHE", str(tmp_path))
    assert default_cache_dir() == tmp_path / "sudoku"
    monkeypatch.delenv("OSCILLO_CACHE")
    assert default_cache_dir().parts[-3:] == (".cache", "oscillo", "sudoku")
