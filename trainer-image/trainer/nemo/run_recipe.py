"""Runs NeMo Automodel's own recipe: `python -m trainer.nemo.run_recipe recipe.yaml`, with the Python of its environment.

Two things of the recipe are set from outside, because its file does not reach them: its metric files are written row by row (it would
keep 100 rows back), and rank 0 says who it is, so that it can be asked to save and end (its own handling of SIGTERM).
"""

import faulthandler
import functools
import os
import signal
import sys
from pathlib import Path

PID_FILE = "rank-0.pid"


def main(recipe: Path) -> None:
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    from nemo_automodel.components.loggers.metric_logger import build_metric_logger
    from nemo_automodel.recipes.llm import train_ft

    train_ft.build_metric_logger = functools.partial(build_metric_logger, flush=True, buffer_size=1)
    if int(os.environ.get("RANK", "0")) == 0:
        recipe.with_name(PID_FILE).write_text(str(os.getpid()))
    sys.argv = sys.argv[:1]  # or the recipe would take the rest for settings
    train_ft.main(str(recipe))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
