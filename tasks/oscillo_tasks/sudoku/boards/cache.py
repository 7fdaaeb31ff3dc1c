"""Generated boards, kept on disk by the parameters they were made with."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b
from pathlib import Path

import numpy as np

from oscillo_tasks.sudoku.boards.collection import Boards
from oscillo_tasks.sudoku.boards.generate import GENERATOR_VERSION, Progress, check_request, generate
from oscillo_tasks.sudoku.boards.geometry import BlockShape
from oscillo_tasks.sudoku.boards.grids import Split


def default_cache_dir() -> Path:
    """`$OSCILLO_CACHE/sudoku`, or `~/.cache/oscillo/sudoku`."""
    root = os.environ.get("OSCILLO_CACHE")
    return (Path(root) if root else Path.home() / ".cache" / "oscillo") / "sudoku"


def cache_file(count: int, givens: tuple[int, int], seed: int, block: BlockShape, split: Split, folder: Path) -> Path:
    """Where boards with these parameters are kept; the name changes with the version of the generator."""
    low, high = givens
    parameters = [GENERATOR_VERSION, count, low, high, seed, block.rows, block.columns, split]
    digest = blake2b(json.dumps(parameters).encode(), digest_size=6).hexdigest()
    return folder / f"{split}_{block}_{count}_givens{low}-{high}_seed{seed}_{digest}.npz"


def cached_boards(
    count: int,
    givens: tuple[int, int],
    seed: int,
    *,
    block: BlockShape | None = None,
    split: Split = "train",
    generating: Callable[[], AbstractContextManager[Progress | None]] = nullcontext,
    found: Callable[[Path], None] = lambda path: None,
    cache_dir: str | Path | None = None,
) -> Boards:
    """Boards of `generate`, from the cache where they are there already, and into it where not.

    Args:
        count: see `generate`, as for the other parameters.
        givens: fewest and most clues.
        seed: 0 or more.
        block: block shape; 3x3 unless given.
        split: which grids to use.
        generating: entered only while boards are made, and gives what is told of their progress.
        found: told the file, when the boards are read from it instead.
        cache_dir: folder of the cache; `default_cache_dir` unless given. A damaged file is made anew, and a folder
            that cannot be written to is left alone, both with a warning.

    Raises:
        ValueError: for a request that cannot be met, see `check_request`.
    """
    block = block or BlockShape()
    check_request(count, givens, seed, block, split)
    folder = Path(cache_dir) if cache_dir is not None else default_cache_dir()
    path = cache_file(count, givens, seed, block, split, folder)
    if path.exists():
        try:
            boards = _load(path, count, block)
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            warnings.warn(f"{path}: damaged ({error}); its boards are made anew", stacklevel=2)
        else:
            found(path)
            return boards
    with generating() as progress:
        boards = generate(count, givens, seed, block=block, split=split, progress=progress)
    try:
        _save(path, boards)
    except OSError as error:
        warnings.warn(
            f"{folder}: boards cannot be kept there ({error}) and will be made anew next time; "
            "set OSCILLO_CACHE to a folder that can be written to",
            stacklevel=2,
        )
    return boards


def _load(path: Path, count: int, block: BlockShape) -> Boards:
    with np.load(path, allow_pickle=False) as arrays:
        boards = Boards(arrays["puzzles"], arrays["solutions"], arrays["nodes"], block)
    if len(boards) != count:
        raise ValueError(f"{len(boards)} boards instead of {count}")
    return boards


def _save(path: Path, boards: Boards) -> None:
    """Write beside the final name first, so that a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            np.savez_compressed(file, puzzles=boards.puzzles, solutions=boards.solutions, nodes=boards.nodes)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
