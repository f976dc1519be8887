"""One attempt under a real supervisor with the scripted engine, for the tests: start it, wait for what it writes, read that checked."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRAINER_IMAGE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TRAINER_IMAGE))

from trainer.supervision.processes import carriers  # noqa: E402 (the path to it is set above)
from trainer.supervision.schema_check import check  # noqa: E402 (likewise)

SCRIPTED_ENGINE = TRAINER_IMAGE.parent / "test" / "scripted-engine" / "engine.py"
RUN = "run_scripted"
DEADLINE_SECONDS = 20.0
NOT_PASSED_ON = ("OMP_NUM_THREADS", "TOKENIZERS_PARALLELISM", "HF_HOME", "PYTHONPATH")

HYPERPARAMETERS: dict[str, Any] = {
    "maxSteps": 12,
    "numEpochs": 1,
    "batchSize": 1,
    "gradientAccumulationSteps": 1,
    "learningRate": 2e-4,
    "lrScheduler": "linear",
    "warmupRatio": 0,
    "weightDecay": 0,
    "maxSeqLength": 128,
    "packing": False,
    "loraR": 8,
    "loraAlpha": 16,
    "loraDropout": 0,
    "targetModules": "all-linear",
    "evalSplit": 0,
    "evalSteps": None,
    "saveSteps": None,
    "checkpointMinutes": 10,
    "loggingSteps": 1,
    "resultFrom": "last",
    "keepBest": 0,
    "seed": 1,
    "reportTo": [],
    "wandbProject": None,
    "datasetTextField": "text",
    "dataloaderWorkers": 0,
    "dpoBeta": 0.1,
}


def wait_until(condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """What `condition` gives once it is true; an AssertionError after the deadline."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found


def weights_at(step: int) -> bytes:
    """The scripted engine's chain, told a second time so that the engine cannot agree with itself alone."""
    weights = hashlib.sha256(b"tuneplane scripted engine").digest()
    for number in range(1, step + 1):
        weights = hashlib.sha256(weights + number.to_bytes(8, "big")).digest()
    return weights


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


class SupervisedRun:
    """Attempt `attempt` of the run in `base`. `script` is the engine's; `parameters` and `spec` change the spec."""

    patience_seconds = DEADLINE_SECONDS

    def __init__(
        self,
        base: Path,
        attempt: int = 1,
        script: dict[str, Any] | None = None,
        parameters: dict[str, Any] | None = None,
        environment: dict[str, str] | None = None,
        **spec: Any,
    ) -> None:
        self.base = base
        self.attempt = attempt
        self.name = f"{RUN}-{attempt:04d}"
        self.folder = base / "folder"
        self.work = base / f"work-{attempt}"
        self.trace_file = base / "trace"
        self.script = {"stepSeconds": 0.002, "traceFile": str(self.trace_file), **(script or {})}
        self.environment = environment or {}
        self.process: subprocess.Popen[bytes] | None = None
        training = {
            "framework": "hf",
            "method": "sft",
            "peftMethod": "lora",
            "baseModel": {"kind": "tiny-llama"},
            "dataset": {"kind": "hub", "id": "none", "commit": None},
            "datasetFormat": None,
            "chatTemplate": None,
            "samplePrompts": None,
            "export": ["adapter"],
            "hyperparameters": {**HYPERPARAMETERS, **(parameters or {})},
        }
        document = {"schema": 1, "runId": RUN, "attempt": attempt, "name": None, "training": training, "resumeFrom": None}
        self.spec = {**document, "logsAfter": None, "stallSeconds": 30, **spec}
        self.write(f"attempts/{self.name}/spec.json", json.dumps(self.spec))
        self.control(version=0)

    def start(self, **environment: str) -> "SupervisedRun":
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        told = {
            "TUNEPLANE_RUN_FOLDER": str(self.folder),
            "TUNEPLANE_RUN_ID": RUN,
            "TUNEPLANE_ATTEMPT": str(self.attempt),
            "TUNEPLANE_WORK": str(self.work),
            "TUNEPLANE_CACHE": str(self.base / "cache"),
            "TUNEPLANE_ENGINE": json.dumps([sys.executable, str(SCRIPTED_ENGINE)]),
            "TUNEPLANE_SCRIPT": json.dumps(self.script),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "trainer.supervisor", self.name],
            cwd=TRAINER_IMAGE,
            env={**inherited, **told, **self.environment, **environment},
            stderr=subprocess.PIPE,
        )
        return self

    def finish(self, is_damaged: bool = False) -> dict[str, Any]:
        """Waits for the end and gives the manifest; nothing of the attempt may live on, and every file must meet its schema."""
        assert self.process
        _, errors = self.process.communicate(timeout=self.patience_seconds)
        assert (self.process.returncode, errors) == (0, b"")
        manifest = check(json.loads(self.read(f"attempts/{self.name}/manifest.json")), "manifest")
        assert carriers(manifest["claimId"]) == []
        if not is_damaged:
            self.check_files()
        return manifest

    def run(self) -> dict[str, Any]:
        return self.start().finish()

    def signal(self, number: int = signal.SIGTERM) -> None:
        assert self.process
        self.process.send_signal(number)

    def end(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
            claim = self.read(f"attempts/{self.name}/claim.json")
            if claim:
                wait_until(lambda: not carriers(json.loads(claim)["claimId"]))

    def control(self, want: str = "run", version: int = 1, checkpoint_request: int = 0, report_seconds: float = 0.1) -> None:
        control = {"schema": 1, "version": version, "want": want, "checkpointRequest": checkpoint_request, "reportSeconds": report_seconds}
        self.write(f"attempts/{self.name}/control.json", json.dumps(check(control, "control")))

    def write(self, key: str, text: str) -> None:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.test")
        temporary.write_text(text)
        temporary.rename(path)

    def read(self, key: str) -> bytes:
        path = self.folder / key
        return path.read_bytes() if path.is_file() else b""

    def progress(self) -> dict[str, Any]:
        """Empty before the first report."""
        data = self.read(f"attempts/{self.name}/progress.json")
        return check(json.loads(data), "progress") if data else {}

    def manifest(self) -> dict[str, Any]:
        return json.loads(self.read(f"attempts/{self.name}/manifest.json") or b"{}")

    def trace(self) -> list[tuple[int, int]]:
        """(attempt, step) of every step that was trained, in order."""
        lines = self.trace_file.read_text().splitlines() if self.trace_file.exists() else []
        return [(int(attempt), int(step)) for attempt, step, _run in (line.split() for line in lines)]

    def rows(self, folder: str) -> list[dict[str, Any]]:
        """All rows of this attempt below `logs` or `metrics`, in the order of the chunks."""
        paths = sorted((self.folder / folder).glob(f"{self.name}-*.jsonl"))
        return [json.loads(line) for path in paths for line in path.read_bytes().splitlines()]

    def log(self) -> list[str]:
        return [row["message"] for row in self.rows("logs")]

    def record(self, name: str) -> dict[str, Any]:
        return json.loads(self.read(f"checkpoints/{name}.json") or b"{}")

    def records(self) -> list[str]:
        return sorted(path.stem for path in (self.folder / "checkpoints").glob("step-*.json"))

    def files(self) -> dict[str, bytes]:
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}

    def adapter_weights(self) -> bytes:
        return self.read(f"artifacts/{RUN}/adapter/adapter_model.safetensors")[-32:]

    def resume_from(self, name: str) -> dict[str, Any]:
        record = self.record(name)
        return {"checkpoint": name, "folder": record["folder"], "step": record["step"]}

    def has_trained(self, step: int) -> Callable[[], bool]:
        return lambda: (self.attempt, step) in self.trace()

    def check_files(self) -> None:
        """Every file meets its schema, every hash is true, no row is missing, and nothing temporary was left."""
        assert [path for path in self.files() if "/." in path] == []
        for record in map(self.record, self.records()):
            check(record, "checkpoint-record")
            self._check_hashes(record["files"], self.folder / "checkpoints" / record["folder"])
        for rows, schema in (("logs", "log-row"), ("metrics", "metric-row")):
            for row in self.rows(rows):
                check(row, schema)
        for line in self.read(f"artifacts/{RUN}/samples.jsonl").splitlines():
            check(json.loads(line), "samples-row")
        if overview := self.read(f"metrics/{RUN}-overview.json"):
            check(json.loads(overview), "overview")
        manifest = self.manifest()
        if manifest["outcome"] != "superseded":
            self._check_hashes(manifest["files"], self.folder / "artifacts" / RUN)
            lines = self.rows("logs")
            assert [row["line"] for row in lines] == list(range(1, len(lines) + 1))
            assert (manifest["counts"]["logLines"], manifest["counts"]["metricRows"]) == (len(lines), len(self.rows("metrics")))
            assert self.progress()["counts"] == manifest["counts"]
            assert manifest["lastLogAt"] == lines[-1]["timestamp"]

    def _check_hashes(self, files: list[dict[str, Any]], folder: Path) -> None:
        for file in files:
            data = (folder / file["path"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (file["sizeBytes"], file["sha256"]), file["path"]


def ask_socket(path: Path) -> dict[str, Any] | None:
    """The supervisor's answer on its socket, None when nobody listens. Reaches paths of any length."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            client.connect(f"/proc/self/fd/{folder}/{path.name}")
            return json.loads(b"".join(iter(lambda: client.recv(4_096), b"")))
    except (ConnectionRefusedError, FileNotFoundError):
        return None
    finally:
        os.close(folder)
