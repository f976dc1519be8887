"""What every engine leaves beside its weights, without a line of its own: each evaluation, and the configuration as it was resolved."""

import json
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import Attempt
from trainer.supervision.books import Books

STORED_OUTCOMES = ("completed", "stopped")
DOCUMENTS = {"evaluation", "config", "samples", "tensorboard"}
"""Kinds that tell of a result, and are none."""


def write_documents(attempt: Attempt, spec: dict[str, Any], books: Books) -> list[dict[str, Any]]:
    """`artifacts` lines: evaluation/step-000050.json for each evaluation, over all attempts, and config/run.json. Raises OSError."""
    home = attempt.work / "documents"
    lines = []
    evaluations = books.metrics.evaluations()
    if evaluations:
        folder = _fresh(home / "evaluation")
        for step, metrics in evaluations.items():
            _write(folder / f"step-{step:06d}.json", {"schema": 1, "runId": attempt.run_id, "step": step, "metrics": metrics})
        lines.append({"type": "artifacts", "folder": str(folder), "kind": "evaluation"})
    folder = _fresh(home / "config")
    state = books.state
    told = {
        "schema": 1,
        "runId": attempt.run_id,
        "attempt": attempt.number,
        "name": spec["name"],
        "training": spec["training"],
        "program": spec.get("program"),
        "resumeFrom": spec["resumeFrom"],
        "base": state.base,
        "choices": state.choices,
        "versions": state.versions,
    }
    _write(folder / "run.json", books.redactor.value(told))
    return [*lines, {"type": "artifacts", "folder": str(folder), "kind": "config"}]


def _fresh(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write(path: Path, document: dict[str, Any]) -> None:
    path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n")
