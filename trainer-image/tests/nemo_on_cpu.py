"""For tests alone: NeMo Automodel's recipe on CPU. The library is for NVIDIA GPUs and names CUDA in a few places without asking; here those
places, and nothing else, are led to the CPU. Run with the Python of trainer-image/nemo, as `trainer.nemo.run_recipe` is.
"""

import sys
import types
from pathlib import Path

import torch

CPU = torch.device("cpu")
WITHOUT_A_GPU = {
    "reset_peak_memory_stats": None,
    "empty_cache": None,
    "synchronize": None,
    "max_memory_allocated": 0,
    "memory_allocated": 0,
    "max_memory_reserved": 0,
    "memory_reserved": 0,
    "current_device": CPU,
}


class TorchWithoutCuda(types.ModuleType):
    """torch, but a device named cuda is the CPU."""

    def __getattr__(self, name):
        return getattr(torch, name)

    @staticmethod
    def device(*arguments, **named):
        return CPU if arguments and str(arguments[0]).startswith("cuda") else torch.device(*arguments, **named)


def lead_to_cpu() -> None:
    for name, value in WITHOUT_A_GPU.items():
        setattr(torch.cuda, name, lambda *_, value=value, **__: value)
    import nemo_automodel._transformers.auto_model
    import nemo_automodel._transformers.model_init
    import nemo_automodel.recipes.llm.train_ft

    for module in (
        nemo_automodel._transformers.auto_model,
        nemo_automodel._transformers.model_init,
        nemo_automodel.recipes.llm.train_ft,
    ):
        module.torch = TorchWithoutCuda("torch")


if __name__ == "__main__":
    lead_to_cpu()
    from trainer.nemo import run_recipe

    run_recipe.main(Path(sys.argv[1]))
