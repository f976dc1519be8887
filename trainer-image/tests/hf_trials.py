"""Trials of the hf engine: torch, transformers and TRL are imported once, then every trial is a fork that plays one attempt.

The trial's parent plays the supervisor: it reads the engine's lines, moves checkpoints and artifacts away, writes commands, and kills.
"""

import copy
import gc
import hashlib
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
HYPERPARAMETERS = {
    "maxSteps": 40,
    "numEpochs": 3,
    "batchSize": 8,
    "gradientAccumulationSteps": 1,
    "learningRate": 3e-3,
    "lrScheduler": "cosine",
    "warmupRatio": 0.03,
    "weightDecay": 0.0,
    "maxSeqLength": 128,
    "packing": None,
    "loraR": 16,
    "loraAlpha": 32,
    "loraDropout": 0.0,
    "targetModules": "all-linear",
    "evalSplit": 0.1,
    "evalSteps": None,
    "saveSteps": None,
    "checkpointMinutes": 10,
    "loggingSteps": 10,
    "resultFrom": "last",
    "keepBest": 1,
    "seed": 7,
    "reportTo": [],
    "wandbProject": None,
    "datasetTextField": "text",
    "dataloaderWorkers": 0,
    "dpoBeta": 0.1,
}
TRAINING = {
    "framework": "hf",
    "method": "sft",
    "peftMethod": "lora",
    "baseModel": {"kind": "tiny-llama"},
    "dataset": None,
    "datasetFormat": None,
    "chatTemplate": None,
    "samplePrompts": None,
    "export": ["adapter"],
}


def make_training(data: Path = EXAMPLES / "alpaca.jsonl", **changes: Any) -> dict[str, Any]:
    """`training` of a spec: the quickstart's, with changes by name, of the hyperparameters as well."""
    training = copy.deepcopy(TRAINING) | {"hyperparameters": dict(HYPERPARAMETERS), "dataset": files_dataset((data, "train"))}
    for name, value in changes.items():
        place = training["hyperparameters"] if name in HYPERPARAMETERS else training
        assert name in place, name
        place[name] = value
    return training


def files_dataset(*files: tuple[Path, str]) -> dict[str, Any]:
    def stored(path: Path, split: str) -> dict[str, Any]:
        content = path.read_bytes()
        sha256 = hashlib.sha256(content).hexdigest()
        return {"path": path.name, "sizeBytes": len(content), "sha256": sha256, "location": str(path), "split": split}

    folder = f"examples/{files[0][0].name}" if len(files) == 1 else "examples"
    return {"kind": "files", "uri": folder, "files": [stored(path, split) for path, split in files]}


@dataclass
class Attempt:
    """What an attempt said, and what it left."""

    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    checkpoints: dict[int, Path] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)
    status: int = 0
    log: str = ""

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["type"] == kind]

    @property
    def outcome(self) -> dict[str, Any]:
        assert self.of("outcome"), f"no outcome; its log:\n{self.log[-3000:]}"
        # As the supervisor: of several ranks the first that failed counts, unless it only noticed the end of another.
        failed = [line for line in self.of("outcome") if line["failure"] and line["failure"]["code"] != "peer_lost"]
        return failed[0] if failed else self.of("outcome")[-1]

    @property
    def failure(self) -> tuple[str, str]:
        found = self.outcome["failure"]
        assert found, f"it did not fail but {self.outcome['outcome']}"
        return found["code"], found["message"]

    @property
    def phases(self) -> list[str]:
        names = [line["phase"] for line in self.of("phase")]
        return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]

    @property
    def choices(self) -> dict[str, str]:
        return {line["name"]: line["value"] for line in self.of("choice")}

    def series(self, *names: str) -> dict[int, tuple[float, ...]]:
        return {
            row["step"]: tuple(row["values"][name] for name in names)
            for row in self.of("metrics")
            if all(name in row["values"] for name in names)
        }

    def sha256(self, kind: str = "adapter", name: str = "adapter_model.safetensors") -> str:
        return hashlib.sha256((self.artifacts[kind] / name).read_bytes()).hexdigest()


class Engine:
    def __init__(self, cache: Path, runs: Path) -> None:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, LlamaForCausalLM
        from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

        # What a fork of this process need not import; named, because these packages import on first look.
        self.imported = (PeftModel, AutoModelForCausalLM, LlamaForCausalLM, SFTConfig, SFTTrainer, DPOConfig, DPOTrainer)
        torch.set_num_threads(1)
        gc.collect()
        gc.freeze()  # or every fork would copy and walk a million objects
        self.cache, self._runs, self._count = cache, runs, 0

    def run(
        self,
        training: dict[str, Any],
        resume: tuple[str, Path] | None = None,
        kill_at: int | None = None,
        command_at: tuple[int, dict[str, Any]] | None = None,
        environment: dict[str, str] | None = None,
        engine: str = "hf",
        spec: dict[str, Any] | None = None,
        ranks: int = 1,
        patch: Callable[[int], object] | None = None,
    ) -> Attempt:
        """One attempt to its end. `command_at`: once that step is reported, command.json holds this; `spec`: more of spec.json.

        `ranks`: as many forks that talk by gloo, as under torchrun. `patch`: is called with the rank in each fork before the engine.
        """
        self._count += 1
        folder = self._runs / f"{self._count:03d}"
        work = folder / "work"
        work.mkdir(parents=True)
        resume_from = {"checkpoint": resume[0], "folder": resume[1].name, "step": 0} if resume else None
        told = {"schema": 1, "runId": "run_trial", "attempt": 1, "name": None, "training": training, "resumeFrom": resume_from}
        (work / "spec.json").write_text(json.dumps(told | {"logsAfter": None, "stallSeconds": 300} | (spec or {})))
        told = {"TUNEPLANE_WORK": str(work), "TUNEPLANE_CACHE": str(self.cache), **(environment or {})}
        if resume:
            told["TUNEPLANE_RESUME_FOLDER"] = str(resume[1])
        reading, writing = os.pipe()
        told |= {"TUNEPLANE_ENGINE_FD": str(writing)}
        port = _free_port()
        each = [_of_rank(rank, ranks, port) for rank in range(ranks)]
        children = [
            self.fork(lambda rank=rank: _play(engine, told | each[rank], rank, patch), folder / f"log{rank or ''}", closing=reading)
            for rank in range(ranks)
        ]
        os.close(writing)
        attempt = Attempt(folder)
        with os.fdopen(reading) as lines:
            for line in lines:
                said = json.loads(line)
                attempt.lines.append(said)
                _supervise(said, attempt)
                if said["type"] == "progress" and said["step"] == kill_at:
                    for child in children:
                        os.kill(child, signal.SIGKILL)
                    break
                if said["type"] == "progress" and command_at and said["step"] == command_at[0]:
                    (work / "command.new").write_text(json.dumps({"want": "run", "checkpointRequest": 0} | command_at[1]))
                    (work / "command.new").rename(work / "command.json")
        ends = [os.waitpid(child, 0)[1] for child in children]
        attempt.status = ends[0]
        attempt.log = (folder / "log").read_text(errors="replace")
        return attempt

    def call(self, work: Callable[[], Any]) -> Any:
        """What `work` gives in a fork of its own: JSON."""
        self._count += 1
        result, log = self._runs / f"{self._count:03d}.json", self._runs / f"{self._count:03d}.log"
        child = self.fork(lambda: result.write_text(json.dumps(work())), log)
        os.waitpid(child, 0)
        assert result.exists(), log.read_text()[-3000:]
        return json.loads(result.read_text())

    def answers(self, folder: Path, questions: list[str], cache: Path | None = None) -> list[dict[str, str]]:
        from trainer.ask import ask

        return self.call(lambda: ask(folder, cache or self.cache, questions))

    def fork(self, work: Callable[[], Any], log: Path, closing: int | None = None) -> int:
        sys.stdout.flush()
        sys.stderr.flush()
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            import torch

            # The parent's thread pool did not come along, and torch makes another at the next call that asks for it: two threads that ask
            # at once (autograd's own and this one) find none, "Invalid thread pool!". Here nobody else is there yet.
            torch.set_num_threads(1)
            if closing is not None:
                os.close(closing)
            descriptor = os.open(log, os.O_WRONLY | os.O_CREAT)
            os.dup2(descriptor, 1)
            os.dup2(descriptor, 2)
            sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _of_rank(rank: int, ranks: int, port: int) -> dict[str, str]:
    """What torchrun tells each of its workers; nothing where there is one."""
    if ranks == 1:
        return {}
    numbers = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": ranks, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": port}
    return {"MASTER_ADDR": "127.0.0.1", **{name: str(number) for name, number in numbers.items()}}


def _play(engine: str, environment: dict[str, str], rank: int, patch: Callable[[int], object] | None) -> None:
    module = importlib.import_module(f"trainer.engines.{engine}")
    os.environ.update(environment)
    if patch:
        patch(rank)
    if "HF_ENDPOINT" in environment:  # it was read at the import, by the parent
        from huggingface_hub import constants

        constants.HUGGINGFACE_CO_URL_TEMPLATE = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(
            constants.ENDPOINT, environment["HF_ENDPOINT"]
        )
        constants.ENDPOINT = environment["HF_ENDPOINT"]
        constants.HF_HUB_CACHE = environment["TUNEPLANE_CACHE"]
    module.main()


def _supervise(said: dict[str, Any], attempt: Attempt) -> None:
    """As the supervisor does: the folder is moved away at once, while the engine goes on."""
    if said["type"] == "checkpoint":
        place = attempt.folder / "checkpoints" / f"step-{said['step']:06d}"
        place.parent.mkdir(exist_ok=True)
        os.rename(said["folder"], place)
        attempt.checkpoints[said["step"]] = place
    if said["type"] == "artifacts":
        place = attempt.folder / "artifacts" / said["kind"]
        place.parent.mkdir(exist_ok=True)
        os.rename(said["folder"], place)
        attempt.artifacts[said["kind"]] = place
