from __future__ import annotations

from pathlib import Path

import pytest
import reported_runs

import oscillo


@pytest.fixture(scope="session")
def kuramoto(tmp_path_factory: pytest.TempPathFactory) -> oscillo.Run:
    return reported_runs.kuramoto(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def waves(tmp_path_factory: pytest.TempPathFactory) -> oscillo.Run:
    return reported_runs.waves(tmp_path_factory.mktemp("runs"))


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"
