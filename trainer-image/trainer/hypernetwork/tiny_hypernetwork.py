"""tiny-llama's own hypernetwork, trained once on the machine that first asks for it, in about 20 s on one core.

It makes adapters for trajectories of tasks.py. Rank 4 on three kinds of layers suffice, and are quicker than 16 on all: after 300 steps of
16 new tasks each it answered 60 of 60 held-out tasks, the base 4 (a guess is right once in 18).
"""

import hashlib
import importlib.metadata
import math
import random
from pathlib import Path
from typing import Any

from trainer.bases import Base
from trainer.built_once import Report, build_once

SEED, STEPS, BATCH, LEARNING_RATE, WARMUP_STEPS = 1, 300, 16, 3e-3, 30
SETTINGS = {"loraR": 4, "loraAlpha": 8, "targetModules": ["q_proj", "v_proj", "down_proj"], "maxSeqLength": 512}
NAME = "the built-in hypernetwork of tiny-llama"
SOURCES = ("tasks", "shape", "network", "frozen_base", "learning", "task_tokens", "tiny_hypernetwork")
SHARED_SOURCES = ("tiny_world", "tokenized_rows", "token_rows", "token_batch")


def ensure(cache: Path, base: Base, report: Report) -> Path:
    """The folder of the network, trained where it is missing."""
    return build_once(cache / _folder_name(base), NAME, lambda folder: _train(folder, base, report), report)


def _folder_name(base: Base) -> str:
    """Another recipe, another base or other libraries: another folder."""
    digest = hashlib.sha256(base.commit.encode())
    here = Path(__file__).parent
    for source in (*(here / f"{name}.py" for name in SOURCES), *(here.parent / f"{name}.py" for name in SHARED_SOURCES)):
        digest.update(source.read_bytes())
    for package in ("torch", "transformers"):
        digest.update(f"{package} {importlib.metadata.version(package)}\n".encode())
    return f"tiny-hypernetwork-{digest.hexdigest()[:12]}"


def _train(folder: Path, base: Base, report: Report) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from trainer.hypernetwork import folder as network_folder
    from trainer.hypernetwork.frozen_base import FrozenBase
    from trainer.hypernetwork.learning import task_loss
    from trainer.hypernetwork.network import Hypernetwork
    from trainer.hypernetwork.shape import shape_of
    from trainer.hypernetwork.task_tokens import task_tokens
    from trainer.hypernetwork.tasks import training_row

    said = "training the hypernetwork of tiny-llama (once)"
    report(said, 0.0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two threads are ten times slower on matrices this small
    tokenizer = AutoTokenizer.from_pretrained(base.folder)
    model = AutoModelForCausalLM.from_pretrained(base.folder, dtype=torch.float32)
    shape = shape_of(model, base, {"hyperparameters": SETTINGS})
    frozen, r = FrozenBase(model, shape), random.Random(SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network = Hypernetwork(shape)
    optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.98), weight_decay=0.01)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, _rate_factor)
    for step in range(1, STEPS + 1):
        rows = [training_row(r) for _ in range(BATCH)]
        limit = shape.max_trajectory_tokens
        loss, _, batch = task_loss(network, frozen, task_tokens(rows, tokenizer, limit, limit), tokenizer.pad_token_id, training=True)
        optimizer.zero_grad(set_to_none=True)
        (loss / batch.predicted).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        rate.step()
        if step % 10 == 0:
            report(said, step / STEPS)
    torch.set_num_threads(threads)
    network_folder.save(network, folder)


def _rate_factor(step: int) -> Any:
    return min(1, (step + 1) / WARMUP_STEPS) * (0.5 + 0.5 * math.cos(math.pi * min(1, step / STEPS)))
