"""A plane on loopback that lets one machine claim: what it was asked is kept, and what it answers the test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BOOTSTRAP, SESSION = "bootstrap-canary", "session-canary"


class FakePlane:
    """`folder` and `environment` are the claim's answer; `credentials`: StorageGrant as on the wire, or None. `is_over`: 409 to all."""

    def __init__(self, folder: str, environment: dict[str, str] | None = None, credentials: dict[str, Any] | None = None) -> None:
        self.folder, self.environment, self.credentials = folder, environment or {}, credentials
        self.claimed_by: str | None = None
        self.is_over = False
        self.failures_left = 0
        self.requests: list[tuple[str, str | None, dict[str, Any] | None]] = []
        plane = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                status, answer = plane.answer(self.path, self.headers.get("authorization"), body)
                data = json.dumps(answer).encode()
                self.send_response(status)
                if status == 307:
                    self.send_header("location", answer["to"])
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def invitation(self, name: str) -> dict[str, str]:
        return {
            "TUNEPLANE_CLAIM_URL": f"{self.url}/attempts/{name}/claim",
            "TUNEPLANE_BOOTSTRAP_TOKEN": BOOTSTRAP,
            "TUNEPLANE_MACHINE": "label-1",
        }

    def answer(self, path: str, authorization: str | None, body: dict[str, Any] | None) -> tuple[int, dict[str, Any]]:
        self.requests.append((path, authorization, body))
        if self.failures_left:
            self.failures_left -= 1
            return 503, {"error": "Busy", "detail": "come back later", "code": "plane_busy"}
        if self.is_over:
            return 409, {"error": "Not open", "detail": "the attempt is over", "code": "transition_refused"}
        if path.endswith("/renew"):
            return (200, {"storage": self.credentials}) if authorization == f"Bearer {SESSION}" else (401, {"detail": "no"})
        if authorization != f"Bearer {BOOTSTRAP}" or body is None:
            return 401, {"error": "Unauthorized", "detail": "no", "code": "unauthorized"}
        if self.claimed_by not in (None, body["claim_id"]):
            return 409, {"error": "Taken by another machine", "detail": "claimed by another machine", "code": "name_taken"}
        self.claimed_by = body["claim_id"]
        return 200, {
            "session_token": SESSION,
            "folder": self.folder,
            "environment": self.environment,
            "storage": self.credentials,
            "deadline": "2030-01-01T00:00:00.000Z",
        }

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
