from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def in_double() -> Iterator[None]:
    """Modules are built in float64, so that their numbers are those of the declaration."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)
