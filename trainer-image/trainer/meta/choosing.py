"""What the spec leaves open, chosen for the meta engine and reported with its reason. Imported after torch."""

from dataclasses import dataclass
from typing import Any

from trainer.choices import choose_device_and_precision
from trainer.engine_link import EngineLink


@dataclass(frozen=True)
class Chosen:
    device: str
    """cpu or cuda"""
    precision: str
    """float32 or bfloat16: of frozen weights and of the passes; what is trained is float32"""


def choose(training: dict[str, Any], link: EngineLink) -> Chosen:
    """Raises Failure: no_gpu, gpu_driver_too_old, engine_missing."""
    device, precision = choose_device_and_precision(training, link)
    link.choice("optimizer", "adamw, fused", "one kernel for all weights")
    link.choice("attention", "sdpa", "torch's own, causal; rows are not packed")
    link.choice("learning-rate", training["hyperparameters"]["learningRate"], "given by the spec, used as given")
    return Chosen(device, precision)
