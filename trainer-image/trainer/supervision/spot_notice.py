"""The two minutes' notice that EC2 gives before it takes a spot machine away, asked for every 5 seconds as EC2 recommends.

Only where TUNEPLANE_SPOT is 1: elsewhere 169.254.169.254 may be anybody. The session of the metadata service (IMDSv2) is a token, PUT for
six hours and made anew when the service no longer takes it. No notice is a 404; a notice is
{"action": "terminate", "time": "2026-11-22T08:22:00Z"}.
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
"""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

ENDPOINT = "http://169.254.169.254"
LOOK_SECONDS = 5.0
ANSWER_SECONDS = 2.0
TOKEN_SECONDS = 21_600


def watches_spot(environment: Mapping[str, str]) -> bool:
    return environment.get("TUNEPLANE_SPOT") == "1"


class SpotNotice(threading.Thread):
    """`tell("spot", {"action": "terminate", "seconds": 118.0})` once there is a notice; `tell("spot-silent", why)` once nobody answers."""

    def __init__(self, environment: Mapping[str, str], tell: Callable[[str, Any], None], look_seconds: float = LOOK_SECONDS) -> None:
        super().__init__(name="spot", daemon=True)
        self._endpoint = environment.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", ENDPOINT).rstrip("/")
        self._tell = tell
        self._look_seconds = look_seconds
        self._token: str | None = None
        self._was_silent = False
        self._ended = threading.Event()
        # The metadata service is never behind a proxy, whatever the environment names one for.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def close(self) -> None:
        self._ended.set()

    def run(self) -> None:
        while True:
            notice = self._look()
            if notice:
                self._tell("spot", notice)
                return
            if self._ended.wait(self._look_seconds):
                return

    def _look(self) -> dict[str, Any] | None:
        try:
            self._token = self._token or self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)})
            told = json.loads(self._ask("GET", "/latest/meta-data/spot/instance-action", {"X-aws-ec2-metadata-token": self._token}))
            taken_at = datetime.fromisoformat(told["time"])
            return {"action": str(told["action"]), "seconds": (taken_at - datetime.now(UTC)).total_seconds()}
        except urllib.error.HTTPError as error:
            if error.code == 401:
                self._token = None
            elif error.code != 404:
                self._say_silent(f"it answered {error.code}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._say_silent(f"{type(error).__name__}: {error}")
        return None

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> str:
        request = urllib.request.Request(self._endpoint + path, method=method, headers=headers)
        with self._opener.open(request, timeout=ANSWER_SECONDS) as answer:
            return answer.read().decode()

    def _say_silent(self, why: str) -> None:
        if not self._was_silent:
            self._tell("spot-silent", why)
        self._was_silent = True
