"""What a run of the meta engine leaves: an adapter of the Hugging Face model, so that everything that takes adapters takes it; or a whole
model as a Hugging Face folder, with Meta's layout in its folder `original`, as the hub's Llamas have it. Every rank must take part.
"""

import shutil
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from peft import LoraConfig

from trainer import results
from trainer.bases import Base
from trainer.engine_link import EngineLink
from trainer.meta import weights
from trainer.meta.hf_folder import HfFolder, write_hf
from trainer.meta.lora import targets_of
from trainer.meta.meta_folder import write_meta
from trainer.meta.model import Llama
from trainer.meta.proof import Proof
from trainer.meta.sharded import gathered

ORIGINAL = "original"


def save_result(
    link: EngineLink, model: Llama, source: HfFolder, tokenizer: Any, base: Base, style: str, proof: Proof, merged: bool
) -> None:
    """`merged`: the base with the adapter added in is stored beside the adapter. Raises Failure (artifact_unusable): see proof.py."""
    full = link.spec["training"]["peftMethod"] == "full"
    found = gathered(model, lambda name: full or merged or "lora_" in name)
    if dist.get_rank() > 0:
        return
    adapter = {name: weight for name, weight in found.items() if "lora_" in name}
    if full or merged:
        if merged:
            link.phase("saving", "base and adapter merged")
        whole = _write_model(link, _merge(found, _scale(link)), source, tokenizer, base, style)
        proof.require_of_model(whole, "the merged model" if merged else "the model")
        link.artifacts(whole, "model")
    if not full:
        folder = _write_adapter(link, adapter, source, tokenizer, base, style)
        proof.require_of_adapter(folder)
        link.artifacts(folder, "adapter")


def _write_model(link: EngineLink, found: dict[str, torch.Tensor], source: HfFolder, tokenizer: Any, base: Base, style: str) -> Path:
    folder = link.fresh_folder("model")
    link.choice("stored-as", str(source.dtype).removeprefix("torch."), "the type of the base's weights")
    stored = {name: weight.to(source.dtype) for name, weight in found.items()}
    write_hf(folder, stored, source.shape, source.config)
    if (base.folder / "generation_config.json").is_file():
        shutil.copyfile(base.folder / "generation_config.json", folder / "generation_config.json")
    results.finish_model(folder, tokenizer, base, style, link)
    (folder / ORIGINAL).mkdir()
    write_meta(folder / ORIGINAL, stored, source.shape)
    return folder


def _write_adapter(link: EngineLink, found: dict[str, torch.Tensor], source: HfFolder, tokenizer: Any, base: Base, style: str) -> Path:
    hyperparameters = link.spec["training"]["hyperparameters"]
    modules = [weights.MODULES[target].rpartition(".")[2] for target in targets_of(hyperparameters["targetModules"])]
    config = LoraConfig(
        r=hyperparameters["loraR"],
        lora_alpha=hyperparameters["loraAlpha"],
        lora_dropout=hyperparameters["loraDropout"],
        target_modules=modules,
        task_type="CAUSAL_LM",
    )
    return results.write_adapter(to_peft(found, source), config, tokenizer, base, style, link, "trained by")


def to_peft(found: dict[str, torch.Tensor], source: HfFolder) -> dict[str, torch.Tensor]:
    """Adapter matrices by PEFT's names. The rows of B make what the rows of the weight make, so they are reordered as those are."""
    adapter = {}
    for name, matrix in found.items():
        layer, _, which = name.rpartition(".")
        weight = f"{layer}.weight"
        peft = f"base_model.model.{weights.hf_name(weight).removesuffix('.weight')}.lora_{which[-1].upper()}.weight"
        adapter[peft] = weights.to_hf(weight, matrix, source.shape) if which == "lora_b" else matrix
    return adapter


def _merge(found: dict[str, torch.Tensor], scale: float) -> dict[str, torch.Tensor]:
    """Every weight with its adapter, if any, added in float32."""
    merged = {}
    for name, weight in found.items():
        if "lora_" in name:
            continue
        layer = name.removesuffix(".weight")
        if f"{layer}.lora_a" in found:
            weight = weight.float() + scale * (found[f"{layer}.lora_b"] @ found[f"{layer}.lora_a"])
        merged[name] = weight
    return merged


def _scale(link: EngineLink) -> float:
    hyperparameters = link.spec["training"]["hyperparameters"]
    return hyperparameters["loraAlpha"] / hyperparameters["loraR"]
