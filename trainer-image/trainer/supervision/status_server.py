"""Takes what stock transformers reports of itself, on loopback: the status endpoint of Kubeflow Trainer.

transformers registers a callback where KUBEFLOW_TRAINER_SERVER_URL is set, and POSTs every 5 seconds, with a bearer token read from the
file that KUBEFLOW_TRAINER_SERVER_TOKEN names (read from transformers 5.23.0, integrations/integration_utils.py, KubeflowCallback):

    {"trainerStatus": {"lastUpdatedTime", "progressPercentage": 0..100, "estimatedRemainingSeconds",
                       "metrics": [{"name": "loss", "value": "1.25"}, {"name": "current_step", "value": "20"}, ...]}}

Values are texts. `current_step`, `total_steps` and `current_epoch` say where it is; who sends only a percentage is at that step of 100. A
status never takes progress back. No token: 401; another's: 403.
"""

import hmac
import json
import math
import os
import re
import secrets
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from trainer.supervision.schema_check import Schema, problem

MOST_BYTES = 64 << 10
STATUS: Schema = {
    "type": "object",
    "properties": {
        "trainerStatus": {
            "type": "object",
            "properties": {
                "progressPercentage": {"type": "number", "minimum": 0, "maximum": 100},
                "estimatedRemainingSeconds": {"type": "number", "minimum": 0},
                "metrics": {
                    "type": "array",
                    "maxItems": 256,
                    "items": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name", "value"]},
                },
            },
        }
    },
    "required": ["trainerStatus"],
}
METRIC_NAME = re.compile(r"^[A-Za-z][\w./-]{0,63}$")
PLACES = ("current_step", "total_steps", "current_epoch", "epoch")
OURS = {"mean_token_accuracy": "token_accuracy", "eval_mean_token_accuracy": "eval_token_accuracy"}


class StatusServer:
    """`tell("status", lines)`: lines of the engine protocol, and the seconds that are left as {"etaSeconds"}."""

    def __init__(self, work: Path, tell: Callable[[str, Any], None]) -> None:
        """Raises OSError where no port of loopback can be had."""
        token = secrets.token_urlsafe(32)
        self._token_file = work / "status-token"
        self._token_file.unlink(missing_ok=True)
        descriptor = os.open(self._token_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(token, StatusReader(), tell))
        self._server.daemon_threads = True

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="status", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, inherited: dict[str, str]) -> dict[str, str]:
        """What the program needs to find it, also where a proxy is named for everything else."""
        spared = ",".join(filter(None, [inherited.get("no_proxy") or inherited.get("NO_PROXY"), "127.0.0.1"]))
        return {
            "KUBEFLOW_TRAINER_SERVER_URL": f"http://127.0.0.1:{self._server.server_port}/status",
            "KUBEFLOW_TRAINER_SERVER_TOKEN": str(self._token_file),
            "no_proxy": spared,
            "NO_PROXY": spared,
        }


class StatusReader:
    """Remembers what was told, so that a status that brings nothing new makes no row, and none takes progress back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._step = 0
        self._steps: int | None = None
        self._last: dict[str, float] = {}

    def read(self, status: dict[str, Any]) -> list[dict[str, Any]]:
        """Lines of the engine protocol for a checked status."""
        told = {metric["name"]: number for metric in status.get("metrics", []) if (number := _number(metric["value"])) is not None}
        with self._lock:
            step, steps = self._where(told, status.get("progressPercentage"))
            epoch = told.get("current_epoch", told.get("epoch"))
            values = {OURS.get(name, name): value for name, value in told.items() if name not in PLACES and METRIC_NAME.match(name)}
            lines: list[dict[str, Any]] = []
            if step > self._step:
                self._step = step
                lines.append({"type": "progress", "step": step, "steps": steps, "epoch": epoch})
            if values and values != self._last:
                self._last = values
                lines.append({"type": "metrics", "step": self._step, "epoch": epoch, "values": values})
        if "estimatedRemainingSeconds" in status:
            lines.append({"type": "eta", "seconds": status["estimatedRemainingSeconds"]})
        return lines

    def _where(self, told: dict[str, float], percentage: float | None) -> tuple[int, int | None]:
        self._steps = _whole(told.get("total_steps")) or self._steps
        if "current_step" in told:
            return _whole(told["current_step"]) or 0, self._steps
        if percentage is None:
            return self._step, self._steps
        if self._steps is None:
            return int(percentage), 100
        # The first and the last report of transformers name no step; 100 is told at the end alone.
        return (self._steps if percentage >= 100 else self._step), self._steps


def _handler(token: str, reader: StatusReader, tell: Callable[[str, Any], None]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(min(size, MOST_BYTES))
            given = self.headers.get("Authorization", "")
            if not given.startswith("Bearer "):
                return self._answer(401, "a bearer token is needed")
            if not hmac.compare_digest(given.removeprefix("Bearer ").encode(), token.encode()):
                return self._answer(403, "the token is another one")
            if size > MOST_BYTES:
                return self._answer(413, f"a status has at most {MOST_BYTES} bytes, got {size}")
            try:
                document = json.loads(body)
            except ValueError:
                return self._answer(400, "a status is JSON")
            fault = problem(document, STATUS)
            if fault:
                return self._answer(400, fault)
            tell("status", reader.read(document["trainerStatus"]))
            self._answer(200, "")

        def do_GET(self) -> None:
            self._answer(405, "only POST is taken here")

        do_PUT = do_DELETE = do_GET

        def _answer(self, status: int, said: str) -> None:
            data = json.dumps({"detail": said} if said else {}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _number(value: Any) -> float | None:
    """transformers sends texts; NaN and Infinity are numbers here, as in the engine protocol."""
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _whole(value: float | None) -> int | None:
    return int(value) if value is not None and math.isfinite(value) and value >= 0 else None
