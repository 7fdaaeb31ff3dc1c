"""Writing beside the computation: a thread, and a queue that holds so many bytes and no more."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np

QUEUE_BYTES = 64 * 2**20
"""What may wait to be written; whoever brings more waits as well."""


class WriteFailed(Exception):
    """What the thread met; the store says it in words.

    Attributes:
        what: was being written.
        error: as it was raised.
    """

    def __init__(self, what: str, error: BaseException) -> None:
        super().__init__(what)
        self.what, self.error = what, error


class Spares:
    """Memory of blocks that have been written, for the next ones: fresh memory costs as much as copying into it."""

    def __init__(self) -> None:
        self._free: deque[np.ndarray] = deque()
        self._lock = threading.Lock()

    def take(self, nbytes: int) -> np.ndarray:
        """So many bytes, with whatever is in them."""
        with self._lock:
            for place, spare in enumerate(self._free):
                if spare.nbytes == nbytes:
                    del self._free[place]
                    return spare
        return np.empty(nbytes, np.uint8)

    def give(self, spare: np.ndarray) -> None:
        """Keep bytes that nobody needs any longer, up to what the queue may hold."""
        with self._lock:
            self._free.append(spare)
            while sum(one.nbytes for one in self._free) > QUEUE_BYTES:
                self._free.popleft()


class BackgroundWriter:
    """Does one write after the other, in the order they come, in a thread that starts with the first.

    After an error nothing more is written.

    Attributes:
        waited: seconds that callers of `submit` waited because the queue was full.
        spares: memory for blocks.
    """

    def __init__(self) -> None:
        self.waited, self.spares = 0.0, Spares()
        self._queue: deque[tuple[str, int, Callable[[], None]]] = deque()
        self._held = 0
        self._changed = threading.Condition()
        self._failed: WriteFailed | None = None
        self._thread: threading.Thread | None = None
        self._ending = False

    def submit(self, what: str, nbytes: int, write: Callable[[], None]) -> None:
        """Have something written later, and wait as long as the queue has no room for its bytes.

        Raises:
            WriteFailed: when an earlier write failed.
        """
        with self._changed:
            if self._thread is None:
                self._ending = False
                self._thread = threading.Thread(target=self._work, name="oscillo-store", daemon=True)
                self._thread.start()
            began = time.perf_counter()
            full = lambda: self._held and self._held + nbytes > QUEUE_BYTES and not self._failed  # noqa: E731
            if full():
                self._changed.wait_for(lambda: not full())
                self.waited += time.perf_counter() - began
            self.check()
            self._queue.append((what, nbytes, write))
            self._held += nbytes
            self._changed.notify_all()

    def drain(self) -> None:
        """Return when everything is written.

        Raises:
            WriteFailed: when something was not.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._held or self._failed is not None)
            self.check()

    def check(self) -> None:
        """Raise the error that a write met.

        Raises:
            WriteFailed: when there was one.
        """
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Write what waits, unless something failed, and end the thread."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._ending)
                if not self._queue:
                    return
                what, nbytes, write = self._queue.popleft()
            failed = None
            try:
                write()
            except BaseException as error:
                failed = WriteFailed(what, error)
            del write  # and the numbers that it holds
            with self._changed:
                self._held -= nbytes
                if failed is not None:
                    self._failed = failed
                    self._queue.clear()
                self._changed.notify_all()
