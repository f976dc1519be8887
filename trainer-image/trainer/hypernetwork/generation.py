"""Makes an adapter: a hypernetwork reads a trajectory in one forward pass. Read it from top to bottom. Imported after torch."""

import time
from typing import Any

import torch
from peft import LoraConfig, PeftModel

from trainer import choices, results
from trainer.bases import Base
from trainer.engine_link import EngineLink
from trainer.hypernetwork import folder, tiny_hypernetwork
from trainer.hypernetwork.frozen_base import FrozenBase
from trainer.hypernetwork.learning import make_adapters
from trainer.hypernetwork.network import adapter_weights
from trainer.hypernetwork.samples import AdapterSampler, questions_of_trajectory
from trainer.hypernetwork.shape import module_names
from trainer.hypernetwork.task_tokens import read_trajectory
from trainer.token_batch import padding_token
from trainer.token_rows import TokenRow
from trainer.verification import loss_of_rows, require_same_loss


def generate(link: EngineLink, base: Base, tokenizer: Any, model: Any, chosen: choices.Choices, messages: list[dict[str, Any]]) -> None:
    # ------------------------------------------------------------------ the network
    pinned = link.spec["hypernetwork"]
    if pinned["kind"] == "built-in":
        name = tiny_hypernetwork.NAME
        path = tiny_hypernetwork.ensure(link.cache, base, lambda detail, fraction: link.phase("building-base", detail, fraction))
    else:
        name, path = f"the hypernetwork of {pinned['runId']}", folder.verify(pinned)
    network = folder.load(path, name).to(model.device)
    shape = network.shape
    folder.refuse_other_base(shape, base, name)
    link.choice("hypernetwork", name, "the newest of this base" if pinned["kind"] == "run" else "nobody has trained another")
    if shape.base_commit != base.commit:
        link.choice("base-weights", base.commit[:12], f"{name} was trained with {shape.base_commit[:12]}, of the same configuration")

    # ------------------------------------------------------------------ one forward pass
    trajectory, lost = read_trajectory(messages, tokenizer, shape.max_trajectory_tokens)
    if lost:
        link.choice(
            "trajectory-cut", lost, f"the first {lost} of {lost + len(trajectory)} tokens are not read: it reads at most {len(trajectory)}"
        )
    link.phase("training", f"one forward pass over {len(trajectory)} tokens")
    frozen, padding, began = FrozenBase(model, shape), padding_token(tokenizer), time.monotonic()
    with torch.no_grad():
        pairs = make_adapters(network, frozen, [trajectory], padding)
    metrics = {"forward_seconds": time.monotonic() - began, "trajectory_tokens": len(trajectory)}
    link.progress(1, 1)
    sampler = AdapterSampler(
        questions_of_trajectory(messages, link.spec["training"]["samplePrompts"], tokenizer, shape.max_trajectory_tokens),
        frozen,
        tokenizer,
        link,
    )
    sampler.ask_base(report=False)
    sampler.ask_adapted(network, 1, padding)

    # ------------------------------------------------------------------ save
    link.phase("saving", "the adapter")
    config = LoraConfig(r=shape.rank, lora_alpha=shape.alpha, target_modules=module_names(shape.targets), task_type="CAUSAL_LM")
    made = f"made by {name} in one forward pass over {len(trajectory)} tokens of a trajectory, for"
    adapter = results.write_adapter(adapter_weights(shape, pairs), config, tokenizer, base, "chat", link, made)
    # The trajectory itself is the probe: what PEFT makes of the stored adapter, on the base that nothing has changed, is what was meant.
    probe = [TokenRow(trajectory, [True] * len(trajectory))]
    with frozen.adapted(pairs) as adapted:
        meant = loss_of_rows(adapted, probe)
    require_same_loss(meant, loss_of_rows(PeftModel.from_pretrained(model, adapter), probe), chosen.precision, "the adapter")
    link.artifacts(adapter)
    link.outcome("completed", step=1, steps=1, metrics=metrics)
