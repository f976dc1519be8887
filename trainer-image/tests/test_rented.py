"""What a rented machine runs: the attempt once, and then nothing, until somebody ends the machine."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from fake_plane import FakePlane
from supervised_run import RUN, SCRIPTED_ENGINE, TRAINER_IMAGE, SupervisedRun, wait_until, weights_at
from trainer.rented.own_end import ask_for_own_end


class Rented:
    def __init__(self, tmp_path: Path, plane: FakePlane, run: SupervisedRun, script: dict[str, Any], deadline: float) -> None:
        self.output = tmp_path / f"output-{time.monotonic_ns()}"
        environment = {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
            **plane.invitation(run.name),
            "TUNEPLANE_RUN_ID": RUN,
            "TUNEPLANE_ATTEMPT": "1",
            "TUNEPLANE_WORK": str(tmp_path / "work"),
            "TUNEPLANE_CACHE": str(tmp_path / "cache"),
            "TUNEPLANE_ENGINE": json.dumps([sys.executable, str(SCRIPTED_ENGINE)]),
            "TUNEPLANE_SCRIPT": json.dumps({"stepSeconds": 0.002, "traceFile": str(run.trace_file), **script}),
            "TUNEPLANE_DEADLINE": str(time.time() + deadline),
        }
        with open(self.output, "wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "trainer.rented"], cwd=TRAINER_IMAGE, env=environment, stdout=output, stderr=output
            )

    def said(self, text: str) -> bool:
        return text.encode() in self.output.read_bytes()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def plane(tmp_path: Path) -> Iterator[FakePlane]:
    fake = FakePlane(str(tmp_path / "folder"))
    yield fake
    fake.close()


@pytest.fixture
def rent(tmp_path: Path, plane: FakePlane) -> Iterator[Any]:
    rented: list[Rented] = []

    def make(run: SupervisedRun, script: dict[str, Any] | None = None, deadline: float = 3_600) -> Rented:
        rented.append(Rented(tmp_path, plane, run, script or {}, deadline))
        return rented[-1]

    yield make
    for machine in rented:
        machine.end()


def test_it_runs_once_and_then_waits_and_a_second_start_finds_the_attempt_taken(tmp_path: Path, plane: FakePlane, rent: Any) -> None:
    run = SupervisedRun(tmp_path)

    first = rent(run)
    wait_until(lambda: first.said("waiting for the plane to end this machine"), 60)
    trained = run.trace()
    second = rent(run)
    wait_until(lambda: second.said("waiting for the plane to end this machine"), 60)

    assert run.manifest()["outcome"] == "completed" and run.adapter_weights() == weights_at(12)
    assert second.said("claimed by another machine") and run.trace() == trained
    assert first.process.poll() is None and second.process.poll() is None


def test_at_its_deadline_the_attempt_ends_with_a_checkpoint(tmp_path: Path, plane: FakePlane, rent: Any) -> None:
    run = SupervisedRun(tmp_path)

    machine = rent(run, {"steps": 100_000, "stepSeconds": 0.01}, deadline=6)
    wait_until(lambda: machine.said("this provider gives a machine no way to end itself"), 60)

    assert run.manifest()["outcome"] == "interrupted"
    assert [run.record(name)["reason"] for name in run.records()] == ["final"]
    assert machine.process.poll() is None


def test_a_machine_that_is_told_to_go_saves_first(tmp_path: Path, plane: FakePlane, rent: Any) -> None:
    run = SupervisedRun(tmp_path)
    machine = rent(run, {"steps": 100_000, "stepSeconds": 0.01})
    wait_until(run.has_trained(5), 60)

    machine.process.send_signal(signal.SIGTERM)
    wait_until(lambda: machine.said("waiting for the plane to end this machine"), 60)

    assert run.manifest()["outcome"] == "interrupted" and run.records()
    machine.process.send_signal(signal.SIGTERM)
    assert machine.process.wait(timeout=10) == 0


class TestOwnEnd:
    @pytest.fixture
    def provider(self) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
        asked: list[tuple[str, str | None]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_DELETE(self) -> None:
                asked.append((self.path, self.headers.get("authorization")))
                data = b'{"success": true}'
                self.send_response(200)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/api/v0/instances", asked
        server.shutdown()
        server.server_close()

    def test_with_the_key_of_the_instance_it_asks_for_its_end(self, provider: tuple[str, list[tuple[str, str | None]]]) -> None:
        address, asked = provider

        said = ask_for_own_end({"CONTAINER_ID": "4242", "CONTAINER_API_KEY": "key-canary"}, address)

        assert said == "this machine's end was asked for" and asked == [("/api/v0/instances/4242/", "Bearer key-canary")]

    @pytest.mark.parametrize("environment", [{}, {"CONTAINER_ID": "4242"}, {"CONTAINER_ID": "../x", "CONTAINER_API_KEY": "k"}])
    def test_without_it_nothing_is_asked(self, environment: dict[str, str], provider: tuple[str, list[tuple[str, str | None]]]) -> None:
        address, asked = provider

        assert "no way to end itself" in ask_for_own_end(environment, address) and asked == []

    def test_a_provider_that_is_away_is_a_sentence_without_the_key(self) -> None:
        said = ask_for_own_end({"CONTAINER_ID": "1", "CONTAINER_API_KEY": "key-canary"}, "http://127.0.0.1:1/x")

        assert "did not answer" in said and "canary" not in said
