"""Formulas on tensors: order parameters, locking, frequencies, for recording during a run and for analysis after it.

Oscillators are seen as vectors z [..., component, oscillator], as `Manifold.embed` gives them: (cos, sin) for phases.
All leading axes are batch axes. Functions have no state; what is measured over time is an `Accumulator`. What theory
predicts for these measures is in `oscillo.measures.theory`, which alone needs SciPy and is not imported here.
"""

from oscillo.measures.accumulator import Accumulator, Running, accumulate
from oscillo.measures.clusters import Clusters, frequency_clusters, linked_clusters, phase_clusters
from oscillo.measures.communities import CommunityMoments, community_order, membership
from oscillo.measures.correlation import correlation
from oscillo.measures.dirichlet import dirichlet_energy
from oscillo.measures.frequency import MeanFrequency, mean_frequency, mean_speed, speed
from oscillo.measures.links import Links
from oscillo.measures.local_order import local_order_on_graph, local_order_on_grid, local_order_on_ring
from oscillo.measures.locking import MeanFieldLocking, PhaseLocking, phase_locking
from oscillo.measures.moments import Moments
from oscillo.measures.order import circular_variance, daido, mean_vector, merge_sites, order_parameter
from oscillo.measures.phase import as_complex, phase, phase_difference, unit
from oscillo.measures.recurrence import aligned, determinism, recurrence_rate, squared_distances, state_distance

__all__ = [
    "Accumulator", "Clusters", "CommunityMoments", "Links", "MeanFieldLocking", "MeanFrequency", "Moments",
    "PhaseLocking", "Running", "accumulate", "aligned", "as_complex", "circular_variance", "community_order",
    "correlation", "daido", "determinism", "dirichlet_energy", "frequency_clusters", "linked_clusters",
    "local_order_on_graph", "local_order_on_grid", "local_order_on_ring", "mean_frequency", "mean_speed", "mean_vector",
    "membership", "merge_sites", "order_parameter", "phase", "phase_clusters", "phase_difference", "phase_locking",
    "recurrence_rate", "speed", "squared_distances", "state_distance", "unit",
]  # fmt: skip
