"""The model of a run: tokenizer, weights (quantised or not), adapter. Imported after torch."""

import os
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from trainer.bases import Base
from trainer.best_weights import BestWeights
from trainer.choices import Choices, choose_checkpointing, choose_parallelism, gpu_memory_bytes
from trainer.data import Data
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.resume import require_same_layout, was_sharded
from trainer.row_formats import needs_chat_template, to_training_row


def load_tokenizer(training: dict[str, Any], base: Base, rows: Data) -> Any:
    """The base's tokenizer with the run's chat template, which is tried on a row before anything is trained.

    Raises Failure: model_not_found, no_chat_template, remote_code_refused.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(base.folder, trust_remote_code=may_run_code(base))
    except (OSError, ValueError, KeyError) as error:
        _refuse_remote_code(error, base)
        raise Failure("model_not_found", f"the tokenizer of {base.id} does not load: {_quote(error)}") from error
    if training["chatTemplate"] is not None:
        tokenizer.chat_template = training["chatTemplate"]
    if not tokenizer.chat_template:
        if any(needs_chat_template(row, rows.format) for row in (*rows.train, *rows.eval)):
            raise Failure("no_chat_template", f"{base.id} has no chat template, and rows that hold messages need one")
        return tokenizer
    first = to_training_row(rows.train[0], rows.format, rows.text_field, has_template=True)
    messages = first.get("messages") or (first["prompt"] if isinstance(first.get("prompt"), list) else None)
    if messages:
        try:
            tokenizer.apply_chat_template(messages, tokenize=False)
        except Exception as error:
            whose = "the given chat_template" if training["chatTemplate"] is not None else f"the chat template of {base.id}"
            raise Failure("no_chat_template", f"{whose} does not work on the first row: {_quote(error)}") from error
    return tokenizer


def load_model(training: dict[str, Any], base: Base, chosen: Choices, tokenizer: Any) -> Any:
    """The base as a causal language model.

    Raises Failure: model_not_found, tokenizer_mismatch, quantization_unavailable, remote_code_refused.
    """
    # In full fine-tuning the weights themselves are trained: they stay float32, and autocast does the rest.
    precision = "float32" if training["peftMethod"] == "full" else chosen.precision
    options: dict[str, Any] = {
        "dtype": getattr(torch, precision),
        "attn_implementation": chosen.attention,
        "use_safetensors": True,
        "trust_remote_code": may_run_code(base),
    }
    if chosen.quantize:
        options["device_map"] = {"": "cpu" if chosen.device == "cpu" else int(os.environ.get("LOCAL_RANK", "0"))}
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=getattr(torch, chosen.precision),
        )
    try:
        model = AutoModelForCausalLM.from_pretrained(base.folder, **options)
    except ImportError as error:
        if not chosen.quantize:
            raise
        raise Failure("quantization_unavailable", f"bitsandbytes does not load, install it anew: {_quote(error)}") from error
    except (OSError, ValueError, KeyError) as error:
        _refuse_remote_code(error, base)
        raise Failure("model_not_found", f"{base.id} does not load as a language model: {_quote(error)}") from error
    require_embeddings(tokenizer, model.get_input_embeddings().num_embeddings, base)
    if chosen.quantize:
        _require_quantized(model, base)
    return model


def may_run_code(base: Base) -> bool:
    """Whether code that comes with the base may run: only of bases that the operator names in TUNEPLANE_TRUST_REMOTE_CODE, by their id."""
    return base.id in os.environ.get("TUNEPLANE_TRUST_REMOTE_CODE", "").split(",")


def _refuse_remote_code(error: Exception, base: Base) -> None:
    """Raises Failure where transformers asks for the permission that it was not given."""
    if "trust_remote_code" in str(error):
        said = f"{base.id} needs code that comes with it, and is not among TUNEPLANE_TRUST_REMOTE_CODE of this trainer"
        raise Failure("remote_code_refused", said) from error


def choose_layout(training: dict[str, Any], model: Any, link: EngineLink) -> dict[str, Any]:
    """How activations and ranks are laid out, in transformers' arguments. Raises Failure (resume_refused)."""
    # Also of a sharded model it is the model that recomputes, and not FSDP: whose wrappers rename what they wrap, so that no adapter is
    # found under its name and an empty one is saved. Neither gathers weights a second time: FSDP2's hooks leave a recomputation alone.
    recompute = {"gradient_checkpointing": choose_checkpointing(model.num_parameters(), link)}
    way = choose_parallelism(training, link.ranks, model.num_parameters(), gpu_memory_bytes(), link, was_sharded(link))
    require_same_layout(link, way == "fsdp2")
    if way != "fsdp2":
        return recompute
    return {**recompute, "fsdp": True, "fsdp_config": {"version": 2, "state_dict_type": "FULL_STATE_DICT"}}


def trained_bytes(model: Any) -> int:
    return sum(parameter.numel() * parameter.element_size() for parameter in model.parameters() if parameter.requires_grad)


def keeps_best(training: dict[str, Any], layout: dict[str, Any], link: EngineLink) -> bool:
    """Whether the best weights are kept beside the last ones."""
    if training["hyperparameters"].get("resultFrom", "last") == "last":
        return False
    if "fsdp" in layout:
        link.choice("result", "last", "asked for best: sharded weights are not kept beside the training")
        return False
    return True


def choose_result(model: Any, best: BestWeights | None, step: int, ended: str) -> dict[str, Any]:
    """Which step's weights are stored, and why; puts the best ones back where those are the result."""
    if best is None or best.step is None:
        why = "asked for best, and nothing was evaluated yet" if best else "the weights after the last step"
        return {"step": step, "of": "last", "reason": why if ended == "completed" else f"{why}: it was {ended}"}
    if best.step != step:
        best.put_back(model)
    return {"step": best.step, "of": "best", "reason": f"the lowest eval loss, {best.eval_loss:.6g}"}


def require_embeddings(tokenizer: Any, embedded: int, base: Base) -> None:
    """Raises Failure (tokenizer_mismatch)."""
    known = len(tokenizer)
    if known > embedded:
        raise Failure("tokenizer_mismatch", f"the tokenizer of {base.id} knows {known:,} tokens, its model has {embedded:,} embeddings")


def count_embeddings(base: Base) -> int:
    """By config.json, for engines that do not load the model themselves."""
    return AutoConfig.from_pretrained(base.folder, trust_remote_code=may_run_code(base)).get_text_config().vocab_size


def _require_quantized(model: Any, base: Base) -> None:
    """QLoRA is never silently plain LoRA."""
    import bitsandbytes

    quantized = [module for module in model.modules() if isinstance(module, bitsandbytes.nn.Linear4bit)]
    if not quantized:
        raise Failure("quantization_unavailable", f"nothing in {base.id} could be quantised: use LoRA")
    for module in quantized:
        # On CPUs with AVX512-BF16, bitsandbytes repacks the weights whenever it evaluates, with scales rounded to bfloat16: an evaluation
        # would change the training after it, and widths that are no multiple of 64 fail (tiny-llama has 96).
        module.support_avx512bf16_for_cpu = False
    print(f"{len(quantized)} layers quantised to NF4, {model.get_memory_footprint() / 1e6:.2f} MB", flush=True)


def begin_with(adapter: Path, model: Any, training: dict[str, Any], link: EngineLink) -> Any:
    """The base with another run's adapter, which is trained on; in a full fine-tuning it becomes part of the weights."""
    loaded = PeftModel.from_pretrained(model, adapter, is_trainable=training["peftMethod"] != "full")
    config = loaded.peft_config["default"]
    link.choice("begins-with", link.spec["training"]["baseModel"]["id"], f"its adapter of rank {config.r}, alpha {config.lora_alpha}")
    return loaded.merge_and_unload() if training["peftMethod"] == "full" else loaded


def peft_config(training: dict[str, Any], begins_with_adapter: bool = False) -> LoraConfig | None:
    if training["peftMethod"] == "full" or begins_with_adapter:
        return None
    given = training["hyperparameters"]
    return LoraConfig(
        r=given["loraR"],
        lora_alpha=given["loraAlpha"],
        lora_dropout=given["loraDropout"],
        target_modules=given["targetModules"],
        task_type="CAUSAL_LM",
    )


def keep_adapter_in_float32(model: Any) -> None:
    """TRL turns the adapter of a quantised base to bfloat16, which rounds small updates away; in float32 it costs next to nothing."""
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def _quote(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
