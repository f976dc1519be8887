"""Proves that what was stored answers as what was trained: transformers and PEFT load it, on a fresh base, and find the same loss.

Here two implementations of Llama must agree, so a wrong order of rows in a head or a weight under another name shows as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from trainer.bases import Base
from trainer.engine_link import EngineLink
from trainer.meta.choosing import Chosen
from trainer.token_rows import TokenRow
from trainer.verification import loss_of_rows, require_same_loss, to_where_room_is


@dataclass(frozen=True)
class Proof:
    """`trained`: the mean loss of `rows` as the training ended; `stored_as`: the type of the weights of a whole model."""

    rows: Sequence[TokenRow]
    trained: float
    chosen: Chosen
    base: Base
    stored_as: torch.dtype
    link: EngineLink

    def require_of_adapter(self, folder: Path) -> None:
        """Raises Failure (artifact_unusable)."""
        self._say()
        fresh = _load(self.base.folder, getattr(torch, self.chosen.precision), self.chosen.device)
        self._require(PeftModel.from_pretrained(fresh, folder), self.chosen.precision, "the adapter")

    def require_of_model(self, folder: Path, what: str) -> None:
        """Raises Failure (artifact_unusable)."""
        self._say()
        stored = str(self.stored_as).removeprefix("torch.")
        coarser = self.chosen.precision if stored == "float32" else stored
        self._require(_load(folder, "auto", self.chosen.device), coarser, what)

    def _say(self) -> None:
        self.link.phase("saving", "loading it again, to compare")

    def _require(self, loaded: Any, precision: str, what: str) -> None:
        require_same_loss(self.trained, loss_of_rows(loaded, self.rows), precision, what)


def _load(folder: Path, dtype: torch.dtype | str, device: str) -> Any:
    return to_where_room_is(AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, use_safetensors=True), device)
