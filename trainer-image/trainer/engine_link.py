"""The engine's side of the engine protocol (trainer-image/README.md). Standard library only: make the link before importing torch.

    link = EngineLink()                              # reads the environment that the supervisor gave
    link.phase("importing")
    import torch
    ...
    for step in range(first, steps + 1):
        command = link.command()                     # cheap: one stat; ask before each step
        if command.want != "run":
            link.checkpoint(folder, step, "final", about)
            link.artifacts(adapter_folder)
            link.outcome("stopped" if command.want == "stop" else "paused", step=step, steps=steps)
            return
        ...
        link.progress(step, steps, epoch)            # every step: it is what keeps a run from being called stalled
    link.artifacts(adapter_folder)
    link.outcome("completed", step=steps, steps=steps, metrics={"train_loss": ..., "final_loss": ...})

Making the link also starts the lifeline (a thread that ends this process and its group when the supervisor is gone) and registers
faulthandler for SIGUSR1 (the supervisor sends it to a stalled engine: the stacks of all threads end up in the log).

What may be relied on: every method returns when its line is in the pipe, in order; folders given to `checkpoint` and `artifacts` lie below
`work` and belong to the supervisor from then on (it moves them: never write there again, use a new folder each time). The pipe alone may
carry NaN and Infinity; the supervisor makes them null and names them. Numbers of numpy and torch are taken (`.item()`).
Without a supervisor (TUNEPLANE_ENGINE_FD absent) the lines go to stdout, so an engine can be tried by hand.
"""

import faulthandler
import json
import os
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

Want = Literal["run", "pause", "stop"]
CheckpointReason = Literal["interval", "requested", "final"]
ArtifactKind = Literal["adapter", "model", "samples", "evaluation", "tensorboard", "config"]
Outcome = Literal["completed", "stopped", "paused", "failed"]

ORPHANED_EXIT_CODE = 113
STDERR = 2


@dataclass(frozen=True)
class Command:
    """What the supervisor wants now. A `checkpoint_request` higher than the last one asks for a checkpoint after this step."""

    want: Want = "run"
    checkpoint_request: int = 0


class EngineLink:
    """Everything an engine is told, and everything it may say.

    spec           the attempt's spec.json, already checked against its schema (camelCase, nothing missing)
    run_id, attempt
    work           a folder of this attempt alone; write nowhere else (but `cache`)
    cache          shared by all runs of this machine: base models built once, the hub's cache; make entries by rename, others may race
    resume_folder  absolute path of the checkpoint to resume from, its SHA-256 already verified, read-only; None: from the start
    rank, ranks    which of how many processes this is: 0 of 1, unless torchrun started several. Of the others only a failure is heard,
                   so an engine may say everything on every rank; each has folders of its own
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.work = Path(environment["TUNEPLANE_WORK"])
        self.cache = Path(environment["TUNEPLANE_CACHE"])
        self.spec: dict[str, Any] = json.loads((self.work / "spec.json").read_text())
        self.run_id: str = self.spec["runId"]
        self.attempt: int = self.spec["attempt"]
        resume_folder = environment.get("TUNEPLANE_RESUME_FOLDER")
        self.resume_folder = Path(resume_folder) if resume_folder else None
        self._lock = threading.Lock()
        self.rank, self.ranks = int(environment.get("RANK", "0")), int(environment.get("WORLD_SIZE", "1"))
        named = environment.get("TUNEPLANE_ENGINE_PIPE")
        self._pipe = os.open(named, os.O_WRONLY) if named else int(environment.get("TUNEPLANE_ENGINE_FD", "1"))
        self._command = Command()
        self._command_stamp: tuple[int, int, int] | None = None
        self._checkpoints_asked = 0
        if self._pipe > 2:
            os.set_inheritable(self._pipe, False)
        if hasattr(signal, "SIGUSR1"):
            faulthandler.register(signal.SIGUSR1, file=STDERR, all_threads=True)
        if "TUNEPLANE_LIFELINE_FD" in environment or "TUNEPLANE_LIFELINE_PIPE" in environment:
            named = environment.get("TUNEPLANE_LIFELINE_PIPE")
            lifeline = os.open(named, os.O_RDONLY) if named else int(environment["TUNEPLANE_LIFELINE_FD"])
            os.set_inheritable(lifeline, False)
            threading.Thread(target=_die_with_supervisor, args=(lifeline,), name="lifeline", daemon=True).start()

    def command(self) -> Command:
        """What is wanted now; ask before each step. Costs one stat; the file is read only when it was replaced."""
        path = self.work / "command.json"
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino, status.st_size)
            if stamp != self._command_stamp:
                found = json.loads(path.read_text())
                self._command = Command(found["want"], found["checkpointRequest"])
                self._command_stamp = stamp
        except FileNotFoundError:
            pass  # no supervisor: run on
        return self._command

    def checkpoint_due(self) -> bool:
        """True once for each time somebody asked for a checkpoint; several requests since the last look are one."""
        asked = self.command().checkpoint_request
        due = asked > self._checkpoints_asked
        self._checkpoints_asked = max(asked, self._checkpoints_asked)
        return due

    def fresh_folder(self, name: str) -> Path:
        """A new empty folder below `work`, named after `name` (`fresh_folder("step-000100")`)."""
        home = self.work / f"rank-{self.rank}" if self.rank else self.work
        for number in range(1, 1_000_000):
            folder = home / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir(parents=True)
                return folder
            except FileExistsError:
                continue
        raise RuntimeError(f"no free name for {name} below {self.work}")

    def phase(self, phase: str, detail: str | None = None, fraction: float | None = None) -> None:
        """Where the engine is: one of the phases of progress.schema.json. `detail` is for people: "building tiny-llama (once)".

        `fraction` 0 to 1. Sent again with another detail or fraction it counts as work; the same again does not.
        """
        self._send("phase", phase=phase, detail=detail, fraction=fraction)

    def progress(self, step: int, steps: int | None, epoch: float | None = None) -> None:
        """Optimizer step `step` (from 1) of `steps` is done. Send it for every step."""
        self._send("progress", step=step, steps=steps, epoch=epoch)

    def metrics(self, step: int, values: Mapping[str, float | None], epoch: float | None = None) -> None:
        """One metric row. Names: loss, eval_loss, learning_rate, grad_norm, token_accuracy, tokens_per_second, window_steps ...

        `loss` decides divergence: 10 rows in a row with a loss that is not finite end the run. Rows without `loss` do not count.
        """
        self._send("metrics", step=step, epoch=epoch, values=dict(values))

    def checkpoint(
        self,
        folder: Path,
        step: int,
        reason: CheckpointReason,
        about: Mapping[str, Any],
        *,
        epoch: float | None = None,
        metrics: Mapping[str, float | None] | None = None,
        seconds: float | None = None,
    ) -> None:
        """A finished checkpoint folder below `work`; the supervisor moves, hashes and commits it while the engine goes on.

        `about`: {worldSize, globalBatch, precision, versions, base: {id, commit}, dataFingerprint, configHash}. `seconds`: how long saving
        took (it decides how long a stop waits; absent: measured from the phase `saving`).
        """
        told = {"folder": str(folder), "step": step, "epoch": epoch, "reason": reason}
        self._send("checkpoint", **told, metrics=dict(metrics or {}), about=dict(about), seconds=seconds)

    def samples(self, step: int, items: Sequence[Mapping[str, str | None]]) -> None:
        """Up to 20 of {prompt, base, tuned, expected}; texts longer than 400 characters are cut."""
        self._send("samples", step=step, items=[dict(item) for item in items])

    def artifacts(self, folder: Path, kind: ArtifactKind = "adapter") -> None:
        """A finished folder below `work`, stored at artifacts/<run>/<kind>/ in place of what was there. Before `outcome`."""
        self._send("artifacts", folder=str(folder), kind=kind)

    def choice(self, name: str, value: object, reason: str) -> None:
        """An automatic choice, for log and manifest: `choice("precision", "float32", "no GPU")` reads `precision=float32 (no GPU)`."""
        self._send("choice", name=name, value=value if isinstance(value, str) else json.dumps(value, default=str), reason=reason)

    def about(self, base: Mapping[str, str | None] | None = None, versions: Mapping[str, str] | None = None) -> None:
        """For the manifest: base = {id, commit}, versions by package. May be called again; versions add up."""
        self._send("about", base=dict(base) if base else None, versions=dict(versions or {}))

    def outcome(
        self,
        outcome: Outcome,
        *,
        step: int,
        steps: int | None,
        metrics: Mapping[str, float | None] | None = None,
        failure: tuple[str, str] | None = None,
        result: Mapping[str, Any] | None = None,
    ) -> None:
        """The last line; then exit (30 s are given). `failure`: (code, message), with "failed" only.

        `result`: {step, of: "last" | "best", reason}, which step the stored weights are of; absent: the last.
        """
        named = {"code": failure[0], "message": self._with_rank(failure[1])} if failure else None
        told = {"result": dict(result)} if result else {}
        self._send("outcome", outcome=outcome, failure=named, step=step, steps=steps, metrics=dict(metrics or {}), **told)

    def fail(self, code: str, message: str, *, step: int = 0, steps: int | None = None) -> None:
        """`outcome("failed")` in short. The codes are in README.md; print the traceback to stderr yourself, it becomes the evidence."""
        self.outcome("failed", step=step, steps=steps, failure=(code, message))

    def _with_rank(self, message: str) -> str:
        """Lines of several writers stay whole up to 4,096 bytes (PIPE_BUF), so the others are brief."""
        return f"rank {self.rank}: {message[:1_000]}" if self.rank else message

    def _send(self, line_type: str, **fields: object) -> None:
        if self.rank and fields.get("outcome") != "failed":
            return
        line = json.dumps({"type": line_type, **fields}, default=_plain).encode() + b"\n"
        try:
            with self._lock:
                while line:
                    line = line[os.write(self._pipe, line) :]
        except BrokenPipeError:
            _end_group()


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else str(value)


def _die_with_supervisor(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    _end_group()


def _end_group() -> None:
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(ORPHANED_EXIT_CODE)
