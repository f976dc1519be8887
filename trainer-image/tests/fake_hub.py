"""A hub of this machine's own: enough of the protocol for huggingface_hub to look up, list and download one repository.

org/open      there, public          org/gated     needs a token with access; "reader" has it, "stranger" has not
anything else is unknown, which the hub answers with 401 to people without a token, as the real one does
"""

import contextlib
import hashlib
import http.server
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path

COMMIT = "c0ffee0000000000000000000000000000000001"


@contextlib.contextmanager
def serve_hub(folder: Path) -> Iterator[str]:
    """The endpoint (for HF_ENDPOINT) of a hub whose repositories all hold the files of `folder`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            path = self.path.split("?")[0]
            found = re.fullmatch(r"/api/(?:models|datasets)/(org/\w+)(?:/(revision|tree)/([^/]+).*)?", path)
            file = re.fullmatch(r"/(?:datasets/)?(org/\w+)/resolve/([^/]+)/(.+)", path)
            repository = (found or file)[1] if found or file else None
            revision = (found and found[3]) or (file and file[2])
            if refused := self._refusal(repository):
                self._answer(refused[0], b"{}", {"X-Error-Code": refused[1], "X-Error-Message": refused[1]})
            elif revision not in (None, "main", COMMIT):
                self._answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            elif file and not (folder / file[3]).is_file():
                self._answer(404, b"{}", {"X-Error-Code": "EntryNotFound"})
            elif file:
                content = (folder / file[3]).read_bytes()
                self._answer(200, content, {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT})
            elif found[2] == "tree":
                rows = [
                    {"type": "file", "path": name, "size": len((folder / name).read_bytes()), "oid": self._oid(name)} for name in names()
                ]
                self._answer(200, json.dumps(rows).encode())
            else:
                siblings = [{"rfilename": name} for name in names()]
                self._answer(200, json.dumps({"id": repository, "sha": COMMIT, "siblings": siblings}).encode())

        def _refusal(self, repository: str | None) -> tuple[int, str] | None:
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in ("", "reader", "stranger"):
                return 401, "Invalid credentials"
            if repository == "org/open":
                return None
            if repository == "org/gated":
                return None if token == "reader" else (403 if token else 401, "GatedRepo")
            return (404 if token else 401), "RepoNotFound"

        def _oid(self, name: str) -> str:
            return hashlib.sha1((folder / name).read_bytes()).hexdigest()

        def _answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    def names() -> list[str]:
        return sorted(file.name for file in folder.iterdir())

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
