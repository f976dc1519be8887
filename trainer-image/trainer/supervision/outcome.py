"""How an attempt ended, decided in one place, and the manifest that says so."""

import platform
import signal
from dataclasses import dataclass
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.books import Books
from trainer.supervision.publisher import Published
from trainer.supervision.samples import SampleBook
from trainer.supervision.storage import hash_bytes
from trainer.supervision.strict_json import finite_numbers

REFINED = (
    ("OutOfMemoryError: CUDA", "cuda_oom"),
    ("OutOfMemoryError: HIP", "cuda_oom"),
    ("No space left on device", "disk_full"),
    ("Disk quota exceeded", "disk_full"),
)
"""What an engine that could not tell by itself still told by its last exception."""


@dataclass(frozen=True)
class Ending:
    outcome: str
    failure: AttemptFailed | None = None
    evidence: tuple[str, ...] = ()
    detail: str | None = None
    """what a person should know beside the outcome"""


@dataclass(frozen=True)
class EngineEnd:
    """`asked`: the outcome that was asked for (stopped, paused, interrupted), if any. `was_ended`: we killed it for that."""

    asked: str | None
    was_ended: bool
    fault: AttemptFailed | None
    line: dict[str, Any] | None
    exit_code: int | None
    killed_for_memory: bool
    last_exception: str | None
    rank: int | None = None
    rank_exit: int | None = None
    """of several ranks the one that failed first, and its exit code as torchrun tells it"""
    peer_lost: str | None = None


def decide(end: EngineEnd) -> tuple[str, AttemptFailed | None]:
    """Our own reason first, then the engine's word, then what its exit tells."""
    if end.fault:
        return "failed", end.fault
    if end.line:
        return _by_word(end.line, end.asked)
    if end.asked and (end.was_ended or end.exit_code is None):
        return end.asked, None
    if end.asked == "interrupted" and end.exit_code is not None and end.exit_code < 0:
        return "interrupted", None  # what interrupted us interrupted the engine too
    return "failed", _by_exit(end)


def _by_word(line: dict[str, Any], asked: str | None) -> tuple[str, AttemptFailed | None]:
    if line["outcome"] == "completed":
        return "completed", None
    if line["outcome"] == "failed":
        failure = line.get("failure") or {"code": "engine_crashed", "message": "the engine failed and gave no reason"}
        return "failed", AttemptFailed(failure["code"], failure["message"])
    if asked:
        return asked, None
    return "failed", AttemptFailed("engine_crashed", f"the engine says that it was {line['outcome']}, and nobody asked for that")


def _by_exit(end: EngineEnd) -> AttemptFailed:
    said = f": {end.last_exception}" if end.last_exception else ""
    if end.killed_for_memory:
        return AttemptFailed("host_out_of_memory", "the kernel killed the engine: the machine, or this container, ran out of memory")
    for text, code in REFINED:
        if text in said:
            return AttemptFailed(code, said.removeprefix(": "))
    if end.rank_exit is not None and end.rank_exit < 0:
        return AttemptFailed("engine_killed", f"rank {end.rank} was ended by {signal_name(-end.rank_exit)}")
    if end.exit_code is not None and end.exit_code < 0:
        return AttemptFailed("engine_killed", f"the engine was ended by {signal_name(-end.exit_code)}{said}")
    if end.rank_exit:
        return AttemptFailed("engine_crashed", f"rank {end.rank} ended with exit code {end.rank_exit}")
    if end.peer_lost:
        return AttemptFailed("engine_crashed", end.peer_lost)
    if end.exit_code == 0:
        return AttemptFailed("engine_crashed", f"the engine ended without saying how{said}")
    return AttemptFailed("engine_crashed", f"the engine ended with exit code {end.exit_code}{said}")


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def manifest(
    attempt: Attempt,
    claim_id: str,
    ending: Ending,
    books: Books,
    published: Published,
    counts: dict[str, int],
    last_checkpoint: str | None,
    times: dict[str, Any],
) -> dict[str, Any]:
    """`times`: lastLogAt, startedAt, endedAt, computeSeconds."""
    state = books.state
    said = state.outcome or {"step": state.step, "steps": state.steps, "metrics": {}}
    numbers, non_finite = finite_numbers(said["metrics"])
    hide, failure = books.redactor.text, ending.failure
    return {
        "schema": 1,
        "runId": attempt.run_id,
        "attempt": attempt.number,
        "claimId": claim_id,
        "outcome": ending.outcome,
        "failure": {"code": failure.code, "message": hide(failure.message), "evidence": list(ending.evidence)} if failure else None,
        "step": max(said["step"], state.step),
        "steps": said["steps"] if said["steps"] is not None else state.steps,
        "metrics": numbers,
        "nonFinite": non_finite,
        "files": _files(published, books.samples),
        "lastCheckpoint": published.last_checkpoint or last_checkpoint,
        "result": _result(said, published),
        "endDetail": ending.detail and hide(ending.detail),
        "base": state.base,
        "choices": state.choices,
        "versions": {"python": platform.python_version(), **state.versions},
        "counts": counts,
        **times,
    }


def _result(said: dict[str, Any], published: Published) -> dict[str, Any] | None:
    """The step that the stored weights are of: the engine's word, else the step that it ended at."""
    if not published.artifacts.keys() & {"adapter", "model"}:
        return None
    return said.get("result") or {"step": said["step"], "of": "last", "reason": "the weights after the last step"}


def _files(published: Published, samples: SampleBook) -> list[dict[str, Any]]:
    files = [{**file, "path": f"{kind}/{file['path']}", "kind": kind} for kind, stored in published.artifacts.items() for file in stored]
    data = samples.stored()
    if data:
        files.append({**hash_bytes(data), "path": samples.key.rpartition("/")[2], "kind": "samples"})
    return files
