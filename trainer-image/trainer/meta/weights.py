"""One weight, two names: Meta's and Hugging Face's, and the one thing besides names that differs, the order of rows in wq and wk.

Meta turns neighbours (0, 1), (2, 3) ... of a head, Hugging Face (0, half), (1, half + 1) ...: the rows that make a head's values are
reordered accordingly. The same holds for the B matrix of an adapter, whose rows make the same values; A is what it is.
"""

import re

import torch

from trainer.meta.shape import Shape

MODULES = {
    "attention.wq": "self_attn.q_proj",
    "attention.wk": "self_attn.k_proj",
    "attention.wv": "self_attn.v_proj",
    "attention.wo": "self_attn.o_proj",
    "feed_forward.w1": "mlp.gate_proj",
    "feed_forward.w2": "mlp.down_proj",
    "feed_forward.w3": "mlp.up_proj",
    "attention_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
TOP = {"tok_embeddings.weight": "model.embed_tokens.weight", "norm.weight": "model.norm.weight", "output.weight": "lm_head.weight"}
IN_LAYER = re.compile(r"layers\.(\d+)\.(.+)\.weight")


def names_of(shape: Shape) -> list[str]:
    """Meta's name of every weight of a model; `output.weight` only where it is not tied."""
    top = [name for name in TOP if not (shape.is_tied and name == "output.weight")]
    return [*top, *(f"layers.{layer}.{module}.weight" for layer in range(shape.layers) for module in MODULES)]


def hf_name(name: str) -> str:
    """Hugging Face's name of a weight."""
    found = IN_LAYER.fullmatch(name)
    return f"model.layers.{found[1]}.{MODULES[found[2]]}.weight" if found else TOP[name]


def to_hf(name: str, weight: torch.Tensor, shape: Shape) -> torch.Tensor:
    """`weight` of Meta's `name` with its rows (dimension 0) in Hugging Face's order."""
    heads = _heads(name, shape)
    return weight if heads is None else weight.unflatten(0, (heads, -1, 2)).transpose(1, 2).flatten(0, 2).contiguous()


def to_meta(name: str, weight: torch.Tensor, shape: Shape) -> torch.Tensor:
    """The inverse of `to_hf`."""
    heads = _heads(name, shape)
    return weight if heads is None else weight.unflatten(0, (heads, 2, -1)).transpose(1, 2).flatten(0, 2).contiguous()


def _heads(name: str, shape: Shape) -> int | None:
    """How many heads the rows of a weight make; None where their order is the same."""
    if ".wq." in name:
        return shape.heads
    return shape.key_value_heads if ".wk." in name else None
