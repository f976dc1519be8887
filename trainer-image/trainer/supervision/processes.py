"""Processes of an attempt, and how none of them outlives it. Everything beyond POSIX is for Linux and absent elsewhere.

The engine's environment carries TUNEPLANE_CLAIM_ID; whatever it starts inherits it, however it detaches itself. So the processes of an
attempt are those below the supervisor in the tree (it is their subreaper) and those that carry the claim.

    supervisor ends as it should   it kills them all before it writes the manifest
    supervisor is killed           the engine dies by PR_SET_PDEATHSIG and by its lifeline; the guardian (guardian.py) kills the rest
    both are killed at once        the engine still dies; a process that it started and that detached itself may stay (known gap)
"""

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

IS_LINUX = sys.platform == "linux"
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_SECONDS = 5.0
PAUSE_SECONDS = 0.01

_prctl = ctypes.CDLL(None, use_errno=True).prctl if IS_LINUX else None


def become_subreaper() -> None:
    """Orphans of the engine become children of this process instead of init's."""
    if _prctl:
        _prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(parent: int) -> Callable[[], None]:
    """For the child, between fork and exec: SIGKILL when the parent's thread that forked it ends."""

    def between_fork_and_exec() -> None:
        if _prctl:
            _prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return between_fork_and_exec


def kill_all(claim_id: str, group: int, reap: Callable[[], None], spared: set[int]) -> int:
    """Kills the group, every process below this one but the spared, and every one that carries the claim; gives how many were found.

    Returns when none is left, at the latest after 5 s (a process in an uninterruptible wait dies when that ends).
    """
    killed: set[int] = set()
    deadline = time.monotonic() + KILL_SECONDS
    while True:
        reap()
        found = {*carriers(claim_id), *_below(os.getpid(), spared)}
        kill_group(group)
        if not found or time.monotonic() > deadline:
            return len(killed)
        for pid in found:
            kill(pid)
        killed |= found
        time.sleep(PAUSE_SECONDS)


def carriers(claim_id: str) -> list[int]:
    """Processes whose environment was given this claim; those that ended and wait to be reaped have none."""
    mark = b"TUNEPLANE_CLAIM_ID=" + claim_id.encode() + b"\0"
    found = []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if mark in Path(f"/proc/{pid}/environ").read_bytes():
                found.append(pid)
    return found


def oom_kills() -> int:
    """How many processes the kernel has killed for memory: in this process's cgroup (v2, else v1), else in the whole machine."""
    for path in _oom_counters():
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                name, _, count = line.partition(" ")
                if name == "oom_kill":
                    return int(count)
    return 0


def catches(pid: int, number: int) -> bool:
    """Whether the process has a handler for the signal, by the mask in /proc; elsewhere it is taken for granted."""
    if not IS_LINUX:
        return True
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def prefer_as_oom_victim(pid: int) -> None:
    """When memory runs out the engine shall go, so that the supervisor can tell."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("500")


def _oom_counters() -> list[Path]:
    counters: list[Path] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                counters += [Path(f"/sys/fs/cgroup{path}/memory.events"), Path("/sys/fs/cgroup/memory.events")]
            elif "memory" in controllers.split(","):
                counters += [Path(f"/sys/fs/cgroup/memory{path}/memory.oom_control"), Path("/sys/fs/cgroup/memory/memory.oom_control")]
    return [*counters, Path("/proc/vmstat")]


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()] if IS_LINUX else []


def _below(root: int, spared: set[int]) -> set[int]:
    parents: dict[int, int] = {}
    for pid in _pids():
        with contextlib.suppress(OSError):
            state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[pid] = int(parent)
    found: set[int] = set()
    newest = {root}
    while newest:
        newest = {pid for pid, parent in parents.items() if parent in newest} - spared - found
        found |= newest
    return found


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_group(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
