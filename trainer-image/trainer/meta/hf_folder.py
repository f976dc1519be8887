"""Llama weights in a Hugging Face folder, read one at a time by Meta's names, and written as such a folder."""

import json
from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors import safe_open

from trainer.failure import Failure
from trainer.meta import weights
from trainer.meta.shape import Shape, from_config, to_config

# Object storage takes a file of at most 5 GB in one piece, with one checksum.
LARGEST_FILE = "4GB"
# What older versions of transformers called rope_parameters and dtype.
OLDER_NAMES = ("rope_theta", "rope_scaling", "torch_dtype")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


class HfFolder:
    """Raises Failure: model_not_supported, for what is no Llama or is not stored as safetensors."""

    def __init__(self, folder: Path, name: str) -> None:
        self.config = json.loads((folder / "config.json").read_text())
        self.shape = from_config(self.config, name)
        files = sorted(folder.glob("*.safetensors"))
        if not files:
            raise Failure("model_not_supported", f"{name} holds no safetensors files: the engine meta opens nothing else")
        self._files = {weight: opened for file in files for opened in [safe_open(file, framework="pt")] for weight in opened.keys()}  # noqa: SIM118 (not a dictionary)
        missing = [weight for weight in map(weights.hf_name, weights.names_of(self.shape)) if weight not in self._files]
        if missing:
            raise Failure("model_not_supported", f"{name} lacks {missing[0]}, which a Llama has")

    def read(self, name: str) -> torch.Tensor:
        """The weight of Meta's `name`, with its rows in Meta's order."""
        hf = weights.hf_name(name)
        return weights.to_meta(name, self._files[hf].get_tensor(hf), self.shape)

    @property
    def dtype(self) -> torch.dtype:
        return self.read("norm.weight").dtype

    @property
    def ends(self) -> set[int]:
        """Tokens that end an answer, as config.json has them."""
        found = self.config.get("eos_token_id")
        return set(found) if isinstance(found, list) else {found} if found is not None else set()


def write_hf(folder: Path, found: dict[str, torch.Tensor], shape: Shape, extra: dict) -> None:
    """config.json and safetensors of weights by Meta's names. `extra`: what config.json says besides the shape."""
    dtype = next(name for name, dtype in DTYPES.items() if dtype == found["norm.weight"].dtype)
    kept = {name: value for name, value in extra.items() if name not in OLDER_NAMES}
    (folder / "config.json").write_text(json.dumps({**kept, **to_config(shape), "dtype": dtype}, indent=2) + "\n")
    by_hf_name = {weights.hf_name(name): weights.to_hf(name, weight, shape) for name, weight in found.items()}
    save_torch_state_dict(by_hf_name, folder, max_shard_size=LARGEST_FILE)
