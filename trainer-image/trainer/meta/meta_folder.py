"""Llama weights in Meta's own layout: params.json, and consolidated.00.pth for each of its model-parallel ranks.

The pickles are read with `weights_only`, so that they can hold tensors and nothing that runs. Meta's ranks hold columns of some weights and
rows of others; which, follows from the sizes: a part is whole along every axis but one.
"""

import json
import zipfile
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import save_torch_state_dict

from trainer.failure import Failure
from trainer.meta.hf_folder import LARGEST_FILE
from trainer.meta.shape import Shape, from_params, to_params
from trainer.meta.weights import names_of


def read_meta(folder: Path, name: str) -> tuple[Shape, dict[str, torch.Tensor]]:
    """(shape, every weight by its name, merged). Parts are mapped, not read, so the memory of one model is needed. Raises Failure."""
    params = json.loads((folder / "params.json").read_text())
    files = sorted(folder.glob("consolidated.*.pth"))
    if not files:
        raise Failure("model_not_supported", f"{name} has params.json and no consolidated.*.pth")
    try:
        parts = [torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)) for file in files]
    except Exception as error:
        raise Failure("model_not_supported", f"{name} does not load as weights and nothing else: {str(error)[:300]}") from error
    if "tok_embeddings.weight" not in parts[0] or "layers.0.attention.wq.weight" not in parts[0] or "n_heads" not in params:
        raise Failure("model_not_supported", f'{name} is no Llama 2 or 3 of Meta: use framework "hf"')
    vocabulary = _whole_vocabulary(params, parts)
    shape = from_params(params, vocabulary, is_tied=False)
    sizes = _sizes(shape)
    found = {weight: _merge(weight, [part[weight] for part in parts], sizes[weight], name) for weight in sizes if weight in parts[0]}
    is_tied = "output.weight" not in found or torch.equal(found["output.weight"], found["tok_embeddings.weight"])
    shape = from_params(params, vocabulary, is_tied)
    missing = [weight for weight in names_of(shape) if weight not in found]
    if missing:
        raise Failure("model_not_supported", f"{name} lacks {missing[0]}, which a Llama has")
    return shape, {weight: found[weight] for weight in names_of(shape)}


def write_meta(folder: Path, found: dict[str, torch.Tensor], shape: Shape) -> None:
    """params.json, consolidated.00.pth as Meta writes it, and the same as safetensors. A tied output is written out, as Meta does."""
    whole = found | ({"output.weight": found["tok_embeddings.weight"].clone()} if shape.is_tied else {})
    (folder / "params.json").write_text(json.dumps(to_params(shape), indent=1) + "\n")
    torch.save(whole, folder / "consolidated.00.pth")
    save_torch_state_dict(whole, folder, filename_pattern="consolidated{suffix}.safetensors", max_shard_size=LARGEST_FILE)


def _whole_vocabulary(params: dict[str, Any], parts: list[dict[str, torch.Tensor]]) -> int:
    """Llama 3 splits the vocabulary over its ranks, Llama 2 the width, and says -1 in params.json."""
    rows, columns = parts[0]["tok_embeddings.weight"].shape
    return rows * len(parts) if columns == params["dim"] else rows


def _sizes(shape: Shape) -> dict[str, tuple[int, ...]]:
    from trainer.meta.model import Llama

    with torch.device("meta"):
        return {name: tuple(weight.shape) for name, weight in Llama(shape).named_parameters()}


def _merge(weight: str, parts: list[torch.Tensor], size: tuple[int, ...], name: str) -> torch.Tensor:
    if all(tuple(part.shape) == size for part in parts):
        return parts[0]  # the norms, which every rank holds whole
    for axis in range(len(size)):
        shares = [part.shape[axis] for part in parts]
        others = {tuple(part.shape[:axis]) + tuple(part.shape[axis + 1 :]) for part in parts}
        if sum(shares) == size[axis] and others == {size[:axis] + size[axis + 1 :]}:
            return torch.cat(parts, dim=axis)
    found = ", ".join(str(list(part.shape)) for part in parts)
    raise Failure("model_not_supported", f"{weight} of {name} is {found}, and params.json makes it {list(size)}")
