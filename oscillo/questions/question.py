"""What a question is: settings, and a study that answers it part by part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
import xarray as xr
from rich.table import Table

from oscillo.questions.source import Source
from oscillo.spec import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Part = Mapping[str, np.ndarray]
"""What was found out in one part of a study, by name."""

Advance = Callable[[float], None]
"""Told which share of a part is done."""


class Question(Spec):
    """What is asked about a network; the settings stand in `run.json`."""

    kind: ClassVar[str]

    def study(self, source: Source) -> Study:
        """What answers it for that network.

        Raises:
            ValueError: when the question has no answer there; the message says why, and what helps.
        """
        raise NotImplementedError


class Study(ABC):
    """Answers a question in parts, each of which is kept as soon as it is there.

    Attributes:
        device: where it computes.
        parts: what each part is about, as progress shows it.
    """

    device: torch.device
    parts: Sequence[str]

    @abstractmethod
    def answer(self, part: int, advance: Advance, check: Callable[[], None]) -> Part:
        """Find one part of the answer.

        Args:
            part: its number.
            advance: to be told now and then which share is done.
            check: to be called several times a second; may raise to stop.

        Raises:
            ValueError, FloatingPointError: when this part has no answer; the others go on.
        """

    def take(self, part: int, answer: Part | str) -> None:  # noqa: B027 (a study may have no use for it)
        """Take note of an answer, found just now or before an interruption; later parts may build on it.

        Args:
            part: its number; they come in order.
            answer: a text when the part failed.

        Raises:
            ValueError, FloatingPointError: when nothing can be said without that part; the run has then failed.
        """

    @abstractmethod
    def datasets(self, answers: Sequence[Part | str]) -> dict[str, xr.Dataset]:
        """The whole answer, by groups of the store.

        Args:
            answers: of all parts; a text where a part failed.
        """

    @abstractmethod
    def tables(self, data: Mapping[str, xr.Dataset]) -> list[Table]:
        """What is shown at the end."""

    def metrics(self, data: Mapping[str, xr.Dataset]) -> dict[str, float]:
        """Main numbers, for listings."""
        return {}

    def figures(self, data: Mapping[str, xr.Dataset]) -> Mapping[str, Callable[[], Figure | None]]:
        """What draws the figures, by name; None where the numbers allow none."""
        return {}
