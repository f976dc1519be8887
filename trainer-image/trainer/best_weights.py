"""The trained weights at the lowest eval loss, for runs whose result is those and not the last (`resultFrom`: best).

They are one safetensors file beside the training, and a copy of it goes with every checkpoint, so that a resumed run still has the best of
an earlier attempt: a checkpoint is larger by the trained weights, which of an adapter is little and of a full fine-tuning a whole model.
"""

import shutil
from pathlib import Path
from typing import Any

NAME = "best.safetensors"


class BestWeights:
    def __init__(self, folder: Path) -> None:
        """`folder`: of its own, below work."""
        self._file = folder / NAME
        self.step: int | None = None
        self.eval_loss = float("inf")

    def resume(self, checkpoint: Path, kept: dict[str, Any] | None) -> None:
        if kept and (checkpoint / NAME).is_file():
            shutil.copyfile(checkpoint / NAME, self._file)
            self.step, self.eval_loss = kept["step"], kept["evalLoss"]

    def look(self, model: Any, step: int, eval_loss: float) -> None:
        """After an evaluation: keeps the weights if no earlier ones were better."""
        if step == 0 or not eval_loss < self.eval_loss:
            return
        from safetensors.torch import save_file

        # named_parameters() names a tied weight once, so no two of them share memory, which safetensors would refuse.
        trained = {name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters() if parameter.requires_grad}
        save_file(trained, self._file)
        self.step, self.eval_loss = step, eval_loss

    def copy_to(self, checkpoint: Path) -> dict[str, Any] | None:
        """What a checkpoint says of them; None: there are none yet."""
        if self.step is None:
            return None
        shutil.copyfile(self._file, checkpoint / NAME)
        return {"step": self.step, "evalLoss": self.eval_loss}

    def put_back(self, model: Any) -> None:
        import torch
        from safetensors.torch import load_file

        kept = load_file(self._file)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in kept:
                    parameter.copy_(kept[name])
