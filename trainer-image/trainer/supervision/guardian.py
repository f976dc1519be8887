"""Outlives a killed supervisor for as long as it takes to kill what that left.

A process of its own, in a session of its own, that does nothing but read a pipe from the supervisor. While the supervisor lives the
pipe says the engine's process group; its end-of-file says that the supervisor is gone. It costs 10 MB and no time.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from trainer.supervision.processes import KILL_SECONDS, PAUSE_SECONDS, carriers, kill, kill_group

PACKAGE = Path(__file__).parent.parent


class Guardian:
    def __init__(self, claim_id: str) -> None:
        read_end, self._write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-S", "-m", "trainer.supervision.guardian", str(read_end), claim_id],
            env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(read_end,),
            start_new_session=True,
        )
        self.pid = self._process.pid
        os.close(read_end)

    def watch(self, group: int) -> None:
        """Tells it the engine's process group, for systems where processes cannot be found by their environment."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._write_end, f"{group}\n".encode())

    def dismiss(self) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._write_end)


def guard(descriptor: int, claim_id: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    told = b""
    while data := os.read(descriptor, 64):
        told += data
    groups = [int(group) for group in told.split()]
    deadline = time.monotonic() + KILL_SECONDS
    while time.monotonic() < deadline:
        found = carriers(claim_id)
        for group in groups:
            kill_group(group)
        for pid in found:
            kill(pid)
        if not found:
            return
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    guard(int(sys.argv[1]), sys.argv[2])
