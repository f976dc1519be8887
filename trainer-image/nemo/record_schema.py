"""Records which keys and values NeMo Automodel accepts, from the package itself, into the fixture that the translation is tested against.

trainer-image/nemo/.venv/bin/python trainer-image/nemo/record_schema.py trainer-image/tests/fixtures/nemo-automodel-0.7.0.json
"""

import dataclasses
import importlib
import importlib.metadata
import inspect
import json
import re
import sys
import typing
from pathlib import Path
from typing import Any


def keys_of(config: Any) -> list[str]:
    return sorted(field.name for field in dataclasses.fields(config) if field.init)


def parameters_of(function: Any) -> list[str]:
    return sorted(name for name, parameter in inspect.signature(function).parameters.items() if parameter.kind != parameter.VAR_KEYWORD)


def record() -> dict[str, Any]:
    import torch
    from nemo_automodel.components._peft import lora
    from nemo_automodel.components._peft.lora import PeftConfig
    from nemo_automodel.components.checkpoint.config import CheckpointingConfig, SaveConsolidatedMode
    from nemo_automodel.components.distributed.config import FSDP2Config
    from nemo_automodel.components.optim import scheduler
    from nemo_automodel.components.optim.optimizer import LRSchedulerConfig
    from nemo_automodel.components.training.step_scheduler import StepSchedulerConfig
    from nemo_automodel.recipes import _dist_utils
    from nemo_automodel.recipes.llm import train_ft

    typed_config = inspect.getsource(sys.modules["nemo_automodel.recipes._typed_config"])
    recipe = inspect.getsource(train_ft) + typed_config + inspect.getsource(_dist_utils)
    read = set(re.findall(r"""(?:cfg|_raw)\.get\(\s*"([a-z_.]+)\"""", recipe)) | set(re.findall(r"\bcfg\.([a-z_]+)\b(?!\()", recipe))
    loader = re.search(r"config_fields = \{(.*?)\}", typed_config, re.DOTALL)[1]
    return {
        "package": f"nemo-automodel {importlib.metadata.version('nemo-automodel')}",
        "torch": importlib.metadata.version("torch"),
        "recipes": [name for name, value in vars(train_ft).items() if inspect.isclass(value) and name.startswith("Train")],
        "read_by_the_recipe": sorted(read),
        "sections": {
            "step_scheduler": sorted({*keys_of(StepSchedulerConfig), "local_batch_size"}),
            "checkpoint": sorted({*keys_of(CheckpointingConfig), "restore_from"}),
            "lr_scheduler": keys_of(LRSchedulerConfig),
            "peft": keys_of(PeftConfig),
            "dataloader": sorted({*re.findall(r'"([a-z_]+)"', loader), "_target_", "collate_fn"}),
            "optimizer": parameters_of(torch.optim.AdamW.__init__),
            "distributed": sorted({*keys_of(FSDP2Config), *_dist_utils._PARALLELISM_DEFAULTS, "strategy", "activation_checkpointing"}),
        },
        "values": {
            "lr_decay_style": sorted(set(re.findall(r'self\.lr_decay_style == "([A-Za-z-]+)"', inspect.getsource(scheduler)))),
            "save_consolidated": [mode.value for mode in SaveConsolidatedMode],
            "dropout_position": list(typing.get_args(typing.get_type_hints(PeftConfig)["dropout_position"])),
            "lora_A_init": re.findall(
                r"'([a-z]+)'", re.search(r"lora_A_init_method \(str\).*choices= \[(.*)\]", inspect.getsource(lora.LinearLoRA.__init__))[1]
            ),
        },
        "targets": sorted(name for name in TARGETS if hasattr(importlib.import_module(name.rpartition(".")[0]), name.rpartition(".")[2])),
    }


TARGETS = (
    "nemo_automodel.components._peft.lora.PeftConfig",
    "nemo_automodel.components.loss.masked_ce.MaskedCrossEntropy",
    "nemo_automodel.components.datasets.utils.default_collater",
    "torchdata.stateful_dataloader.StatefulDataLoader",
    "torch.optim.AdamW",
)

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(record(), indent=1) + "\n")
