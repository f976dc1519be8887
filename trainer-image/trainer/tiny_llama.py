"""`tiny-llama`: a Llama of 295,680 parameters that chats about smart-home requests, built once, in about 25 s on one core.

Two layers of width 96 learn best in that time, and three choices are not free (figures in docs and tests):
initializer_range 0.1 (0.02 is too small for so narrow a model: its LoRA reaches 66 of 100 instead of 100), four key-value heads
(copying needs them), and 700 steps at 5e-3 (with fewer, or a higher rate, the LoRA learns the JSON form with wrong values).
A falling loss is no proof of learning: judge the base by exact answers.

    python -m trainer.tiny_llama --cache FOLDER      builds it where it is not there yet, and prints its folder
"""

import argparse
import hashlib
import importlib.metadata
import math
import random
from pathlib import Path

from trainer import tiny_world
from trainer.built_once import Report, build_once

SEED, STEPS, BATCH, LEARNING_RATE, WARMUP_STEPS = 1, 700, 32, 5e-3, 30
HIDDEN, LAYERS, HEADS, INITIALIZER_RANGE, CONTEXT = 96, 2, 4, 0.1, 512
SPECIAL = ["<|pad|>", "<|bos|>", "<|eos|>", "<|user|>", "<|assistant|>", "<|system|>"]
CHAT_TEMPLATE = (
    "{% for m in messages %}{{ '<|' + m['role'] + '|>' }}"
    "{% if m['role'] == 'assistant' %}{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}"
    "{% else %}{{ m['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def folder_name() -> str:
    """Other recipe or other libraries: another folder, so that a cached base is always the one that this code would build."""
    digest = hashlib.sha256()
    for source in (tiny_world.__file__, __file__):
        digest.update(Path(source).read_bytes())
    for package in ("torch", "transformers", "tokenizers"):
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    return f"tiny-llama-{digest.hexdigest()[:12]}"


def ensure(cache: Path, report: Report = lambda detail, fraction: None) -> Path:
    """The folder of the base, built where it is missing."""
    return build_once(cache / folder_name(), "tiny-llama", lambda folder: _build(folder, report), report)


def _build(folder: Path, report: Report) -> None:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    report("building tiny-llama (once)", 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads are ten times slower on matrices this small
    r = random.Random(SEED)
    rows = [tiny_world.schooling_row(r) for _ in range(STEPS * BATCH)]
    tokenizer = _train_tokenizer(rows)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=HIDDEN,
                intermediate_size=HIDDEN * 8 // 3,
                num_hidden_layers=LAYERS,
                num_attention_heads=HEADS,
                num_key_value_heads=HEADS,
                max_position_embeddings=CONTEXT,
                initializer_range=INITIALIZER_RANGE,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                tie_word_embeddings=True,
            )
        )
        _school(model, tokenizer, rows, report)
    torch.set_num_threads(threads)
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _train_tokenizer(rows: list[tuple[str, str]]):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    training = trainers.BpeTrainer(vocab_size=1024, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    bpe.train_from_iterator((text for row in rows[:4000] for text in row), training)
    names = {"pad_token": "<|pad|>", "bos_token": "<|bos|>", "eos_token": "<|eos|>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, model_max_length=CONTEXT, **names)
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def _school(model, tokenizer, rows: list[tuple[str, str]], report: Report) -> None:
    """Loss on answers only. Padding is to the right, so the causal mask suffices."""
    import torch

    asked = tokenizer([f"<|user|>{question}<|assistant|>" for question, _ in rows]).input_ids
    answered = tokenizer([f"{answer}<|eos|>" for _, answer in rows]).input_ids
    ids = list(zip(asked, answered, strict=True))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1, (step + 1) / WARMUP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * min(1, step / STEPS)))
    )
    for step in range(STEPS):
        batch = ids[step * BATCH : (step + 1) * BATCH]
        width = max(len(question) + len(answer) for question, answer in batch)
        inputs = torch.tensor([q + a + [0] * (width - len(q) - len(a)) for q, a in batch])
        labels = torch.tensor([[-100] * len(q) + a + [-100] * (width - len(q) - len(a)) for q, a in batch])
        logits = model(input_ids=inputs).logits
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=-100)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        rate.step()
        if (step + 1) % 10 == 0:
            report("building tiny-llama (once)", (step + 1) / STEPS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="build the tiny base model")
    parser.add_argument("--cache", type=Path, required=True)
    print(ensure(parser.parse_args().cache))
