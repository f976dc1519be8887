"""Checkpoints by DCP: every rank writes its own shards as safetensors, and any number of ranks can read them again.

What is trained and the two moments of its optimizer; the rest of a training's state follows from the step (batch_order.py). A save copies
the shards and returns; a thread writes them while the training goes on, and rank 0 hands the folder over when all ranks have written.
"""

import json
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint import CheckpointException, HuggingFaceStorageReader, HuggingFaceStorageWriter

from trainer import resume
from trainer.engine_link import EngineLink
from trainer.failure import Failure

MOMENTS = ("exp_avg", "exp_avg_sq")


Trained = dict[str, torch.nn.Parameter]
"""What is trained, by name: the shards of this rank, taken once, because a pass puts whole weights in their place for its time."""


def begin_optimizer(optimizer: torch.optim.Optimizer, trained: Trained, step: int) -> None:
    """The state that AdamW would make at its first step, so that a checkpoint can be read into it. `step`: how many are done."""
    for weight in trained.values():
        steps = torch.tensor(float(step), device=weight.device if optimizer.defaults["fused"] else "cpu")
        optimizer.state[weight] = {"step": steps, **{moment: torch.zeros_like(weight) for moment in MOMENTS}}


def load(folder: Path, name: str, trained: Trained, optimizer: torch.optim.Optimizer) -> None:
    """Into weights and optimizer, in place. Raises Failure: checkpoint_invalid."""
    try:
        dcp.load(_tensors(trained, optimizer), storage_reader=HuggingFaceStorageReader(str(folder)))
    except (Exception, CheckpointException) as error:
        cause = _first_cause(error)
        raise Failure("checkpoint_invalid", f"checkpoint {name} does not load: {type(cause).__name__}: {str(cause)[:300]}") from error


@dataclass
class Pending:
    future: Future
    folder: Path
    files: dict[str, Any]
    began: float
    report: Callable[[Path, float], None]


class Saver:
    """One save at a time. All ranks call `save` at the same step; `poll` and `wait` hand finished folders over."""

    def __init__(self, link: EngineLink, trained: Trained, optimizer: torch.optim.Optimizer) -> None:
        self._link, self._trained, self._optimizer = link, trained, optimizer
        self._group = dist.new_group(backend="gloo")  # the writing thread must not meet the training's own collectives
        self._pending: Pending | None = None

    def save(self, step: int, files: dict[str, Any], report: Callable[[Path, float], None]) -> None:
        """`files`: JSON to lie beside the shards; `report(folder, seconds)` is called on rank 0 when all is written."""
        self.wait()
        began = time.monotonic()
        names = [str(self._link.fresh_folder(f"step-{step:06d}")) if dist.get_rank() == 0 else ""]
        dist.broadcast_object_list(names, group=self._group)
        writer = HuggingFaceStorageWriter(names[0], save_distributed=True)
        future = dcp.async_save(_tensors(self._trained, self._optimizer), storage_writer=writer, process_group=self._group)
        self._pending = Pending(future, Path(names[0]), files, began, report)

    def poll(self) -> None:
        if self._pending and self._pending.future.done():
            self.wait()

    def wait(self) -> None:
        """Raises what the writing raised: a full disk, say."""
        if self._pending is None:
            return
        pending, self._pending = self._pending, None
        try:
            pending.future.result()
        except CheckpointException as error:
            raise _first_cause(error) from None
        if dist.get_rank() == 0:
            for name, content in pending.files.items():
                (pending.folder / name).write_text(json.dumps(content, indent=1 if name == resume.NAME else None))
            pending.report(pending.folder, time.monotonic() - pending.began)


def _first_cause(error: BaseException) -> BaseException:
    """What went wrong on the first rank where something did. DCP's own class is no Exception, and hides it in a text."""
    return next(iter(error.failures.values()))[0] if isinstance(error, CheckpointException) and error.failures else error


def _tensors(trained: Trained, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """By name, each a shard of this rank that knows the whole; the same memory as model and optimizer use."""
    moments = {f"optimizer.{moment}.{name}": optimizer.state[weight][moment] for name, weight in trained.items() for moment in MOMENTS}
    return {f"model.{name}": weight.detach() for name, weight in trained.items()} | moments
