from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Command, Ended, preload


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Boards are generated once for all tests; forked processes have this environment from the first on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OSCILLO_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.delenv("PYTHONWARNINGS", raising=False)
        preload()
        yield


@pytest.fixture
def oscillo(tmp_path: Path) -> Command:
    return Command(tmp_path)


@pytest.fixture(scope="session")
def trained(cache: None, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A run that nothing interrupted, started as a shell does, and how it ended."""
    command = Command(tmp_path_factory.mktemp("trained"))
    ended = command.from_nothing("run", "small.yaml")
    return command.folder / ended.last_line, ended


@pytest.fixture
def trained_copy(trained: tuple[Path, Ended], oscillo: Command) -> str:
    """Path of a copy of the trained run, for tests that add to it."""
    run, _ = trained
    shutil.copytree(run, oscillo.folder / "runs" / "small" / run.name)
    return f"runs/small/{run.name}"
