"""The supervisor as a real process with the scripted engine: README.md of the trainer, sentence by sentence."""

import json
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from supervised_run import RUN, SupervisedRun, ask_socket, is_alive, wait_until, weights_at

Make = Callable[..., SupervisedRun]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes attempts of one run, and leaves no process behind."""
    runs: list[SupervisedRun] = []

    def make_run(**changes: Any) -> SupervisedRun:
        runs.append(SupervisedRun(tmp_path, **changes))
        return runs[-1]

    yield make_run
    for run in runs:
        run.end()


def fault(kind: str, **details: Any) -> dict[str, Any]:
    return {"faults": [{"kind": kind, **details}]}


class TestToTheEnd:
    def test_a_run_completes_with_everything_stored_and_the_manifest_last(self, make: Make) -> None:
        run = make(script={"saveSteps": 5, "sampleEvery": 6})

        manifest = run.run()

        assert (manifest["outcome"], manifest["failure"], manifest["step"], manifest["steps"]) == ("completed", None, 12, 12)
        assert run.trace() == [(1, step) for step in range(1, 13)]
        assert run.adapter_weights() == weights_at(12)
        assert run.records() == ["step-000005", "step-000010", "step-000012"]
        assert [run.record(name)["reason"] for name in run.records()] == ["interval", "interval", "final"]
        assert manifest["lastCheckpoint"] == "step-000012"
        assert [file["path"] for file in manifest["files"]] == [
            "adapter/adapter_config.json",
            "adapter/adapter_model.safetensors",
            "config/run.json",
            "samples.jsonl",
        ]
        assert manifest["base"] == {"id": "scripted", "commit": None}
        assert [choice["name"] for choice in manifest["choices"]] == ["threads", "ranks", "precision"]
        assert manifest["counts"] == {"logLines": len(run.log()), "metricRows": 12, "checkpoints": 3, "samples": 4}
        assert set(manifest["metrics"]) == {"train_loss", "final_loss"}
        assert run.progress()["phase"] == "done"
        assert list(run.work.iterdir()) == []
        times = {path: path.stat().st_mtime_ns for path in run.folder.rglob("*") if path.is_file()}
        assert max(times, key=lambda path: times[path]).name == "manifest.json"

    def test_progress_tells_phase_rate_and_newest_metrics_and_rises(self, make: Make) -> None:
        run = make(script={"steps": 2_000, "stepSeconds": 0.005}).start()

        first = wait_until(lambda: run.progress() if run.progress().get("etaSeconds") is not None else None)
        later = wait_until(lambda: run.progress() if run.progress()["sequence"] >= first["sequence"] + 2 else None)

        assert first["phase"] == "training"
        assert later["workSequence"] > first["workSequence"] and later["step"] > first["step"]
        assert 0 < later["etaSeconds"] < 100
        assert later["metrics"]["tokens_per_second"] == 64 / 0.005
        assert later["counts"]["logLines"] > 0 and later["lastLogAt"] <= later["reportedAt"]
        assert [line for line in run.log() if line.startswith("phase ")][:4] == [
            "phase importing",
            "phase loading-model",
            "phase sampling",
            "phase training",
        ]

    def test_sequence_rises_while_nothing_moves(self, make: Make) -> None:
        run = make(script=fault("hang", step=2)).start()
        wait_until(run.has_trained(1))

        first = wait_until(lambda: run.progress() if run.progress().get("step") == 1 else None)
        later = wait_until(lambda: run.progress() if run.progress()["sequence"] > first["sequence"] + 1 else None)

        assert later["workSequence"] == first["workSequence"]

    def test_an_unusable_environment_is_told_whole_and_nothing_is_written(self, make: Make) -> None:
        run = make().start(TUNEPLANE_ATTEMPT="0", TUNEPLANE_WORK="work")
        assert run.process

        _, errors = run.process.communicate(timeout=10)

        assert run.process.returncode == 2
        assert b"TUNEPLANE_ATTEMPT must be a number from 1, got '0'" in errors and b"TUNEPLANE_WORK must be an absolute path" in errors
        assert sorted(run.files()) == [f"attempts/{run.name}/{name}.json" for name in ("control", "spec")]


class TestClaim:
    def test_five_at_once_have_one_winner_and_the_losers_leave_no_trace(self, make: Make) -> None:
        runs = [make(script={"stepSeconds": 0.02}) for _ in range(5)]
        for number, run in enumerate(runs):
            run.work = run.base / f"work-of-{number}"

        for run in runs:
            run.start()
        ends = [run.process.communicate(timeout=20)[1] for run in runs if run.process]

        assert [run.process.returncode for run in runs if run.process] == [0] * 5
        assert len([text for text in ends if b"claimed by another" in text]) == 4
        assert len([run for run in runs if run.work.exists()]) == 1
        assert runs[0].trace() == [(1, step) for step in range(1, 13)]
        assert runs[0].manifest()["outcome"] == "completed"
        claim = json.loads(runs[0].read(f"attempts/{runs[0].name}/claim.json"))
        assert claim["claimId"] == runs[0].manifest()["claimId"]
        runs[0].check_files()


class TestLiveness:
    def test_it_answers_where_a_dead_attempt_left_its_socket_and_removes_it_at_the_end(self, make: Make, tmp_path: Path) -> None:
        path = tmp_path / ("long-" * 30) / "attempt.sock"
        path.parent.mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(tmp_path / "dead"))
        (tmp_path / "dead").rename(path)
        assert len(str(path)) > 108 and ask_socket(path) is None

        run = make(script={"steps": 100_000}).start(TUNEPLANE_SOCKET=str(path), CUDA_VISIBLE_DEVICES="0,2")
        answer = wait_until(lambda: ask_socket(path))
        run.control("stop")
        manifest = run.finish()

        assert run.process
        assert answer == {"runId": RUN, "attempt": 1, "claimId": manifest["claimId"], "pid": run.process.pid, "gpus": ["0", "2"]}
        assert not path.exists()


class TestRows:
    def test_chunks_hold_exactly_1_000_lines_and_long_strange_and_levelled_lines_are_taken(self, make: Make) -> None:
        script = {
            "faults": [
                {"kind": "manyLines", "step": 2, "lines": 3_000},
                {"kind": "hugeLine", "step": 3, "bytes": 3_000_000},
                {"kind": "garbage", "step": 4},
                {"kind": "levels", "step": 5},
            ]
        }
        run = make(script=script)

        manifest = run.run()

        chunks = sorted((run.folder / "logs").iterdir())
        assert [path.name for path in chunks] == [f"{run.name}-{number:08d}.jsonl" for number in (1, 2, 3, 4)]
        assert [len(path.read_bytes().splitlines()) for path in chunks[:3]] == [1_000] * 3
        log = run.log()
        assert [line for line in log if line.startswith("line ")] == [f"line {number} of many" for number in range(1, 3_001)]
        huge = next(line for line in log if line.startswith("xxx"))
        assert len(huge.encode()) == 8_192 and huge.endswith("[cut, 3,000,000 bytes]")
        assert "\ufffd\ufffd\0red \ufffd" in log
        assert "the engine said something that is not JSON: b'this is no JSON'" in log
        assert "the engine's progress line: step must be at least 0, got -1" in log
        levels = {row["message"].rpartition(" at ")[2]: row["level"] for row in run.rows("logs") if "scripted - " in row["message"]}
        assert levels == {level: level for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")}
        assert next(row["level"] for row in run.rows("logs") if "UserWarning" in row["message"]) == "WARNING"
        assert "progress 100%" in log
        assert manifest["outcome"] == "completed"

    def test_time_never_goes_back_behind_earlier_attempts(self, make: Make) -> None:
        run = make(logsAfter="2199-01-01T00:00:00.500Z")

        manifest = run.run()

        stamps = [row["timestamp"] for row in run.rows("logs")]
        assert stamps == sorted(stamps) and stamps[0] >= "2199-01-01T00:00:00.500Z"
        assert manifest["endedAt"] >= "2199-01-01T00:00:00.500Z"

    def test_training_goes_on_while_the_storage_takes_nothing_and_the_rows_follow(self, make: Make) -> None:
        run = make(script={"steps": 180, "stepSeconds": 0.01, "saveSteps": 60}).start()
        wait_until(lambda: run.progress().get("step"))
        broken = [run.folder / name for name in ("logs", "metrics", "checkpoints")]
        for path in broken:
            path.mkdir(exist_ok=True)
            path.rename(path.with_name(f"away-{path.name}"))
            path.write_text("not a folder")

        wait_until(run.has_trained(100))
        assert run.progress()["counts"]["checkpoints"] == 0
        for path in broken:
            path.unlink()
            path.with_name(f"away-{path.name}").rename(path)
        manifest = run.finish()

        assert manifest["outcome"] == "completed" and run.trace()[-1] == (1, 180)
        assert run.records() == ["step-000060", "step-000120", "step-000180"]
        assert len(run.rows("metrics")) == 180
        assert any(line.startswith("the storage does not take everything") for line in run.log())
        assert any(line == "the storage takes everything again" for line in run.log())


class TestCheckpoints:
    def test_a_torn_folder_is_left_alone_and_a_record_of_an_earlier_attempt_is_replaced(self, make: Make) -> None:
        earlier = make(script={"steps": 10, "saveSteps": 5})
        earlier.run()
        torn = earlier.folder / "checkpoints" / "step-000015"
        torn.mkdir()
        (torn / "half").write_text("torn")

        run = make(attempt=2, script={"steps": 15, "saveSteps": 5}, resumeFrom=earlier.resume_from("step-000005"))
        manifest = run.run()

        assert run.record("step-000015")["folder"] == "step-000015.0002"
        assert (run.record("step-000010")["folder"], run.record("step-000010")["attempt"]) == ("step-000010.0002", 2)
        assert (torn / "half").read_text() == "torn"
        assert run.record("step-000005")["attempt"] == 1
        assert manifest["counts"]["checkpoints"] == 2
        assert run.adapter_weights() == weights_at(15)

    def test_curves_and_samples_of_a_resumed_run_hold_each_step_once(self, make: Make) -> None:
        earlier = make(script={"steps": 10, "saveSteps": 5})
        earlier.run()

        run = make(attempt=2, script={"steps": 15}, resumeFrom=earlier.resume_from("step-000005"))
        run.run()

        series = json.loads(run.read(f"metrics/{RUN}-overview.json"))["series"]
        assert [bucket["fromStep"] for bucket in series["loss"]] == list(range(1, 16))
        assert [(bucket["fromStep"], bucket["last"]) for bucket in series["epoch"]][9] == (10, round(10 / 15, 6))
        times = [bucket["last"] for bucket in series["timestamp"]]
        assert len(times) == 15 and times == sorted(times) and abs(times[-1] - time.time()) < 600
        samples = [json.loads(line)["step"] for line in run.read(f"artifacts/{RUN}/samples.jsonl").splitlines()]
        assert samples == [0, 5, 15]
        assert [row["step"] for row in run.rows("metrics")] == list(range(6, 16))

    def test_a_checkpoint_that_is_not_what_its_record_says_is_refused_before_the_engine_starts(self, make: Make) -> None:
        earlier = make(script={"steps": 5})
        earlier.run()
        weights = earlier.folder / "checkpoints" / "step-000005" / "weights.bin"
        weights.write_bytes(weights.read_bytes()[:-1] + b"?")

        run = make(attempt=2, resumeFrom=earlier.resume_from("step-000005"))
        manifest = run.start().finish(is_damaged=True)

        assert manifest["failure"]["code"] == "checkpoint_invalid"
        assert manifest["failure"]["message"].startswith("weights.bin of checkpoint step-000005 has SHA-256")
        assert (2, 6) not in run.trace()

    def test_a_requested_checkpoint_is_saved_without_stopping_and_a_lower_version_is_ignored(self, make: Make) -> None:
        run = make(script={"steps": 100_000}).start()
        wait_until(lambda: run.progress().get("step"))

        run.control(version=7, checkpoint_request=1)
        wait_until(run.records)
        run.control("stop", version=6)
        seen = wait_until(lambda: run.progress() if run.progress()["sequence"] else None)
        wait_until(lambda: run.progress()["sequence"] >= seen["sequence"] + 2)
        progress = run.progress()
        run.control("stop", version=8)
        manifest = run.finish()

        assert (progress["controlVersion"], progress["phase"]) == (7, "training")
        assert run.record(run.records()[0])["reason"] == "requested"
        assert (manifest["outcome"], run.progress()["controlVersion"]) == ("stopped", 8)

    def test_a_control_that_does_not_parse_is_a_warning(self, make: Make) -> None:
        run = make(script={"steps": 100_000}).start()
        wait_until(lambda: run.progress().get("step"))

        run.write(f"attempts/{run.name}/control.json", '{"schema": 1, "version": 9, "want": "explode"}')
        wait_until(lambda: any("control.json is not understood" in line for line in run.log()))
        run.control("stop", version=1)

        assert run.finish()["outcome"] == "stopped"


class TestEnding:
    def test_stop_saves_a_final_checkpoint_and_the_adapter_as_it_is(self, make: Make) -> None:
        run = make(script={"steps": 100_000}).start()
        wait_until(run.has_trained(3))

        run.control("stop")
        manifest = run.finish()

        last = run.trace()[-1][1]
        assert (manifest["outcome"], manifest["failure"], manifest["step"]) == ("stopped", None, last)
        assert manifest["lastCheckpoint"] == f"step-{last:06d}"
        assert run.record(manifest["lastCheckpoint"])["reason"] == "final"
        assert run.adapter_weights() == weights_at(last)

    def test_stop_before_training_kills_at_once(self, make: Make) -> None:
        run = make(script={"phaseSeconds": {"importing": 60}}).start()
        wait_until(lambda: run.progress().get("phase") == "importing")

        run.control("stop")
        manifest = run.finish()

        assert (manifest["outcome"], manifest["step"], manifest["files"], manifest["lastCheckpoint"]) == ("stopped", 0, [], None)
        assert run.trace() == []

    def test_a_paused_run_goes_on_exactly_where_it_was(self, make: Make) -> None:
        first = make(script={"steps": 60, "stepSeconds": 0.02}).start()
        wait_until(first.has_trained(3))
        first.control("pause")
        paused = first.finish()

        pinned = first.resume_from(paused["lastCheckpoint"])
        second = make(attempt=2, script={"steps": 60}, resumeFrom=pinned, logsAfter=paused["lastLogAt"])
        manifest = second.run()

        assert (paused["outcome"], manifest["outcome"]) == ("paused", "completed")
        assert [step for _, step in second.trace()] == list(range(1, 61))
        assert second.adapter_weights() == weights_at(60)
        assert second.rows("logs")[0]["timestamp"] >= paused["lastLogAt"]

    def test_sigterm_is_an_interruption_with_a_final_checkpoint(self, make: Make) -> None:
        run = make(script={"steps": 100_000}).start()
        wait_until(run.has_trained(3))

        run.signal(signal.SIGTERM)
        manifest = run.finish()

        assert (manifest["outcome"], manifest["lastCheckpoint"]) == ("interrupted", f"step-{run.trace()[-1][1]:06d}")

    def test_a_second_sigterm_does_not_wait(self, make: Make) -> None:
        run = make(script={"steps": 100_000, "saveSteps": 2, **fault("ignoreStop")}).start()
        wait_until(run.records)

        run.signal(signal.SIGTERM)
        wait_until(lambda: any(line == "asked to end: interrupted" for line in run.log()))
        run.signal(signal.SIGTERM)
        manifest = run.finish()

        assert (manifest["outcome"], manifest["lastCheckpoint"]) == ("interrupted", run.records()[-1])

    def test_an_engine_that_ignores_stop_is_killed_and_the_last_checkpoint_counts(self, make: Make) -> None:
        run = make(script={"steps": 100_000, "saveSteps": 2, **fault("ignoreStop")}, environment={"TUNEPLANE_STOP_SECONDS": "0.5"}).start()
        wait_until(run.records)

        run.control("stop")
        manifest = run.finish()

        assert (manifest["outcome"], manifest["lastCheckpoint"]) == ("stopped", run.records()[-1])
        assert any("did not follow" in line for line in run.log())
        assert manifest["endDetail"].endswith(f"and is killed; {run.records()[-1]} counts")

    def test_superseded_writes_nothing_but_the_manifest(self, make: Make) -> None:
        run = make(script={"steps": 100_000, "saveSteps": 50}).start()
        wait_until(lambda: run.progress().get("step"))

        run.control("superseded")
        manifest_file = run.folder / f"attempts/{run.name}/manifest.json"
        wait_until(manifest_file.exists)
        then = {path: data for path, data in run.files().items() if not path.endswith("control.json")}
        manifest = run.finish()

        assert (manifest["outcome"], manifest["failure"]) == ("superseded", None)
        assert {path: data for path, data in run.files().items() if not path.endswith("control.json")} == then
        assert (run.progress()["phase"], run.progress()["controlVersion"]) == ("training", 0)


class TestFailures:
    @pytest.mark.parametrize(
        ("script", "code", "message"),
        [
            (fault("crash", step=4), "engine_crashed", "the engine ended with exit code 3: RuntimeError: scripted crash at step 4"),
            (fault("kill", step=4), "engine_killed", "the engine was ended by SIGKILL"),
            (fault("dieSilently", step=4), "engine_crashed", "the engine ended without saying how"),
            (fault("diskFull", step=4), "disk_full", "no space left on device"),
            (fault("fail", step=4, code="hub_unreachable", message="no network"), "hub_unreachable", "no network"),
        ],
    )
    def test_a_failure_has_a_code_a_sentence_and_evidence(self, make: Make, script: dict[str, Any], code: str, message: str) -> None:
        run = make(script={"saveSteps": 2, **script})

        manifest = run.run()

        assert manifest["outcome"] == "failed"
        assert (manifest["failure"]["code"], manifest["failure"]["message"]) == (code, message)
        assert (manifest["step"], manifest["lastCheckpoint"]) == (3, "step-000002")
        assert 0 < len(manifest["failure"]["evidence"]) <= 30
        if "crash" in message:
            assert "RuntimeError: scripted crash at step 4" in manifest["failure"]["evidence"]
        assert run.log()[-1] == f"failed: {code}: {message}"

    def test_a_stall_dumps_the_stacks_and_fails_and_before_training_ten_times_the_limit_applies(self, make: Make, tmp_path: Path) -> None:
        run = make(script=fault("hang", step=4), stallSeconds=0.6).start()
        importing = SupervisedRun(tmp_path / "other", script=fault("hangInImport"), stallSeconds=0.2)
        importing.start()

        try:
            manifest = run.finish()
            second = importing.finish()
        finally:
            importing.end()

        failure = manifest["failure"]
        assert (failure["code"], failure["message"]) == ("stalled", "the engine stood still for 0.6 s in phase training at step 3")
        assert any("in hang" in line for line in run.log()) and any("in hang" in line for line in failure["evidence"])
        assert second["failure"]["message"] == "the engine stood still for 2 s in phase importing at step 0"

    def test_a_loss_that_is_lost_ten_times_is_diverged(self, make: Make) -> None:
        run = make(script={"steps": 100_000, **fault("nan", step=3)})

        manifest = run.run()

        assert manifest["failure"]["code"] == "diverged"
        assert manifest["failure"]["message"] == "the loss was not finite for 10 reports in a row, from step 3 to 12"
        row = next(row for row in run.rows("metrics") if row["step"] == 3)
        assert (row["loss"], row["nonFinite"]) == (None, ["loss"])
        assert (run.progress()["metrics"]["loss"], run.progress()["nonFinite"]) == (None, ["loss"])
        assert len(json.loads(run.read(f"metrics/{RUN}-overview.json"))["series"]["loss"]) == 2

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (None, "training.hyperparameters.batchSize must be at least 1, got 0"),
            ("{", "attempts/run_scripted-0001/spec.json is not JSON"),
            ("", "attempts/run_scripted-0001/spec.json is not there"),
        ],
    )
    def test_a_bad_spec_is_told_by_path_and_value(self, make: Make, text: str | None, message: str) -> None:
        run = make(parameters={"batchSize": 0})
        if text is not None:
            run.write(f"attempts/{run.name}/spec.json", text)
        if text == "":
            (run.folder / f"attempts/{run.name}/spec.json").unlink()

        manifest = run.run()

        assert manifest["failure"]["code"] == "spec_invalid"
        assert manifest["failure"]["message"].startswith(message)
        assert run.trace() == []

    def test_a_work_folder_that_cannot_be_made_is_a_fault_of_the_trainer_and_has_a_manifest(self, make: Make, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        run = make()

        manifest = run.start(TUNEPLANE_WORK=str(tmp_path / "file" / "work")).finish(is_damaged=True)

        assert manifest["failure"]["code"] == "trainer_error"
        assert manifest["failure"]["message"].startswith("NotADirectoryError: ")
        assert any("Traceback" in line for line in manifest["failure"]["evidence"]) and run.trace() == []

    def test_an_engine_that_lacks_its_library_says_what_to_install(self, make: Make) -> None:
        run = make()
        run.spec["training"]["framework"] = "nemo"
        run.write(f"attempts/{run.name}/spec.json", json.dumps(run.spec))

        manifest = run.start(TUNEPLANE_ENGINE="", TUNEPLANE_NEMO_PYTHON="/nowhere/python").finish()

        assert manifest["failure"]["code"] == "engine_missing"
        assert "TUNEPLANE_NEMO_PYTHON /nowhere/python is not there: run uv sync" in manifest["failure"]["message"]


class TestProcesses:
    def test_what_the_engine_left_behind_is_killed_at_a_normal_end(self, make: Make, tmp_path: Path) -> None:
        run = make(script=fault("grandchild", pidFile=str(tmp_path / "pid")))

        manifest = run.run()

        assert manifest["outcome"] == "completed"
        assert not is_alive(int((tmp_path / "pid").read_text()))
        assert "the engine left 1 processes behind: they are killed" in run.log()

    def test_a_killed_supervisor_takes_the_engine_and_its_grandchild_with_it(self, make: Make, tmp_path: Path) -> None:
        run = make(script={"steps": 100_000, **fault("grandchild", pidFile=str(tmp_path / "pid"))}).start()
        wait_until(run.has_trained(1))
        grandchild = int((tmp_path / "pid").read_text())
        assert is_alive(grandchild)

        run.signal(signal.SIGKILL)

        wait_until(lambda: not is_alive(grandchild))
        run.end()
        steps = len(run.trace())
        assert run.manifest() == {} and len(run.trace()) == steps
