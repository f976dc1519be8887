"""Machines whose GPUs do not work, told by what CUDA says: no GPU is needed for that."""

from types import SimpleNamespace

import pytest

from trainer.failure import Failure
from trainer.gpu_health import require_gpus, require_health, require_torch

# The words of torch 2.15 (torch/cuda/__init__.py and aten/src/ATen/cuda).
TOO_OLD = "The NVIDIA driver on your system is too old (found version 11040). Please update your GPU driver"
NO_DRIVER = "Found no NVIDIA driver on your system. Please check that you have an NVIDIA GPU and installed a driver"
NO_GPU = "No CUDA GPUs are available"


def torch_that_says(words: str | None) -> SimpleNamespace:
    def init() -> None:
        if words:
            raise RuntimeError(words)

    return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: words is None, init=init), version=SimpleNamespace(cuda="13.0"))


@pytest.mark.parametrize(
    ("wanted", "visible", "said"),
    [
        (1, [], "1 GPU asked for, and this machine, or this container, shows none"),
        (8, ["0", "1"], "8 GPUs asked for, and this machine shows 2"),
    ],
)
def test_fewer_gpus_than_were_asked_for_are_told_before_anything_is_imported(wanted: int, visible: list[str], said: str):
    with pytest.raises(Failure, match=said) as caught:
        require_gpus(wanted, visible, has_amd=False)

    assert caught.value.code == "no_gpu"


@pytest.mark.parametrize(("wanted", "visible"), [(None, []), (0, []), (2, ["0", "1"]), (1, ["0", "1"])])
def test_enough_gpus_or_none_asked_for_is_well(wanted: int | None, visible: list[str]):
    require_gpus(wanted, visible, has_amd=False)


def test_gpus_of_another_maker_are_not_counted_by_nvidias_devices():
    require_gpus(4, [], has_amd=True)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (TOO_OLD, "gpu_driver_too_old", "the NVIDIA driver is too old for CUDA 13.0 of this image: The NVIDIA driver on your system"),
        (NO_DRIVER, "no_gpu", "the GPUs 0 cannot be used: Found no NVIDIA driver"),
        (NO_GPU, "no_gpu", "the GPUs 0 cannot be used: No CUDA GPUs are available"),
    ],
)
def test_a_gpu_that_is_there_and_cannot_be_used_is_never_replaced_by_the_cpu(words: str, code: str, said: str):
    with pytest.raises(Failure, match=said) as caught:
        require_health(torch_that_says(words), None, ["0"])

    assert caught.value.code == code


def test_a_machine_without_gpus_trains_on_its_cpu_and_a_healthy_one_on_its_gpus():
    require_health(torch_that_says(NO_DRIVER), None, [])
    require_health(torch_that_says(None), 1, ["0"])


@pytest.mark.parametrize("version", ["2.15.0", "2.10.0+cu130", "3.0"])
def test_torch_of_today_is_taken(version: str):
    require_torch(version)


@pytest.mark.parametrize("version", ["2.9.1", "1.13.1+cpu"])
def test_torch_that_could_run_what_it_loads_is_refused(version: str):
    with pytest.raises(Failure, match=r"needs 2\.10 or later"):
        require_torch(version)
