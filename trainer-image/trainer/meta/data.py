"""Which rows each rank sees at a step. The global batch is the same rows on any number of ranks; a rank takes its share of each part."""

from collections.abc import Iterator, Sequence

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from trainer.batch_order import BatchOrder
from trainer.resume import Batch
from trainer.token_batch import TokenBatch, token_batch
from trainer.token_rows import TokenRow


class Parts(Dataset):
    """Part `index` of this rank, counted over all steps from `first` on: a step's rows in as many passes as it accumulates."""

    def __init__(self, rows: Sequence[TokenRow], order: BatchOrder, batch: Batch, first: int, padding: int) -> None:
        self._rows, self._order, self._batch, self._first, self._padding = rows, order, batch, first, padding
        self._rank = dist.get_rank()

    def __getitem__(self, index: int) -> TokenBatch:
        step, part = divmod(index, self._batch.accumulation)
        whole = self._order.rows_of(self._first + step)
        begin = (part * self._batch.ranks + self._rank) * self._batch.rows
        return token_batch([self._rows[row] for row in whole[begin : begin + self._batch.rows]], self._padding)


def parts(dataset: Parts, count: int, workers: int) -> Iterator[TokenBatch]:
    """`count` parts in order; `workers` processes prepare them ahead."""
    return iter(DataLoader(dataset, batch_size=None, sampler=range(count), num_workers=workers))


def eval_rounds(rows: Sequence[TokenRow], batch: int, padding: int) -> Iterator[tuple[TokenBatch, bool, float]]:
    """(batch, whether it counts, share of all that is done with it): as many on every rank, because all must take part in every pass."""
    batches = [rows[begin : begin + batch] for begin in range(0, len(rows), batch)]
    ranks, rank = dist.get_world_size(), dist.get_rank()
    for first in range(0, len(batches), ranks):
        counts = first + rank < len(batches)
        yield token_batch(batches[first + rank if counts else 0], padding), counts, min(1.0, (first + ranks) / len(batches))


def agree(numbers: list[int]) -> list[int]:
    """Rank 0's numbers, on every rank."""
    if dist.get_world_size() == 1:
        return numbers
    told = torch.tensor(numbers)
    dist.broadcast(told, 0)
    return told.tolist()


def total(*values: torch.Tensor) -> list[torch.Tensor]:
    """Each value's sum over the ranks, in float64."""
    summed = torch.stack([value.detach().double() for value in values])
    if dist.get_world_size() > 1:
        dist.all_reduce(summed)
    return list(summed)
