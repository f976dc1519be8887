"""Llama 2 and 3 by Meta's names: tok_embeddings, layers.N.attention.wq, ..., output. Rotary positions turn pairs of neighbours, as Meta's
weights expect; Hugging Face's turn the two halves of a head, which weights.py makes good by reordering rows.

No cache and no mask but the causal one: rows are padded to the right, where nothing that counts looks at the padding.
"""

import math

import torch
from torch import nn
from torch.nn.functional import linear, rms_norm, scaled_dot_product_attention, silu
from torch.utils.checkpoint import checkpoint

from trainer.meta.shape import Shape


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return rms_norm(x.float(), (x.shape[-1],), None, self.eps).to(x.dtype) * self.weight


class Attention(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.head_width = shape.head_width
        self.wq = nn.Linear(shape.width, shape.heads * shape.head_width, bias=False)
        self.wk = nn.Linear(shape.width, shape.key_value_heads * shape.head_width, bias=False)
        self.wv = nn.Linear(shape.width, shape.key_value_heads * shape.head_width, bias=False)
        self.wo = nn.Linear(shape.heads * shape.head_width, shape.width, bias=False)

    def forward(self, x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        """`x` [rows, tokens, width], `turns` as `rotations` gives them."""
        rows, tokens, _ = x.shape
        q, k, v = (part(x).view(rows, tokens, -1, self.head_width).transpose(1, 2) for part in (self.wq, self.wk, self.wv))
        found = scaled_dot_product_attention(rotate(q, turns), rotate(k, turns), v, is_causal=True, enable_gqa=True)
        return self.wo(found.transpose(1, 2).reshape(rows, tokens, -1))


class FeedForward(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.w1 = nn.Linear(shape.width, shape.inner_width, bias=False)
        self.w2 = nn.Linear(shape.inner_width, shape.width, bias=False)
        self.w3 = nn.Linear(shape.width, shape.inner_width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.w2(silu(self.w1(x)) * self.w3(x))


class Block(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.recompute = False
        self.attention, self.feed_forward = Attention(shape), FeedForward(shape)
        self.attention_norm, self.ffn_norm = RMSNorm(shape.width, shape.eps), RMSNorm(shape.width, shape.eps)

    def forward(self, x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        # Inside the block, so that a sharded one is gathered once and not again for the second pass.
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self._pass, x, turns, use_reentrant=False)
        return self._pass(x, turns)

    def _pass(self, x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
        x = x + self.attention(self.attention_norm(x), turns)
        return x + self.feed_forward(self.ffn_norm(x))


class Llama(nn.Module):
    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.tok_embeddings = nn.Embedding(shape.vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = RMSNorm(shape.width, shape.eps)
        self.output = None if shape.is_tied else nn.Linear(shape.width, shape.vocabulary, bias=False)

    def forward(self, ids: torch.Tensor, wanted: torch.Tensor | None = None) -> torch.Tensor:
        """Logits [rows, tokens, vocabulary] of `ids` [rows, tokens]; with `wanted`, a mask of that shape, [places wanted, vocabulary].

        A vocabulary of 128,256 makes 0.5 MB of logits a token: nobody asks for those of a prompt.
        """
        turns = rotations(self.shape, ids.shape[1], ids.device)
        x = self.tok_embeddings(ids)
        for block in self.layers:
            x = block(x, turns)
        x = self.norm(x if wanted is None else x[wanted])
        return linear(x, self.tok_embeddings.weight) if self.output is None else self.output(x)


def rotations(shape: Shape, tokens: int, device: torch.device | str) -> torch.Tensor:
    """Cosine and sine of the turn of each pair at each place, [2, tokens, head width / 2], in float32."""
    frequencies = 1.0 / (shape.theta ** (torch.arange(0, shape.head_width, 2, device=device).float() / shape.head_width))
    if shape.scaling:
        frequencies = _scaled(frequencies, shape)
    angles = torch.outer(torch.arange(tokens, device=device).float(), frequencies)
    return torch.stack([angles.cos(), angles.sin()])


def _scaled(frequencies: torch.Tensor, shape: Shape) -> torch.Tensor:
    """`apply_scaling` of llama-models: wavelengths above the longest are stretched, below the shortest kept, between them blended."""
    scaling = shape.scaling
    assert scaling
    wavelengths = 2 * math.pi / frequencies
    longest = scaling.original_context / scaling.low_frequency_factor
    shortest = scaling.original_context / scaling.high_frequency_factor
    kept = (scaling.original_context / wavelengths - scaling.low_frequency_factor) / (
        scaling.high_frequency_factor - scaling.low_frequency_factor
    )
    blended = (1 - kept) * frequencies / scaling.factor + kept * frequencies
    stretched = torch.where(wavelengths > longest, frequencies / scaling.factor, blended)
    return torch.where(wavelengths < shortest, frequencies, stretched)


def rotate(x: torch.Tensor, turns: torch.Tensor) -> torch.Tensor:
    """`x` [rows, heads, tokens, head width], pairs of neighbours turned by place."""
    cosine, sine = turns
    first, second = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([first * cosine - second * sine, first * sine + second * cosine], dim=-1)
    return turned.flatten(-2).to(x.dtype)
