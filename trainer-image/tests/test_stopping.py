"""What ends an attempt from outside: spot notices, and the time that an engine is given to end."""

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_metadata import FakeMetadata

from supervised_run import SupervisedRun, wait_until
from trainer.supervision.orders import Orders
from trainer.supervision.spot_notice import SpotNotice, watches_spot
from trainer.supervision.stop_limit import StopLimit


@pytest.fixture
def metadata() -> Iterator[FakeMetadata]:
    service = FakeMetadata()
    yield service
    service.close()


def watch(endpoint: str) -> tuple[SpotNotice, "queue.Queue[tuple[str, Any]]"]:
    told: queue.Queue[tuple[str, Any]] = queue.Queue()
    notice = SpotNotice({"AWS_EC2_METADATA_SERVICE_ENDPOINT": endpoint}, lambda event, detail: told.put((event, detail)), look_seconds=0.01)
    notice.start()
    return notice, told


class TestSpotNotice:
    def test_a_notice_is_told_once_with_the_seconds_that_are_left(self, metadata: FakeMetadata) -> None:
        notice, told = watch(metadata.url)
        wait_until(lambda: metadata.looks >= 3)
        assert told.empty() and metadata.tokens == 1

        metadata.notice(seconds=118)

        event, detail = told.get(timeout=10)
        assert (event, detail["action"]) == ("spot", "terminate")
        assert 110 < detail["seconds"] <= 118
        notice.join(timeout=10)
        assert not notice.is_alive() and told.empty()

    def test_a_token_that_is_no_longer_taken_is_made_anew(self, metadata: FakeMetadata) -> None:
        notice, told = watch(metadata.url)
        wait_until(lambda: metadata.looks >= 1)

        metadata.expire()

        wait_until(lambda: metadata.tokens == 2)
        metadata.notice(seconds=100)
        assert told.get(timeout=10)[0] == "spot"
        notice.close()

    def test_a_service_that_does_not_answer_is_told_once_and_asked_on(self) -> None:
        notice, told = watch("http://127.0.0.1:9")

        assert told.get(timeout=10)[0] == "spot-silent"
        notice.close()
        notice.join(timeout=10)
        assert told.empty()

    @pytest.mark.parametrize(("value", "watched"), [("1", True), ("0", False), (None, False)])
    def test_nobody_is_asked_unless_the_machine_is_said_to_be_spot(self, value: str | None, watched: bool) -> None:
        assert watches_spot({} if value is None else {"TUNEPLANE_SPOT": value}) is watched


class TestSpotMachine:
    def test_a_notice_is_an_interruption_with_a_final_checkpoint_that_says_why(self, tmp_path: Path, metadata: FakeMetadata) -> None:
        run = SupervisedRun(tmp_path, script={"steps": 100_000, "stepSeconds": 0.01})
        run.start(TUNEPLANE_SPOT="1", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
        wait_until(run.has_trained(5))

        metadata.notice(seconds=120)
        manifest = run.finish()

        assert manifest["outcome"] == "interrupted"
        assert run.record(manifest["lastCheckpoint"])["reason"] == "final"
        assert manifest["endDetail"].startswith("EC2 takes the spot machine away (terminate), told 1")
        assert manifest["endDetail"].endswith(f"{manifest['lastCheckpoint']} counts")

    def test_an_engine_that_does_not_follow_is_ended_before_the_machine_is(self, tmp_path: Path, metadata: FakeMetadata) -> None:
        run = SupervisedRun(tmp_path, script={"steps": 100_000, "stepSeconds": 0.01, "saveSteps": 10, "faults": [{"kind": "ignoreStop"}]})
        run.start(TUNEPLANE_SPOT="1", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
        wait_until(lambda: run.records())

        metadata.notice(seconds=7)
        manifest = run.finish()

        assert (manifest["outcome"], manifest["failure"]) == ("interrupted", None)
        assert "the engine did not follow within" in manifest["endDetail"]
        assert manifest["lastCheckpoint"] == run.records()[-1]


class TestStopLimit:
    @pytest.mark.parametrize(
        ("save", "commit", "seconds"),
        [(0.0, 0.0, 120.0), (30.0, 5.0, 120.0), (60.0, 40.0, 300.0), (900.0, 0.0, 1_800.0)],
        ids=["the least", "three times 35 s is less", "three times 100 s", "never more than 30 min"],
    )
    def test_an_engine_has_three_times_the_longest_checkpoint(self, save: float, commit: float, seconds: float) -> None:
        assert StopLimit(120).seconds(save, commit) == seconds

    def test_a_spot_machine_sets_an_earlier_limit_in_which_the_checkpoint_is_stored_too(self) -> None:
        limit = StopLimit(120)
        limit.notice("terminate", 100)
        limit.ask(True)

        assert 74 < limit.seconds(10, 10) <= 75, "100 s less 5 for the last words and twice 10 for storing"

    def test_a_signal_after_a_notice_is_no_second_one(self) -> None:
        assert Orders(is_noticed=True, interruptions=1).asked == "interrupted"
        assert Orders(want="stop", is_noticed=True).asked == "stopped"
