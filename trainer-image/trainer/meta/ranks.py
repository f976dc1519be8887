"""The process group of the ranks. On one rank as well: what is sharded over one is whole, and one code serves any number."""

import os

from trainer import agreement
from trainer.engine_link import EngineLink
from trainer.supervision.processes import IS_LINUX


def join(link: EngineLink, device: str) -> None:
    """Meets the other ranks where torchrun says; alone it meets nobody, and opens no port. Ranks on several machines are not done."""
    import torch
    import torch.distributed as dist

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if IS_LINUX else "lo0")
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Tensors on the CPU go through gloo on any machine: what the supervisor wants, and the staged copies of an asynchronous save.
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    alone = {"store": dist.HashStore(), "rank": 0, "world_size": 1} if link.ranks == 1 else {}
    dist.init_process_group(backend, timeout=agreement.patience(link.spec["stallSeconds"]), **alone)
