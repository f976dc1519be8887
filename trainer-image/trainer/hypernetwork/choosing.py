"""What the spec leaves open, chosen for the hypernetwork engine and reported with its reason. Imported after torch."""

from typing import Any

from trainer.choices import Choices, choose_device_and_precision
from trainer.engine_link import EngineLink

OPTIMIZER, ATTENTION = "adamw, fused", "sdpa"


def choose(training: dict[str, Any], generates: bool, link: EngineLink) -> Choices:
    """For the frozen base; a network is float32, and one that only reads has no optimizer. Raises Failure: no_gpu, gpu_driver_too_old,
    engine_missing."""
    device, precision = choose_device_and_precision(training, link)
    link.choice("attention", ATTENTION, "torch's own; each row has an adapter of its own, so rows are not packed")
    if not generates:
        link.choice("optimizer", OPTIMIZER, "one kernel for all weights")
        link.choice("learning-rate", training["hyperparameters"]["learningRate"], "given by the spec, used as given")
    nothing_else = {"mixed": False, "quantize": False, "packing": False, "padding_free": False, "liger": False}
    return Choices(device=device, precision=precision, optimizer=OPTIMIZER, attention=ATTENTION, **nothing_else)
