"""Starts the recipe, tells what it writes, hands its checkpoints over, and asks it to end where the run is to end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainer import resume
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.nemo.recipe_files import CheckpointFolder, FinishedCheckpoint, RowFile
from trainer.nemo.recipe_reports import RecipeReports
from trainer.nemo.run_recipe import PID_FILE
from trainer.supervision.processes import die_with_parent

LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Ended:
    outcome: str
    """completed, stopped or paused"""
    model: Path | None
    """the newest checkpoint's folder `model`"""


class Recipe:
    """`folder` holds recipe.yaml and is the recipe's own; `about` and `description` go with every checkpoint."""

    def __init__(
        self, link: EngineLink, folder: Path, reports: RecipeReports, reached: Any, about: dict[str, Any], description: dict[str, Any]
    ) -> None:
        self._link, self._folder, self._reports, self._reached = link, folder, reports, reached
        self._about, self._description = about, description
        checkpoints = folder / "checkpoints"
        self._training, self._validation = RowFile(checkpoints / "training.jsonl"), RowFile(checkpoints / "validation.jsonl")
        self._checkpoints = CheckpointFolder(checkpoints)
        self._model: Path | None = None
        self._asked: str | None = None
        self._said_when_it_saves = False

    def run(self, command: list[str], save_steps: int) -> Ended:
        """To its end. Where the recipe fails this process ends as it did, so that the supervisor reads the same from it."""
        process = subprocess.Popen(command, cwd=self._folder, preexec_fn=die_with_parent(os.getpid()))
        while process.poll() is None:
            self._look(process)
            self._obey(save_steps)
            time.sleep(LOOK_SECONDS)
        self._look(process)
        if process.returncode:
            _end_as(process.returncode)
        self._reports.close_window()
        if self._reached.step >= self._reached.steps:
            return Ended("completed", self._model)
        if self._asked is None:
            raise Failure("engine_crashed", f"the recipe ended at step {self._reached.step} of {self._reached.steps} without a reason")
        return Ended(self._asked, self._model)

    def _look(self, process: subprocess.Popen[bytes]) -> None:
        # Checkpoints are looked for first: the rows up to one are written before it is finished, and read before it is told.
        finished = self._checkpoints.fresh()
        for row in self._training.fresh():
            self._reports.trained(row)
        for row in self._validation.fresh():
            self._reports.evaluated(row)
        for checkpoint in finished:
            self._hand_over(checkpoint)

    def _hand_over(self, checkpoint: FinishedCheckpoint) -> None:
        folder, step = checkpoint.folder, checkpoint.step
        is_last = step >= self._reached.steps or self._asked is not None
        if is_last:
            self._reports.close_window()
        self._keep_model(folder / "model")
        (folder / "trainer_state.json").write_text(json.dumps(self._reports.state(step)))
        (folder / resume.NAME).write_text(json.dumps(self._description, indent=1))
        for file in folder.rglob("*"):
            file.chmod(0o755 if file.is_dir() else 0o644)  # safetensors leaves 0600
        told = {"epoch": self._reports.epoch(step), "metrics": self._reports.newest(step)}
        self._link.checkpoint(folder, step, "final" if is_last else "interval", self._about, **told)

    def _keep_model(self, model: Path) -> None:
        """The same files under a second name: the supervisor takes the folder away, and the newest is the result."""
        kept = self._link.fresh_folder("model-of-checkpoint")
        shutil.copytree(model, kept, copy_function=os.link, dirs_exist_ok=True)
        if self._model:
            shutil.rmtree(self._model)
        self._model = kept

    def _obey(self, save_steps: int) -> None:
        want = self._link.command().want
        pid_file = self._folder / PID_FILE
        if want != "run" and self._asked is None and self._reached.step > 0 and pid_file.is_file():
            self._asked = "stopped" if want == "stop" else "paused"
            print("asking the recipe to save and end (SIGTERM)", flush=True)
            os.kill(int(pid_file.read_text()), signal.SIGTERM)
        if self._link.checkpoint_due() and not self._said_when_it_saves:
            self._said_when_it_saves = True
            following = (self._reached.step // save_steps + 1) * save_steps
            print(f"the recipe saves at its own steps: the next checkpoint is at step {following}", flush=True)


def _end_as(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)
