"""Token rows as a data set of NeMo Automodel: one JSON line each, {"ids": [...], "answers": [true, ...]}. Standard library only.

Automodel wants labels that are shifted already: the label of a place is the token that follows it.
"""

import json
from pathlib import Path
from typing import Any

NOT_PREDICTED = -100


def write(path: Path, rows: list[Any]) -> Path:
    """`rows`: of token_rows.py."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps({"ids": row.ids, "answers": row.answers}) + "\n")
    return path


class TokenFile:
    def __init__(self, path: str) -> None:
        with open(path, encoding="utf-8") as file:
            self._rows = [json.loads(line) for line in file]

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> dict[str, list[int]]:
        ids, answers = self._rows[index]["ids"], self._rows[index]["answers"]
        labels = [token if answer else NOT_PREDICTED for token, answer in zip(ids[1:], answers[1:], strict=True)]
        return {"input_ids": ids[:-1], "labels": labels, "attention_mask": [1] * len(labels)}
