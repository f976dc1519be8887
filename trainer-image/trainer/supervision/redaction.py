"""Secret values of a run never leave the machine in words: not in a log line, a failure, a sample, a choice or a manifest.

Secret are the values of the run's own variables, and of those of this process that are secrets by their name, from 8 characters on: a
shorter value ("1", "true", "demo") is no secret that hiding would keep, and would blacken every line.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

LEAST_CHARACTERS = 8
SECRET_NAMES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "TRAINER_API_TOKEN")
SHOWN = "***"


class Redactor:
    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Also their lines, where a secret has several (a key file), and as they stand in an address."""
        parts = {part for secret in secrets for piece in (secret, *secret.splitlines()) for part in (piece, quote(piece, safe=""))}
        words = sorted((part for part in parts if len(part.strip()) >= LEAST_CHARACTERS), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, words))) if words else None

    def text(self, text: str) -> str:
        return self._pattern.sub(SHOWN, text) if self._pattern else text

    def value(self, value: Any) -> Any:
        """The same in every text of a JSON value; names of fields stay."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {name: self.value(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(item) for item in value]
        return value


def redactor_of(run_environment: Mapping[str, str], process_environment: Mapping[str, str]) -> Redactor:
    return Redactor([*run_environment.values(), *(process_environment[name] for name in SECRET_NAMES if process_environment.get(name))])
