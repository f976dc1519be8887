"""A supervisor that claims at the plane's address: what it sends, what it is given, and what it does when the plane is away or says no."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from fake_plane import BOOTSTRAP, SESSION, FakePlane
from s3_server import VARIABLES, new_bucket, s3_server
from supervised_run import RUN, SupervisedRun, wait_until, weights_at
from test_supervisor_s3 import S3Run
from trainer.supervision import admission
from trainer.supervision.admission import Refused, Renewal, UrlDoor, find_door
from trainer.supervision.schema_check import check


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[FakePlane]:
    fake = FakePlane(str(tmp_path / "folder"))
    yield fake
    fake.close()


class InvitedRun(SupervisedRun):
    """Is told nothing of its folder. The plane writes the claim, so here the test does."""

    def start(self, **environment: str) -> "SupervisedRun":
        return super().start(TUNEPLANE_RUN_FOLDER="", **environment)

    def write_claim(self, claim_id: str | None) -> None:
        claim = {"schema": 1, "runId": RUN, "attempt": self.attempt, "claimId": claim_id, "host": "rented", "pid": 7, "machine": "label-1"}
        self.write(f"attempts/{self.name}/claim.json", json.dumps(check({**claim, "claimedAt": "2026-01-01T00:00:00.000Z"}, "claim")))


def credentials(seconds: float, key: str = "first") -> dict[str, Any]:
    expires_at = datetime.now(UTC) + timedelta(seconds=seconds)
    return {
        "access_key_id": key,
        "secret_access_key": "test",
        "session_token": "token",
        "expires_at": expires_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "region": "us-east-1",
        "endpoint": None,
    }


def test_it_trains_in_the_folder_that_the_claim_names_and_the_engine_sees_the_runs_variables_but_no_token(
    tmp_path: Path, plane: FakePlane
) -> None:
    plane.environment = {"HF_TOKEN": "hf_of_the_run"}
    seen = tmp_path / "seen.json"
    spy = f"import json, os; open({str(seen)!r}, 'w').write(json.dumps(dict(os.environ)))"
    run = InvitedRun(tmp_path)
    engine = json.dumps(["sh", "-c", f'python3 -c "{spy}"; exec python3 {Path(__file__).parents[2]}/test/scripted-engine/engine.py'])

    run.start(**plane.invitation(run.name), TUNEPLANE_ENGINE=engine)
    assert run.process
    _, errors = run.process.communicate(timeout=30)

    assert (run.process.returncode, errors) == (0, b"")
    assert run.manifest()["outcome"] == "completed" and run.manifest()["claimId"] == plane.claimed_by
    assert run.adapter_weights() == weights_at(12)
    path, authorization, body = plane.requests[0]
    assert (path, authorization) == (f"/attempts/{run.name}/claim", f"Bearer {BOOTSTRAP}")
    assert body and body["machine"] == "label-1" and body["claim_id"].startswith("claim_")
    environment = json.loads(seen.read_text())
    assert environment["HF_TOKEN"] == "hf_of_the_run"
    assert not [name for name, value in environment.items() if BOOTSTRAP in value or SESSION in value]
    assert BOOTSTRAP.encode() not in b"".join(run.files().values()) and SESSION.encode() not in b"".join(run.files().values())


def test_where_another_machine_has_the_attempt_it_ends_and_writes_nothing(tmp_path: Path, plane: FakePlane) -> None:
    run = InvitedRun(tmp_path)
    before = run.files()
    plane.claimed_by = "claim_of_another"

    run.start(**plane.invitation(run.name))
    assert run.process
    _, errors = run.process.communicate(timeout=30)

    assert run.process.returncode == 0 and b"claimed by another machine" in errors
    assert run.files() == before and run.trace() == []


def test_a_plane_that_is_away_at_the_start_is_asked_again_with_the_same_claim(tmp_path: Path, plane: FakePlane) -> None:
    plane.failures_left = 2
    run = InvitedRun(tmp_path)

    run.start(**plane.invitation(run.name))
    assert run.process
    run.process.communicate(timeout=30)

    assert run.manifest()["outcome"] == "completed"
    assert len({body["claim_id"] for _, _, body in plane.requests if body}) == 1 and len(plane.requests) == 3


def test_a_signal_ends_the_wait_for_a_plane_that_is_away(tmp_path: Path, plane: FakePlane) -> None:
    plane.failures_left = 1_000_000
    run = InvitedRun(tmp_path).start(**plane.invitation(f"{RUN}-0001"))
    wait_until(lambda: plane.requests)

    run.signal()
    assert run.process
    _, errors = run.process.communicate(timeout=60)

    assert run.process.returncode == 1 and b"come back later" in errors


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server() as environment:
        yield environment


class TestInS3:
    def invited(self, tmp_path: Path, plane: FakePlane, s3: dict[str, str], script: dict[str, Any]) -> S3Run:
        plane.folder = f"s3://{new_bucket()}/runs/{RUN}/framework=hf"
        run = S3Run(tmp_path, plane.folder, script=script)
        run.environment = {name: "" for name in VARIABLES} | {"AWS_ENDPOINT_URL": "", **plane.invitation(run.name)}
        return run

    def test_credentials_come_with_the_claim_and_are_renewed_at_half_of_their_life(
        self, tmp_path: Path, plane: FakePlane, s3: dict[str, str]
    ) -> None:
        plane.credentials = {**credentials(6), "endpoint": s3["AWS_ENDPOINT_URL"]}
        run = self.invited(tmp_path, plane, s3, {"steps": 100, "stepSeconds": 0.05})

        run.start()
        wait_until(lambda: plane.claimed_by)
        plane.credentials = {**credentials(3_600, "second"), "endpoint": s3["AWS_ENDPOINT_URL"]}
        assert run.process
        _, errors = run.process.communicate(timeout=60)

        assert (run.process.returncode, errors) == (0, b"")
        assert run.manifest()["outcome"] == "completed"
        assert [path for path, authorization, _ in plane.requests if authorization == f"Bearer {SESSION}"] == [
            f"/attempts/{run.name}/renew"
        ]

    def test_once_the_attempt_is_over_the_engine_is_killed_and_nobody_waits_for_a_storage_that_is_shut(
        self, tmp_path: Path, plane: FakePlane, s3: dict[str, str]
    ) -> None:
        plane.credentials = {**credentials(4), "endpoint": s3["AWS_ENDPOINT_URL"]}
        run = self.invited(tmp_path, plane, s3, {"steps": 100_000, "stepSeconds": 0.05})

        run.start()
        wait_until(run.has_trained(5))
        plane.is_over = True
        assert run.process
        _, errors = run.process.communicate(timeout=60)

        assert run.process.returncode == 0 and b"ended superseded" in errors
        assert run.records() == [] and len(run.trace()) < 100_000


class TestRenewal:
    class Scripted:
        def __init__(self, *answers: Any) -> None:
            self.answers = list(answers)

        def claim(self, claim_id: str) -> Any:
            raise NotImplementedError

        def renew(self) -> Any:
            answer = self.answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

    def test_a_plane_that_is_away_is_asked_four_times_a_minute_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [100.0]
        monkeypatch.setattr(admission.time, "monotonic", lambda: now[0])
        door = self.Scripted(OSError("away"), "fresh")
        renewal = Renewal(door, "first", lambda: None)  # type: ignore[arg-type]

        assert renewal() == "first"
        with pytest.raises(OSError, match="away"):
            renewal()
        with pytest.raises(OSError, match="a moment ago"):
            renewal()
        now[0] += 15
        assert renewal() == "fresh"

    def test_a_refusal_ends_the_attempt(self) -> None:
        told: list[bool] = []
        renewal = Renewal(self.Scripted(Refused("over")), "first", lambda: told.append(True))  # type: ignore[arg-type]
        renewal()

        with pytest.raises(OSError, match="over"):
            renewal()
        assert told == [True]


class TestDoor:
    def test_it_is_there_only_where_the_environment_invites(self) -> None:
        assert find_door({"TUNEPLANE_RUN_FOLDER": "/x"}) is None

    @pytest.mark.parametrize("url", ["ftp://x/claim", "https:///claim", "/attempts/a/claim", "https://x/attempts/a"])
    def test_an_address_that_is_none_is_refused(self, url: str) -> None:
        with pytest.raises(ValueError, match="TUNEPLANE_CLAIM_URL must be an http or https address"):
            find_door({"TUNEPLANE_CLAIM_URL": url, "TUNEPLANE_BOOTSTRAP_TOKEN": "t"})

    def test_it_follows_nobody_to_another_host_with_its_token(self, plane: FakePlane, monkeypatch: pytest.MonkeyPatch) -> None:
        other = FakePlane("/elsewhere")
        monkeypatch.setattr(plane, "answer", lambda *_: (307, {"to": f"{other.url}/attempts/a/claim", "detail": "moved"}))
        try:
            with pytest.raises(OSError, match="307"):
                UrlDoor(f"{plane.url}/attempts/a/claim", BOOTSTRAP, None).claim("claim_x")
            assert other.requests == []
        finally:
            other.close()

    @pytest.mark.parametrize("answer", [[], {}, {"folder": "/x", "environment": None, "storage": None}])
    def test_an_answer_that_is_none_is_tried_again(self, plane: FakePlane, monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
        monkeypatch.setattr(plane, "answer", lambda *_: (200, answer))

        with pytest.raises(OSError, match="the plane's answer"):
            UrlDoor(f"{plane.url}/attempts/a/claim", BOOTSTRAP, None).claim("claim_x")
