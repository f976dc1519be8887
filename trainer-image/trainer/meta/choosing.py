"""What the spec leaves open, chosen for the meta engine and reported with its reason. Imported after torch."""

from dataclasses import dataclass
from typing import Any

import torch

from trainer import gpu_health
from trainer.engine_link import EngineLink
from trainer.supervision.liveness import visible_gpus


@dataclass(frozen=True)
class Chosen:
    device: str
    """cpu or cuda"""
    precision: str
    """float32 or bfloat16: of frozen weights and of the passes; what is trained is float32"""


def choose(training: dict[str, Any], link: EngineLink) -> Chosen:
    """Raises Failure: no_gpu, gpu_driver_too_old, engine_missing."""
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
    link.choice("optimizer", "adamw, fused", "one kernel for all weights")
    link.choice("attention", "sdpa", "torch's own, causal; rows are not packed")
    link.choice("learning-rate", training["hyperparameters"]["learningRate"], "given by the spec, used as given")
    return Chosen("cuda" if gpu else "cpu", precision)
