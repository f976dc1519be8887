"""What the spec leaves open is chosen here, and every choice is reported with its reason. Nothing is chosen silently."""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer.engine_link import EngineLink
from trainer.failure import Failure

# Above this, activations cost more memory than recomputing them costs time.
LARGE_PARAMETERS = 1_000_000_000


def refuse_what_cannot_be(training: dict[str, Any]) -> None:
    """Raises Failure for what this engine does not do, before anything slow happens."""
    if training["framework"] != "hf" or training["method"] != "sft" or training["peftMethod"] not in ("lora", "qlora", "full"):
        asked = f"framework {training['framework']}, method {training['method']}, peft method {training['peftMethod']}"
        raise Failure("engine_missing", f"this engine does framework hf, method sft, with lora, qlora or full; asked was {asked}")
    if training["peftMethod"] == "qlora" and not _is_installed("bitsandbytes"):
        how = "install bitsandbytes (uv sync --frozen --project trainer-image)"
        raise Failure("quantization_unavailable", f"QLoRA quantises with bitsandbytes, which is not installed: {how}, or use LoRA")
    reports = training["hyperparameters"]["reportTo"]
    if "tensorboard" in reports and not _is_installed("tensorboard"):
        raise Failure("engine_missing", "report_to tensorboard needs the package tensorboard: uv sync --frozen --project trainer-image")
    if "wandb" in reports and not _is_installed("wandb"):
        raise Failure("engine_missing", "report_to wandb needs the package wandb: uv sync --frozen --project trainer-image --extra wandb")
    if "wandb" in reports and not os.environ.get("WANDB_API_KEY"):
        raise Failure("engine_missing", "report_to wandb needs WANDB_API_KEY in the run's secrets or environment; it is not set")


def prepare_libraries(cache: Path) -> None:
    """Before anything of Hugging Face is imported: where it keeps files (a person's own HF_HOME wins), no bars, no telemetry."""
    os.environ.setdefault("HF_HOME", str(cache / "huggingface"))
    for name, value in (("HF_HUB_DISABLE_PROGRESS_BARS", "1"), ("TOKENIZERS_PARALLELISM", "false"), ("HF_HUB_DISABLE_TELEMETRY", "1")):
        os.environ.setdefault(name, value)


def prepare_imports(training: dict[str, Any]) -> None:
    """What must be decided before torch is imported."""
    if training["peftMethod"] != "qlora":
        keep_bitsandbytes_out()
    if training["baseModel"]["kind"] == "tiny-llama":
        # 24.5 steps/s with one thread, 1.8 with two: the matrices are too small to share.
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def keep_bitsandbytes_out() -> None:
    """peft imports bitsandbytes wherever it finds it: 2.5 to 3 s that only a quantised run needs."""
    sys.modules.setdefault("bitsandbytes", None)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Choices:
    device: str
    """cpu or cuda"""
    precision: str
    """float32, bfloat16 or float16: of the frozen base and of autocast; what is trained is float32"""
    mixed: bool
    """autocast to `precision`"""
    optimizer: str
    attention: str
    quantize: bool


def choose(training: dict[str, Any], link: EngineLink) -> Choices:
    """The choices that depend on the machine. torch is imported by now."""
    import torch

    gpu = torch.cuda.is_available()
    tiny = training["baseModel"]["kind"] == "tiny-llama"
    peft_method, hyperparameters = training["peftMethod"], training["hyperparameters"]
    link.choice("device", "cuda" if gpu else "cpu", torch.cuda.get_device_name() if gpu else "no NVIDIA or AMD GPU")
    if gpu and torch.cuda.device_count() > 1:
        link.choice("gpus", 1, f"{torch.cuda.device_count()} are here; this engine trains on one")

    if not gpu:
        precision, why = "float32", "no GPU"
    elif tiny:
        precision, why = "float32", "a tiny model gains nothing from less"
    elif torch.cuda.is_bf16_supported():
        precision, why = "bfloat16", "the GPU has it"
    else:
        precision, why = "float16", "the GPU has no bfloat16"
    mixed = precision != "float32"
    if mixed and peft_method == "full":
        why += "; mixed: the weights stay float32"
    link.choice("precision", precision, why)

    optimizer = "adamw_torch_fused"
    link.choice("optimizer", optimizer, "one kernel for all weights" + ("" if gpu else "; the paged 8-bit optimizer works on GPUs only"))
    flash = gpu and mixed and peft_method != "full" and _is_installed("flash_attn")
    attention = "flash_attention_2" if flash else "sdpa"
    link.choice(
        "attention", attention, "flash-attn is installed" if flash else "torch's own; flash-attn is not installed or has no use here"
    )
    link.choice("learning-rate", hyperparameters["learningRate"], "given by the spec, used as given")
    packing = hyperparameters["packing"]
    link.choice(
        "packing", packing, "asked for: rows share a sequence, attention stays apart" if packing else "not asked for: one row, one sequence"
    )
    quantize = peft_method == "qlora"
    reason = "qlora: the frozen base in NF4 with double quantization" if quantize else f"{peft_method}: the base stays as it is"
    link.choice("quantization", "nf4" if quantize else "none", reason)
    return Choices("cuda" if gpu else "cpu", precision, mixed, optimizer, attention, quantize)


def choose_checkpointing(parameters: int, link: EngineLink) -> bool:
    large = parameters >= LARGE_PARAMETERS
    reason = (
        f"{parameters / 1e6:,.1f} M parameters: {'saves memory, costs about a fifth of the speed' if large else 'memory is no concern'}"
    )
    link.choice("activation-checkpointing", large, reason)
    return large


def choose_intervals(hyperparameters: dict[str, Any], steps: int, has_eval: bool, link: EngineLink) -> tuple[int | None, int]:
    """(steps between evaluations, steps between checkpoints). Null in the spec: a sixth and a third of the run."""
    given_eval, given_save = hyperparameters["evalSteps"], hyperparameters["saveSteps"]
    if has_eval:
        eval_steps = given_eval or max(1, steps // 6)
        link.choice("eval-steps", eval_steps, "given" if given_eval else f"a sixth of {steps} steps")
    else:
        eval_steps = None
        link.choice("eval-steps", "none", "there is no eval split")
    # A third, but never more than 500 steps between checkpoints: what a lost machine may cost.
    save_steps = given_save or min(500, max(1, steps // 3))
    link.choice("save-steps", save_steps, "given" if given_save else f"a third of {steps} steps, at most 500")
    return eval_steps, save_steps


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
