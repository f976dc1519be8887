"""The engine's process: its command, its environment, its pipes, its end."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trainer.supervision.attempt import Attempt, AttemptFailed
from trainer.supervision.processes import carriers, catches, die_with_parent, oom_kills, prefer_as_oom_victim
from trainer.supervision.ranks import engine_of, open_named_pipe, torchrun_command

# What the stacks of one process take at the most; eight GPUs stay below the two seconds after which the engine is killed.
DUMP_SECONDS = 0.1

PACKAGE = Path(__file__).parent.parent


class Engine:
    """Started from the main thread, in a process group of its own. `exit_code` as in subprocess: negative is a signal; None: it runs.

    `ranks` more than 1: the command is torchrun's, and the two pipes have names (ranks.py).
    """

    def __init__(self, command: list[str], environment: dict[str, str], work: Path, ranks: int = 1) -> None:
        self.ranks = ranks
        given: tuple[int, ...] = ()
        if ranks > 1:
            lines_end, self._lifeline = open_named_pipe(work / "engine.pipe"), open_named_pipe(work / "lifeline.pipe")
            told = {"TUNEPLANE_ENGINE_PIPE": str(work / "engine.pipe"), "TUNEPLANE_LIFELINE_PIPE": str(work / "lifeline.pipe")}
        else:
            lines_end, engine_end = os.pipe()
            lifeline_end, self._lifeline = os.pipe()
            given = (engine_end, lifeline_end)
            told = {"TUNEPLANE_ENGINE_FD": str(engine_end), "TUNEPLANE_LIFELINE_FD": str(lifeline_end)}
        self._oom_kills = oom_kills()
        self.started = time.monotonic()
        self.seconds = 0.0
        self.exit_code: int | None = None
        try:
            self._process = subprocess.Popen(
                command,
                env={**environment, **told},
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=given,
                process_group=0,
                preexec_fn=die_with_parent(os.getpid()),
                restore_signals=True,
            )
        except OSError as error:
            raise AttemptFailed("engine_missing", f"the engine does not start: {error}") from error
        finally:
            for end in given:
                os.close(end)
        assert self._process.stdout and self._process.stderr
        self.pid = self._process.pid
        self.lines, self.stdout, self.stderr = lines_end, self._process.stdout.fileno(), self._process.stderr.fileno()
        for descriptor in (self.lines, self.stdout, self.stderr):
            os.set_blocking(descriptor, False)
        prefer_as_oom_victim(self.pid)

    def ended(self, exit_code: int) -> None:
        """Told by whoever waits for all children."""
        self.exit_code = self._process.returncode = exit_code
        self.seconds = time.monotonic() - self.started

    def signal(self, number: int) -> None:
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def dump_stacks(self, claim_id: str) -> None:
        """Every process of the attempt that is prepared for it, one after the other: at once, their lines would run into each other. To the
        others, torchrun among them, the signal would be the end."""
        for pid in sorted({self.pid, *carriers(claim_id)}):
            if catches(pid, signal.SIGUSR1):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGUSR1)
                time.sleep(DUMP_SECONDS)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)

    def killed_for_memory(self, rank_ended: int | None) -> bool:
        """`rank_ended`: how the rank that failed first ended, by torchrun's summary."""
        return -signal.SIGKILL in (self.exit_code, rank_ended) and oom_kills() > self._oom_kills

    def close(self) -> None:
        os.close(self._lifeline)
        os.close(self.lines)
        for stream in (self._process.stdout, self._process.stderr):
            if stream:
                stream.close()


def engine_command(attempt: Attempt, training: dict[str, Any], ranks: int = 1) -> list[str]:
    """Raises AttemptFailed (engine_missing), naming the engines that are here."""
    if attempt.engine:
        return attempt.engine
    engine = engine_of(training)
    here = sorted(path.stem for path in (PACKAGE / "engines").glob("[a-z]*.py"))
    if engine not in here:
        raise AttemptFailed("engine_missing", f"the engine {engine} is not in this trainer; here are: {', '.join(here) or 'none'}")
    module = f"trainer.engines.{engine}"
    return torchrun_command(module, ranks, attempt.work) if ranks > 1 else [sys.executable, "-m", module]


def engine_environment(attempt: Attempt, claim_id: str, resume_folder: Path | None, defaults: dict[str, str]) -> dict[str, str]:
    """The supervisor's own, over defaults that it may already decide, under what must be."""
    environment = {
        "HF_HOME": str(attempt.cache / "huggingface"),
        **defaults,
        **os.environ,
        **attempt.environment,
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), os.environ.get("PYTHONPATH")])),
        "TUNEPLANE_CLAIM_ID": claim_id,
    }
    for name in ("TUNEPLANE_RESUME_FOLDER", "TUNEPLANE_ENVIRONMENT_FILE"):
        environment.pop(name, None)
    if resume_folder:
        environment["TUNEPLANE_RESUME_FOLDER"] = str(resume_folder)
    return environment


def is_tiny(base_model: dict[str, Any]) -> bool:
    """tiny-llama, or an adapter of it."""
    return base_model["kind"] == "tiny-llama" or (base_model.get("base") or {}).get("kind") == "tiny-llama"


def choose_threads(base_model: dict[str, Any]) -> tuple[dict[str, str], str, str]:
    """(defaults for the environment, the value to tell, the reason)."""
    defaults = {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"} if is_tiny(base_model) else {}
    given = os.environ.get("OMP_NUM_THREADS")
    if given:
        return defaults, given, "OMP_NUM_THREADS of the environment"
    if defaults:
        return defaults, "1", "tiny-llama: 24 steps/s with one thread, 2 with two, measured on 2 busy cores"
    return defaults, "default", "the libraries choose"
