"""The README of what a run leaves: where it is from, and how it is used."""

from typing import Any

from trainer.bases import Base


def adapter_card(base: Base, rank: int, spec: dict[str, Any]) -> str:
    wide = f" --max-lora-rank {rank}" if rank > 16 else ""
    return f"""---
base_model: {base.reference}
library_name: peft
pipeline_tag: text-generation
---

# {spec["name"] or spec["runId"]}

A LoRA adapter of `{base.id}` at `{base.commit}`, trained by run `{spec["runId"]}`.
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


def model_card(base: Base, spec: dict[str, Any]) -> str:
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
