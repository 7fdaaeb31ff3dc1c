from __future__ import annotations

from collections.abc import Iterator

import pytest
from oscillo_tasks.simulate import SimulateTaskSpec


@pytest.fixture(scope="session", autouse=True)
def no_figures() -> Iterator[None]:
    """Drawing takes longer than everything else in such small runs; the figures have their own tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulateTaskSpec, "figures", lambda self, run: {})
        yield
