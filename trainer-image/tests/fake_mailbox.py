"""A store on loopback with a mailbox in it, and the plane's half told a second time, so that the machine cannot agree with itself alone."""

import base64
import hashlib
import hmac
import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class FakeMailbox:
    """PUT of the claim works once (412 after that); the answer is what `answer` put there. `lose_claims`: so many receipts get lost."""

    def __init__(self, token: str, attempt: str) -> None:
        self.token, self.attempt = token, attempt
        self.objects: dict[str, bytes] = {}
        self.lose_claims = 0
        self.puts = 0
        mailbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                data = self.rfile.read(int(self.headers["content-length"]))
                mailbox.puts += 1
                is_taken = self.path in mailbox.objects
                if self.headers.get("if-none-match") != "*":
                    self.reply(403)
                    return
                mailbox.objects.setdefault(self.path, data)
                if mailbox.lose_claims:
                    mailbox.lose_claims -= 1
                    self.close_connection = True
                    self.connection.close()
                    return
                self.reply(412 if is_taken else 200)

            def do_GET(self) -> None:
                data = mailbox.objects.get(self.path)
                self.reply(404 if data is None else 200, data or b"")

            def reply(self, status: int, data: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def link(self, name: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
        return {"url": f"http://127.0.0.1:{self._server.server_port}/{name}", "headers": headers or {}}

    @property
    def links(self) -> dict[str, Any]:
        return {"claim": self.link("claim", {"if-none-match": "*"}), "answer": self.link("answer")}

    def claim(self) -> dict[str, Any] | None:
        """The claim that lies there, where its proof is right."""
        if "/claim" not in self.objects:
            return None
        claim = json.loads(self.objects["/claim"])
        proven = "\n".join((self.attempt, claim["claimId"], claim["publicKey"], claim["machine"] or "")).encode()
        assert base64.b64decode(claim["proof"]) == hmac.new(self.token.encode(), proven, hashlib.sha256).digest()
        return claim

    def answer(self, content: dict[str, Any], name: str = "answer", claim: dict[str, Any] | None = None) -> None:
        claim = claim or self.claim()
        assert claim
        own = X25519PrivateKey.generate()
        ephemeral, theirs = own.public_key().public_bytes_raw(), base64.b64decode(claim["publicKey"])
        shared = own.exchange(X25519PublicKey.from_public_bytes(theirs)) + self.token.encode()
        key = HKDF(SHA256(), 32, salt=None, info=b"tuneplane mailbox 1" + ephemeral + theirs).derive(shared)
        nonce = os.urandom(12)
        sealed = AESGCM(key).encrypt(nonce, json.dumps(content).encode(), self.attempt.encode())
        texts = {"ephemeralKey": ephemeral, "nonce": nonce, "sealed": sealed}
        answer = {"schema": 1, "claimId": claim["claimId"], "issuedAt": 0, "expiresAt": 0}
        self.objects[f"/{name}"] = json.dumps(
            {**answer, **{name: base64.b64encode(data).decode() for name, data in texts.items()}}
        ).encode()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
