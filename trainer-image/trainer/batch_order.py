"""Which rows make which step, and at which rate: pure functions of settings and step. So a resume has nothing to restore, neither a
place in the data nor the state of a random generator, and the same global batch is the same rows on any number of ranks.
"""

import hashlib
import math
from collections.abc import Callable
from typing import Any

import torch


class BatchOrder:
    """Rows in epochs, each shuffled by seed and epoch; an epoch's rest begins the batch that the next epoch fills. Steps count from 1."""

    def __init__(self, rows: int, batch: int, seed: int) -> None:
        self.rows, self.batch = rows, batch
        self._seed = seed
        self._orders: dict[int, list[int]] = {}

    def rows_of(self, step: int) -> list[int]:
        first = (step - 1) * self.batch
        return [self._order(place // self.rows)[place % self.rows] for place in range(first, first + self.batch)]

    def epoch(self, step: int) -> float:
        return step * self.batch / self.rows

    def steps(self, max_steps: int | None, epochs: float) -> int:
        """`max_steps` wins over epochs."""
        return max_steps or max(1, math.ceil(epochs * self.rows / self.batch))

    def _order(self, epoch: int) -> list[int]:
        if epoch not in self._orders:
            # A batch reaches from one epoch into the next, or over several where rows are few: older ones are not asked for again.
            self._orders = {number: order for number, order in self._orders.items() if number >= epoch - 1}
            generator = torch.Generator().manual_seed(step_seed(self._seed, epoch))
            self._orders[epoch] = torch.randperm(self.rows, generator=generator).tolist()
        return self._orders[epoch]


def step_seed(*numbers: int) -> int:
    """One seed of several numbers (seed, step, rank), without the chance that 1, 12 meets 11, 2."""
    return int.from_bytes(hashlib.sha256(" ".join(map(str, numbers)).encode()).digest()[:7])


def learning_rates(hyperparameters: dict[str, Any], steps: int) -> Callable[[int], float]:
    """The rate that a step is taken with, by the schedules of transformers, whose first step (factor of 0 steps done) is step 1 here."""
    from transformers import get_scheduler

    carrier = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=hyperparameters["learningRate"])
    warmup = math.ceil(steps * hyperparameters["warmupRatio"])
    schedule = get_scheduler(hyperparameters["lrScheduler"], carrier, num_warmup_steps=warmup, num_training_steps=steps)
    factor = schedule.lr_lambdas[0]
    return lambda step: hyperparameters["learningRate"] * factor(step - 1)
