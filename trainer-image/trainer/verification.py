"""Proves that what was stored is what was trained: it is loaded again, on a fresh base, and must have the trained model's loss.

An adapter can be stored and be no use: saved before the last weights were gathered, under names that PEFT does not find again, for another
base. None of that shows in a file's hash.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.failure import Failure
from trainer.token_batch import token_batch, token_loss
from trainer.token_rows import TokenRow

ROWS = 8
# The weights, and as much again for the passes over a few rows.
ROOM_PER_BYTE = 2
# Float32 on the same machine gives the same number; lower precisions sum in another order once modules are arranged otherwise.
TOLERANCE = {"float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-2, "quantized": 0.5}


@dataclass(frozen=True)
class Probe:
    """The first rows of the eval split (else of the training rows), padded to one width."""

    input_ids: Any
    attention_mask: Any
    labels: Any

    def loss_of(self, model: Any) -> float:
        """The mean loss over the tokens that are trained on."""
        was_training = model.training
        model.eval()
        try:
            with torch.no_grad():
                device = next(model.parameters()).device
                logits = model(input_ids=self.input_ids.to(device), attention_mask=self.attention_mask.to(device)).logits
                labels = self.labels[:, 1:].to(device)
                return torch.nn.functional.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels.flatten(), ignore_index=-100).item()
        finally:
            model.train(was_training)


def to_where_room_is(model: Any, device: str) -> Any:
    """To the GPU where it has room beside what is there, as beside a sharded model it may not; else to the CPU: slow, for few rows."""
    wanted = ROOM_PER_BYTE * sum(weight.nbytes for weight in model.parameters())
    if device == "cpu" or torch.cuda.mem_get_info()[0] > wanted:
        return model.to(device)
    whole = model.get_base_model() if hasattr(model, "get_base_model") else model
    whole.set_attn_implementation("sdpa")  # flash-attn has no kernel for the CPU
    return model.to("cpu")


def make_probe(dataset: Any, pad_id: int) -> Probe:
    """`dataset` as TRL prepared it: input_ids and labels, or prompt_ids and chosen_ids of preferences."""
    rows = [_ids_and_labels(dataset[index]) for index in range(min(ROWS, len(dataset)))]
    width = max(len(ids) for ids, _ in rows)

    def padded(fill: int, values: list[list[int]]) -> Any:
        return torch.tensor([[*row, *[fill] * (width - len(row))] for row in values])

    return Probe(
        input_ids=padded(pad_id, [ids for ids, _ in rows]),
        attention_mask=padded(0, [[1] * len(ids) for ids, _ in rows]),
        labels=padded(-100, [labels for _, labels in rows]),
    )


@torch.no_grad()
def loss_of_rows(model: Any, rows: Sequence[TokenRow]) -> float:
    """The mean loss of a transformers or PEFT model over what the rows are to predict; one after the other, so that nothing is padding."""
    model.eval()
    device = next(model.parameters()).device
    batches = [token_batch([row], padding=0).to(device) for row in rows]
    losses = [token_loss(model(input_ids=batch.ids, use_cache=False).logits, batch.labels)[0].item() for batch in batches]
    return sum(losses) / sum(batch.predicted for batch in batches)


def require_same_loss(trained: float, stored: float, precision: str, what: str) -> None:
    """Raises Failure (artifact_unusable) with both losses."""
    tolerance = TOLERANCE[precision] * max(1.0, abs(trained))
    if math.isnan(trained) and math.isnan(stored):
        return  # diverged, and stored as it is
    if not abs(trained - stored) <= tolerance:
        raise Failure("artifact_unusable", f"{what} was loaded again and has loss {stored:.6g} where the trained model has {trained:.6g}")


def _ids_and_labels(row: dict[str, Any]) -> tuple[list[int], list[int]]:
    if "input_ids" in row:
        return list(row["input_ids"]), list(row.get("labels") or row["input_ids"])
    prompt, answer = list(row["prompt_ids"]), list(row["chosen_ids"])
    return prompt + answer, [-100] * len(prompt) + answer
