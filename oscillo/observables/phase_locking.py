"""Phase locking: which oscillators keep their phase differences."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor

from oscillo.measures import MeanFieldLocking, PhaseLocking, Running
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import Moment, Summary, SummarySpec, counted, no_phase, uncounted
from oscillo.observables.variable import Variable
from oscillo.spec import register

_MOST = 4096
"""Oscillators up to which all pairs are told; the sums of more would take gigabytes."""


@register
class PhaseLockingSpec(SummarySpec):
    """The phase-locking value after the transient: 1 where phase differences stay as they are, towards 0 else."""

    kind: Literal["phase_locking"] = "phase_locking"
    to: Literal["pairs", "mean_field"] = Field(
        default="mean_field",
        description="`pairs` compares all oscillators with one another, at n^2 numbers; `mean_field` each with the "
        "mean.",
    )

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Phases of several oscillators, and no more pairs than memory bears."""
        shape = layer.shape(sites)
        n = shape.positions * shape.oscillators
        if n < 2:
            return ["one oscillator has no other to lock to; leave `phase_locking` out"]
        if self.to == "pairs" and n > _MOST:
            return [f"all pairs of {n} oscillators are {n * n} numbers for each sample; take `to: mean_field`"]
        return no_phase(layer, "phase_locking")

    def build(self, layer: OscillatorLayer, interval: float) -> Locking:
        """The accumulator, over sites and oscillators."""
        return Locking(layer, pairs=self.to == "pairs")


class Locking(Summary):
    """|mean_t exp(i (theta_i - theta_j))| (Lachaux et al. 1999), or with the mean field's phase in place of theta_j."""

    def __init__(self, layer: OscillatorLayer, *, pairs: bool) -> None:
        n = layer.shape.positions * layer.shape.oscillators
        self.accumulator = PhaseLocking() if pairs else MeanFieldLocking()
        self.found = "pairs" if pairs else "oscillators"
        dims = ("node", "other_node") if pairs else ("node",)
        text = "|mean over time of exp(i (theta_i - theta_j))|" if pairs else "... of each and the mean field's phase"
        self.variables = (
            Variable("phase_locking", "phase-locking value", dims, (n,) * len(dims), "1", text),
            Variable("phase_locking_mean", "mean phase-locking value", description="mean over oscillators or pairs"),
        )

    def start(self, moment: Moment) -> Running:
        """Nothing seen yet."""
        return counted(self.accumulator.start(moment.population), len(moment.population))

    def update(self, running: Running, moment: Moment) -> Running:
        """With one observation more."""
        return counted(self.accumulator.update(uncounted(running), moment.population), len(moment.population))

    def result(self, running: Running) -> dict[str, Tensor]:
        """The values."""
        found = self.accumulator.result(uncounted(running))
        return {"phase_locking": found[self.found], "phase_locking_mean": found["mean"]}
