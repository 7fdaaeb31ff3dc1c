"""Mean frequency: how fast each oscillator has turned, on average over the run."""

from __future__ import annotations

from math import pi
from typing import Literal

import torch
from torch import Tensor

from oscillo.measures import MeanFrequency, Running, mean_frequency
from oscillo.network.oscillator_layer import OscillatorLayer, OscillatorLayerSpec
from oscillo.observables.base import (
    Moment,
    Summary,
    SummarySpec,
    counted,
    no_phase,
    uncounted,
)
from oscillo.observables.variable import Variable, site_dims
from oscillo.spec import register


@register
class MeanFrequencySpec(SummarySpec):
    """Angle turned through after the transient, over the time it took, in radians per unit of time.

    On the circle whole turns are counted. Elsewhere angles are compared between observations, and an oscillator that
    may turn by more than a quarter turn from one to the next gets NaN: observe more often.
    """

    kind: Literal["mean_frequency"] = "mean_frequency"

    def problems(self, layer: OscillatorLayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Only what has a phase turns."""
        return no_phase(layer, "mean_frequency")

    def build(self, layer: OscillatorLayer, interval: float) -> Summary:
        """By counted turns on the circle, else by the angles between observations."""
        return ByTurns(layer, interval) if layer.oscillators.manifold.winds else ByAngles(layer, interval)


def _variable(layer: OscillatorLayer) -> tuple[Variable, ...]:
    shape = layer.shape
    text = "angle turned through after the transient, over its time"
    sizes = (*shape.sites, shape.oscillators)
    return (Variable("mean_frequency", "mean frequency", site_dims(shape), sizes, "rad/time", text),)


class ByTurns(Summary):
    """From the angle and its whole turns at the first and the last observation: exact over any length."""

    def __init__(self, layer: OscillatorLayer, interval: float) -> None:
        self.variables, self.interval = _variable(layer), interval

    def start(self, moment: Moment) -> Running:
        """Where it begins."""
        x, turns = moment.state["x"], moment.state["winding"]
        count = torch.full((len(x),), -1, dtype=torch.int64, device=x.device)
        return {"count": count, "x0": x, "turns0": turns, "x1": x, "turns1": turns}

    def update(self, running: Running, moment: Moment) -> Running:
        """Where it stands."""
        return running | {
            "count": running["count"] + 1, "x1": moment.state["x"], "turns1": moment.state["winding"],
        }  # fmt: skip

    def result(self, running: Running) -> dict[str, Tensor]:
        """The frequencies; NaN with less than two observations."""
        angles, turns = (running["x0"], running["x1"]), (running["turns0"], running["turns1"])
        duration = (running["count"].double() * self.interval).reshape(-1, *(1,) * (angles[0].ndim - 1))
        found = mean_frequency(angles, turns, duration)
        return {"mean_frequency": torch.where(duration > 0, found, torch.nan).squeeze(-2)}


class ByAngles(Summary):
    """From the angles between observations, for states that count no turns.

    Half a turn and more cannot be told from the rest to a whole one. How fast oscillators turn when they are observed
    says whether that may have happened.
    """

    def __init__(self, layer: OscillatorLayer, interval: float) -> None:
        self.variables, self.accumulator = _variable(layer), MeanFrequency(interval)
        self.flows = layer.integrator.flows

    def start(self, moment: Moment) -> Running:
        """Nothing turned yet."""
        running = counted(self.accumulator.start(moment.seen), len(moment.seen))
        return running | {"fastest": torch.zeros_like(running["turned"])}

    def update(self, running: Running, moment: Moment) -> Running:
        """With the angle since the observation before."""
        fastest = running["fastest"]
        if self.flows:
            fastest = torch.maximum(fastest, _angular_speed(moment).double())
        rest = {name: value for name, value in running.items() if name != "fastest"}
        rest = counted(self.accumulator.update(uncounted(rest), moment.seen), len(moment.seen))
        return rest | {"fastest": fastest}

    def result(self, running: Running) -> dict[str, Tensor]:
        """The frequencies; NaN where they may be others."""
        fastest = running["fastest"]
        rest = {name: value for name, value in running.items() if name != "fastest"}
        found = self.accumulator.result(uncounted(rest))["frequency"]
        return {"mean_frequency": torch.where(fastest * self.accumulator.interval > pi / 2, torch.nan, found)}


def _angular_speed(moment: Moment) -> Tensor:
    """|d phase/dt| of planar vectors, [sample, *sites, oscillator]; 0 at the origin, where there is no phase."""
    x, v = moment.state["x"], moment.evaluation.velocity
    turning = x[..., 0, :] * v[..., 1, :] - x[..., 1, :] * v[..., 0, :]
    return (turning / x.square().sum(-2)).abs().nan_to_num(nan=0.0, posinf=0.0)
