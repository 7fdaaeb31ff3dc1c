from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sample_spec import KINDS

from oscillo.spec import register, registry


@pytest.fixture(scope="module", autouse=True)
def sample_kinds() -> Iterator[None]:
    """Only the sample kinds are registered while a module of these tests runs."""
    kept, broken = dict(registry._kinds), dict(registry._broken)
    registry._kinds.clear()
    for spec in KINDS:
        register(spec)
    yield
    for state, before in ((registry._kinds, kept), (registry._broken, broken)):
        state.clear()
        state.update(before)


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    """Write a file in an empty working directory and give its relative name."""
    monkeypatch.chdir(tmp_path)

    def write_file(name: str, text: str) -> str:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return name

    return write_file
