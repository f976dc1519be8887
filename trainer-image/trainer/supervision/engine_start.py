"""Starts what trains: one of our engines, on one rank or several, or a program of the user's own."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trainer.failure import Failure
from trainer.gpu_health import require_gpus
from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.engine_process import Engine, choose_threads, engine_command, engine_environment
from trainer.supervision.liveness import visible_gpus
from trainer.supervision.preparation import Prepared
from trainer.supervision.program import program_command
from trainer.supervision.program_run import ProgramRun
from trainer.supervision.ranks import choose_ranks


@dataclass(frozen=True)
class Started:
    engine: Engine
    program: ProgramRun | None
    choices: list[tuple[str, str, str]]
    """name, value, reason"""


def start_engine(attempt: Attempt, claim_id: str, prepared: Prepared, tell: Callable[[str, Any], None]) -> Started:
    """Raises AttemptFailed (no_gpu, engine_missing, program_missing), and OSError where the work folder cannot be used."""
    spec = prepared.spec
    training = spec["training"]
    try:
        require_gpus(spec.get("gpusWanted"), visible_gpus())
    except Failure as failure:
        raise AttemptFailed(failure.code, str(failure)) from failure
    (attempt.work / "spec.json").write_text(json.dumps(prepared.engine_spec))
    defaults, value, reason = choose_threads(training["baseModel"])
    environment = engine_environment(attempt, claim_id, prepared.resume_folder, defaults)
    ranks = choose_ranks(spec, os.environ)
    choices = [("threads", value, reason), ("ranks", str(ranks.count), ranks.reason)]
    if not spec.get("program"):
        command = engine_command(attempt, training, ranks.count)
        return Started(Engine(command, environment, attempt.work, ranks.count), None, choices)
    command = program_command(spec["program"])
    program = ProgramRun(attempt, spec, tell)
    try:
        engine = Engine(command, {**environment, **program.environment(environment)}, attempt.work)
    except BaseException:
        program.close()
        raise
    return Started(engine, program, [("program", command[1], "the image's own, called with the request's fields and extra_args"), *choices])
