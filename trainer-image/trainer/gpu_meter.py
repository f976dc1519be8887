"""How busy the GPUs of this process are, by NVML: 0 to 1, the mean over them. Nothing where there is no GPU or NVML does not tell:
unknown is absent, never 0."""

import contextlib
import os
from typing import Any


class GpuMeter:
    def __init__(self) -> None:
        self._devices: list[Any] = []
        with contextlib.suppress(Exception):  # no driver, no library, no permission: nothing to tell
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
            self._devices = [self._device(name) for name in _visible(pynvml.nvmlDeviceGetCount())]

    def read(self) -> dict[str, float]:
        """{gpu_utilization}, or nothing."""
        used = []
        for device in self._devices:
            with contextlib.suppress(Exception):
                used.append(self._nvml.nvmlDeviceGetUtilizationRates(device).gpu / 100)
        return {"gpu_utilization": sum(used) / len(used)} if used else {}

    def _device(self, name: str) -> Any:
        if name.isdigit():
            return self._nvml.nvmlDeviceGetHandleByIndex(int(name))
        return self._nvml.nvmlDeviceGetHandleByUUID(name)


def _visible(count: int) -> list[str]:
    """Of this rank one GPU, of a single process all that it sees. CUDA_VISIBLE_DEVICES names them by number or by UUID."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = [name for name in named.split(",") if name and name != "-1"] if named is not None else [str(index) for index in range(count)]
    rank = os.environ.get("LOCAL_RANK")
    return names[int(rank) : int(rank) + 1] if rank is not None and len(names) > 1 else names
