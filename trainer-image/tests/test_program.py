"""A program of the user's own under the supervisor: its arguments, its reports by HTTP, what it leaves, how it ends. No torch."""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from supervised_run import RUN, SupervisedRun, wait_until
from trainer.supervision.engine_lines import parse_line
from trainer.supervision.status_server import StatusReader, StatusServer

# What transformers' callback does, by its own wire.
REPORT = """
import json, os, pathlib, sys, time, urllib.request
output = pathlib.Path(os.environ["TUNEPLANE_OUTPUT"])
def report(**status):
    token = open(os.environ["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read().strip()
    body = json.dumps({"trainerStatus": {"lastUpdatedTime": "2026-11-25T10:00:00+00:00", **status}}).encode()
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ["KUBEFLOW_TRAINER_SERVER_URL"], data=body, headers=headers, method="POST")
    return urllib.request.urlopen(request, timeout=5).status
def step(number, of, **metrics):
    told = {**metrics, "current_step": number, "total_steps": of}
    metrics = [{"name": n, "value": str(v)} for n, v in told.items()]
    report(progressPercentage=min(99, 100 * number // of), estimatedRemainingSeconds=of - number, metrics=metrics)
def checkpoint(number):
    folder = output / f"checkpoint-{number}"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(f"weights of step {number}")
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": number}))
"""
TRAINS = """
for number in range(1, 5):
    step(number, 4, loss=2.0 / number, learning_rate=1e-4, epoch=number / 4)
    if number % 2 == 0: checkpoint(number)
report(progressPercentage=100, estimatedRemainingSeconds=0, metrics=[{"name": "loss", "value": "0.5"}])
(output / "model.safetensors").write_text("the last weights"); (output / "config.json").write_text("{}")
"""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., SupervisedRun]]:
    runs: list[SupervisedRun] = []

    def start_run(code: str, argv: list[str] | None = None, **changes: Any) -> SupervisedRun:
        (tmp_path / "train.py").write_text(REPORT + code)
        runs.append(SupervisedRun(tmp_path, program={"argv": argv or []}, **changes))
        return runs[-1].start(TUNEPLANE_ENGINE="", TUNEPLANE_PROGRAM=str(tmp_path / "train.py"))

    yield start_run
    for run in runs:
        run.end()


class TestProgram:
    def test_its_reports_become_progress_and_metrics_and_its_files_checkpoints_and_a_result(
        self, start: Callable[..., SupervisedRun]
    ) -> None:
        run = start(TRAINS)

        manifest = run.finish()

        assert (manifest["outcome"], manifest["step"], manifest["steps"]) == ("completed", 4, 4)
        assert [(row["step"], row["loss"]) for row in run.rows("metrics")][:4] == [(1, 2.0), (2, 1.0), (3, 2 / 3), (4, 0.5)]
        assert run.records() == ["step-000002", "step-000004"]
        record = run.record("step-000002")
        assert [file["path"] for file in record["files"]] == ["model.safetensors", "trainer_state.json"]
        assert run.read("checkpoints/step-000002/model.safetensors") == b"weights of step 2"
        assert run.read(f"artifacts/{RUN}/model/model.safetensors") == b"the last weights"
        assert manifest["result"]["step"] == 4
        assert manifest["metrics"]["loss"] == 0.5

    def test_it_is_called_with_its_arguments_as_they_are_and_the_run_folder(self, start: Callable[..., SupervisedRun]) -> None:
        argv = ["--config_path", "configs/a.yaml", "--note", "a b; rm -rf / $(id)", "--verbose"]

        run = start("print(json.dumps([sys.argv[1:], os.environ['TUNEPLANE_RUN_FOLDER']]))\n" + TRAINS, argv)
        run.finish()

        assert json.dumps([argv, str(run.folder)]) in run.log()

    def test_a_stop_is_sigterm_and_what_it_saved_then_is_the_final_checkpoint(self, start: Callable[..., SupervisedRun]) -> None:
        run = start(
            "import signal\n"
            "def stop(*_):\n    checkpoint(2); (output / 'adapter').mkdir()\n"
            "    (output / 'adapter' / 'adapter_model.safetensors').write_text('w'); sys.exit(0)\n"
            "signal.signal(signal.SIGTERM, stop)\nstep(2, 1000, loss=1)\ntime.sleep(600)\n"
        )
        wait_until(lambda: run.progress().get("step") == 2)

        run.control("stop")
        manifest = run.finish()

        assert (manifest["outcome"], manifest["lastCheckpoint"]) == ("stopped", "step-000002")
        assert run.record("step-000002")["reason"] == "final"
        assert run.read(f"artifacts/{RUN}/adapter/adapter_model.safetensors") == b"w"

    def test_one_that_dies_of_the_stop_is_stopped_from_its_last_checkpoint(self, start: Callable[..., SupervisedRun]) -> None:
        run = start("checkpoint(1)\nstep(1, 1000)\ntime.sleep(600)\n")
        wait_until(run.records)

        run.control("stop")
        manifest = run.finish()

        assert (manifest["outcome"], manifest["lastCheckpoint"], manifest["failure"]) == ("stopped", "step-000001", None)

    def test_one_that_ignores_the_stop_is_killed(self, start: Callable[..., SupervisedRun]) -> None:
        run = start(
            "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nstep(1, 1000)\ntime.sleep(600)\n",
            environment={"TUNEPLANE_STOP_SECONDS": "0.5"},
        )
        wait_until(lambda: run.progress().get("step") == 1)

        run.control("stop")

        assert "did not follow" in run.finish()["endDetail"]

    def test_its_failure_is_its_exit_code_and_its_last_exception(self, start: Callable[..., SupervisedRun]) -> None:
        failure = start("raise ValueError('no such column')").finish()["failure"]

        assert failure["code"] == "engine_crashed"
        assert "exit code 1: ValueError: no such column" in failure["message"]

    def test_one_that_leaves_nothing_did_not_complete(self, start: Callable[..., SupervisedRun]) -> None:
        failure = start("step(1, 1)").finish()["failure"]

        assert (failure["code"], failure["message"]) == ("artifact_unusable", "train.py left nothing in TUNEPLANE_OUTPUT")

    def test_one_that_prints_and_reports_nothing_is_no_stall_and_one_that_is_silent_is(self, start: Callable[..., SupervisedRun]) -> None:
        run = start(
            "for number in range(8):\n    print('still here', flush=True); time.sleep(0.4)\n"
            + "(output / 'w.safetensors').write_text('w')\n",
            stallSeconds=0.1,
        )

        assert run.finish()["outcome"] == "completed", "3.2 s of printing, and ten times 0.1 s is a stall"

    def test_a_silent_one_is_a_stall(self, start: Callable[..., SupervisedRun]) -> None:
        assert start("time.sleep(600)", stallSeconds=0.1).finish()["failure"]["code"] == "stalled"

    def test_a_torn_checkpoint_of_its_is_not_taken(self, start: Callable[..., SupervisedRun]) -> None:
        run = start(
            "checkpoint(1); folder = output / 'checkpoint-2'; folder.mkdir(); (folder / 'model.safetensors').write_text('half')\n"
            "(folder / 'trainer_state.json').write_text('{\"global')\nos.kill(os.getpid(), 9)\n"
        )

        manifest = run.finish()

        assert manifest["failure"]["code"] == "engine_killed"
        assert run.records() == ["step-000001"]

    def test_an_image_without_train_py_is_told(self, tmp_path: Path) -> None:
        run = SupervisedRun(tmp_path, program={"argv": []})

        manifest = run.start(TUNEPLANE_ENGINE="").finish()

        assert manifest["failure"]["code"] == "program_missing"
        assert manifest["failure"]["message"].startswith("the image holds no train.py in /")

    def test_it_goes_on_from_the_checkpoint_that_was_pinned(self, start: Callable[..., SupervisedRun], tmp_path: Path) -> None:
        first = start(TRAINS)
        first.finish()

        code = (
            "print(open(os.environ['TUNEPLANE_RESUME_FOLDER'] + '/model.safetensors').read())\nstep(5, 5); (output / 'w').write_text('w')\n"
        )
        second = start(code, attempt=2, resumeFrom=first.resume_from("step-000004"))
        manifest = second.finish()

        assert "weights of step 4" in second.log()
        assert (manifest["outcome"], manifest["step"]) == ("completed", 5)


class TestStatusServer:
    @pytest.fixture
    def server(self, tmp_path: Path) -> Iterator[tuple[StatusServer, list[Any], str, str]]:
        told: list[Any] = []
        server = StatusServer(tmp_path, lambda event, detail: told.append(detail))
        server.start()
        environment = server.environment({"no_proxy": "internal.example"})
        yield server, told, environment["KUBEFLOW_TRAINER_SERVER_URL"], Path(environment["KUBEFLOW_TRAINER_SERVER_TOKEN"]).read_text()
        server.close()

    def post(self, url: str, token: str | None, body: bytes, method: str = "POST") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        try:
            return urllib.request.urlopen(urllib.request.Request(url, data=body, headers=headers, method=method), timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code

    @pytest.mark.parametrize(
        ("token", "body", "status"),
        [
            ("right", b'{"trainerStatus": {"progressPercentage": 5}}', 200),
            (None, b'{"trainerStatus": {}}', 401),
            ("wrong", b'{"trainerStatus": {}}', 403),
            ("", b'{"trainerStatus": {}}', 403),
            ("right", b"not JSON", 400),
            ("right", b'{"trainerStatus": {"progressPercentage": 500}}', 400),
            ("right", b'{"trainerStatus": {"metrics": "many"}}', 400),
            ("right", b"{}", 400),
            ("right", b" " * 70_000, 413),
        ],
    )
    def test_only_the_run_itself_may_report_and_only_what_a_status_is(
        self, server: Any, token: str | None, body: bytes, status: int
    ) -> None:
        _, told, url, right = server

        assert self.post(url, right if token == "right" else token, body) == status
        assert len(told) == (status == 200)

    def test_it_listens_on_loopback_alone_and_the_token_is_for_its_owner(self, server: Any, tmp_path: Path) -> None:
        taker, _, url, _ = server

        assert url.startswith("http://127.0.0.1:")
        assert taker.environment({"no_proxy": "internal.example"})["no_proxy"] == "internal.example,127.0.0.1"
        assert (tmp_path / "status-token").stat().st_mode & 0o777 == 0o600
        assert self.post(url, None, b"", "PUT") == 405


class TestStatusReader:
    def lines(self, *statuses: dict[str, Any]) -> list[dict[str, Any]]:
        reader = StatusReader()
        return [line for status in statuses for line in reader.read(status)]

    def metrics(self, **values: object) -> list[dict[str, str]]:
        return [{"name": name, "value": str(value)} for name, value in values.items()]

    def test_a_status_never_takes_progress_back(self) -> None:
        steps = [5, 3, 9, 9, 1, 10]

        lines = self.lines(*({"metrics": self.metrics(current_step=step, total_steps=10)} for step in steps))

        assert [line["step"] for line in lines if line["type"] == "progress"] == [5, 9, 10]

    def test_who_sends_only_a_percentage_is_at_that_step_of_100(self) -> None:
        lines = self.lines(*({"progressPercentage": percent} for percent in (0, 12, 11, 50.7)))

        assert [(line["step"], line["steps"]) for line in lines] == [(12, 100), (50, 100)]

    def test_the_first_and_last_report_of_transformers_name_no_step(self) -> None:
        lines = self.lines(
            {"progressPercentage": 0, "metrics": self.metrics(total_steps=300)},
            {"progressPercentage": 33, "metrics": self.metrics(current_step=100, total_steps=300, loss=1.5, current_epoch=0.5)},
            {"progressPercentage": 100, "metrics": self.metrics(loss=1.5)},
        )

        assert [(line["step"], line["steps"]) for line in lines if line["type"] == "progress"] == [(100, 300), (300, 300)]
        assert [line["values"] for line in lines if line["type"] == "metrics"] == [{"loss": 1.5}], "the same again is no new row"

    def test_what_is_no_number_and_what_is_no_name_is_left_out(self) -> None:
        lines = self.lines(
            {"metrics": [*self.metrics(loss="nan", note="hello"), {"name": "a b\n", "value": "1"}, {"name": "ok", "value": True}]}
        )

        [line] = lines
        assert list(line["values"]) == ["loss", "ok"]
        assert parse_line(json.dumps(line).encode())["step"] == 0

    def test_the_seconds_that_are_left_are_told_as_they_come(self) -> None:
        assert self.lines({"estimatedRemainingSeconds": 30}) == [{"type": "eta", "seconds": 30}]
