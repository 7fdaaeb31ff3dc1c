"""What is taken from oscillators while they move. One file per kind."""

from oscillo.simulation.observables.amplitude import AmplitudeSpec
from oscillo.simulation.observables.base import Moment, Observable, ObservableSpec, Series, Summary, Variable, site_dims
from oscillo.simulation.observables.cut import CutSpec
from oscillo.simulation.observables.energy import EnergySpec
from oscillo.simulation.observables.local_order import LocalOrderSpec
from oscillo.simulation.observables.mean_frequency import MeanFrequencySpec
from oscillo.simulation.observables.order_parameter import OrderParameterSpec
from oscillo.simulation.observables.phase_locking import PhaseLockingSpec
from oscillo.simulation.observables.speed import SpeedSpec

__all__ = [
    "AmplitudeSpec", "CutSpec", "EnergySpec", "LocalOrderSpec", "MeanFrequencySpec", "Moment", "Observable",
    "ObservableSpec", "OrderParameterSpec", "PhaseLockingSpec", "Series", "SpeedSpec", "Summary", "Variable",
    "site_dims",
]  # fmt: skip
