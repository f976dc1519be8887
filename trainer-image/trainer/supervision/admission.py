"""How a machine that the plane did not start itself comes to its attempt: it claims it at the plane's address. Standard library only.

    TUNEPLANE_CLAIM_URL         https://plane/attempts/run_...-0001/claim
    TUNEPLANE_MAILBOX           in its place where the plane cannot be reached: links into the store (mailbox.py)
    TUNEPLANE_BOOTSTRAP_TOKEN   opens it once: others may read a machine's environment, and find nothing there that is still good
    TUNEPLANE_MACHINE           the label that the plane gave this machine, if it did

The claim gives the run folder, the run's own variables and, where the folder is in S3, credentials for an hour. The session token that
renews them is kept in memory. A plane that is away is asked again: at the claim for an hour, at a renewal for as long as the run goes on,
because what cannot be stored waits on this disk. A plane that says the attempt is another's, or over, is believed.
"""

import json
import os
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from trainer.supervision.s3_credentials import AwsCredentials

PATIENCE_SECONDS = 3_600.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 30.0
ANSWER_SECONDS = 15.0
MOST_ANSWER_BYTES = 1 << 20
RENEWAL_PAUSE_SECONDS = 15.0
"""Storage asks for credentials at every request once half of their hour is over; the plane is asked four times a minute at most."""
TAKEN, GONE = 409, 404
INVITATION = ("TUNEPLANE_CLAIM_URL", "TUNEPLANE_MAILBOX", "TUNEPLANE_BOOTSTRAP_TOKEN")


class Refused(Exception):
    """The attempt is another machine's, or over: nothing is to be done, and nothing written."""


@dataclass(frozen=True)
class Admission:
    folder: str
    environment: Mapping[str, str]
    """the run's own variables"""
    storage: AwsCredentials | None
    """None where the folder is a path"""
    region: str | None
    endpoint: str | None


class Door(Protocol):
    """Refused where the attempt is another's or over, OSError where the plane does not answer."""

    def claim(self, claim_id: str) -> Admission: ...

    def renew(self) -> AwsCredentials | None: ...


class UrlDoor:
    """The plane's own address. Follows no redirect: a token is for one host."""

    def __init__(self, claim_url: str, bootstrap_token: str, machine: str | None) -> None:
        self._claim_url = claim_url
        self._renew_url = claim_url.removesuffix("/claim") + "/renew"
        self._token = bootstrap_token
        self._machine = machine
        self._opener = urllib.request.build_opener(_NoRedirects)

    def claim(self, claim_id: str) -> Admission:
        request = {"claim_id": claim_id, "host": socket.gethostname(), "pid": os.getpid(), "machine": self._machine}
        answer = self._post(self._claim_url, request)
        admission = read_admission(answer)
        self._token = answer["session_token"]
        return admission

    def renew(self) -> AwsCredentials | None:
        return _read_storage(self._post(self._renew_url, None).get("storage"))

    def _post(self, url: str, body: dict[str, Any] | None) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {self._token}", "content-type": "application/json"}
        data = b"" if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data=data, headers=headers, method="POST")
        try:
            with self._opener.open(request, timeout=ANSWER_SECONDS) as response:
                answer = json.loads(response.read(MOST_ANSWER_BYTES))
        except urllib.error.HTTPError as error:
            raise _refusal(error) from None
        except ValueError as error:
            raise OSError(f"the plane's answer is not JSON: {error}") from None
        if not isinstance(answer, dict):
            raise OSError("the plane's answer is no object")
        return answer


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _refusal(error: urllib.error.HTTPError) -> Exception:
    try:
        said = str(json.loads(error.read(MOST_ANSWER_BYTES))["detail"])
    except (OSError, ValueError, KeyError, TypeError):
        said = error.reason
    return Refused(said) if error.code in (TAKEN, GONE) else OSError(f"the plane answered {error.code}: {said}")


def find_door(environment: Mapping[str, str]) -> Door | None:
    """None where the run folder is told by the environment. Raises ValueError, and OSError where a package is missing."""
    if not is_invited(environment):
        return None
    token, machine = environment.get("TUNEPLANE_BOOTSTRAP_TOKEN"), environment.get("TUNEPLANE_MACHINE")
    if not token:
        raise ValueError("TUNEPLANE_BOOTSTRAP_TOKEN is missing")
    url = environment.get("TUNEPLANE_CLAIM_URL")
    if not url:
        from trainer.supervision.mailbox import MailboxDoor

        name = f"{environment['TUNEPLANE_RUN_ID']}-{int(environment['TUNEPLANE_ATTEMPT']):04d}"
        return MailboxDoor(_read_links(environment["TUNEPLANE_MAILBOX"]), token, name, machine)
    scheme, host = urllib.parse.urlsplit(url)[:2]
    if scheme not in ("http", "https") or not host or not url.endswith("/claim"):
        raise ValueError(f"TUNEPLANE_CLAIM_URL must be an http or https address that ends in /claim, got {url!r}")
    return UrlDoor(url, token, machine)


def is_invited(environment: Mapping[str, str]) -> bool:
    return bool(environment.get("TUNEPLANE_CLAIM_URL") or environment.get("TUNEPLANE_MAILBOX"))


def _read_links(text: str) -> dict[str, Any]:
    try:
        links = json.loads(text)
        if all(isinstance(links[name]["url"], str) and isinstance(links[name]["headers"], dict) for name in ("claim", "answer")):
            return links
    except (ValueError, KeyError, TypeError):
        pass
    raise ValueError("TUNEPLANE_MAILBOX must be a JSON object of two links, `claim` and `answer`, each with `url` and `headers`")


def enter(door: Door, claim_id: str, is_interrupted: Callable[[], bool]) -> Admission:
    """Claims, as often as it takes for an hour: the same claim again gets the same answer. Raises Refused or OSError."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    pause = FIRST_PAUSE_SECONDS
    while True:
        try:
            return door.claim(claim_id)
        except OSError:
            if is_interrupted() or time.monotonic() > give_up_at:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def settle(admission: Admission) -> None:
    """What boto3 reads of the environment, here and in the engine; the invitation is used up and goes no further."""
    for name in INVITATION:
        os.environ.pop(name, None)
    if admission.endpoint:
        os.environ["AWS_ENDPOINT_URL_S3"] = admission.endpoint
    if admission.region:
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = admission.region
    if admission.storage:
        os.environ["AWS_ACCESS_KEY_ID"] = admission.storage["accessKeyId"]
        os.environ["AWS_SECRET_ACCESS_KEY"] = admission.storage["secretAccessKey"]
        os.environ["AWS_SESSION_TOKEN"] = admission.storage["sessionToken"]


class Renewal:
    """The credentials of the claim at the first call, fresh ones at each later. `on_refused`: the attempt is over."""

    def __init__(self, door: Door, first: AwsCredentials, on_refused: Callable[[], None]) -> None:
        self._door = door
        self._first: AwsCredentials | None = first
        self._on_refused = on_refused
        self._lock = threading.Lock()
        self._next_at = 0.0

    def __call__(self) -> AwsCredentials:
        """Raises OSError, at once where the last question is a few seconds old: a plane that is away must not slow the storage down."""
        with self._lock:
            if self._first:
                first, self._first = self._first, None
                return first
            if time.monotonic() < self._next_at:
                raise OSError("the plane did not renew the credentials a moment ago")
            self._next_at = time.monotonic() + RENEWAL_PAUSE_SECONDS
            try:
                fresh = self._door.renew()
            except Refused as refusal:
                self._on_refused()
                raise OSError(f"the plane renews no credentials: {refusal}") from None
            if fresh is None:
                raise OSError("the plane has no credentials for this run any more")
            return fresh


def read_admission(answer: dict[str, Any]) -> Admission:
    """Raises OSError for an answer that is none: a proxy's page, a plane of another version."""
    try:
        storage = answer["storage"]
        return Admission(
            folder=str(answer["folder"]),
            environment={str(name): str(value) for name, value in answer["environment"].items()},
            storage=_read_storage(storage),
            region=storage and storage["region"],
            endpoint=storage and storage["endpoint"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise OSError(f"the plane's answer lacks {error}") from None


def _read_storage(storage: dict[str, Any] | None) -> AwsCredentials | None:
    if storage is None:
        return None
    try:
        return {
            "accessKeyId": storage["access_key_id"],
            "secretAccessKey": storage["secret_access_key"],
            "sessionToken": storage["session_token"],
            "expiresAt": storage["expires_at"],
        }
    except (KeyError, TypeError) as error:
        raise OSError(f"the plane's answer lacks {error}") from None
