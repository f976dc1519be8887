"""What a run leaves: an adapter or a model that others can load, with a card; loaded again here before anybody else has to."""

import importlib.metadata
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import cards
from trainer.bases import Base
from trainer.choices import Choices
from trainer.engine_link import ArtifactKind, EngineLink
from trainer.verification import Probe, require_same_loss

NAME = "tuneplane.json"
PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate", "tokenizers", "safetensors")


def versions(quantized: bool) -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in (*PACKAGES, *(["bitsandbytes"] if quantized else []))}


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
        weights = accelerator.get_state_dict(trainer.model_wrapped) if trainer.is_fsdp_enabled else None
        if self.link.rank:
            return
        folder = self._save_model(model, weights) if is_full else self._save_adapter(model, weights)
        del model, weights
        trainer.model = trainer.model_wrapped = trainer.optimizer = None
        accelerator.free_memory()
        self.link.phase("saving", "loading it again, to compare")
        again = self._load_model(folder) if is_full else self._load_adapter(folder)
        require_same_loss(trained, self.probe.loss_of(again), self.chosen.precision, "the model" if is_full else "the adapter")
        if not is_full and "merged" in self.training["export"] and with_merged:
            self.link.phase("saving", "base and adapter merged")
            merged = self._save_model(self._merge(again, folder))
            require_same_loss(trained, self.probe.loss_of(self._load_model(merged)), self._merged_precision(), "the merged model")
            yield merged, "model"
        yield folder, "model" if is_full else "adapter"

    def _save_adapter(self, model: Any, weights: Any = None) -> Path:
        """A PEFT adapter: weights, configuration that names base and revision, tokenizer, chat template, card."""
        folder = self.link.fresh_folder("adapter")
        config = model.peft_config["default"]
        config.base_model_name_or_path, config.revision = self.base.reference, self.base.revision
        config.target_modules = sorted(config.target_modules)  # a set: its order would change from run to run
        # "auto" would ask the hub about the base's vocabulary; the embeddings are not trained.
        model.save_pretrained(folder, save_embedding_layers=False, state_dict=weights)
        self._add_tokenizer_and_card(folder, cards.adapter_card(self.base, config.r, self.link.spec))
        return folder

    def _save_model(self, model: Any, weights: Any = None) -> Path:
        """A whole model, for `from_pretrained` and for any server."""
        folder = self.link.fresh_folder("model")
        model.save_pretrained(folder, state_dict=weights)
        self._add_tokenizer_and_card(folder, cards.model_card(self.base, self.link.spec))
        return folder

    def _load_adapter(self, folder: Path) -> Any:
        from peft import PeftModel

        from trainer import models

        fresh = models.load_model(self.training, self.base, self.chosen, self.tokenizer)
        loaded = PeftModel.from_pretrained(fresh, folder)
        return loaded if self.chosen.quantize else loaded.to(self.chosen.device)

    def _load_model(self, folder: Path) -> Any:
        from transformers import AutoModelForCausalLM

        return AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation=self.chosen.attention).to(self.chosen.device)

    def _merge(self, loaded: Any, adapter: Path) -> Any:
        """The base with the adapter added in. A quantised base is loaded again in full: a sum in 4 bits would lose the adapter."""
        if not self.chosen.quantize:
            return loaded.merge_and_unload()
        from peft import PeftModel
        from transformers import AutoModelForCausalLM

        whole = AutoModelForCausalLM.from_pretrained(self.base.folder, dtype="auto")
        return PeftModel.from_pretrained(whole, adapter).merge_and_unload()

    def _merged_precision(self) -> str:
        """Four bits lost what the whole base has: the merged model is near the trained one, and not the same."""
        return "quantized" if self.chosen.quantize else self.chosen.precision

    def _add_tokenizer_and_card(self, folder: Path, card: str) -> None:
        self.tokenizer.save_pretrained(folder)
        (folder / "README.md").write_text(card, encoding="utf-8")
        about = {"run": self.link.run_id, "base": {"kind": self.base.kind, **self.base.record}, "promptStyle": self.style}
        (folder / NAME).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        for file in folder.iterdir():
            file.chmod(0o644)  # safetensors leaves 0600
