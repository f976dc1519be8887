"""Is the GPU that was asked for, or that is plainly there, one that can be used? A machine whose GPUs do not work is told as what it is, in
the first seconds, and never trains on its CPU instead.

    no GPU at all            no_gpu              the machine, or a container that was started without its GPUs
    a driver too old         gpu_driver_too_old  for the CUDA that this image's torch was built with
    GPUs that do not answer  no_gpu              with CUDA's own words
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from trainer.failure import Failure

LEAST_TORCH = (2, 10)
"""Of older ones torch.load could be made to run code even with weights_only."""


def require_gpus(wanted: int | None, visible: Sequence[str], has_amd: bool = Path("/dev/kfd").exists()) -> None:
    """Before torch is imported: as many as were asked for, by the devices that this process sees. Raises Failure (no_gpu)."""
    if wanted and not has_amd and len(visible) < wanted:
        shown = f"this machine shows {len(visible)}" if visible else "this machine, or this container, shows none"
        raise Failure("no_gpu", f"{wanted} GPU{'' if wanted == 1 else 's'} asked for, and {shown}")


def require_health(torch: Any, wanted: int | None, visible: Sequence[str]) -> None:
    """Raises Failure (no_gpu, gpu_driver_too_old) where a GPU is there or asked for, and CUDA cannot use it."""
    if torch.cuda.is_available() or not (visible or wanted):
        return
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        said = " ".join(str(error).split())[:300]
        if "driver" in said and "too old" in said:
            raise Failure(
                "gpu_driver_too_old", f"the NVIDIA driver is too old for CUDA {torch.version.cuda} of this image: {said}"
            ) from error
        raise Failure("no_gpu", f"the GPUs {', '.join(visible) or '(none)'} cannot be used: {said}") from error


def require_torch(version: str) -> None:
    """Raises Failure (engine_missing)."""
    parts = tuple(int(part) for part in version.split("+")[0].split(".")[:2])
    if parts < LEAST_TORCH:
        raise Failure("engine_missing", f"torch {version} is too old: this trainer needs {'.'.join(map(str, LEAST_TORCH))} or later")
