"""A program of the user's own while it runs: how it is told to end, what it leaves, how its end is read."""

import signal
from collections.abc import Callable
from typing import Any

from trainer.supervision.attempt import Attempt
from trainer.supervision.engine_process import Engine
from trainer.supervision.engine_reader import EngineReader
from trainer.supervision.liveness import visible_gpus
from trainer.supervision.program import ProgramOutput
from trainer.supervision.status_server import StatusServer


class ProgramRun:
    def __init__(self, attempt: Attempt, spec: dict[str, Any], tell: Callable[[str, Any], None]) -> None:
        self._output = ProgramOutput(attempt, spec, len(visible_gpus()))
        self._server = StatusServer(attempt.work, tell)
        self._server.start()
        self._is_asked = False

    def environment(self, inherited: dict[str, str]) -> dict[str, str]:
        return {**self._server.environment(inherited), "TUNEPLANE_OUTPUT": str(self._output.folder)}

    def close(self) -> None:
        self._server.close()

    def turn(self, reader: EngineReader) -> None:
        """Once a second: takes up the checkpoints that are finished by now."""
        reader.hear(self._output.new_checkpoints("final" if self._is_asked else "interval"))

    def ask_to_end(self, engine: Engine) -> None:
        """SIGTERM, once: what transformers and most programs take for a stop."""
        if not self._is_asked:
            self._is_asked = True
            engine.signal(signal.SIGTERM)

    def end(self, reader: EngineReader, engine: Engine, asked: str | None) -> None:
        """The program is gone. Its last checkpoint and its results, and the outcome, where it did not tell that itself."""
        self.close()
        reader.hear(self._output.new_checkpoints("final" if asked else "interval"))
        if engine.exit_code == 0 or asked:
            reader.hear(self._output.results())
        if engine.exit_code == 0 or (asked and engine.exit_code == -signal.SIGTERM):
            reader.end_by_exit({"stopped": "stopped", "paused": "paused", None: "completed"}.get(asked, "stopped"))
