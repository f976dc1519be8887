"""Token rows side by side, padded to the right, and the loss on what they are to predict. Imported after torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from trainer.token_rows import TokenRow

NOT_PREDICTED = -100


@dataclass(frozen=True)
class TokenBatch:
    ids: torch.Tensor
    """[rows, longest row], padded with the padding token"""
    mask: torch.Tensor
    """1 where a token is"""
    labels: torch.Tensor
    """what follows each token, -100 where that is not to be predicted"""
    tokens: int
    predicted: int

    def to(self, device: torch.device | str) -> "TokenBatch":
        moved = (tensor.to(device, non_blocking=True) for tensor in (self.ids, self.mask, self.labels))
        return TokenBatch(*moved, self.tokens, self.predicted)


def padding_token(tokenizer: Any) -> int:
    """What fills a row up; it is never predicted and never looked at, so a tokenizer without one lends its end of sequence."""
    return tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id


def token_batch(rows: Sequence[TokenRow], padding: int) -> TokenBatch:
    width = max(len(row.ids) for row in rows)
    ids = torch.full((len(rows), width), padding)
    mask, labels = torch.zeros_like(ids), torch.full_like(ids, NOT_PREDICTED)
    for place, row in enumerate(rows):
        length = len(row.ids)
        ids[place, :length], mask[place, :length] = torch.tensor(row.ids), 1
        answers = torch.tensor(row.answers[1:])
        labels[place, : length - 1] = torch.where(answers, ids[place, 1:length], NOT_PREDICTED)
    return TokenBatch(ids, mask, labels, tokens=sum(len(row.ids) for row in rows), predicted=sum(row.predicted for row in rows))


def token_loss(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(sum of the losses, how many are predicted right) of `logits` [..., vocabulary] and the labels that follow; in float32."""
    logits, labels = logits.flatten(0, -2).float(), labels.flatten()
    right = (logits.detach().argmax(-1) == labels) & (labels != NOT_PREDICTED)
    return cross_entropy(logits, labels, ignore_index=NOT_PREDICTED, reduction="sum"), right.sum()
