"""What is taken from oscillators while they move, when, and of which of them. One file per kind."""

from oscillo.observables.amplitude import AmplitudeSpec
from oscillo.observables.answer import Answer, AnswerSpec
from oscillo.observables.attention_weights import AttentionWeightsSpec
from oscillo.observables.base import Moment, Observable, ObservableSpec, Series, SeriesSpec, Summary, SummarySpec
from oscillo.observables.cadence import At, Cadence, Clock, Every
from oscillo.observables.cut import CutSpec
from oscillo.observables.energy import EnergySpec
from oscillo.observables.local_order import LocalOrderSpec
from oscillo.observables.mean_frequency import MeanFrequencySpec
from oscillo.observables.order_parameter import OrderParameterSpec
from oscillo.observables.phase_locking import PhaseLockingSpec
from oscillo.observables.pseudo_energy import PseudoEnergySpec
from oscillo.observables.readout import ReadoutObservableSpec
from oscillo.observables.recording_spec import RecordingSpec, TrainingRecordingSpec
from oscillo.observables.reductions import Reduction, ReductionSpec
from oscillo.observables.selection import Chosen, indices
from oscillo.observables.speed import SpeedSpec
from oscillo.observables.state import PhaseSpec, StateSpec
from oscillo.observables.stimulus import StimulusObservableSpec
from oscillo.observables.taken import Taken
from oscillo.observables.variable import Variable, site_dims

__all__ = [
    "AmplitudeSpec", "Answer", "AnswerSpec", "At", "AttentionWeightsSpec", "Cadence", "Chosen", "Clock", "CutSpec",
    "EnergySpec", "Every", "LocalOrderSpec", "MeanFrequencySpec", "Moment", "Observable", "ObservableSpec",
    "OrderParameterSpec", "PhaseLockingSpec", "PhaseSpec", "PseudoEnergySpec", "ReadoutObservableSpec", "RecordingSpec",
    "Reduction", "ReductionSpec", "Series", "SeriesSpec", "SpeedSpec", "StateSpec", "StimulusObservableSpec", "Summary",
    "SummarySpec", "Taken", "TrainingRecordingSpec", "Variable", "indices", "site_dims",
]  # fmt: skip
