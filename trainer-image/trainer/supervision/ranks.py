"""How many processes train, and how they are started: one per GPU under torchrun, or one alone.

torchrun's workers inherit no descriptors, so they are told two named pipes instead of the two inherited ones: `engine.pipe`, into which
rank 0 says its lines (the others only that they failed), and `lifeline.pipe`, whose end-of-file means that the supervisor is gone. This
end holds both open for reading and writing, so that neither a worker's coming nor its going ends them.
torchrun's exit code is not believed: it is 1 for whatever happened. Its summary names the rank that failed first: logs.py reads it.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.supervision.liveness import visible_gpus

RANKED = ("hf", "meta")
"""Engines that are started once per GPU: nemo's recipe starts its ranks by itself, a hypernetwork trains on one."""


@dataclass(frozen=True)
class Ranks:
    count: int
    reason: str


def engine_of(training: Mapping[str, Any]) -> str:
    """By framework; but a hypernetwork has an engine of its own, whatever the framework."""
    return "hypernetwork" if training["peftMethod"] == "hypernetwork" else training["framework"]


def choose_ranks(spec: Mapping[str, Any], environment: Mapping[str, str]) -> Ranks:
    """TUNEPLANE_RANKS where it is set (on CPU they talk by gloo), else one per visible GPU, at most as many as were asked for."""
    told = environment.get("TUNEPLANE_RANKS")
    if spec.get("program"):
        return Ranks(1, "a program of the user's own starts its ranks by itself")
    engine = engine_of(spec["training"])
    if engine not in RANKED:
        return Ranks(1, f"the engine {engine} is started once")
    if told:
        return Ranks(max(1, int(told)), "TUNEPLANE_RANKS")
    gpus, wanted = len(visible_gpus()), spec.get("gpusWanted")
    if gpus <= 1:
        return Ranks(1, f"{gpus or 'no'} GPU{'' if gpus == 1 else 's'} visible")
    count = min(gpus, wanted or gpus)
    return Ranks(count, f"one per GPU: {gpus} visible, {wanted} asked for" if wanted else f"one per GPU: {gpus} visible")


def torchrun_command(module: str, count: int, work: Path) -> list[str]:
    """`--standalone` finds a free port on this machine. `--tee 3` marks each line with its rank, as [default1]:"""
    options = ["--standalone", "--nproc-per-node", str(count), "--max-restarts", "0", "--tee", "3", "--log-dir", str(work / "ranks")]
    return [sys.executable, "-m", "torch.distributed.run", *options, "-m", module]


def open_named_pipe(path: Path) -> int:
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK)
