"""Llama as prompts.py and sampling.py take a model: it generates greedily, and its adapter can be switched off.

Without a cache: samples are a few short answers, and each new token costs one pass over all of them. On several ranks all of them pass
along, and rank 0's tokens count, so that no rank ends before another.
"""

from types import SimpleNamespace
from typing import Any

import torch
import torch.distributed as dist

from trainer.meta.lora import adapters_off
from trainer.meta.model import Llama


class AnsweringLlama:
    def __init__(self, model: Llama, ends: set[int]) -> None:
        """`ends`: tokens that end an answer."""
        self._model, self._ends = model, ends
        self.config = SimpleNamespace(max_position_embeddings=model.shape.context)

    @property
    def training(self) -> bool:
        return self._model.training

    @property
    def device(self) -> torch.device:
        return next(self._model.parameters()).device

    def eval(self) -> None:
        self._model.eval()

    def train(self, mode: bool = True) -> None:
        self._model.train(mode)

    def disable_adapter(self) -> Any:
        return adapters_off(self._model)

    def generate(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, max_new_tokens: int, pad_token_id: int, **_: Any
    ) -> torch.Tensor:
        """`input_ids` [rows, tokens] are padded to the left, as transformers wants them; followed by what is new, padded to the right."""
        rows = torch.arange(len(input_ids), device=input_ids.device)
        lengths = attention_mask.sum(1)
        width = input_ids.shape[1]
        # Padded to the right instead: then the causal mask is all that is needed, and places are counted from 0.
        places = (torch.arange(width, device=input_ids.device) - (width - lengths)[:, None]) % width
        ids = torch.full((len(rows), width + max_new_tokens), pad_token_id, device=input_ids.device)
        ids.scatter_(1, places, torch.where(attention_mask.bool(), input_ids, pad_token_id))
        fresh = torch.full((len(rows), max_new_tokens), pad_token_id, device=input_ids.device)
        ended = torch.zeros(len(rows), dtype=torch.bool, device=input_ids.device)
        ends = torch.tensor(sorted(self._ends), device=input_ids.device)
        for count in range(max_new_tokens):
            last = torch.zeros_like(ids[:, : int(lengths.max())], dtype=torch.bool)
            last[rows, lengths - 1] = True
            chosen = self._model(ids[:, : last.shape[1]], last).argmax(-1)
            if dist.get_world_size() > 1:
                dist.broadcast(chosen, 0)
            chosen = torch.where(ended, pad_token_id, chosen)
            fresh[:, count] = ids[rows, lengths] = chosen
            lengths = lengths + (~ended).long()
            ended = ended | torch.isin(chosen, ends)
            if ended.all():
                break
        self._model.reshard()
        return torch.cat([input_ids, fresh], dim=1)
