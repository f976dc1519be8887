"""What is chosen where the spec leaves it open, without torch: each with a reason, and the same on every machine of a kind."""

from typing import Any

import pytest

from hf_trials import make_training
from trainer import choices

GB = 1_000_000_000


class Link:
    def __init__(self) -> None:
        self.told: dict[str, tuple[Any, str]] = {}

    def choice(self, name: str, value: Any, reason: str) -> None:
        self.told[name] = (value, reason)


@pytest.mark.parametrize(
    ("packing", "method", "flash", "chosen", "told"),
    [
        (None, "sft", True, (False, True), "padding-free"),
        (False, "sft", True, (False, True), "padding-free"),
        (None, "sft", False, (False, False), False),
        (True, "sft", False, (True, False), True),
        (True, "dpo", True, (False, False), False),
    ],
)
def test_padding_goes_by_itself_where_flash_attention_is_and_rows_are_packed_only_where_that_is_asked(packing, method, flash, chosen, told):
    link = Link()

    assert choices._choose_packing(make_training(packing=packing, method=method), flash, link) == chosen
    assert link.told["packing"][0] == told and len(link.told["packing"][1]) > 20


@pytest.mark.parametrize(
    ("method", "ranks", "parameters", "gpu", "way"),
    [
        ("full", 1, 70 * GB, 80 * GB, "none"),
        ("full", 8, 1 * GB, 80 * GB, "ddp"),
        ("full", 8, 8 * GB, 80 * GB, "fsdp2"),
        ("lora", 8, 8 * GB, 80 * GB, "ddp"),
        ("lora", 8, 70 * GB, 80 * GB, "fsdp2"),
        ("qlora", 8, 70 * GB, 80 * GB, "ddp"),
        ("full", 2, 8 * GB, None, "ddp"),
    ],
)
def test_a_model_is_sharded_where_a_gpu_cannot_hold_it_and_what_trains_it(method, ranks, parameters, gpu, way):
    link = Link()

    assert choices.choose_parallelism(make_training(peftMethod=method), ranks, parameters, gpu, link) == way
    assert (ranks == 1) == ("parallelism" not in link.told)
