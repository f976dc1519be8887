"""Answers on a Unix socket that this attempt's supervisor lives: whoever connects gets one line of JSON and the end.

A socket's path may have 107 bytes, a run folder's is often longer: so it is bound under a relative name, from inside its folder.
It is bound under a name of its own and renamed to its place: a file left by a dead attempt is replaced, and there is no moment without one.
Known gap: the thread answers also while the supervisor's main loop hangs; `progress.sequence` tells that.
"""

import contextlib
import os
import socket
import threading
from pathlib import Path


class Liveness:
    def __init__(self, path: Path, answer: bytes) -> None:
        """Raises OSError when it cannot be bound. Changes the working directory for a moment: make it before any thread."""
        self._path = path
        self._answer = answer
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        temporary = f".{os.getpid()}.socket"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = os.open(".", os.O_RDONLY)
        try:
            os.chdir(path.parent)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            self._socket.bind(temporary)
            self._socket.listen(16)
            self._inode = os.stat(temporary).st_ino
            os.rename(temporary, path.name)
        finally:
            os.fchdir(before)
            os.close(before)

    def start(self) -> None:
        threading.Thread(target=self._serve, name="liveness", daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.settimeout(1.0)
                connection.sendall(self._answer)


def visible_gpus() -> list[str]:
    """The GPUs given to this process, as CUDA_VISIBLE_DEVICES names them, else all of the machine by number."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [gpu for gpu in named.split(",") if gpu and gpu != "-1"]
    return sorted((path.name.removeprefix("nvidia") for path in Path("/dev").glob("nvidia[0-9]*")), key=int)
