"""A hypernetwork on the disk: `hypernetwork.safetensors` and `hypernetwork_config.json`, nothing pickled."""

import hashlib
import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from trainer.bases import Base
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.hypernetwork.network import Hypernetwork
from trainer.hypernetwork.shape import Shape, hash_config

WEIGHTS, CONFIG = "hypernetwork.safetensors", "hypernetwork_config.json"


def save(network: Hypernetwork, folder: Path) -> None:
    save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(network.shape.to_json(), indent=1) + "\n", encoding="utf-8")


def load(folder: Path, name: str) -> Hypernetwork:
    """`name` is who made it, for the sentence of a failure. Raises Failure: artifacts_corrupt."""
    try:
        network = Hypernetwork(Shape.from_json((folder / CONFIG).read_text()))
        network.load_state_dict(load_file(folder / WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise Failure("artifacts_corrupt", f"{name} does not load: {type(error).__name__}: {str(error)[:300]}") from error
    return network.eval()


def verify(pinned: dict[str, Any]) -> Path:
    """The folder of a hypernetwork that the plane has pinned, every file as its run left it. Raises Failure: artifacts_corrupt."""
    folder = Path(pinned["folder"])
    for file in pinned["files"]:
        try:
            found = hashlib.sha256((folder / file["path"]).read_bytes()).hexdigest()
        except OSError as error:
            raise Failure("artifacts_corrupt", f"{file['path']} of {pinned['runId']} cannot be read: {error.strerror or error}") from error
        if found != file["sha256"]:
            raise Failure("artifacts_corrupt", f"{file['path']} of {pinned['runId']} has SHA-256 {found[:12]}, was {file['sha256'][:12]}")
    return folder


def refuse_other_base(shape: Shape, base: Base, name: str) -> None:
    """Raises Failure: no_hypernetwork, where the base has another configuration than the one the network was trained for."""
    here = hash_config(base.folder)
    if here != shape.config_hash:
        was = f"{shape.base_id}, whose configuration is {shape.config_hash[:12]}"
        raise Failure("no_hypernetwork", f"{name} makes adapters for {was}; the one of {base.id} is {here[:12]}")


def write_result(network: Hypernetwork, base: Base, link: EngineLink) -> Path:
    """What a run leaves: the network, and a card that says what it is for."""
    place = link.fresh_folder("hypernetwork")
    save(network, place)
    about = {"run": link.run_id, "base": {"kind": base.kind, **base.record}}
    (place / "tuneplane.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    (place / "README.md").write_text(_card(network.shape, base, link.spec), encoding="utf-8")
    for file in place.iterdir():
        file.chmod(0o644)  # safetensors leaves 0600
    return place


def _card(shape: Shape, base: Base, spec: dict[str, Any]) -> str:
    targets = ", ".join(f"`{target.path}`" for target in shape.targets)
    return f"""# {spec["name"] or spec["runId"]}

A hypernetwork for `{base.id}` at `{base.commit}`, trained by run `{spec["runId"]}`. It reads a trajectory of at most
{shape.max_trajectory_tokens} tokens through the base's chat template, and makes, in one forward pass, a LoRA adapter of rank {shape.rank}
on {targets}. It is not a model that answers by itself.

`POST /train/hypernetwork` uses the newest completed one of a base:

```sh
curl -X POST localhost:8000/train/hypernetwork -H 'content-type: application/json' \\
  -d '{{"base_model": "{base.id}", "trajectory_ids": ["t-1"]}}'
```

`hypernetwork.safetensors` are its weights, `hypernetwork_config.json` its shape and the hash of the base's configuration; a base
with another configuration is refused.
"""
