"""What the spec leaves open is chosen here, and every choice is reported with its reason. Nothing is chosen silently.

What was not run on a GPU by this project is off unless it changes nothing but speed and the library it comes from is at home there: flash
attention, padding-free batches and Liger's kernels only where they are installed; compilation never by itself.
"""

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import gpu_health
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.supervision.liveness import visible_gpus

# Above this, activations cost more memory than recomputing them costs time.
LARGE_PARAMETERS = 1_000_000_000
# Weights, gradients and Adam's two moments of what is trained, in float32.
TRAINED_BYTES = 16
# What activations, buffers and fragmentation are left with.
GPU_SHARE = 0.6


def refuse_what_cannot_be(training: dict[str, Any]) -> None:
    """Raises Failure for what this engine does not do, before anything slow happens."""
    if training["framework"] != "hf" or training["peftMethod"] not in ("lora", "qlora", "full"):
        asked = f"framework {training['framework']}, method {training['method']}, peft method {training['peftMethod']}"
        raise Failure("engine_missing", f"this engine does framework hf, method sft or dpo, with lora, qlora or full; asked was {asked}")
    if training["peftMethod"] == "qlora" and not is_installed("bitsandbytes"):
        how = "install bitsandbytes (uv sync --frozen --project trainer-image)"
        raise Failure("quantization_unavailable", f"QLoRA quantises with bitsandbytes, which is not installed: {how}, or use LoRA")
    refuse_missing_reports(training["hyperparameters"]["reportTo"])


def refuse_missing_reports(reports: list[str]) -> None:
    """Raises Failure: report_unavailable."""
    if "tensorboard" in reports and not is_installed("tensorboard"):
        raise Failure("report_unavailable", "report_to tensorboard needs the package tensorboard: uv sync --frozen --project trainer-image")
    if "wandb" in reports and not is_installed("wandb"):
        raise Failure(
            "report_unavailable", "report_to wandb needs the package wandb: uv sync --frozen --project trainer-image --extra wandb"
        )
    if "wandb" in reports and not os.environ.get("WANDB_API_KEY") and os.environ.get("WANDB_MODE") not in ("offline", "disabled"):
        raise Failure("report_unavailable", "report_to wandb needs WANDB_API_KEY in the run's env or secrets, or WANDB_MODE offline")


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
    packing: bool
    padding_free: bool
    liger: bool


def choose(training: dict[str, Any], link: EngineLink) -> Choices:
    """The choices that depend on the machine. torch is imported by now. Raises Failure: no_gpu, gpu_driver_too_old, engine_missing."""
    import torch

    gpu_health.require_torch(torch.__version__)
    gpu_health.require_health(torch, link.spec.get("gpusWanted"), visible_gpus())
    gpu = torch.cuda.is_available()
    tiny = training["baseModel"]["kind"] == "tiny-llama"
    peft_method, hyperparameters = training["peftMethod"], training["hyperparameters"]
    link.choice("device", "cuda" if gpu else "cpu", torch.cuda.get_device_name() if gpu else "no NVIDIA or AMD GPU")

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
    flash = gpu and mixed and peft_method != "full" and is_installed("flash_attn")
    attention = "flash_attention_2" if flash else "sdpa"
    link.choice(
        "attention", attention, "flash-attn is installed" if flash else "torch's own; flash-attn is not installed or has no use here"
    )
    link.choice("learning-rate", hyperparameters["learningRate"], "given by the spec, used as given")
    packing, padding_free = _choose_packing(training, flash, link)
    liger = gpu and not tiny and training["method"] == "sft" and is_installed("liger_kernel")
    why = "installed: its kernels for norms, rotations and the loss" if liger else "no GPU" if not gpu else "not installed, or no use here"
    link.choice("liger", liger, why)
    link.choice("compile", False, "never by itself: it costs minutes at each start, and was not verified on this project's machines")
    quantize = peft_method == "qlora"
    reason = "qlora: the frozen base in NF4 with double quantization" if quantize else f"{peft_method}: the base stays as it is"
    link.choice("quantization", "nf4" if quantize else "none", reason)
    return Choices("cuda" if gpu else "cpu", precision, mixed, optimizer, attention, quantize, packing, padding_free, liger)


def choose_device_and_precision(training: dict[str, Any], link: EngineLink) -> tuple[str, str]:
    """(cpu or cuda, float32 or bfloat16), for loops that do not scale their losses.

    Raises Failure: no_gpu, gpu_driver_too_old, engine_missing.
    """
    import torch

    gpu_health.require_torch(torch.__version__)
    gpu_health.require_health(torch, link.spec.get("gpusWanted"), visible_gpus())
    gpu, tiny = torch.cuda.is_available(), training["baseModel"]["kind"] == "tiny-llama"
    link.choice("device", "cuda" if gpu else "cpu", torch.cuda.get_device_name() if gpu else "no NVIDIA or AMD GPU")
    if not gpu:
        precision, why = "float32", "no GPU"
    elif tiny:
        precision, why = "float32", "a tiny model gains nothing from less"
    elif torch.cuda.is_bf16_supported():
        precision, why = "bfloat16", "the GPU has it; what is trained stays float32"
    else:
        precision, why = "float32", "the GPU has no bfloat16, and float16 would need its losses scaled"
    link.choice("precision", precision, why)
    return "cuda" if gpu else "cpu", precision


def _choose_packing(training: dict[str, Any], flash: bool, link: EngineLink) -> tuple[bool, bool]:
    """(packing, padding-free batches).

    Padding-free batches are the default where flash attention is: the same rows make the same step with the same loss, and no padding is
    computed. Packing also changes which rows make a step, several where there was one, so it is done only where it is asked for. Without
    flash attention both cost more than padding: the mask of a flattened batch grows with the square of its length.
    """
    asked = training["hyperparameters"]["packing"]
    if training["method"] == "dpo":
        link.choice("packing", False, "dpo compares pairs: one row, one sequence")
        return False, False
    if asked:
        link.choice("packing", True, "asked for: rows share a sequence, attention stays apart")
        return True, False
    if flash:
        link.choice("packing", "padding-free", "flash attention keeps rows apart: the same step as without, and no padding is computed")
        return False, True
    why = "not asked for" if asked is False else "without flash attention it gains nothing: measured on CPU, the same tokens per second"
    link.choice("packing", False, f"{why}: one row, one sequence")
    return False, False


def choose_parallelism(
    training: dict[str, Any], ranks: int, parameters: int, gpu_bytes: int | None, link: EngineLink, was_sharded: bool = False
) -> str:
    """ "none", "ddp" or "fsdp2". `gpu_bytes`: memory of one GPU; None: there is none. `was_sharded`: by the checkpoint.

    DDP as long as a GPU holds the model and what trains it: it sends gradients once a step. FSDP2 shards what does not fit. QLoRA is never
    sharded: four-bit weights cannot be gathered, and need a quarter of the memory to begin with.
    """
    if ranks == 1:
        return "none"
    if was_sharded:
        link.choice("parallelism", "fsdp2", f"{ranks} ranks; its checkpoint is of a sharded model")
        return "fsdp2"
    needed = parameters * (TRAINED_BYTES if training["peftMethod"] == "full" else 2)
    fits = gpu_bytes is None or training["peftMethod"] == "qlora" or needed <= GPU_SHARE * gpu_bytes
    way = "ddp" if fits else "fsdp2"
    size = f"{parameters / 1e9:,.2f} G parameters need {needed / 1e9:,.1f} GB"
    room = "no GPU" if gpu_bytes is None else f"{size}, a GPU has {gpu_bytes / 1e9:,.0f} GB"
    link.choice("parallelism", way, f"{ranks} ranks; {room}: {'each holds all of it' if fits else 'it is sharded'}")
    return way


def gpu_memory_bytes() -> int | None:
    import torch

    return torch.cuda.get_device_properties(0).total_memory if torch.cuda.is_available() else None


def choose_checkpointing(parameters: int, link: EngineLink) -> bool:
    large = parameters >= LARGE_PARAMETERS
    reason = (
        f"{parameters / 1e6:,.1f} M parameters: {'saves memory, costs about a fifth of the speed' if large else 'memory is no concern'}"
    )
    link.choice("activation-checkpointing", large, reason)
    return large


def choose_eval_steps(given: int | None, steps: int, has_eval: bool, link: EngineLink) -> int | None:
    """Steps between evaluations. Null in the spec: a sixth of the run; None: there is nothing to evaluate on."""
    if not has_eval:
        link.choice("eval-steps", "none", "there is no eval split")
        return None
    eval_steps = given or max(1, steps // 6)
    link.choice("eval-steps", eval_steps, "given" if given else f"a sixth of {steps} steps")
    return eval_steps


def choose_intervals(hyperparameters: dict[str, Any], steps: int, has_eval: bool, link: EngineLink) -> tuple[int | None, int]:
    """(steps between evaluations, steps between checkpoints), for engines that do not measure their steps (save_interval.py)."""
    eval_steps = choose_eval_steps(hyperparameters["evalSteps"], steps, has_eval, link)
    # A third, but never more than 500 steps between checkpoints: what a lost machine may cost.
    given = hyperparameters["saveSteps"]
    save_steps = given or min(500, max(1, steps // 3))
    link.choice("save-steps", save_steps, "given" if given else f"a third of {steps} steps, at most 500")
    return eval_steps, save_steps


def is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
