"""What the supervisor is told by its environment, and where the files of one attempt lie in the run folder."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainer.supervision.admission import is_invited


class AttemptFailed(Exception):
    """Ends the attempt as `failed` with this code and sentence."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True)
class Attempt:
    run_folder: str
    """absolute path, or s3://bucket/prefix"""
    run_id: str
    number: int
    work: Path
    cache: Path
    socket: Path | None
    engine: list[str] | None
    least_stop_seconds: float
    environment: Mapping[str, str]
    """the run's own variables, for the engine"""

    @property
    def name(self) -> str:
        return f"{self.run_id}-{self.number:04d}"

    def key(self, file: str) -> str:
        """`attempts/<run>-0001/<file>`"""
        return f"attempts/{self.name}/{file}"

    def log_key(self, chunk: int) -> str:
        return f"logs/{self.name}-{chunk:08d}.jsonl"

    def metric_key(self, chunk: int) -> str:
        return f"metrics/{self.name}-{chunk:08d}.jsonl"

    @property
    def overview_key(self) -> str:
        return f"metrics/{self.run_id}-overview.json"

    def artifact_key(self, path: str) -> str:
        return f"artifacts/{self.run_id}/{path}"


def read_attempt(environment: Mapping[str, str]) -> Attempt:
    """All faults of the environment in one ValueError."""
    faults: list[str] = []

    def need(name: str, pattern: str, meaning: str) -> str:
        value = environment.get(name, "")
        if not re.fullmatch(pattern, value, re.DOTALL):
            faults.append(f"{name} must be {meaning}, got {value!r}")
        return value

    # A machine that claims at the plane is told there where the run folder is.
    run_folder = (
        "" if is_invited(environment) else need("TUNEPLANE_RUN_FOLDER", r"/.+|s3://[^/]+/.+", "an absolute path or s3://bucket/prefix")
    )
    run_id = need("TUNEPLANE_RUN_ID", r"[A-Za-z0-9_.-]+", "a run's id")
    number = need("TUNEPLANE_ATTEMPT", r"[1-9][0-9]*", "a number from 1")
    work = need("TUNEPLANE_WORK", r"/.+", "an absolute path")
    cache = need("TUNEPLANE_CACHE", r"/.+", "an absolute path")
    stop_seconds = need("TUNEPLANE_STOP_SECONDS", r"[0-9.]+", "seconds") if "TUNEPLANE_STOP_SECONDS" in environment else "120"
    engine = _command(environment["TUNEPLANE_ENGINE"], faults) if environment.get("TUNEPLANE_ENGINE") else None
    own = _environment(environment["TUNEPLANE_ENVIRONMENT_FILE"], faults) if environment.get("TUNEPLANE_ENVIRONMENT_FILE") else {}
    if faults:
        raise ValueError("; ".join(faults))
    socket = environment.get("TUNEPLANE_SOCKET")
    return Attempt(
        run_folder=run_folder,
        run_id=run_id,
        number=int(number),
        work=Path(work),
        cache=Path(cache),
        socket=Path(socket) if socket else None,
        engine=engine,
        least_stop_seconds=float(stop_seconds),
        environment=own,
    )


def _environment(path: str, faults: list[str]) -> dict[str, str]:
    """Values never appear in a fault."""
    try:
        values = json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        faults.append(f"TUNEPLANE_ENVIRONMENT_FILE cannot be read: {type(error).__name__}")
        return {}
    if isinstance(values, dict) and all(isinstance(value, str) for value in values.values()):
        return values
    faults.append("TUNEPLANE_ENVIRONMENT_FILE must hold a JSON object of texts")
    return {}


def _command(text: str, faults: list[str]) -> list[str] | None:
    try:
        command = json.loads(text)
    except ValueError:
        command = None
    if isinstance(command, list) and command and all(isinstance(part, str) for part in command):
        return command
    faults.append(f"TUNEPLANE_ENGINE must be a JSON array of texts, got {text!r}")
    return None
