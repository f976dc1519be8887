"""LoRA on Meta's layers: the layer's own weight stays, frozen and by its name; beside it lie lora_a [rank, in] and lora_b [out, rank].

The arithmetic, and the first values, are PEFT's: x W^T + alpha / rank * dropout(x) A^T B^T; A uniform, B zero.
"""

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn.functional import dropout, linear

from trainer.failure import Failure
from trainer.meta.model import Llama
from trainer.meta.weights import MODULES

LINEAR = {module: hf for module, hf in MODULES.items() if "norm" not in module}


class LoraLinear(nn.Module):
    def __init__(self, layer: nn.Linear, rank: int, alpha: float, dropout_share: float) -> None:
        super().__init__()
        self.weight, self.scale, self.dropout_share, self.is_on = layer.weight, alpha / rank, dropout_share, True
        self.weight.requires_grad_(False)
        # What is trained stays float32, whatever the frozen weights are.
        self.lora_a = nn.Parameter(torch.empty(rank, layer.in_features, device=layer.weight.device, dtype=torch.float32))
        self.lora_b = nn.Parameter(torch.empty(layer.out_features, rank, device=layer.weight.device, dtype=torch.float32))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = linear(x, self.weight)
        if not self.is_on:
            return found
        inputs = dropout(x, self.dropout_share, self.training)
        return found + self.scale * linear(linear(inputs, self.lora_a.to(x.dtype)), self.lora_b.to(x.dtype))


def targets_of(wanted: str | list[str]) -> list[str]:
    """Meta's names of the layers to adapt. `wanted`: all-linear, or names of either world. Raises Failure: model_not_supported."""
    if wanted == "all-linear":
        return list(LINEAR)
    by_name = {name.rpartition(".")[2]: module for module, hf in LINEAR.items() for name in (module, hf)}
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise Failure("model_not_supported", f"a Llama has no layer {', '.join(unknown)}; it has {', '.join(sorted(by_name))}")
    return [module for module in LINEAR if module in {by_name[name] for name in wanted}]


def add_lora(model: Llama, targets: list[str], rank: int, alpha: float, dropout_share: float) -> None:
    """Freezes the model and puts an adapter beside each target of each layer; their values are set by `first_value`."""
    model.requires_grad_(False)
    for block in model.layers:
        for target in targets:
            part, _, name = target.partition(".")
            owner = block.get_submodule(part)
            setattr(owner, name, LoraLinear(getattr(owner, name), rank, alpha, dropout_share))


def first_value(name: str, size: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """Of an adapter's matrix, as PEFT begins: A uniform within 1 / sqrt(in) (Kaiming with a = sqrt 5), B zero."""
    if name.endswith("lora_b"):
        return torch.zeros(size)
    bound = 1 / math.sqrt(size[1])
    return torch.empty(size).uniform_(-bound, bound, generator=generator)


@contextlib.contextmanager
def adapters_off(model: nn.Module) -> Iterator[None]:
    adapters = [module for module in model.modules() if isinstance(module, LoraLinear)]
    for adapter in adapters:
        adapter.is_on = False
    try:
        yield
    finally:
        for adapter in adapters:
            adapter.is_on = True
