"""What a checkpoint says of itself, and whether a run may go on from it.

Beside transformers' own files every checkpoint holds tuneplane.json. A resume whose base, adapter shape, data or global batch differ is
refused with both values; a changed schedule or optimizer setting is a warm start, and called so. The number of ranks may change: the global
batch is then shared anew, and refused with both values where that cannot be.
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
NEEDED = {
    "trainer_state.json": "trainer_state.json",
    "optimizer.pt": "optimizer.*",
    "scheduler.pt": "scheduler.pt",
    "rng_state.pth": "rng_state*.pth",
}
"""Names for people, and the files that they mean: sharded ranks write optimizer.bin, several ranks a random state each."""
SHARDED_WEIGHTS = "pytorch_model_fsdp.bin"
"""What transformers leaves of a sharded model beside its safetensors, whole, and what it alone goes on from."""
MUST_BE_EQUAL = {
    "base": "base model",
    "beginsWith": "adapter that it began with",
    "method": "method",
    "peftMethod": "peft method",
    "loraR": "LoRA rank",
    "loraAlpha": "LoRA alpha",
    "targetModules": "target modules",
    "dataFingerprint": "data",
    "globalBatch": "global batch",
}
LATER = {"method": "sft", "worldSize": 1, "beginsWith": None}
"""What checkpoints of the first release do not say, and were."""
MAY_CHANGE = "maxSteps numEpochs learningRate lrScheduler warmupRatio weightDecay loraDropout maxSeqLength packing dpoBeta seed".split()


@dataclass(frozen=True)
class Batch:
    """Rows per rank and micro-batch, micro-batches per step, ranks: their product is the global batch."""

    rows: int
    accumulation: int
    ranks: int

    @property
    def whole(self) -> int:
        return self.rows * self.accumulation * self.ranks


def describe(training: dict[str, Any], base: dict[str, str], data: Data, batch: Batch | None = None) -> dict[str, Any]:
    """Everything a later resume is compared with; plain JSON. `batch`: one rank's of the spec, unless another is given."""
    hyperparameters = training["hyperparameters"]
    batch = batch or Batch(hyperparameters["batchSize"], hyperparameters["gradientAccumulationSteps"], 1)
    lora = training["peftMethod"] != "full"
    modules = hyperparameters["targetModules"]
    return {
        "base": f"{base['id']}@{base['commit']}",
        "beginsWith": None,
        "method": training["method"],
        "peftMethod": training["peftMethod"],
        "loraR": hyperparameters["loraR"] if lora else None,
        "loraAlpha": hyperparameters["loraAlpha"] if lora else None,
        "targetModules": (modules if isinstance(modules, str) else ", ".join(sorted(modules))) if lora else None,
        "dataFingerprint": data.fingerprint,
        "globalBatch": batch.whole,
        "worldSize": batch.ranks,
        "batchRanks": batch.ranks,
        "hyperparameters": {name: hyperparameters.get(name) for name in MAY_CHANGE},
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
    batch: Batch
    """shared among the ranks that there are now"""
    meant_for: int
    """how many ranks the settings of the batch were chosen for: the first attempt's, however many have trained since"""
    best: dict[str, Any] | None
    """{step, evalLoss} of the best weights that lie beside"""

    @property
    def shared(self) -> dict[str, int]:
        """What this run's own description says of the batch, so that the next resume understands it as well."""
        return {"globalBatch": self.batch.whole, "batchRanks": self.meant_for}


def check(link: EngineLink, mine: dict[str, Any], needed: tuple[str, ...] | None = None, batch: Batch | None = None) -> Resumed | None:
    """The checkpoint that the run goes on from, or None where it starts anew.

    `needed`: the files that it must hold, else those of transformers; `batch`: as the spec and the ranks that there are give it.

    Raises Failure: checkpoint_invalid, resume_refused.
    """
    folder = link.resume_folder
    if folder is None:
        return None
    name = link.spec["resumeFrom"]["checkpoint"]
    theirs, state = {**LATER, **_read(folder / NAME, name)}, _read(folder / "trainer_state.json", name)
    patterns = {name: name for name in needed} if needed is not None else NEEDED
    missing = [name for name, pattern in patterns.items() if not list(folder.glob(pattern))]
    if missing:
        raise Failure("checkpoint_invalid", f"checkpoint {name} lacks {', '.join(missing)}")
    batch = batch or Batch(mine["globalBatch"], 1, 1)
    shared = _share_anew(name, theirs, batch)
    mine = {**mine, "globalBatch": shared.whole}
    differences = [
        f"its {words} is {_short(theirs.get(key))}, this run's is {_short(mine[key])}"
        for key, words in MUST_BE_EQUAL.items()
        if theirs.get(key) != mine[key]
    ]
    if differences:
        raise Failure("resume_refused", f"checkpoint {name} does not fit this run: {'; '.join(differences)}")
    step, last = state["global_step"], mine["hyperparameters"]["maxSteps"]
    if last is not None and last < step:
        raise Failure("resume_refused", f"checkpoint {name} is of step {step}, and max_steps is {last}: nothing would be trained")
    changed = [
        f"{key} {theirs['hyperparameters'].get(key)} -> {value}"
        for key, value in mine["hyperparameters"].items()
        if key in theirs["hyperparameters"] and theirs["hyperparameters"][key] != value
    ]
    if changed:
        link.choice("resume", "warm start", f"from step {step}, with changes: {', '.join(changed)}")
    elif theirs["worldSize"] != batch.ranks:
        link.choice(
            "resume",
            "other ranks",
            f"from step {step} of {theirs['worldSize']} ranks on {batch.ranks}: the same rows a step ({shared.rows} a rank x "
            f"{shared.accumulation} x {shared.ranks}), dropout draws anew",
        )
    else:
        link.choice("resume", "exact", f"from step {step}, settings unchanged")
    meant_for = shared.whole // (batch.rows * batch.accumulation)
    return Resumed(step, state, bool(changed), shared, meant_for, theirs.get("best"))


def refuse_past_end(link: EngineLink, step: int, steps: int) -> None:
    """Raises Failure (resume_refused): `check` cannot know how many steps a number of epochs makes."""
    if step > steps:
        name = link.spec["resumeFrom"]["checkpoint"]
        raise Failure("resume_refused", f"checkpoint {name} is of step {step}, and this run has {steps}: nothing would be trained")


def was_sharded(link: EngineLink) -> bool:
    """Whether the checkpoint, if there is one, is of a model that was sharded over the ranks."""
    return link.resume_folder is not None and (link.resume_folder / SHARDED_WEIGHTS).is_file()


def require_same_layout(link: EngineLink, is_sharded: bool) -> None:
    """Raises Failure (resume_refused) where a sharded model's checkpoint would go on unsharded, or the other way round: the states of
    their optimizers have other names."""
    if link.resume_folder is None or was_sharded(link) == is_sharded:
        return
    words = {True: "sharded over several ranks", False: "whole on each rank"}
    name = link.spec["resumeFrom"]["checkpoint"]
    said = f"the model of checkpoint {name} was {words[not is_sharded]}, this run's is {words[is_sharded]} ({link.ranks} of them)"
    raise Failure("resume_refused", f"{said}: resume on a machine of the same kind, or start a new run from its adapter or model")


def _share_anew(name: str, theirs: dict[str, Any], batch: Batch) -> Batch:
    """On other ranks the step keeps its rows, in micro-batches of at most the spec's size. Raises Failure (resume_refused)."""
    ranks, whole = theirs.get("batchRanks", theirs["worldSize"]), theirs["globalBatch"]
    is_same_setting = batch.rows * batch.accumulation * ranks == whole
    if ranks == batch.ranks or not is_same_setting:
        return batch
    if whole % batch.ranks:
        raise Failure(
            "resume_refused",
            f"checkpoint {name} was trained by {ranks} ranks with a global batch of {whole}, which {batch.ranks} ranks cannot share evenly",
        )
    each = whole // batch.ranks
    rows = next(rows for rows in range(min(batch.rows, each), 0, -1) if each % rows == 0)
    return Batch(rows, each // rows, batch.ranks)


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
