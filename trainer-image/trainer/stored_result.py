"""The result of a run of the hf engine: saved, and loaded again here before anybody else has to."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import results
from trainer.bases import Base
from trainer.choices import Choices
from trainer.engine_link import ArtifactKind, EngineLink
from trainer.verification import Probe, require_same_loss, to_where_room_is


@dataclass(frozen=True)
class Stored:
    """`style`: how a prompt is put to the model; `probe`: the rows whose loss must be the same before and after."""

    training: dict[str, Any]
    base: Base
    tokenizer: Any
    style: str
    chosen: Choices
    probe: Probe
    link: EngineLink

    def everything(self, trainer: Any, with_merged: bool) -> Iterator[tuple[Path, ArtifactKind]]:
        """Folders to be stored, each verified: the adapter, and `merged` where the spec exports it; or the whole model.

        Raises Failure (artifact_unusable). Gives up the trainer's model: a fresh base may need its memory.
        """
        model, accelerator = trainer.model, trainer.accelerator
        is_full = self.training["peftMethod"] == "full"
        trained = self.probe.loss_of(trainer.model_wrapped if trainer.is_fsdp_enabled else model)
        weights = _gathered(trainer.model_wrapped, accelerator) if trainer.is_fsdp_enabled else None
        if self.link.rank:
            return
        save = results.save_model if is_full else results.save_adapter
        folder = save(model, self.tokenizer, self.base, self.style, self.link, weights)
        del model, weights
        trainer.model = trainer.model_wrapped = trainer.optimizer = None
        accelerator.free_memory()
        self.link.phase("saving", "loading it again, to compare")
        again = self._load_model(folder) if is_full else self._load_adapter(folder)
        require_same_loss(trained, self.probe.loss_of(again), self.chosen.precision, "the model" if is_full else "the adapter")
        if not is_full and "merged" in self.training["export"] and with_merged:
            self.link.phase("saving", "base and adapter merged")
            whole = results.merge(again, folder, self.base, self.chosen.quantize)
            merged = results.save_model(whole, self.tokenizer, self.base, self.style, self.link)
            require_same_loss(trained, self.probe.loss_of(self._load_model(merged)), self._merged_precision(), "the merged model")
            yield merged, "model"
        yield folder, "model" if is_full else "adapter"

    def _load_adapter(self, folder: Path) -> Any:
        from peft import PeftModel

        from trainer import models

        fresh = models.load_model(self.training, self.base, self.chosen, self.tokenizer)
        loaded = PeftModel.from_pretrained(fresh, folder)
        return loaded if self.chosen.quantize else to_where_room_is(loaded, self.chosen.device)

    def _load_model(self, folder: Path) -> Any:
        from transformers import AutoModelForCausalLM

        loaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation=self.chosen.attention)
        return to_where_room_is(loaded, self.chosen.device)

    def _merged_precision(self) -> str:
        """Four bits lost what the whole base has: the merged model is near the trained one, and not the same."""
        return "quantized" if self.chosen.quantize else self.chosen.precision


def _gathered(model: Any, accelerator: Any) -> dict[str, Any]:
    """A sharded model's weights, whole, on rank 0; tied ones under the first of their names, as they are stored of any model."""
    names, seen = [], set()
    for name, parameter in model.state_dict(keep_vars=True).items():
        if id(parameter) not in seen:
            seen.add(id(parameter))
            names.append(name)
    weights = accelerator.get_state_dict(model)
    return {name: weights[name] for name in names if name in weights}
