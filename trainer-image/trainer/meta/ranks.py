"""One process a rank. On a machine with several GPUs the engine becomes torchrun's agent, which starts the engine again once for each.

    engine (one rank)       joins a group of one, and trains
    engine (several)        is the agent and trains nothing; when its ranks are gone it tells how they failed
      rank 0 .. n-1         train; rank 0 speaks to the supervisor through the agent's own pipe, the others are not heard

All meet in a file of the attempt's work folder, so nothing listens on a port; ranks on several machines are not done. A rank that fails
writes why into that folder and ends; torchrun then ends the others. The one that failed first is the one that is quoted.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from trainer.engine_link import EngineLink
from trainer.supervision.processes import IS_LINUX, die_with_parent

PIPE, AGENT = "TUNEPLANE_ENGINE_PIPE", "TUNEPLANE_AGENT"
# How long torchrun lets the others print when one rank has failed; nothing is saved then.
SHUTDOWN_SECONDS, LOOK_SECONDS = 10, 0.2


def is_rank() -> bool:
    """Whether torchrun started this process."""
    return "RANK" in os.environ


def rank() -> int:
    return int(os.environ["RANK"]) if is_rank() else 0


def count_ranks() -> int:
    """How many ranks this machine trains with: one for each GPU, else one; TUNEPLANE_RANKS says otherwise."""
    import torch

    return int(os.environ.get("TUNEPLANE_RANKS") or max(1, torch.cuda.device_count()))


def open_link() -> EngineLink:
    """A rank's link leads to the supervisor for rank 0, and nowhere for the others."""
    if is_rank():
        if IS_LINUX and AGENT in os.environ:
            die_with_parent(int(os.environ[AGENT]))()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.environ["TUNEPLANE_ENGINE_FD"] = str(os.open(os.environ[PIPE], os.O_WRONLY) if rank() == 0 else nowhere)
        if rank() > 0:
            os.dup2(nowhere, 1)  # it would print what rank 0 prints; warnings and tracebacks go to stderr
    return EngineLink()


def join(work: Path, device: str) -> None:
    """Makes the process group of all ranks."""
    import torch
    import torch.distributed as dist

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if IS_LINUX else "lo0")
    world = int(os.environ["WORLD_SIZE"]) if is_rank() else 1
    store = dist.FileStore(str(work / "rendezvous-of-ranks"), world) if world > 1 else dist.HashStore()
    if device == "cuda":
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    # Tensors on the CPU go through gloo on any machine: what the supervisor wants, and the staged copies of an asynchronous save.
    backend = "cpu:gloo,cuda:nccl" if device == "cuda" else "gloo"
    dist.init_process_group(backend, store=store, rank=rank(), world_size=world)


def launch(link: EngineLink, module: str, ranks: int) -> None:
    """Runs `python -m module` as so many ranks to their end, then tells a failure that they left."""
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    pipe = os.environ.pop("TUNEPLANE_ENGINE_FD", "1")
    os.environ.pop("TUNEPLANE_LIFELINE_FD", None)
    os.environ |= {PIPE: f"/proc/{os.getpid()}/fd/{pipe}", AGENT: str(os.getpid()), "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    signal.signal(signal.SIGUSR1, _pass_on)
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=ranks,
        run_id=link.run_id,
        role="rank",
        rdzv_backend="c10d",
        rdzv_endpoint=str(link.work / "rendezvous-of-agent"),
        rdzv_configs={"store_type": "file"},
        max_restarts=0,
        monitor_interval=LOOK_SECONDS,
        shutdown_timeout=SHUTDOWN_SECONDS,
        # Every line of the log begins with its rank, [rank1]:, which the supervisor reads.
        logs_specs=DefaultLogsSpecs(log_dir=str(link.work / "logs-of-ranks"), tee=Std.ALL),
    )
    try:
        elastic_launch(config, sys.executable)("-m", module)
    except ChildFailedError as error:
        _tell_failure(link, *error.get_first_failure())


def fail(link: EngineLink, code: str, message: str, step: int, steps: int | None) -> None:
    """How this process failed: told at once where it is the only one, else left for the agent, and the process ends."""
    if not is_rank():
        link.fail(code, message, step=step, steps=steps)
        return
    said = {"at": time.time(), "rank": rank(), "code": code, "message": message, "step": step, "steps": steps}
    (link.work / f"failure-of-rank-{rank()}.json").write_text(json.dumps(said))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def _tell_failure(link: EngineLink, number: int, failure: Any) -> None:
    told = [json.loads(path.read_text()) for path in link.work.glob("failure-of-rank-*.json")]
    if told:
        first = min(told, key=lambda said: said["at"])
        link.fail(first["code"], f"rank {first['rank']}: {first['message']}", step=first["step"], steps=first["steps"])
    elif failure.exitcode < 0:
        # As the rank ended, so does the engine: the supervisor knows what a signal means, and whether the kernel was out of memory.
        print(f"rank {number} was ended by {signal.Signals(-failure.exitcode).name}", file=sys.stderr, flush=True)
        os.kill(os.getpid(), -failure.exitcode)
    else:
        link.fail("engine_crashed", f"rank {number} ended with exit code {failure.exitcode}")


def _pass_on(number: int, frame: Any) -> None:
    """SIGUSR1 asks for the stacks of all threads. The agent's say nothing, those of the ranks do."""
    for task in Path("/proc/self/task").glob("*/children"):
        for child in task.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), number)
