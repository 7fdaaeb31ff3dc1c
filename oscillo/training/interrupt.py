"""Ctrl-C without losing what was done."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any


class Interrupted(Exception):
    """The user or the system asked to stop; what was done is saved.

    Attributes:
        signal: which signal asked.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.signal = number

    @property
    def exit_code(self) -> int:
        """What a shell expects of a process that a signal ended."""
        return 128 + self.signal


class Interruption:
    """Notes the first SIGINT or SIGTERM, for the work to stop at a good moment; a second one stops at once."""

    def __init__(self) -> None:
        self.signal = 0
        self._stopped = False
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        return self.signal != 0

    def check(self) -> None:
        """Stop here if asked.

        Raises:
            Interrupted: when asked.
        """
        if self.asked:
            raise Interrupted(self.signal)

    def __enter__(self) -> Interruption:
        if threading.current_thread() is not threading.main_thread():
            return self  # only the main thread receives signals
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *raised: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = self.asked
        self.signal = number
        if again and not self._stopped:  # more impatience must not tear up what is being saved
            self._stopped = True
            raise KeyboardInterrupt
