"""Wakes the main loop: a signal or another thread's message makes one descriptor readable. Nothing polls."""

import contextlib
import os
import queue
import signal
from typing import Any


class Doorbell:
    """Make it in the main thread. `interruptions` counts SIGTERM, SIGINT and SIGHUP; SIGCHLD only rings."""

    def __init__(self) -> None:
        self.descriptor, self._ring_end = os.pipe()
        for end in (self.descriptor, self._ring_end):
            os.set_blocking(end, False)
        self._messages: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.interruptions = 0
        signal.set_wakeup_fd(self._ring_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._interrupt)

    def tell(self, event: str, detail: Any = None) -> None:
        """From any thread."""
        self._messages.put((event, detail))
        with contextlib.suppress(BlockingIOError):  # a full pipe rings already
            os.write(self._ring_end, b"\0")

    def messages(self) -> list[tuple[str, Any]]:
        with contextlib.suppress(BlockingIOError):
            while os.read(self.descriptor, 4_096):
                pass
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._messages.get_nowait())
        return found

    def _interrupt(self, *_: object) -> None:
        self.interruptions += 1
