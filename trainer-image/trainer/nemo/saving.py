"""What a run of the nemo engine leaves, made of the recipe's last checkpoint: a PEFT adapter, or a Hugging Face folder."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from peft import LoraConfig
from safetensors.torch import load_file

from trainer import results
from trainer.bases import Base
from trainer.engine_link import EngineLink

CONSOLIDATED = "consolidated"


def save_result(link: EngineLink, model: Path, tokenizer: Any, base: Base, style: str, merged: bool) -> None:
    """`model`: the checkpoint's folder of that name. `merged`: the base with the adapter added in is stored beside the adapter."""
    if link.spec["training"]["peftMethod"] == "full":
        _save_whole(link, model / CONSOLIDATED, tokenizer, base, style)
        return
    link.phase("saving", "the adapter")
    found = json.loads((model / "adapter_config.json").read_text())
    config = LoraConfig(
        r=found["r"],
        lora_alpha=found["lora_alpha"],
        lora_dropout=link.spec["training"]["hyperparameters"]["loraDropout"],
        target_modules=found["target_modules"],
        task_type="CAUSAL_LM",
    )
    weights = load_file(model / "adapter_model.safetensors")
    adapter = results.write_adapter(weights, config, tokenizer, base, style, link, "trained by")
    if merged:
        link.phase("saving", "base and adapter merged")
        whole = results.merge(None, adapter, base, quantized=True)  # the base is loaded anew: the recipe's is gone
        link.artifacts(results.save_model(whole, tokenizer, base, style, link), "model")
    link.artifacts(adapter, "adapter")


def _save_whole(link: EngineLink, consolidated: Path, tokenizer: Any, base: Base, style: str) -> None:
    if not consolidated.is_dir():
        print("the recipe puts a whole model together at its last step alone: this run leaves its checkpoint", flush=True)
        return
    link.phase("saving", "the model")
    folder = link.fresh_folder("model")
    shutil.copytree(consolidated, folder, copy_function=os.link, dirs_exist_ok=True)
    link.artifacts(results.finish_model(folder, tokenizer, base, style, link), "model")
