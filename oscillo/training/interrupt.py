"""Ctrl-C without losing what was done."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

_SECONDS_BETWEEN_LOOKS = 0.2


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
    """Notes the first SIGINT or SIGTERM, for the work to stop at a good moment; a second one stops at once.

    Args:
        file: whose presence is a wish to stop as well: work in another process, or in a thread, gets no signals.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.signal, self.file = 0, file
        self._looked = 0.0
        self._stopped = False
        self._before: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether to stop."""
        now = time.monotonic()
        if self.file is not None and not self.signal and now - self._looked > _SECONDS_BETWEEN_LOOKS:
            self._looked = now
            self.signal = signal.SIGINT if self.file.exists() else 0
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
        again = self.signal != 0
        self.signal = number
        if again and not self._stopped:  # more impatience must not tear up what is being saved
            self._stopped = True
            raise KeyboardInterrupt
