from __future__ import annotations

import os

import pytest
import torch
from hypothesis import HealthCheck, settings

torch.set_num_threads(1)

# Timings differ between machines, so no example has a deadline; a failure elsewhere must be repeatable here.
settings.register_profile(
    "local", deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def torch_seed() -> None:
    """Every test starts from the same state of torch's generator."""
    torch.manual_seed(0)
