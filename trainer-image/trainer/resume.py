"""What a checkpoint says of itself, and whether a run may go on from it.

Beside transformers' own files every checkpoint holds tuneplane.json. A resume whose base, adapter shape, data or global batch differ is
refused with both values; a changed schedule or optimizer setting is a warm start, and called so.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.data import Data
from trainer.engine_link import EngineLink
from trainer.failure import Failure

NAME = "tuneplane.json"
NEEDED = ("trainer_state.json", "optimizer.pt", "scheduler.pt", "rng_state.pth")
MUST_BE_EQUAL = {
    "base": "base model",
    "peftMethod": "peft method",
    "loraR": "LoRA rank",
    "loraAlpha": "LoRA alpha",
    "targetModules": "target modules",
    "dataFingerprint": "data",
    "globalBatch": "global batch",
}
MAY_CHANGE = "maxSteps numEpochs learningRate lrScheduler warmupRatio weightDecay loraDropout maxSeqLength packing seed".split()


def describe(training: dict[str, Any], base: dict[str, str], data: Data) -> dict[str, Any]:
    """Everything a later resume is compared with; plain JSON."""
    hyperparameters = training["hyperparameters"]
    lora = training["peftMethod"] != "full"
    modules = hyperparameters["targetModules"]
    return {
        "base": f"{base['id']}@{base['commit']}",
        "peftMethod": training["peftMethod"],
        "loraR": hyperparameters["loraR"] if lora else None,
        "loraAlpha": hyperparameters["loraAlpha"] if lora else None,
        "targetModules": (modules if isinstance(modules, str) else ", ".join(sorted(modules))) if lora else None,
        "dataFingerprint": data.fingerprint,
        "globalBatch": hyperparameters["batchSize"] * hyperparameters["gradientAccumulationSteps"],
        "hyperparameters": {name: hyperparameters[name] for name in MAY_CHANGE},
    }


def config_hash(training: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(training, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Resumed:
    step: int
    state: dict[str, Any]
    """trainer_state.json of transformers"""
    changed: bool
    """a warm start: schedule or optimizer settings are other ones"""


def check(link: EngineLink, mine: dict[str, Any], needed: tuple[str, ...] = NEEDED) -> Resumed | None:
    """The checkpoint that the run goes on from, or None where it starts anew. `needed`: the files that it must hold.

    Raises Failure: checkpoint_invalid, resume_refused.
    """
    folder = link.resume_folder
    if folder is None:
        return None
    name = link.spec["resumeFrom"]["checkpoint"]
    theirs, state = _read(folder / NAME, name), _read(folder / "trainer_state.json", name)
    missing = [file for file in needed if not (folder / file).is_file()]
    if missing:
        raise Failure("checkpoint_invalid", f"checkpoint {name} lacks {', '.join(missing)}")
    differences = [
        f"its {words} is {_short(theirs.get(key))}, this run's is {_short(mine[key])}"
        for key, words in MUST_BE_EQUAL.items()
        if theirs.get(key) != mine[key]
    ]
    if differences:
        raise Failure("resume_refused", f"checkpoint {name} does not fit this run: {'; '.join(differences)}")
    changed = [
        f"{key} {theirs['hyperparameters'].get(key)} -> {value}"
        for key, value in mine["hyperparameters"].items()
        if theirs["hyperparameters"].get(key) != value
    ]
    if changed:
        link.choice("resume", "warm start", f"from step {state['global_step']}, with changes: {', '.join(changed)}")
    else:
        link.choice("resume", "exact", f"from step {state['global_step']}, settings unchanged")
    return Resumed(state["global_step"], state, bool(changed))


def take_new_settings(optimizer: Any, scheduler: Any, hyperparameters: dict[str, Any]) -> None:
    """The loaded states of optimizer and scheduler hold the old run's rate and decay; a warm start means the new ones."""
    rate, decay = hyperparameters["learningRate"], hyperparameters["weightDecay"]
    scheduler.base_lrs = [rate for _ in scheduler.base_lrs]
    for group, factor in zip(optimizer.param_groups, scheduler.lr_lambdas, strict=True):
        group["initial_lr"], group["lr"] = rate, rate * factor(scheduler.last_epoch)
        if group["weight_decay"]:
            group["weight_decay"] = decay
    scheduler._last_lr = [group["lr"] for group in optimizer.param_groups]  # what get_last_lr() tells until the next step


def _read(path: Path, name: str) -> dict[str, Any]:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Failure("checkpoint_invalid", f"checkpoint {name} does not load: {path.name}: {error}") from error


def _short(value: Any) -> str:
    """Hashes by their first 12 digits, so that both values fit into a sentence."""
    words = str(value).split("@")
    return "@".join(word[:12] if len(word) >= 40 and word.isalnum() else word for word in words)
