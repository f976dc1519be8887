"""A supervisor whose run folder is in S3 (moto on loopback): the same run, also while the storage is away for a while."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from s3_server import VARIABLES, new_bucket, s3_server
from supervised_run import RUN, SupervisedRun, wait_until, weights_at
from trainer.supervision.s3_storage import S3Storage


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server() as environment:
        yield environment


class S3Run(SupervisedRun):
    """Writes and reads the bucket; `self.folder` is its copy on this disk, made when the run is over."""

    def __init__(self, base: Path, uri: str, **changes: Any) -> None:
        self.uri = uri
        self.storage = S3Storage(uri, base / "seen")
        super().__init__(base, **changes)

    def start(self, **environment: str) -> "SupervisedRun":
        return super().start(TUNEPLANE_RUN_FOLDER=self.uri, **environment)

    def finish(self, is_damaged: bool = False) -> dict[str, Any]:
        assert self.process
        self.process.wait(timeout=60)
        for item in self.storage._list(""):
            path = self.folder / item["key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.read(item["key"]))
        return super().finish(is_damaged)

    def write(self, key: str, text: str) -> None:
        self.storage.put(key, text.encode())

    def read(self, key: str) -> bytes:
        return self.storage.get(key) or b""


@pytest.fixture
def uri(s3: dict[str, str]) -> str:
    return f"s3://{new_bucket()}/runs/{RUN}/framework=hf"


def test_a_run_completes_and_its_next_attempt_goes_on_from_the_bucket(tmp_path: Path, uri: str) -> None:
    first = S3Run(tmp_path, uri, script={"saveSteps": 5, "faults": [{"kind": "kill", "step": 8}]})
    killed = first.run()
    assert killed["failure"]["code"] == "engine_killed"
    assert first.records() == ["step-000005"]

    second = S3Run(tmp_path, uri, attempt=2, script={"saveSteps": 5}, resumeFrom=first.resume_from("step-000005"))
    manifest = second.run()

    assert (manifest["outcome"], manifest["step"]) == ("completed", 12)
    assert [step for attempt, step in second.trace() if attempt == 2] == list(range(6, 13))
    assert second.adapter_weights() == weights_at(12)
    assert second.records() == ["step-000005", "step-000010", "step-000012"]
    assert list(second.work.iterdir()) == []


def test_a_second_supervisor_leaves_the_attempt_to_the_first(tmp_path: Path, uri: str) -> None:
    runs = [S3Run(tmp_path, uri) for _ in range(2)]
    for number, run in enumerate(runs):
        run.work = run.base / f"work-of-{number}"
        run.start()
    ends = [run.process.communicate(timeout=60)[1] for run in runs if run.process]

    assert len([text for text in ends if b"claimed by another" in text]) == 1
    assert runs[0].trace() == [(1, step) for step in range(1, 13)]


def test_while_the_storage_is_away_training_goes_on_and_then_everything_is_there(tmp_path: Path) -> None:
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    environment = {**VARIABLES, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        run = S3Run(tmp_path, f"s3://{new_bucket()}/{RUN}", script={"steps": 400, "stepSeconds": 0.01, "saveSteps": 100, "noiseLines": 20})
        run.start()
        wait_until(run.has_trained(50))

        server.stop()
        wait_until(run.has_trained(350), seconds=60)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        server.start()
        try:
            manifest = run.finish()
        finally:
            server.stop()

    assert (manifest["outcome"], manifest["step"]) == ("completed", 400)
    assert run.records() == [f"step-{step:06d}" for step in (100, 200, 300, 400)]
    assert any("rows are kept and put again" in line for line in run.log())
    assert len(run.rows("metrics")) == 400
    assert json.loads((run.folder / f"metrics/{RUN}-overview.json").read_bytes())["series"]["loss"][-1]["toStep"] == 400
