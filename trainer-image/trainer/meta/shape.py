"""What a Llama consists of, read from Hugging Face's config.json or Meta's params.json, and written as either.

Sources: `ModelArgs` and `apply_scaling` of github.com/meta-llama/llama-models (models/llama3), and `LlamaConfig` of transformers.
"""

import math
from dataclasses import dataclass
from typing import Any

from trainer.failure import Failure

# Meta's files say nothing of these: what its code and model cards say.
DEFAULT_THETA, DEFAULT_EPS = 10_000.0, 1e-5
LLAMA_2_CONTEXT, LLAMA_3_CONTEXT, LLAMA_3_SCALED_CONTEXT = 4_096, 8_192, 131_072
LLAMA_3_VOCABULARY = 128_256


@dataclass(frozen=True)
class RopeScaling:
    """Llama 3.1's: low frequencies are slowed down by `factor`, high ones stay, those between are blended."""

    factor: float
    low_frequency_factor: float
    high_frequency_factor: float
    original_context: int


LLAMA_3_1_SCALING = RopeScaling(8.0, 1.0, 4.0, 8_192)
# The first and the third are names of llama-models; files without them mean Llama 3.1's.
SCALING_NAMES = {
    "factor": "rope_scaling_factor",
    "low_frequency_factor": "rope_low_freq_factor",
    "high_frequency_factor": "rope_high_freq_factor",
    "original_context": "rope_original_context",
}


@dataclass(frozen=True)
class Shape:
    width: int
    layers: int
    heads: int
    key_value_heads: int
    inner_width: int
    """of the feed-forward part"""
    vocabulary: int
    context: int
    eps: float
    theta: float
    scaling: RopeScaling | None
    is_tied: bool
    """the output is the embeddings, transposed"""

    @property
    def head_width(self) -> int:
        return self.width // self.heads


def from_config(config: dict[str, Any], name: str) -> Shape:
    """Of config.json. Raises Failure: model_not_supported, for what is no Llama 2 or 3."""
    architectures = config.get("architectures") or [config.get("model_type", "unknown")]
    if config.get("model_type") != "llama" or architectures != ["LlamaForCausalLM"]:
        _refuse(name, f"is a {architectures[0]}")
    heads, width = config["num_attention_heads"], config["hidden_size"]
    rope = config.get("rope_parameters") or {"rope_theta": config.get("rope_theta", DEFAULT_THETA), **(config.get("rope_scaling") or {})}
    unlike = {
        "hidden_act": config.get("hidden_act", "silu") != "silu",
        "attention_bias": config.get("attention_bias", False),
        "mlp_bias": config.get("mlp_bias", False),
        "head_dim": (config.get("head_dim") or width // heads) * heads != width,
        "quantization_config": "quantization_config" in config,
        "rope_type": rope.get("rope_type", rope.get("type", "default")) not in ("default", "llama3"),
    }
    if any(unlike.values()):
        _refuse(name, f"has {', '.join(key for key, differs in unlike.items() if differs)} that no Llama of Meta has")
    return Shape(
        width=width,
        layers=config["num_hidden_layers"],
        heads=heads,
        key_value_heads=config.get("num_key_value_heads") or heads,
        inner_width=config["intermediate_size"],
        vocabulary=config["vocab_size"],
        context=config.get("max_position_embeddings", LLAMA_2_CONTEXT),
        eps=config.get("rms_norm_eps", 1e-6),
        theta=float(rope.get("rope_theta", DEFAULT_THETA)),
        scaling=_scaling_of(rope),
        is_tied=bool(config.get("tie_word_embeddings", False)),
    )


def _refuse(name: str, what: str) -> None:
    said = f"{name} {what}; the engine meta trains Llama 2 and 3 and what has their shape"
    raise Failure("model_not_supported", f'{said}: use framework "hf", which trains any causal language model')


def _scaling_of(rope: dict[str, Any]) -> RopeScaling | None:
    if rope.get("rope_type", rope.get("type", "default")) != "llama3":
        return None
    return RopeScaling(
        float(rope["factor"]), float(rope["low_freq_factor"]), float(rope["high_freq_factor"]), rope["original_max_position_embeddings"]
    )


def to_config(shape: Shape) -> dict[str, Any]:
    """config.json, as transformers 5 reads it. Token ids of beginning and end are the tokenizer's to say."""
    rope: dict[str, Any] = {"rope_type": "default", "rope_theta": shape.theta}
    if shape.scaling:
        rope |= {
            "rope_type": "llama3",
            "factor": shape.scaling.factor,
            "low_freq_factor": shape.scaling.low_frequency_factor,
            "high_freq_factor": shape.scaling.high_frequency_factor,
            "original_max_position_embeddings": shape.scaling.original_context,
        }
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_value_heads,
        "head_dim": shape.head_width,
        "intermediate_size": shape.inner_width,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": shape.eps,
        "rope_parameters": rope,
        "tie_word_embeddings": shape.is_tied,
    }


def from_params(params: dict[str, Any], vocabulary: int, is_tied: bool) -> Shape:
    """Of params.json. `vocabulary` and `is_tied` come from the weights: Llama 2's file says -1, and none says whether it is tied."""
    heads, scaled = params["n_heads"], bool(params.get("use_scaled_rope", False))
    scaling = RopeScaling(**{field: params.get(name) or getattr(LLAMA_3_1_SCALING, field) for field, name in SCALING_NAMES.items()})
    unscaled = LLAMA_3_CONTEXT if vocabulary >= LLAMA_3_VOCABULARY else LLAMA_2_CONTEXT
    return Shape(
        width=params["dim"],
        layers=params["n_layers"],
        heads=heads,
        key_value_heads=params.get("n_kv_heads") or heads,
        inner_width=_inner_width(params["dim"], params.get("ffn_dim_multiplier"), params.get("multiple_of", 256)),
        vocabulary=vocabulary,
        context=params.get("max_seq_len") or (LLAMA_3_SCALED_CONTEXT if scaled else unscaled),
        eps=params.get("norm_eps", DEFAULT_EPS),
        theta=float(params.get("rope_theta", DEFAULT_THETA)),
        scaling=scaling if scaled else None,
        is_tied=is_tied,
    )


def to_params(shape: Shape) -> dict[str, Any]:
    """params.json. Beside Meta's own names it holds what Meta's code is told elsewhere, so that it reads as the same shape again."""
    multiple = math.gcd(shape.inner_width, 4_096)
    multiplier = shape.inner_width / int(2 * 4 * shape.width / 3)
    params: dict[str, Any] = {
        "dim": shape.width,
        "n_layers": shape.layers,
        "n_heads": shape.heads,
        "n_kv_heads": shape.key_value_heads,
        "vocab_size": shape.vocabulary,
        "multiple_of": multiple,
        "ffn_dim_multiplier": multiplier,
        "norm_eps": shape.eps,
        "rope_theta": shape.theta,
        "use_scaled_rope": shape.scaling is not None,
        "max_seq_len": shape.context,
    }
    if shape.scaling:
        params |= {name: getattr(shape.scaling, field) for field, name in SCALING_NAMES.items()}
    while _inner_width(shape.width, params["ffn_dim_multiplier"], multiple) < shape.inner_width:
        params["ffn_dim_multiplier"] = math.nextafter(params["ffn_dim_multiplier"], math.inf)  # int() cut a rounding error
    return params


def _inner_width(width: int, multiplier: float | None, multiple: int) -> int:
    """Meta's `FeedForward`: two thirds of four times the width, times the multiplier, up to the next multiple."""
    inner = int(2 * (4 * width) / 3)
    if multiplier is not None:
        inner = int(multiplier * inner)
    return multiple * ((inner + multiple - 1) // multiple)
