"""What a run leaves: an adapter or a model that others can load, with a card that says how."""

import importlib.metadata
import json
from pathlib import Path
from typing import Any

from trainer.bases import Base
from trainer.engine_link import EngineLink

NAME = "tuneplane.json"
PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "tokenizers", "safetensors")


def versions(quantized: bool) -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in (*PACKAGES, *(["bitsandbytes"] if quantized else []))}


def save_adapter(model: Any, tokenizer: Any, base: Base, style: str, link: EngineLink, weights: dict[str, Any] | None = None) -> Path:
    """A PEFT adapter: weights, configuration that names base and revision, tokenizer, chat template, card.

    `weights`: gathered ones, where the model's own are sharded.
    """
    folder = link.fresh_folder("adapter")
    config = model.peft_config["default"]
    config.base_model_name_or_path, config.revision = base.reference, base.revision
    config.target_modules = sorted(config.target_modules)  # a set: its order would change from run to run
    # "auto" would ask the hub about the base's vocabulary; the embeddings are not trained.
    # "default" alone: preferences train beside a frozen copy of an adapter that they begin with.
    model.save_pretrained(folder, save_embedding_layers=False, selected_adapters=["default"], state_dict=weights)
    _add_tokenizer_and_card(folder, tokenizer, _adapter_card(base, config.r, link.spec), base, style, link)
    return folder


def write_adapter(weights: dict[str, Any], config: Any, tokenizer: Any, base: Base, style: str, link: EngineLink, made: str) -> Path:
    """As save_adapter, of weights that no PEFT model holds. `weights` by PEFT's names; `made` tells how, before the name of the run."""
    from safetensors.torch import save_file

    folder = link.fresh_folder("adapter")
    config.base_model_name_or_path, config.revision, config.inference_mode = base.reference, base.revision, True
    config.target_modules = sorted(config.target_modules)
    config.save_pretrained(folder)
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    _add_tokenizer_and_card(folder, tokenizer, _adapter_card(base, config.r, link.spec, made), base, style, link)
    return folder


def finish_model(folder: Path, tokenizer: Any, base: Base, style: str, link: EngineLink) -> Path:
    """As save_model, for a folder that holds config.json and weights already."""
    _add_tokenizer_and_card(folder, tokenizer, _model_card(base, link.spec), base, style, link)
    return folder


def save_model(model: Any, tokenizer: Any, base: Base, style: str, link: EngineLink, weights: dict[str, Any] | None = None) -> Path:
    """A whole model, for `from_pretrained` and for any server."""
    folder = link.fresh_folder("model")
    model.save_pretrained(folder, state_dict=weights)
    _add_tokenizer_and_card(folder, tokenizer, _model_card(base, link.spec), base, style, link)
    return folder


def merge(model: Any, adapter: Path, base: Base, quantized: bool) -> Any:
    """The base with the adapter added in. A quantised base is loaded again in full: a sum in 4 bits would lose the adapter."""
    if not quantized:
        return model.merge_and_unload()
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    whole = AutoModelForCausalLM.from_pretrained(base.folder, dtype="auto")
    return PeftModel.from_pretrained(whole, adapter).merge_and_unload()


def _add_tokenizer_and_card(folder: Path, tokenizer: Any, card: str, base: Base, style: str, link: EngineLink) -> None:
    tokenizer.save_pretrained(folder)
    (folder / "README.md").write_text(card, encoding="utf-8")
    about = {"run": link.run_id, "base": {"kind": base.kind, **base.record}, "promptStyle": style}
    (folder / NAME).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    for file in folder.iterdir():
        file.chmod(0o644)  # safetensors leaves 0600


def _adapter_card(base: Base, rank: int, spec: dict[str, Any], made: str = "trained by") -> str:
    wide = f" --max-lora-rank {rank}" if rank > 16 else ""
    return f"""---
base_model: {base.reference}
library_name: peft
pipeline_tag: text-generation
---

# {spec["name"] or spec["runId"]}

A LoRA adapter of `{base.id}` at `{base.commit}`, {made} run `{spec["runId"]}`.
{_where_base_is(base)}
With PEFT, from this folder:

```python
from peft import AutoPeftModelForCausalLM
model = AutoPeftModelForCausalLM.from_pretrained(".")
```

With vLLM:

```sh
vllm serve {base.reference} --enable-lora{wide} --lora-modules {spec["runId"]}=.
```
"""


def _where_base_is(base: Base) -> str:
    if base.kind == "hub":
        return ""
    if base.kind == "path":
        return f"\nIts base is a folder of the machine that trained it: `{base.folder}`.\n"
    return (
        f"\nIts base is built on each machine: `{base.folder}`. Elsewhere `python -m trainer.tiny_llama --cache FOLDER` builds it;\n"
        "write the folder that it prints into `base_model_name_or_path` of adapter_config.json.\n"
    )


def _model_card(base: Base, spec: dict[str, Any]) -> str:
    return f"""---
library_name: transformers
pipeline_tag: text-generation
---

# {spec["name"] or spec["runId"]}

`{base.id}` at `{base.commit}`, fine-tuned by run `{spec["runId"]}`. With transformers, from this folder:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer
model, tokenizer = AutoModelForCausalLM.from_pretrained("."), AutoTokenizer.from_pretrained(".")
```

With vLLM:

```sh
vllm serve .
```
"""
