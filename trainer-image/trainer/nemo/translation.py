"""The spec in the words of NeMo Automodel 0.7.0: its recipe's YAML, as a dictionary. Pure.

Every key is compared in the tests with what the package accepts (tests/fixtures/nemo-automodel-0.7.0.json, recorded from it by
nemo/record_schema.py). Where its own default would train otherwise than the other engines do, the value is written out.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.failure import Failure

RECIPE = "TrainFinetuneRecipeForNextTokenPrediction"
LARGEST_NORM = 1.0
# Of the schedules that transformers has, those that Automodel has too, by its names.
DECAY = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant",
    "constant_with_warmup": "constant",
    "inverse_sqrt": "inverse-square-root",
}


@dataclass(frozen=True)
class Facts:
    """What the machine and the data add to the spec."""

    base: Path
    train_file: Path
    eval_file: Path | None
    checkpoints: Path
    restore_from: Path | None
    steps: int
    eval_steps: int | None
    save_steps: int
    ranks: int
    device: str
    """cuda or cpu"""
    precision: str
    """float32 or bfloat16"""
    recompute: bool


def refuse_what_cannot_be(training: dict[str, Any]) -> None:
    """Raises Failure for what this engine does not do, before anything slow happens."""
    hyperparameters = training["hyperparameters"]
    if training["method"] != "sft" or training["peftMethod"] not in ("lora", "full"):
        asked = f"method {training['method']}, peft method {training['peftMethod']}"
        raise Failure("engine_missing", f'the engine nemo does method sft, with lora or full; asked was {asked}: use framework "hf"')
    if hyperparameters["lrScheduler"] not in DECAY:
        known = ", ".join(DECAY)
        raise Failure("engine_missing", f"NeMo Automodel has the schedules {known}; asked was {hyperparameters['lrScheduler']}")
    if hyperparameters["packing"]:
        raise Failure("engine_missing", 'the engine nemo does not pack rows: leave packing out, or use framework "hf"')
    if hyperparameters.get("resultFrom", "last") != "last":
        raise Failure("engine_missing", 'the engine nemo stores the weights of its last step: leave result_from out, or use framework "hf"')
    if hyperparameters["reportTo"]:
        reports = ", ".join(hyperparameters["reportTo"])
        raise Failure("engine_missing", f'the engine nemo does not report to {reports}: leave it out, or use framework "hf"')


def translate(training: dict[str, Any], facts: Facts) -> dict[str, Any]:
    hyperparameters = training["hyperparameters"]
    recipe = {
        "recipe": RECIPE,
        "seed": hyperparameters["seed"],
        "step_scheduler": _steps(hyperparameters, facts),
        "dist_env": {"backend": "nccl" if facts.device == "cuda" else "gloo", "timeout_minutes": 30},
        "distributed": {"strategy": "fsdp2", "tp_size": 1, "cp_size": 1, "activation_checkpointing": facts.recompute},
        "model": {
            "_target_": "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained",
            "pretrained_model_name_or_path": str(facts.base),
            "torch_dtype": facts.precision,
            "attn_implementation": "sdpa",
            "use_liger_kernel": False,
        },
        "loss_fn": {"_target_": "nemo_automodel.components.loss.masked_ce.MaskedCrossEntropy"},
        "dataset": _dataset(facts.train_file),
        "dataloader": _loader(hyperparameters, shuffle=True),
        "optimizer": {
            "_target_": "torch.optim.AdamW",
            "lr": hyperparameters["learningRate"],
            "weight_decay": hyperparameters["weightDecay"],
            "betas": [0.9, 0.999],
            "eps": 1e-8,
        },
        "lr_scheduler": _schedule(hyperparameters, facts.steps),
        "clip_grad_norm": {"max_norm": LARGEST_NORM},
        "checkpoint": {
            "enabled": True,
            "checkpoint_dir": str(facts.checkpoints),
            "model_save_format": "safetensors",
            "save_consolidated": "final",
        },
    }
    if facts.eval_file:
        recipe |= {"validation_dataset": _dataset(facts.eval_file), "validation_dataloader": _loader(hyperparameters, shuffle=False)}
    if training["peftMethod"] == "lora":
        recipe["peft"] = _adapter(hyperparameters)
    if facts.restore_from:
        recipe["checkpoint"]["restore_from"] = str(facts.restore_from)
    return recipe


def global_batch(hyperparameters: dict[str, Any], ranks: int) -> int:
    return hyperparameters["batchSize"] * hyperparameters["gradientAccumulationSteps"] * ranks


def count_steps(hyperparameters: dict[str, Any], rows: int, ranks: int) -> int:
    """`maxSteps` wins over epochs."""
    epochs = hyperparameters["numEpochs"]
    return hyperparameters["maxSteps"] or max(1, math.ceil(epochs * rows / global_batch(hyperparameters, ranks)))


def _steps(hyperparameters: dict[str, Any], facts: Facts) -> dict[str, Any]:
    return {
        "global_batch_size": global_batch(hyperparameters, facts.ranks),
        "local_batch_size": hyperparameters["batchSize"],
        "max_steps": facts.steps,
        # An upper bound that is never reached: an epoch has at least one step, and max_steps ends the training.
        "num_epochs": facts.steps,
        "ckpt_every_steps": facts.save_steps,
        "save_checkpoint_every_epoch": False,
        # So that every checkpoint, the last among them, has an eval loss by which the best is kept.
        "validate_on_checkpoint": facts.eval_file is not None,
        "val_every_steps": facts.eval_steps,
    }


def _dataset(file: Path) -> dict[str, Any]:
    """Rows as tokens: what is trained on is made by token_rows.py, the same for every engine."""
    return {"_target_": "trainer.nemo.token_file.TokenFile", "path": str(file)}


def _loader(hyperparameters: dict[str, Any], shuffle: bool) -> dict[str, Any]:
    return {
        "_target_": "torchdata.stateful_dataloader.StatefulDataLoader",
        "collate_fn": "nemo_automodel.components.datasets.utils.default_collater",
        "shuffle": shuffle,
        "num_workers": hyperparameters.get("dataloaderWorkers", 0),
    }


def _schedule(hyperparameters: dict[str, Any], steps: int) -> dict[str, Any]:
    warmup = 0 if hyperparameters["lrScheduler"] == "constant" else math.ceil(steps * hyperparameters["warmupRatio"])
    return {
        "lr_decay_style": DECAY[hyperparameters["lrScheduler"]],
        "lr_warmup_steps": min(warmup, steps - 1),  # Automodel wants fewer than there are steps
        "lr_decay_steps": steps,
        "init_lr": 0.0,
        "min_lr": 0.0,
    }


def _adapter(hyperparameters: dict[str, Any]) -> dict[str, Any]:
    wanted, alpha = hyperparameters["targetModules"], hyperparameters["loraAlpha"]
    # PEFT's all-linear leaves the output out; Automodel's match_all_linear would take it.
    where = {"exclude_modules": ["*lm_head*"]} if wanted == "all-linear" else {"target_modules": wanted}
    return {
        "_target_": "nemo_automodel.components._peft.lora.PeftConfig",
        **where,
        "dim": hyperparameters["loraR"],
        "alpha": int(alpha) if alpha == int(alpha) else alpha,
        "dropout": hyperparameters["loraDropout"],
        "dropout_position": "pre",  # of the adapter's input, as PEFT has it
        "lora_A_init": "uniform",  # Kaiming, as PEFT begins
        "use_triton": False,
    }
