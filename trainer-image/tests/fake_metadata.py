"""EC2's metadata service, as far as spot notices need it, on loopback: IMDSv2 with a token that is checked."""

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FakeMetadata:
    """`notice(seconds)`: from now on the machine is said to be taken away then. `tokens`: how many were given; `expire()` voids them."""

    def __init__(self) -> None:
        self.tokens = 0
        self.looks = 0
        self._valid: set[str] = set()
        self._taken_at: datetime | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def notice(self, seconds: float) -> None:
        self._taken_at = datetime.now(UTC) + timedelta(seconds=seconds)

    def expire(self) -> None:
        self._valid.clear()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(service) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                if self.path != "/latest/api/token" or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
                    return self._answer(400, "")
                service.tokens += 1
                token = f"token-{service.tokens}"
                service._valid.add(token)
                self._answer(200, token)

            def do_GET(self) -> None:
                if self.headers.get("X-aws-ec2-metadata-token") not in service._valid:
                    return self._answer(401, "")
                service.looks += 1
                if self.path != "/latest/meta-data/spot/instance-action" or service._taken_at is None:
                    return self._answer(404, "")
                taken_at = service._taken_at.strftime("%Y-%m-%dT%H:%M:%SZ")
                self._answer(200, json.dumps({"action": "terminate", "time": taken_at}))

            def _answer(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler
