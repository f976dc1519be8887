"""How an engine fails: a code of the plane's closed list (lambdas/domain/failures.ts) and one sentence that a person can act on."""

import errno
import os
import shutil
from pathlib import Path

LONGEST_QUOTE = 600
# torch.save leaves the part that it could write; what is free then is less than one of its blocks.
NEARLY_FULL_BYTES = 16 << 20


class Failure(Exception):
    """Raised anywhere in an engine; `explain` gives its code and message to the supervisor."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


# What NCCL and gloo say where a collective was not answered in its time, and where another rank went away.
TIMED_OUT = (
    "Timed out waiting",
    "Watchdog caught collective operation timeout",
    "collective operation timeout",
    "wait timeout",
    "NCCL timeout",
)
PEER_GONE = ("Connection closed by peer", "Connection reset by peer", "remote process exited", "Broken pipe", "Socket closed")


def explain(error: BaseException, work: Path, ranks: int = 1) -> tuple[str, str]:
    """(code, message) of whatever ended an engine. `work` is looked at when a library hides that the disk is full.

    Of several ranks one that only noticed another's end says `peer_lost`, which the supervisor does not take for the reason.
    """
    if isinstance(error, Failure):
        return error.code, str(error)
    if ranks > 1 and any(words in str(error) for words in TIMED_OUT):
        return "nccl_timeout", f"one of {ranks} ranks did not answer the others in time: {' '.join(str(error).split())[:LONGEST_QUOTE]}"
    if ranks > 1 and any(words in str(error) for words in PEER_GONE):
        return "peer_lost", f"one of {ranks} ranks went away: {' '.join(str(error).split())[:LONGEST_QUOTE]}"
    quoted = f"{type(error).__name__}: {' '.join(str(error).split())[:LONGEST_QUOTE]}"
    if _is_gpu_memory(error):
        return "cuda_oom", f"the GPU's memory did not suffice: {quoted}"
    if isinstance(error, MemoryError) or "DefaultCPUAllocator: can't allocate memory" in quoted:
        return "host_out_of_memory", f"the machine's memory did not suffice: {quoted}"
    if _is_full_disk(error, work):
        return "disk_full", f"no space left on the disk that holds {work}: {quoted}"
    if isinstance(error, ModuleNotFoundError):
        return "engine_missing", f"the Python package {error.name} is not installed: run uv sync --frozen --project trainer-image"
    return "engine_crashed", f"the engine ended with {quoted}"


def _is_gpu_memory(error: BaseException) -> bool:
    return type(error).__name__ == "OutOfMemoryError" or "CUDA out of memory" in str(error)


def _is_full_disk(error: BaseException, work: Path) -> bool:
    """ENOSPC itself, or what safetensors (its own class) and torch.save (a RuntimeError of its zip writer, no cause) make of it."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    if os.strerror(errno.ENOSPC) in str(error):
        return True
    from_zip_writer = "inline_container.cc" in str(error) or "PytorchStreamWriter" in str(error)
    return from_zip_writer and shutil.disk_usage(work).free < NEARLY_FULL_BYTES
