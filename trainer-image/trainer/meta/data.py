"""Which rows each rank sees at a step. The global batch is the same rows on any number of ranks; a rank takes its share of each part."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch.utils.data import DataLoader, Dataset

from trainer.batch_order import BatchOrder
from trainer.failure import Failure
from trainer.token_batch import TokenBatch, token_batch
from trainer.token_rows import TokenRow


@dataclass(frozen=True)
class Split:
    """How a global batch is taken apart: `parts` passes one after the other, each of `rows` rows on every rank."""

    rows: int
    parts: int
    ranks: int

    @property
    def whole(self) -> int:
        return self.rows * self.parts * self.ranks


def split_batch(whole: int, rows: int, ranks: int) -> Split:
    """A global batch of `whole` rows, `rows` of them in a pass of a rank.

    Raises Failure: resume_refused, where that does not come out even. Only a resume on other ranks can ask for such a one: it keeps the
    global batch, and takes more or fewer parts.
    """
    if whole % (rows * ranks):
        cannot = f"{ranks} ranks of {rows} rows each cannot make up"
        raise Failure("resume_refused", f"the checkpoint's global batch is {whole}, which {cannot}")
    return Split(rows, whole // (rows * ranks), ranks)


class Parts(Dataset):
    """Part `index` of this rank, counted over all steps from `first` on."""

    def __init__(self, rows: Sequence[TokenRow], order: BatchOrder, split: Split, first: int, padding: int) -> None:
        self._rows, self._order, self._split, self._first, self._padding = rows, order, split, first, padding
        self._rank = dist.get_rank()

    def __getitem__(self, index: int) -> TokenBatch:
        step, part = divmod(index, self._split.parts)
        whole = self._order.rows_of(self._first + step)
        begin = (part * self._split.ranks + self._rank) * self._split.rows
        return token_batch([self._rows[row] for row in whole[begin : begin + self._split.rows]], self._padding)


def parts(dataset: Parts, count: int, workers: int) -> Iterator[TokenBatch]:
    """`count` parts in order; `workers` processes prepare them ahead."""
    return iter(DataLoader(dataset, batch_size=None, sampler=range(count), num_workers=workers))


def eval_rounds(rows: Sequence[TokenRow], batch: int, padding: int) -> Iterator[tuple[TokenBatch, bool]]:
    """(batch, whether it counts): as many on every rank, because all must take part in every pass."""
    batches = [rows[begin : begin + batch] for begin in range(0, len(rows), batch)]
    ranks, rank = dist.get_world_size(), dist.get_rank()
    for first in range(0, len(batches), ranks):
        counts = first + rank < len(batches)
        yield token_batch(batches[first + rank if counts else 0], padding), counts


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
