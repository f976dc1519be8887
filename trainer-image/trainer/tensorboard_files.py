"""Event files for TensorBoard, stored as artifacts in the end."""

import contextlib
from collections.abc import Iterator
from typing import Any

from trainer.engine_link import EngineLink


@contextlib.contextmanager
def tensorboard_files(report_to: list[str], history: list[dict[str, Any]], link: EngineLink) -> Iterator[Any]:
    """A writer; None where nobody asked for one. `history`: rows of earlier attempts, whose files the new ones replace."""
    if "tensorboard" not in report_to:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    folder = link.fresh_folder("tensorboard")
    writer = SummaryWriter(str(folder))
    for row in history:
        for name in ("loss", "eval_loss", "learning_rate", "grad_norm"):
            if name in row:
                writer.add_scalar(name, row[name], row["step"])
    yield writer
    writer.close()
    link.artifacts(folder, "tensorboard")
