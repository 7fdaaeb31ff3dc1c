"""Answer: what the task would make of the network, were it to stop there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field
from torch import Tensor

from oscillo.network.layer import LayerSpec
from oscillo.observables.base import Moment, Series, SeriesSpec
from oscillo.observables.variable import Variable
from oscillo.spec import register

if TYPE_CHECKING:
    from oscillo.network.layer import Layer


@register
class AnswerSpec(SeriesSpec):
    """What the task finds when the network is read out at that step: its outputs (logits), or one of its results."""

    kind: Literal["answer"] = "answer"
    of: str = Field(
        default="prediction",
        description="`outputs`, or a result of the task such as `prediction`, `confidence` or `correct`.",
    )

    def unfit(self, layer: LayerSpec, sites: tuple[int, ...]) -> list[str]:
        """Whatever the layer: the task answers, where there is one that learns."""
        return []

    def build(self, layer: Layer, interval: float) -> Series:
        """Not of a layer alone.

        Raises:
            TypeError: always; an evaluation builds `Answer` with what the task says of its results.
        """
        raise TypeError("an answer is built with the task that gives it")


class Answer(Series):
    """A result of the task, read out at one time."""

    def __init__(self, of: str, variable: Variable) -> None:
        self.of, self.variables = of, (variable,)

    def measure(self, moment: Moment) -> dict[str, Tensor]:
        """The result, [sample, ...]."""
        assert moment.answers is not None
        return {self.variables[0].name: moment.answers()[self.of]}
