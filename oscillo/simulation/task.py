"""What a simulation task is: it integrates a network, and neither trains nor evaluates it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import torch
from pydantic import Field

from oscillo.network import NetworkSpec
from oscillo.observables import OrderParameterSpec, RecordingSpec
from oscillo.observables.recording_spec import Observables
from oscillo.simulation.design import Design
from oscillo.simulation.ensemble import EnsembleSpec
from oscillo.training import TaskSpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Drawing = Callable[[], Figure | None]
    """Draws a figure; None where the numbers allow none."""


class SimulationTaskSpec(TaskSpec):
    """Integrates a network and records what it does."""

    learns: ClassVar[bool] = False

    ensemble: EnsembleSpec = Field(default=EnsembleSpec(), description="Seeds and parameters that run side by side.")

    def default_observables(self, network: NetworkSpec) -> Observables:
        """The order parameter."""
        return {"order_parameter": OrderParameterSpec()}

    @property
    def initial_differs(self) -> bool:
        """Whether samples of different seeds may start from different states."""
        return True

    @property
    def training_samples(self) -> int:
        """None: nothing is trained."""
        return 0

    def design(
        self, network: NetworkSpec, sites: tuple[int, ...], recording: RecordingSpec, *, seed: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> Design:  # fmt: skip
        """What is simulated, and what of it is recorded.

        Raises:
            ValueError: when a file cannot be used.
        """
        raise NotImplementedError

    def figures(self, run: Any) -> dict[str, Drawing]:
        """Figures of a run (`oscillo.open_run`), by name; each is drawn when it is called."""
        return {}

    def build(self, network: NetworkSpec, seed: int) -> NoReturn:
        """A simulation has no model, data or loss.

        Raises:
            TypeError: always.
        """
        raise TypeError(f"the task {getattr(self, 'kind', '')!r} simulates: it has no data to learn from")
