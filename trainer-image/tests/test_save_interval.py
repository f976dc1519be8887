"""When a checkpoint is due, whether there is room for it, and what the GPUs are said to do: all without torch."""

import shutil
import sys
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest

from trainer import disk_room
from trainer.failure import Failure
from trainer.gpu_meter import GpuMeter
from trainer.save_interval import SaveInterval


def saved_steps(interval: SaveInterval, seconds: list[float]) -> list[int]:
    """The steps that are saved when step n takes seconds[n - 1]."""
    found = []
    for step, took in enumerate(seconds, start=1):
        if interval.step(step, took):
            interval.saved(step)
            found.append(step)
    return found


class TestSaveInterval:
    def test_given_steps_win_over_minutes(self) -> None:
        assert saved_steps(SaveInterval(100, given=30, minutes=0.01), [60.0] * 100) == [30, 60, 90]

    def test_a_short_run_has_three_checkpoints(self) -> None:
        assert saved_steps(SaveInterval(300, None, 10), [0.03] * 300) == [100, 200, 300]

    def test_a_long_run_loses_no_more_than_the_minutes_that_were_set(self) -> None:
        interval = SaveInterval(100_000, None, 10)

        steps = saved_steps(interval, [30.0, *[2.0] * 2_999])

        assert interval.interval == 300
        assert steps == list(range(286, 3_000, 300)), "the slow first step took the time of fourteen"
        assert interval.reason() == "at most 10 min are lost at 2 s a step; less than a third of 100000 steps"

    def test_the_first_step_which_compiles_and_warms_up_is_not_measured(self) -> None:
        interval = SaveInterval(100_000, None, 10)

        saved_steps(interval, [300.0, *[1.0] * 20])

        assert interval.step_seconds == 1.0

    def test_steps_that_become_slower_are_saved_more_often(self) -> None:
        steps = saved_steps(SaveInterval(100_000, None, 10), [2.0] * 290 + [60.0] * 30)

        gaps = [later - earlier for earlier, later in pairwise(steps)]
        assert gaps and max(gaps) <= 10, "10 steps of 60 s are the 10 minutes"

    def test_steps_that_take_minutes_each_are_saved_before_anything_is_measured(self) -> None:
        assert saved_steps(SaveInterval(1_000, None, 10), [240.0] * 6) == [2, 4, 6]

    @pytest.mark.parametrize("minutes", [1, 5, 10, 60])
    def test_whatever_the_steps_take_the_promise_holds(self, minutes: float) -> None:
        seconds = [0.5 + (step * 7 % 13) for step in range(4_000)]
        lost, worst = 0.0, 0.0
        interval = SaveInterval(10_000_000, None, minutes)

        for step, took in enumerate(seconds, start=1):
            lost += took
            worst = max(worst, lost)
            if interval.step(step, took):
                interval.saved(step)
                lost = 0.0

        assert worst <= minutes * 60 + max(seconds)


class Link:
    def __init__(self) -> None:
        self.details: list[str] = []

    def phase(self, phase: str, detail: str) -> None:
        self.details.append(detail)


class TestDiskRoom:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(disk_room, "LOOK_SECONDS", 0.0)

    def free(self, monkeypatch: pytest.MonkeyPatch, *amounts: int) -> list[int]:
        left = list(amounts)
        monkeypatch.setattr(shutil, "disk_usage", lambda place: SimpleNamespace(free=left.pop(0) if len(left) > 1 else left[0]))
        return left

    def test_room_that_is_there_costs_a_look(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.free(monkeypatch, 100 << 20)
        link = Link()

        disk_room.require_room(50 << 20, "the checkpoint at step 8", link, [tmp_path], lambda: False)

        assert link.details == []

    def test_a_full_disk_is_waited_for_with_everything_in_memory(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.free(monkeypatch, 10 << 20, 10 << 20, 10 << 20, 100 << 20)
        link = Link()

        disk_room.require_room(50 << 20, "the checkpoint at step 8", link, [tmp_path], lambda: False)

        assert len(link.details) == 3
        assert link.details[0].startswith("the checkpoint at step 8 needs 52 MB, and the disk that holds")

    def test_in_the_end_it_fails_with_both_numbers_and_nothing_was_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(disk_room, "PATIENCE_SECONDS", 0.0)
        self.free(monkeypatch, 10 << 20)

        with pytest.raises(Failure, match=r"needs 52 MB, and the disk that holds .* has 10 MB free: nothing was written") as caught:
            disk_room.require_room(50 << 20, "the checkpoint at step 8", Link(), [tmp_path], lambda: False)

        assert caught.value.code == "disk_full" and list(tmp_path.iterdir()) == []

    def test_a_training_that_is_asked_to_end_does_not_wait(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        self.free(monkeypatch, 10 << 20)

        with pytest.raises(Failure, match="disk"):
            disk_room.require_room(50 << 20, "the checkpoint at step 8", Link(), [tmp_path], lambda: True)

    def test_a_run_folder_on_another_disk_needs_room_too(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        link = SimpleNamespace(work=tmp_path)
        other = Path("/dev/shm")
        if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("no second file system at /dev/shm")

        monkeypatch.setenv("TUNEPLANE_RUN_FOLDER", str(other))
        assert disk_room.places_of(link) == [tmp_path, other]
        monkeypatch.setenv("TUNEPLANE_RUN_FOLDER", "s3://bucket/run")
        assert disk_room.places_of(link) == [tmp_path]


class TestGpuMeter:
    def nvml(self, busy: dict[object, int | None]) -> SimpleNamespace:
        def rates(device: object) -> SimpleNamespace:
            if busy[device] is None:
                raise RuntimeError("not supported")
            return SimpleNamespace(gpu=busy[device])

        return SimpleNamespace(
            nvmlInit=lambda: None,
            nvmlDeviceGetCount=lambda: len(busy),
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetHandleByUUID=lambda uuid: uuid,
            nvmlDeviceGetUtilizationRates=rates,
        )

    @pytest.mark.parametrize(
        ("environment", "busy", "told"),
        [
            ({}, {0: 50, 1: 100}, {"gpu_utilization": 0.75}),
            ({"CUDA_VISIBLE_DEVICES": "1"}, {0: 50, 1: 100}, {"gpu_utilization": 1.0}),
            ({"CUDA_VISIBLE_DEVICES": "GPU-ab"}, {"GPU-ab": 10}, {"gpu_utilization": 0.1}),
            ({"CUDA_VISIBLE_DEVICES": "0,1", "LOCAL_RANK": "1"}, {0: 50, 1: 100}, {"gpu_utilization": 1.0}),
            ({"CUDA_VISIBLE_DEVICES": ""}, {0: 50}, {}),
            ({}, {0: None}, {}),
            ({}, {}, {}),
        ],
    )
    def test_it_tells_the_mean_of_what_this_process_sees_and_nothing_it_does_not_know(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], busy: dict[object, int | None], told: dict[str, float]
    ) -> None:
        for name in ("CUDA_VISIBLE_DEVICES", "LOCAL_RANK"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setitem(sys.modules, "pynvml", self.nvml(busy))

        assert GpuMeter().read() == told

    def test_without_a_driver_there_is_nothing_to_tell(self) -> None:
        assert GpuMeter().read() == {} or Path("/dev/nvidia0").exists()
