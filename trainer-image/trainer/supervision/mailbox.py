"""The door of a machine that cannot reach the plane: it claims in the store that both reach. The plane's half is lambdas/domain/mailbox.ts.

    TUNEPLANE_MAILBOX   {"claim": {"url", "headers"}, "answer": {"url", "headers"}}: one puts the claim, once; the other reads the answer

The private key is drawn here, for this attempt, and kept in memory: whoever reads the machine's environment later cannot open what was
sealed for it. `cryptography` is imported when a mailbox is used: all other ways are the standard library alone.
"""

import base64
import hashlib
import hmac
import json
import os
import socket
import urllib.error
import urllib.request
from typing import Any

from trainer.supervision.admission import ANSWER_SECONDS, MOST_ANSWER_BYTES, Admission, Refused, read_admission
from trainer.supervision.s3_credentials import AwsCredentials

CONTEXT = b"tuneplane mailbox 1"
KEY_BYTES = 32
GONE, TAKEN = 404, 412


class MailboxDoor:
    """Raises OSError at once where `cryptography` is not installed."""

    def __init__(self, links: dict[str, Any], bootstrap_token: str, attempt: str, machine: str | None) -> None:
        try:
            from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
        except ModuleNotFoundError as error:
            raise OSError(f"a mailbox needs cryptography, which is not installed: the extra `rented` has it ({error})") from error
        self._links = links
        self._token = bootstrap_token
        self._attempt = attempt
        self._machine = machine
        self._private = X25519PrivateKey.generate()
        self._public = self._private.public_key().public_bytes_raw()
        self._claim_id: str | None = None
        self._is_put = False
        self._seen: str | None = None

    def claim(self, claim_id: str) -> Admission:
        """Whose claim lies there the answer says: one that we find taken may be our own, whose receipt was lost."""
        self._claim_id = claim_id
        if not self._is_put:
            self._put_claim(claim_id)
            self._is_put = True
        answer = self._read_answer()
        if answer is None:
            raise OSError("the plane has not answered the claim yet")
        return read_admission(answer)

    def renew(self) -> AwsCredentials | None:
        answer = self._read_answer()
        if answer is None:
            raise OSError("the plane has not sealed fresh credentials yet")
        return read_admission(answer).storage

    def _put_claim(self, claim_id: str) -> None:
        public = base64.b64encode(self._public).decode()
        proven = "\n".join((self._attempt, claim_id, public, self._machine or "")).encode()
        proof = hmac.new(self._token.encode(), proven, hashlib.sha256).digest()
        claim = {
            "schema": 1,
            "claimId": claim_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "machine": self._machine,
            "publicKey": public,
            "proof": base64.b64encode(proof).decode(),
        }
        try:
            _ask("PUT", self._links["claim"], json.dumps(claim).encode())
        except urllib.error.HTTPError as error:
            if error.code != TAKEN:
                raise OSError(f"the store answered {error.code} to the claim") from None

    def _read_answer(self) -> dict[str, Any] | None:
        """What is sealed for us and was not seen yet. None where there is nothing new; Refused where it is sealed for another."""
        try:
            data = _ask("GET", self._links["answer"], None)
        except urllib.error.HTTPError as error:
            if error.code == GONE:
                return None
            raise OSError(f"the store answered {error.code} to the look for an answer") from None
        try:
            answer = json.loads(data)
            if answer["claimId"] != self._claim_id:
                raise Refused("another machine has claimed the attempt")
            if answer["sealed"] == self._seen:
                return None
            content = self._open(answer)
        except (ValueError, KeyError, TypeError) as error:
            raise OSError(f"the answer is not understood: {type(error).__name__}") from None
        self._seen = answer["sealed"]
        if isinstance(content.get("answer"), dict):
            self._links = {**self._links, "answer": content["answer"]}
        return content

    def _open(self, answer: dict[str, Any]) -> dict[str, Any]:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        ephemeral = base64.b64decode(answer["ephemeralKey"])
        shared = self._private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        key = HKDF(SHA256(), KEY_BYTES, salt=b"", info=CONTEXT + ephemeral + self._public).derive(shared + self._token.encode())
        try:
            opened = AESGCM(key).decrypt(base64.b64decode(answer["nonce"]), base64.b64decode(answer["sealed"]), self._attempt.encode())
        except InvalidTag:
            raise Refused("the answer was sealed for another machine") from None
        content = json.loads(opened)
        return content if isinstance(content, dict) else {}


def _ask(method: str, link: dict[str, Any], body: bytes | None) -> bytes:
    request = urllib.request.Request(link["url"], data=body, headers=dict(link["headers"]), method=method)
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        return response.read(MOST_ANSWER_BYTES)
