"""What several ranks must decide as one: whether this step is the last, whether it is saved. One small sum per step, nothing for one rank.

Each rank looks at the same command file, but not at the same moment: without this, one would stop a step before another, and both would
wait for ever.
"""

import os
from datetime import timedelta
from typing import Any

LEAST_TIMEOUT_SECONDS, LONGEST_TIMEOUT_SECONDS = 60, 1_800


def join(device: str, stall_seconds: float) -> None:
    """Meets the other ranks. A collective that stands still ends before the supervisor would call the whole a stall."""
    import torch.distributed

    if device == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    torch.distributed.init_process_group("nccl" if device == "cuda" else "gloo", timeout=patience(stall_seconds))


def patience(stall_seconds: float) -> timedelta:
    """How long a rank waits for the others."""
    return timedelta(seconds=min(LONGEST_TIMEOUT_SECONDS, max(LEAST_TIMEOUT_SECONDS, 0.8 * stall_seconds)))


def highest(device: Any, *values: int) -> list[int]:
    """Of each value the highest that any rank has; the same on every rank."""
    import torch

    if not _is_several():
        return list(values)
    together = torch.tensor(values, dtype=torch.int64, device=device)
    torch.distributed.all_reduce(together, op=torch.distributed.ReduceOp.MAX)
    return [int(value) for value in together.tolist()]


def wait_for_all() -> None:
    import torch.distributed

    if _is_several():
        torch.distributed.barrier()


def _is_several() -> bool:
    import torch.distributed

    return torch.distributed.is_available() and torch.distributed.is_initialized() and torch.distributed.get_world_size() > 1
