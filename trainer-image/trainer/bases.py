"""Where the base model comes from: tiny-llama (built once), the hub at a pinned commit, or a folder."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import hub
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.machine_cache import MachineCache
from trainer.weight_files import refuse_pickles

# A weight file is known by its size and both ends: hashing 16 GB whole would take longer than loading it.
END_BYTES = 1 << 20


@dataclass(frozen=True)
class Base:
    kind: str
    id: str
    """What people call it: tiny-llama, org/name, or the path."""
    commit: str
    """The hub's commit; for what has none, a fingerprint of its files. Two machines' tiny-llama may differ in the last bit."""
    folder: Path
    reference: str
    """What adapter_config.json says, so that PEFT finds the base: the hub's id (with `revision`), or the folder."""
    revision: str | None

    @property
    def record(self) -> dict[str, str]:
        return {"id": self.id, "commit": self.commit}


def plain(base_model: dict[str, Any]) -> dict[str, Any]:
    """The base whose weights are loaded: of what another run made its model, or what its adapter belongs to."""
    if base_model["kind"] != "made":
        return base_model
    if base_model["form"] == "adapter":
        return base_model["base"]
    return {"kind": "path", "path": base_model["folder"], "origin": base_model["id"]}


def starting_adapter(base_model: dict[str, Any]) -> Path | None:
    """The adapter of another run that this one trains on. Raises Failure (model_not_found)."""
    if base_model["kind"] != "made" or base_model["form"] != "adapter":
        return None
    folder = Path(base_model["folder"])
    if not (folder / "adapter_config.json").is_file():
        raise Failure("model_not_found", f"{base_model['id']} holds no adapter: there is no adapter_config.json in {folder}")
    refuse_pickles((path.name for path in folder.iterdir()), base_model["id"], Failure)
    return folder


def whole(base_model: dict[str, Any], engine: str) -> dict[str, Any]:
    """As `plain`, for engines that do not go on with an adapter. Raises Failure (model_not_supported)."""
    if base_model["kind"] == "made" and base_model["form"] == "adapter":
        said = f"{base_model['id']} is an adapter, and the engine {engine} begins with whole models"
        raise Failure("model_not_supported", f'{said}: use framework "hf", or export the run that made it as merged')
    return plain(base_model)


def fetch(base_model: dict[str, Any], link: EngineLink, cache: MachineCache | None = None) -> Base | None:
    """The base where it can be had without torch: from the hub or a folder. None: tiny-llama, which torch has to build.

    `cache`: keeps what the hub gave from being removed while this process lives, and makes room.
    Raises Failure: model_not_found, model_gated, hub_token_missing, hub_unreachable, unsafe_weights.
    """
    if base_model["kind"] == "tiny-llama":
        return None
    if base_model["kind"] == "hub":

        def report(detail: str, fraction: float | None) -> None:
            link.phase("loading-model", detail, fraction)

        folder, commit, hit = hub.fetch_base(base_model["id"], base_model["commit"], report)
        link.choice("base-cache", "hit" if hit else "fetched", f"{base_model['id']}, by its commit {commit[:12]}")
        if cache and folder.parent.name == "snapshots":
            cache.use(folder.parents[1])
            cache.evict()
        _refuse_what_is_no_model(base_model["id"], folder)
        return Base("hub", base_model["id"], commit, folder, base_model["id"], commit)
    path = base_model["path"]
    if "://" in path and not path.startswith("file://"):
        raise Failure("model_not_found", f"{path} cannot be read by this trainer: it reads local folders and the Hugging Face hub")
    folder = Path(path.removeprefix("file://")).absolute()
    if not folder.is_dir():
        raise Failure("model_not_found", f"there is no folder {folder}")
    _refuse_what_is_no_model(str(folder), folder)
    return Base("path", base_model.get("origin", path), fingerprint(folder), folder, str(folder), None)


def tiny(folder: Path) -> Base:
    return Base("tiny-llama", "tiny-llama", fingerprint(folder), folder, str(folder.absolute()), None)


def fingerprint(folder: Path) -> str:
    """40 hexadecimal digits of the files that decide what a model says."""
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if not file.is_file() or not file.name.endswith((".safetensors", ".bin", ".json", ".model", ".jinja")):
            continue
        digest.update(f"{file.name} {file.stat().st_size}\n".encode())
        with file.open("rb") as opened:
            digest.update(opened.read(END_BYTES))
            if file.stat().st_size > END_BYTES:
                opened.seek(-END_BYTES, 2)
                digest.update(opened.read(END_BYTES))
    return digest.hexdigest()[:40]


def _refuse_what_is_no_model(name: str, folder: Path) -> None:
    refuse_pickles((path.name for path in folder.iterdir()), name, Failure)
    if (folder / "config.json").is_file():
        return
    if (folder / "adapter_config.json").is_file():
        of = json.loads((folder / "adapter_config.json").read_text()).get("base_model_name_or_path")
        raise Failure("model_not_found", f"{name} is an adapter of {of}, not a whole model: give its base, or a run exported as merged")
    raise Failure("model_not_found", f"{name} holds no config.json: it is not a model that transformers can load")
