"""The frozen base as a hypernetwork uses it: it encodes trajectories, and answers with an adapter that is another one for each row."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.functional import dropout

from trainer.hypernetwork.network import LoraPair
from trainer.hypernetwork.shape import Shape


class FrozenBase:
    def __init__(self, model: Any, shape: Shape, dropout_share: float = 0.0) -> None:
        self.model = model.eval().requires_grad_(False)
        self._scale, self._dropout = shape.alpha / shape.rank, dropout_share
        self._pairs: list[LoraPair] | None = None
        self._training = False
        modules = dict(model.named_modules())
        for kind, target in enumerate(shape.targets):
            for layer in range(shape.layers):
                modules[shape.site(layer, target)].register_forward_hook(self._hook(kind, layer))

    @torch.no_grad()
    def encode(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Hidden states of every layer, [batch, layers + 1, tokens, hidden]. One forward pass, no adapter."""
        found = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True, use_cache=False)
        return torch.stack(found.hidden_states, dim=1)

    @contextlib.contextmanager
    def adapted(self, pairs: list[LoraPair], training: bool = False) -> Iterator[Any]:
        """The base while row i of every batch has adapter i."""
        self._pairs, self._training = pairs, training
        try:
            yield self.model
        finally:
            self._pairs = None

    def _hook(self, kind: int, layer: int) -> Any:
        def add(_module: Any, given: tuple[torch.Tensor, ...], found: torch.Tensor) -> torch.Tensor:
            if self._pairs is None:
                return found
            a, b = self._pairs[kind].a[:, layer].to(found.dtype), self._pairs[kind].b[:, layer].to(found.dtype)
            inputs = dropout(given[0], self._dropout, training=self._training)
            return found + self._scale * (inputs @ a.transpose(1, 2)) @ b

        return add
