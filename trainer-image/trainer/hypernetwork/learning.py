"""The objective: the frozen base, with the adapter that the network makes of a trajectory, answers what it is asked afterwards.

One forward pass of the base over the trajectories (no gradient), one of the network, one of the base over questions and answers.
"""

from collections.abc import Callable, Sequence

import torch

from trainer.hypernetwork.frozen_base import FrozenBase
from trainer.hypernetwork.network import Hypernetwork, LoraPair
from trainer.hypernetwork.task_tokens import TaskTokens, pad_trajectories
from trainer.token_batch import TokenBatch, token_batch, token_loss


def make_adapters(network: Hypernetwork, base: FrozenBase, trajectories: Sequence[list[int]], padding: int) -> list[LoraPair]:
    """One adapter for each trajectory."""
    ids, mask = (tensor.to(base.model.device) for tensor in pad_trajectories(trajectories, padding))
    return network(base.encode(ids, mask), mask)


def task_loss(
    network: Hypernetwork, base: FrozenBase, tasks: Sequence[TaskTokens], padding: int, training: bool
) -> tuple[torch.Tensor, torch.Tensor, TokenBatch]:
    """(sum of the losses, how many tokens are right, the batch they are of)."""
    pairs = make_adapters(network, base, [task.trajectory for task in tasks], padding)
    batch = token_batch([task.answer for task in tasks], padding).to(base.model.device)
    with base.adapted(pairs, training) as model:
        logits = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits
    loss, right = token_loss(logits, batch.labels)
    return loss, right, batch


@torch.no_grad()
def evaluate(
    network: Hypernetwork,
    base: FrozenBase,
    tasks: Sequence[TaskTokens],
    padding: int,
    rows: int,
    tell: Callable[[float], None] = lambda share: None,
) -> tuple[float, float]:
    """(mean loss, share of tokens that are right) over all tasks, `rows` at a time; `tell` is called with the share that is done."""
    network.eval()
    loss, right, predicted = 0.0, 0, 0
    for first in range(0, len(tasks), rows):
        found, correct, batch = task_loss(network, base, tasks[first : first + rows], padding, training=False)
        loss, right, predicted = loss + found.item(), right + int(correct.item()), predicted + batch.predicted
        tell(min(1.0, (first + rows) / len(tasks)))
    network.train()
    return loss / predicted, right / predicted
