"""What a hypernetwork emits adapters for, as plain JSON: the linear layers of its base, the rank, and the size of its own parts."""

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from trainer.failure import Failure

FORMAT = 1
NUMBERED = re.compile(r"^(.*?)\.(\d+)\.(.+)$")
# What names a file or a library version and decides nothing that the model computes.
NOT_HASHED = ("_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache")
# Widths of the perceiver: as wide as the base, within what is worth its time (Doc-to-LoRA uses 512 for bases of 2 to 7 billion weights).
LEAST_LATENT, MOST_LATENT, ATTENTION_HEADS = 64, 512, 4


@dataclass(frozen=True)
class Target:
    """One kind of linear layer, found in every block: `self_attn.q_proj`."""

    path: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Shape:
    base_id: str
    base_commit: str
    config_hash: str
    """of the base's config.json: an adapter of other sizes, or for another architecture, would be noise"""
    blocks: str
    """name of the list of blocks: `model.layers`"""
    layers: int
    hidden: int
    targets: tuple[Target, ...]
    rank: int
    alpha: float
    latent: int
    heads: int
    max_trajectory_tokens: int

    def site(self, layer: int, target: Target) -> str:
        return f"{self.blocks}.{layer}.{target.path}"

    def to_json(self) -> dict[str, Any]:
        return {"format": FORMAT, "encoder": "hidden states of every layer, through the base's chat template", **asdict(self)}

    @staticmethod
    def from_json(text: str) -> "Shape":
        """Raises ValueError, KeyError or TypeError where it is not what `to_json` gives."""
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"format must be {FORMAT}, got {found['format']!r}")
        fields = {name: found[name] for name in Shape.__dataclass_fields__}
        return Shape(**fields | {"targets": tuple(Target(**target) for target in found["targets"])})


def shape_of(model: Any, base: Any, training: dict[str, Any]) -> Shape:
    """The shape of a new hypernetwork for `model`, the loaded base. Raises Failure: model_not_supported."""
    hyperparameters, config = training["hyperparameters"], model.config
    blocks, layers, targets = find_targets(model, hyperparameters["targetModules"], base.id)
    hidden = config.hidden_size
    latent = min(MOST_LATENT, max(LEAST_LATENT, hidden // ATTENTION_HEADS * ATTENTION_HEADS))
    window = getattr(config, "max_position_embeddings", None) or hyperparameters["maxSeqLength"]
    return Shape(
        base_id=base.id,
        base_commit=base.commit,
        config_hash=hash_config(base.folder),
        blocks=blocks,
        layers=layers,
        hidden=hidden,
        targets=targets,
        rank=hyperparameters["loraR"],
        alpha=hyperparameters["loraAlpha"],
        latent=latent,
        heads=ATTENTION_HEADS,
        max_trajectory_tokens=min(window, hyperparameters["maxSeqLength"]),
    )


def find_targets(model: Any, wanted: str | list[str], base_id: str) -> tuple[str, int, tuple[Target, ...]]:
    """(name of the list of blocks, how many there are, the targets). `wanted`: all-linear, or last parts of names. Raises Failure."""
    import torch

    found: dict[tuple[str, str], dict[int, tuple[int, int]]] = {}
    for name, module in model.named_modules():
        match = NUMBERED.match(name)
        if match and type(module) is torch.nn.Linear:
            found.setdefault((match[1], match[3]), {})[int(match[2])] = (module.in_features, module.out_features)
    if not found:
        raise Failure("model_not_supported", f"{base_id} has no linear layers in numbered blocks, which is what a hypernetwork adapts")
    known = sorted({path.rpartition(".")[2] for _, path in found})
    if wanted != "all-linear":
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise Failure("model_not_supported", f"{base_id} has no layer {', '.join(unknown)}; it has {', '.join(known)}")
        found = {key: sizes for key, sizes in found.items() if key[1].rpartition(".")[2] in wanted}
    lists, counts = {blocks for blocks, _ in found}, {len(sizes) for sizes in found.values()}
    if len(lists) > 1 or len(counts) > 1 or any(len(set(sizes.values())) > 1 for sizes in found.values()):
        raise Failure(
            "model_not_supported", f"the blocks of {base_id} are not alike, and a hypernetwork has one head for each kind of layer"
        )
    targets = tuple(Target(path, *sizes[0]) for (_, path), sizes in sorted(found.items()))
    return lists.pop(), counts.pop(), targets


def module_names(targets: tuple[Target, ...]) -> list[str]:
    """The targets as PEFT is told them: the last part of the name, or all of it where two share that."""
    short = [target.path.rpartition(".")[2] for target in targets]
    return [name if short.count(name) == 1 else target.path for name, target in zip(short, targets, strict=True)]


def hash_config(folder: Path) -> str:
    config = json.loads((folder / "config.json").read_text())
    decisive = {name: value for name, value in config.items() if name not in NOT_HASHED}
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
