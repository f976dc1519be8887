"""The hypernetwork: hidden states of a trajectory in, the two LoRA matrices of every linear layer out.

    hidden states   of every layer of the frozen base, [batch, layers + 1, tokens, hidden]
    perceiver       one latent vector for each layer, kind of layer and rank; they look at all states (cross-attention), then at each other
    heads           a row of A [inputs] and a column of B [outputs] from each latent; one head for each kind of layer, shared by all layers
    bias, scale     A begins at a learned bias, as LoRA begins at noise; B is scaled by a learned factor that begins small

The shape is Doc-to-LoRA's (arXiv 2602.15902, SakanaAI/doc-to-lora) without its mixers. With `scale_b` at 0 every adapter is the identity.
"""

import math
from typing import NamedTuple

import torch
from torch import nn
from torch.nn.functional import layer_norm, normalize

from trainer.hypernetwork.shape import Shape

FIRST_SCALE = 1e-2


class LoraPair(NamedTuple):
    """A [batch, layers, rank, inputs] and B [batch, layers, rank, outputs] of one kind of layer."""

    a: torch.Tensor
    b: torch.Tensor


class Hypernetwork(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        layers, rank, latent, kinds = shape.layers, shape.rank, shape.latent, range(len(shape.targets))
        self.project = nn.Linear(shape.hidden, latent)
        self.layer_embedding = nn.Parameter(torch.randn(layers + 1, latent) * 0.02)
        self.latents = nn.Parameter(torch.randn(layers * len(shape.targets) * rank, latent) * 0.3)
        self.norms = nn.ModuleList(nn.LayerNorm(latent) for _ in range(4))
        self.look = nn.MultiheadAttention(latent, shape.heads, batch_first=True)
        self.mix = nn.MultiheadAttention(latent, shape.heads, batch_first=True)
        self.think = nn.Sequential(nn.Linear(latent, 4 * latent), nn.SiLU(), nn.Linear(4 * latent, latent))
        self.head_a = nn.ModuleList(nn.Linear(latent, target.inputs, bias=False) for target in shape.targets)
        self.head_b = nn.ModuleList(nn.Linear(latent, target.outputs, bias=False) for target in shape.targets)
        widths = [target.inputs for target in shape.targets]
        self.bias_a = nn.ParameterList(torch.randn(layers, rank, widths[kind]) * 0.2 / math.sqrt(widths[kind]) for kind in kinds)
        self.scale_b = nn.ParameterList(torch.full((layers, rank, 1), FIRST_SCALE) for _ in kinds)

    def forward(self, states: torch.Tensor, mask: torch.Tensor) -> list[LoraPair]:
        """`states` [batch, layers + 1, tokens, hidden], `mask` [batch, tokens] with 1 where a token is; one pair for each target."""
        batch, depth, tokens, hidden = states.shape
        seen = self.project(layer_norm(states.float(), (hidden,))) + self.layer_embedding[None, :, None]
        seen = seen.reshape(batch, depth * tokens, -1)
        padding = ~mask.bool()[:, None].expand(batch, depth, tokens).reshape(batch, -1)
        before_look, before_mix, before_think, last = self.norms
        z = self.latents[None].expand(batch, -1, -1)
        z = z + self.look(before_look(z), seen, seen, key_padding_mask=padding, need_weights=False)[0]
        among = before_mix(z)
        z = z + self.mix(among, among, among, need_weights=False)[0]
        z = z + self.think(before_think(z))
        z = normalize(last(z), dim=-1) * math.sqrt(self.shape.latent)
        z = z.view(batch, self.shape.layers, len(self.shape.targets), self.shape.rank, -1)
        return [
            LoraPair(head_a(z[:, :, kind]) + bias, head_b(z[:, :, kind]) * scale)
            for kind, (head_a, head_b, bias, scale) in enumerate(zip(self.head_a, self.head_b, self.bias_a, self.scale_b, strict=True))
        ]


def adapter_weights(shape: Shape, pairs: list[LoraPair], row: int = 0) -> dict[str, torch.Tensor]:
    """The adapter of one row of a batch, by PEFT's names: A [rank, inputs], B [outputs, rank]."""
    weights = {}
    for target, pair in zip(shape.targets, pairs, strict=True):
        for layer in range(shape.layers):
            name = f"base_model.model.{shape.site(layer, target)}"
            weights[f"{name}.lora_A.weight"] = pair.a[row, layer].detach().float().cpu().contiguous()
            weights[f"{name}.lora_B.weight"] = pair.b[row, layer].detach().float().cpu().T.contiguous()
    return weights
