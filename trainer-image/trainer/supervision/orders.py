"""What is wanted of the attempt: by the plane in control.json, by the machine with a signal or a spot notice. The plane comes first."""

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Orders:
    want: str = "run"
    checkpoint_request: int = 0
    interruptions: int = 0
    is_noticed: bool = False
    """The machine will be taken away. It often sends a signal as well, which then is no second one."""

    @property
    def asked(self) -> str | None:
        """The outcome that is asked for."""
        by_plane = {"stop": "stopped", "pause": "paused"}.get(self.want)
        return by_plane or ("interrupted" if self.interruptions or self.is_noticed else None)

    @property
    def is_superseded(self) -> bool:
        return self.want == "superseded"

    def write_command(self, work: Path) -> None:
        """command.json for the engine, replaced whole; an interruption is a stop to it. Raises OSError."""
        want = {None: "run", "paused": "pause"}.get(self.asked, "stop")
        temporary = work / ".command.json"
        temporary.write_text(json.dumps({"want": want, "checkpointRequest": self.checkpoint_request}))
        temporary.rename(work / "command.json")
