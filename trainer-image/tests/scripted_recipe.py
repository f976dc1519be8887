"""Stands in for NeMo Automodel's recipe in tests of what surrounds it: it reads the same file, writes the same files, and trains nothing.

Its loss is 4 / (step + 1), a function of the step alone. NEMO_SCRIPT is a JSON object: stepSeconds (0.01), crashAt and killAt (a step),
halfRows (rows are written in two pieces), neverFinish (checkpoints stay in progress).
"""

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy
import yaml
from safetensors.numpy import save_file

from trainer.nemo.token_file import TokenFile

SCRIPT = json.loads(os.environ.get("NEMO_SCRIPT", "{}"))


def main(recipe_file: Path) -> None:
    recipe = yaml.safe_load(recipe_file.read_text())
    recipe_file.with_name("rank-0.pid").write_text(str(os.getpid()))
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    pace, checkpoints = recipe["step_scheduler"], Path(recipe["checkpoint"]["checkpoint_dir"])
    checkpoints.mkdir(parents=True)
    rows = TokenFile(recipe["dataset"]["path"])
    assert all(len(set(map(len, rows[index].values()))) == 1 for index in range(len(rows)))
    restore = recipe["checkpoint"].get("restore_from")
    first = json.loads((Path(restore) / "step_scheduler.pt").read_text())["step"] if restore else 0
    for step in range(first, pace["max_steps"]):
        time.sleep(SCRIPT.get("stepSeconds", 0.01))
        if SCRIPT.get("killAt") == step + 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if SCRIPT.get("crashAt") == step + 1:
            raise RuntimeError("No space left on device")
        append(checkpoints / "training.jsonl", train_row(step, recipe))
        is_last = step + 1 == pace["max_steps"] or bool(asked)
        saves = is_last or (step + 1) % pace["ckpt_every_steps"] == 0
        if "validation_dataset" in recipe and not asked and (saves or (step + 1) % pace["val_every_steps"] == 0):
            append(checkpoints / "validation.jsonl", {"step": step, "epoch": 0, "val_loss": 5.0 / (step + 1), "lr": 0.0})
        if saves:
            save(checkpoints / f"epoch_0_step_{step}", step, recipe)
        if asked:
            return


def train_row(step: int, recipe: dict) -> dict:
    rate = recipe["optimizer"]["lr"]
    return {
        "step": step,
        "epoch": 0,
        "loss": 4.0 / (step + 1),
        "grad_norm": 1.0,
        "lr": rate,
        "mem": 0.5,
        "tps": 100.0,
        "num_tokens_per_step": 10,
    }


def append(path: Path, row: dict) -> None:
    text = json.dumps(row) + "\n"
    pieces = [text[:9], text[9:]] if SCRIPT.get("halfRows") else [text]
    for piece in pieces:
        with path.open("a") as file:
            file.write(piece)
        time.sleep(0.3 if len(pieces) > 1 else 0)


def save(folder: Path, step: int, recipe: dict) -> None:
    # Marked before it bears its name, as the recipe does it (components/checkpoint/lifecycle.py, reserve).
    staging = folder.with_name(f"{folder.name}.reserving")
    staging.mkdir()
    (staging / ".incomplete").touch()
    staging.rename(folder)
    (folder / "config.yaml").write_text(yaml.safe_dump(recipe))
    model = folder / "model"
    model.mkdir()
    if "peft" in recipe:
        name = "base_model.model.model.layers.0.self_attn.q_proj"
        rank, value = recipe["peft"]["dim"], float(step + 1)
        matrices = {f"{name}.lora_A.weight": (rank, 96), f"{name}.lora_B.weight": (96, rank)}
        save_file({key: numpy.full(size, value, numpy.float32) for key, size in matrices.items()}, model / "adapter_model.safetensors")
        told = {"r": rank, "lora_alpha": recipe["peft"]["alpha"], "target_modules": ["model.layers.0.self_attn.q_proj"]}
        (model / "adapter_config.json").write_text(json.dumps(told))
    elif step + 1 == recipe["step_scheduler"]["max_steps"]:
        base = Path(recipe["model"]["pretrained_model_name_or_path"])
        (model / "consolidated").mkdir()
        for file in ("config.json", "model.safetensors"):
            (model / "consolidated" / file).write_bytes((base / file).read_bytes())
    (folder / "step_scheduler.pt").write_text(json.dumps({"step": step + 1}))
    if not SCRIPT.get("neverFinish"):
        (folder / ".incomplete").unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
