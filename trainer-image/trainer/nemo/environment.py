"""Where NeMo Automodel is: an environment of its own, because it is locked to another torch and another transformers than the trainer."""

import importlib.metadata
import json
import os
from dataclasses import dataclass
from pathlib import Path

from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.supervision.liveness import visible_gpus

PACKAGES = ("nemo-automodel", "torch", "transformers")
PROJECT = Path(__file__).parents[2] / "nemo"
INSTALL = "uv sync --frozen --project trainer-image/nemo"


def find_python() -> Path:
    """TUNEPLANE_NEMO_PYTHON, else that of trainer-image/nemo. Raises Failure: engine_missing."""
    given = os.environ.get("TUNEPLANE_NEMO_PYTHON")
    python = Path(given) if given else PROJECT / ".venv" / "bin" / "python"
    if not python.is_file():
        where = "TUNEPLANE_NEMO_PYTHON" if given else "its environment"
        raise Failure(
            "engine_missing", f"NeMo Automodel is not installed, {where} {python} is not there: run {INSTALL}, or use another framework"
        )
    return python


@dataclass(frozen=True)
class Launch:
    command: list[str]
    """before the recipe's file"""
    device: str
    """cuda or cpu"""
    ranks: int


def choose_launch(python: Path, link: EngineLink) -> Launch:
    """One rank for each GPU. TUNEPLANE_NEMO_COMMAND (a JSON array) runs instead, on one rank and without a GPU: tests do.

    Raises Failure: no_compute, where there is no GPU.
    """
    module, gpus = "trainer.nemo.run_recipe", visible_gpus()
    if command := os.environ.get("TUNEPLANE_NEMO_COMMAND"):
        return Launch(json.loads(command), "cpu", 1)
    if not gpus:
        raise Failure("no_compute", 'NeMo Automodel trains on NVIDIA GPUs, and this machine shows none: use framework "hf" or "meta"')
    link.choice("ranks", len(gpus), "one for each GPU")
    if len(gpus) == 1:
        return Launch([str(python), "-m", module], "cuda", 1)
    several = ["--standalone", "--nproc-per-node", str(len(gpus)), "--max-restarts", "0", "--tee", "3"]
    logs = ["--log-dir", str(link.work / "logs-of-ranks")]
    return Launch([str(python), "-m", "torch.distributed.run", *several, *logs, "-m", module], "cuda", len(gpus))


def versions(python: Path) -> dict[str, str]:
    """Of the packages that decide what is trained, read from the environment's files."""
    sites = [str(site) for site in python.parent.parent.glob("lib/python3*/site-packages")]
    found = {package: next(iter(importlib.metadata.distributions(name=package, path=sites)), None) for package in PACKAGES}
    return {package: distribution.version for package, distribution in found.items() if distribution}
