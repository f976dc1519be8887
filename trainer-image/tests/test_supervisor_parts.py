"""Parts of the supervisor that a process cannot show, or only slowly."""

import errno
import json
import os
import random
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from supervised_run import SupervisedRun
from trainer.supervision import engine_process
from trainer.supervision.attempt import Attempt, AttemptFailed, read_attempt
from trainer.supervision.books import open_books
from trainer.supervision.chunks import ChunkedRows
from trainer.supervision.clock import Clock
from trainer.supervision.engine_process import engine_command, engine_environment
from trainer.supervision.engine_state import EngineState
from trainer.supervision.history import earlier_points
from trainer.supervision.logs import LineReader, level_of
from trainer.supervision.outcome import EngineEnd, decide
from trainer.supervision.overview import MOST_BUCKETS, Overview
from trainer.supervision.publisher import Published, Publisher
from trainer.supervision.reporter import Reporter, control_seconds
from trainer.supervision.schema_check import SCHEMAS, check, load_schema, problem
from trainer.supervision.stall_watch import StallWatch
from trainer.supervision.storage import FolderStorage, StoredFile

ABOUT_CHECKPOINT = {
    "worldSize": 1,
    "globalBatch": 1,
    "precision": "float32",
    "versions": {},
    "base": {"id": "base", "commit": None},
    "dataFingerprint": "",
    "configHash": "",
}


def attempt_in(folder: Path, number: int = 1) -> Attempt:
    return read_attempt(
        {
            "TUNEPLANE_RUN_FOLDER": str(folder / "folder"),
            "TUNEPLANE_RUN_ID": "run_parts",
            "TUNEPLANE_ATTEMPT": str(number),
            "TUNEPLANE_WORK": str(folder / "work"),
            "TUNEPLANE_CACHE": str(folder / "cache"),
        }
    )


class TestOverview:
    @pytest.mark.parametrize("points", [0, 1, 1_023, 1_024, 1_025, 1_026, 2_049, 5_000, 70_001])
    def test_any_number_of_points_fits_and_no_sum_is_lost(self, points: int) -> None:
        source = random.Random(points)
        values = [source.uniform(-1e6, 1e6) for _ in range(points)]
        overview = Overview()

        for step, value in enumerate(values, start=1):
            overview.add(step, {"loss": value, "lost": None})

        document = check(json.loads(json.dumps(overview.document())), "overview")
        assert set(document["series"]) == ({"loss"} if points else set())
        buckets = document["series"].get("loss", [])
        assert len(buckets) <= MOST_BUCKETS and len(buckets) >= min(points, MOST_BUCKETS // 2)
        position = 0
        for bucket in buckets:
            held = values[position : position + bucket["count"]]
            assert (bucket["fromStep"], bucket["toStep"]) == (position + 1, position + len(held))
            assert (bucket["min"], bucket["max"], bucket["last"]) == (min(held), max(held), held[-1])
            assert bucket["mean"] == pytest.approx(sum(held) / len(held), rel=1e-9, abs=1e-6)
            position += len(held)
        assert position == points
        assert len({bucket["count"] for bucket in buckets[:-1]}) <= 1


class TestSchemaCheck:
    def test_every_exported_schema_uses_only_keywords_that_are_checked(self) -> None:
        for path in SCHEMAS.glob("*.schema.json"):
            load_schema(path.name.removesuffix(".schema.json"))

    @pytest.mark.parametrize(
        ("path", "value", "sentence"),
        [
            (["attempt"], 0, "attempt must be at least 1, got 0"),
            (["attempt"], True, "attempt must be integer, got true"),
            (["training", "framework"], "jax", 'training.framework must be one of hf, meta, nemo, got "jax"'),
            (
                ["training", "baseModel"],
                {"kind": "s3"},
                'training.baseModel.kind must be one of "tiny-llama", "hub", "path", "made", got "s3"',
            ),
            (["training", "baseModel"], {"kind": "hub", "commit": None}, "training.baseModel.id is missing"),
            (["training", "baseModel"], {}, "training.baseModel.kind is missing"),
            (["training", "hyperparameters", "maxSteps"], "5", 'training.hyperparameters.maxSteps must be integer or null, got "5"'),
            (["training", "hyperparameters", "loraDropout"], 1, "training.hyperparameters.loraDropout must be less than 1, got 1"),
            (
                ["training", "hyperparameters", "targetModules"],
                [],
                "training.hyperparameters.targetModules must have at least 1 items, got 0",
            ),
            (
                ["training", "hyperparameters", "reportTo"],
                ["x"],
                "training.hyperparameters.reportTo.0 must be one of tensorboard, wandb, got ",
            ),
            (["logsAfter"], "yesterday", 'logsAfter must match its pattern, got "yesterday"'),
            (["stallSeconds"], 0, "stallSeconds must be more than 0, got 0"),
        ],
    )
    def test_a_fault_is_told_with_path_value_and_what_is_allowed(self, tmp_path: Path, path: list[str], value: Any, sentence: str) -> None:
        spec = SupervisedRun(tmp_path).spec
        assert problem(spec, load_schema("attempt-spec")) is None
        node = spec
        for part in path[:-1]:
            node = node[part]

        node[path[-1]] = value

        assert (problem(spec, load_schema("attempt-spec")) or "").startswith(sentence)


class TestLog:
    def test_lines_do_not_depend_on_how_the_pipe_cuts_them(self) -> None:
        source = random.Random(1)
        text = "a\n\nbar 1%\rbar 2%\nwindows\r\n" + "ü" * 30_000 + "\nTraceback (most recent call last):\n  File x\nValueError: no\nlast"
        whole = list(LineReader().feed(text.encode() + b"\n"))

        for _ in range(50):
            reader, data, lines = LineReader(), text.encode(), []
            while data:
                size = source.choice([1, 7, 100, 5_000])
                lines += reader.feed(data[:size])
                data = data[size:]
            lines += reader.end()
            assert lines == whole

        assert [message for _, message, _ in whole][:3] == ["a", "bar 2%", "windows"]
        assert [level for level, _, _ in whole][-4:] == ["ERROR", "ERROR", "ERROR", "INFO"]

    @pytest.mark.parametrize(
        ("level", "text"),
        [
            ("WARNING", "[WARNING|trainer.py:12] 2026-11-22 10:00:00,123 >> slow"),
            ("WARNING", "WARNING:root:slow"),
            ("ERROR", "2026-11-22 10:00:00,123 - torch.distributed - ERROR - gone"),
            ("CRITICAL", "2026-11-22 10:00:00.123 | CRITICAL | gone"),
            ("WARNING", "/a/b.py:12: FutureWarning: old"),
            ("CRITICAL", "Fatal Python error: Segmentation fault"),
            ("INFO", "no error here, eval error rate 3"),
            ("INFO", "INFORMATION"),
        ],
    )
    def test_the_level_is_read_from_the_text(self, level: str, text: str) -> None:
        assert [found for found, _, _ in LineReader().feed(text.encode() + b"\n")] == [level]
        assert level_of("") == "INFO"

    def test_the_rank_is_read_from_torchruns_prefix(self) -> None:
        assert list(LineReader().feed(b"[rank3]:WARNING: slow\n")) == [("WARNING", "[rank3]:WARNING: slow", 3)]

    def test_a_storage_that_fails_costs_no_row(self, tmp_path: Path) -> None:
        storage = BrokenStorage(tmp_path)
        rows = ChunkedRows(lambda chunk: f"logs/{chunk}.jsonl")

        for number in range(1, 2_501):
            rows.append({"line": number})
            if number % 200 == 0:
                storage.error = errno.EIO if number % 400 else None
                try:
                    rows.ship(storage)
                except OSError:
                    assert rows.shipped < number
        rows.ship(storage)

        chunks = [(tmp_path / f"logs/{chunk}.jsonl").read_text().splitlines() for chunk in (1, 2, 3)]
        assert [len(lines) for lines in chunks] == [1_000, 1_000, 500]
        assert [json.loads(line)["line"] for lines in chunks for line in lines] == list(range(1, 2_501))
        assert rows.waiting_bytes == 0

    def test_while_a_storage_takes_nothing_full_chunks_wait_on_disk_and_none_is_lost(self, tmp_path: Path) -> None:
        storage = BrokenStorage(tmp_path / "stored")
        storage.error = errno.EIO
        rows = ChunkedRows(lambda chunk: f"logs/{chunk}.jsonl", tmp_path / "spool")

        for number in range(1, 20_501):
            rows.append({"line": number})
        with pytest.raises(OSError):
            rows.ship(storage)
        waiting = len(list((tmp_path / "spool").iterdir()))
        held, all_of_it = rows.held_bytes, rows.waiting_bytes
        storage.error = None
        rows.ship(storage)

        assert waiting >= 15 and held < all_of_it / 3
        chunks = [(tmp_path / f"stored/logs/{chunk}.jsonl").read_text().splitlines() for chunk in range(1, 22)]
        assert [json.loads(line)["line"] for lines in chunks for line in lines] == list(range(1, 20_501))
        assert list((tmp_path / "spool").iterdir()) == []
        assert rows.waiting_bytes == 0

    def test_time_stands_still_until_the_clock_has_caught_up(self) -> None:
        clock = Clock("2199-01-01T00:00:00.001Z")

        assert {clock.stamp() for _ in range(3)} == {"2199-01-01T00:00:00.001Z"}
        assert Clock().stamp() <= Clock().stamp() < "2199"


class TestStorage:
    def test_put_if_absent_has_one_winner_and_leaves_nothing_else(self, tmp_path: Path) -> None:
        storage = FolderStorage(tmp_path)
        gate = threading.Barrier(8)
        won: list[int] = []

        def contend(number: int) -> None:
            gate.wait()
            if storage.put_if_absent("a/claim.json", b"%d" % number):
                won.append(number)

        threads = [threading.Thread(target=contend, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [storage.get("a/claim.json")] == [b"%d" % number for number in won]
        assert os.listdir(tmp_path / "a") == ["claim.json"]

    def test_a_folder_on_another_file_system_is_copied_whole(self, tmp_path: Path) -> None:
        source = Path("/dev/shm") / f"tuneplane-test-{os.getpid()}"
        if not source.parent.is_dir() or source.parent.stat().st_dev == tmp_path.stat().st_dev:
            pytest.skip("no second file system at /dev/shm")
        (source / "deep").mkdir(parents=True)
        (source / "deep" / "weights").write_bytes(b"w" * 5_000_000)

        try:
            files = FolderStorage(tmp_path).store_tree(source, "checkpoints/step-000001", lambda size: None)
        finally:
            shutil.rmtree(source, ignore_errors=True)

        assert [(file["path"], file["sizeBytes"]) for file in files] == [("deep/weights", 5_000_000)]
        assert os.listdir(tmp_path / "checkpoints") == ["step-000001"]
        assert not source.exists()


class BrokenStorage(FolderStorage):
    """Fails with `error` as long as that is set; each number in `errors` fails store_tree once before."""

    def __init__(self, root: Path, *errors: int) -> None:
        super().__init__(root)
        self.error: int | None = None
        self.errors = list(errors)

    def put(self, key: str, data: bytes) -> None:
        if self.error:
            raise OSError(self.error, os.strerror(self.error))
        super().put(key, data)

    def store_tree(self, source: Path, key: str, on_bytes: Callable[[int], None]) -> list[StoredFile]:
        files = super().store_tree(source, key, on_bytes)
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        return files


class TestPublisher:
    def publish(self, folder: Path, storage: FolderStorage, steps: list[int]) -> list[tuple[str, Any]]:
        attempt, told = attempt_in(folder), []
        books = open_books(attempt)
        publisher = Publisher(attempt, storage, books.log, books.clock, lambda event, detail: told.append((event, detail)))
        for number, step in enumerate(steps):
            source = attempt.work / f"saved-{number}"
            source.mkdir(parents=True)
            (source / "weights").write_bytes(b"%d" % step)
            line = {
                "type": "checkpoint",
                "step": step,
                "reason": "interval",
                "folder": str(source),
                "metrics": {},
                "about": ABOUT_CHECKPOINT,
            }
            publisher.submit(line)
        publisher.finish()
        publisher.run()
        return told

    def test_a_full_disk_is_told_at_once(self, tmp_path: Path) -> None:
        told = self.publish(tmp_path, BrokenStorage(tmp_path / "folder", errno.ENOSPC), [1])

        failure = told[0][1]
        assert (told[0][0], failure.code) == ("failed", "disk_full")
        assert "no space to store the checkpoint saved-0" in failure.message
        assert not (tmp_path / "folder/checkpoints/step-000001.json").exists()

    def test_another_fault_is_tried_again_where_it_stopped(self, tmp_path: Path) -> None:
        told = self.publish(tmp_path, BrokenStorage(tmp_path / "folder", errno.EIO), [1])

        assert told == [("checkpoint", "step-000001"), ("idle", None)]
        record = json.loads((tmp_path / "folder/checkpoints/step-000001.json").read_text())
        assert (record["folder"], record["files"][0]["path"]) == ("step-000001", "weights")

    def test_a_step_saved_twice_by_one_attempt_is_stored_once(self, tmp_path: Path) -> None:
        told = self.publish(tmp_path, FolderStorage(tmp_path / "folder"), [7, 7])

        assert told == [("checkpoint", "step-000007"), ("idle", None)]
        assert sorted(os.listdir(tmp_path / "folder/checkpoints")) == ["step-000007", "step-000007.json"]

    def test_a_folder_outside_of_work_is_refused(self, tmp_path: Path) -> None:
        attempt = attempt_in(tmp_path)
        books = open_books(attempt)
        publisher = Publisher(attempt, FolderStorage(tmp_path), books.log, books.clock, lambda event, detail: None)

        with pytest.raises(ValueError, match="is not a folder below"):
            publisher.submit({"type": "artifacts", "folder": str(tmp_path), "kind": "adapter"})


class TestOutcome:
    def end(self, **changes: Any) -> EngineEnd:
        nothing = {"asked": None, "was_ended": False, "fault": None, "line": None, "exit_code": 0, "killed_for_memory": False}
        return EngineEnd(**{**nothing, "last_exception": None, **changes})

    @pytest.mark.parametrize(
        ("changes", "outcome", "code"),
        [
            ({"line": {"outcome": "completed"}}, "completed", None),
            ({"line": {"outcome": "completed"}, "asked": "stopped"}, "completed", None),
            ({"line": {"outcome": "completed"}, "exit_code": -11}, "completed", None),
            ({"line": {"outcome": "paused"}, "asked": "stopped"}, "stopped", None),
            ({"line": {"outcome": "stopped"}, "asked": "interrupted"}, "interrupted", None),
            ({"line": {"outcome": "stopped"}}, "failed", "engine_crashed"),
            ({"asked": "stopped", "was_ended": True, "exit_code": -9}, "stopped", None),
            ({"asked": "stopped", "was_ended": True, "exit_code": -9, "line": {"outcome": "completed"}}, "completed", None),
            ({"asked": "paused", "exit_code": None}, "paused", None),
            ({"asked": "interrupted", "exit_code": -15}, "interrupted", None),
            ({"asked": "stopped", "exit_code": 1}, "failed", "engine_crashed"),
            ({"exit_code": -9, "killed_for_memory": True}, "failed", "host_out_of_memory"),
            ({"exit_code": -9}, "failed", "engine_killed"),
            ({"exit_code": -11, "last_exception": "Fatal Python error: Segmentation fault"}, "failed", "engine_killed"),
            ({"exit_code": 1, "last_exception": "torch.OutOfMemoryError: CUDA out of memory."}, "failed", "cuda_oom"),
            ({"exit_code": 1, "last_exception": "OSError: [Errno 28] No space left on device: 'x'"}, "failed", "disk_full"),
            ({"fault": AttemptFailed("stalled", ""), "line": {"outcome": "completed"}, "asked": "stopped"}, "failed", "stalled"),
        ],
    )
    def test_our_reason_comes_first_then_the_engines_word_then_its_exit(
        self, changes: dict[str, Any], outcome: str, code: str | None
    ) -> None:
        found, failure = decide(self.end(**changes))

        assert (found, failure.code if failure else None) == (outcome, code)


class TestState:
    def test_a_phase_said_again_is_no_work_and_a_changed_fraction_is(self) -> None:
        state = EngineState()

        seen = []
        for phase, detail, fraction in [("importing", None, None)] * 2 + [("importing", None, 0.5)] * 2 + [("training", None, None)]:
            seen.append((state.enter(phase, detail, fraction), state.work_sequence))

        assert seen == [(True, 1), (False, 1), (False, 2), (False, 2), (True, 3)]

    def test_a_frozen_machine_is_no_stall(self) -> None:
        watch = StallWatch(EngineState(phase="training", reached_training=True), limit_seconds=60)
        start = watch._looked

        assert watch.look(start + 3_600) is None
        assert [watch.look(start + 3_600 + second) for second in range(1, 56)] == [None] * 55
        assert watch.look(start + 3_600 + 56) == "the engine stood still for 60 s in phase training at step 0"

    def test_rows_without_a_loss_do_not_count_and_a_finite_loss_begins_anew(self) -> None:
        state = EngineState()
        lost, fine = {"loss": float("nan")}, {"loss": 1.0}

        told = [state.measure(step, None, values) for step, values in enumerate([lost] * 9 + [fine] + [lost, {"eval_loss": 1.0}] * 10)]

        assert [step for step, sentence in enumerate(told) if sentence] == [28]
        assert told[28] == "the loss was not finite for 10 reports in a row, from step 10 to 28"


class TestHistory:
    def test_the_highest_attempt_counts_and_what_does_not_parse_is_left_out(self, tmp_path: Path) -> None:
        storage = FolderStorage(tmp_path)
        storage.put("metrics/run_parts-0001-00000001.jsonl", b'{"step":1,"loss":1}\n{"step":2,"loss":2}\nhalf a li')
        storage.put("metrics/run_parts-0002-00000001.jsonl", b'{"step":2,"loss":20,"nonFinite":["x"],"x":null}\n{"step":3,"loss":30}\n')
        storage.put("metrics/run_parts-0003-00000001.jsonl", b'{"step":1,"loss":100}\n')

        assert earlier_points(storage, attempt_in(tmp_path, number=3), through_step=2) == [(1, "loss", 1), (2, "loss", 20)]


class TestEnvironmentFile:
    """The run's own variables: into the engine, under what must be, and into no message."""

    def given(self, folder: Path, text: str) -> dict[str, str]:
        path = folder / "environment.json"
        path.write_text(text)
        return {
            "TUNEPLANE_RUN_FOLDER": str(folder / "folder"),
            "TUNEPLANE_RUN_ID": "run_parts",
            "TUNEPLANE_ATTEMPT": "1",
            "TUNEPLANE_WORK": str(folder / "work"),
            "TUNEPLANE_CACHE": str(folder / "cache"),
            "TUNEPLANE_ENVIRONMENT_FILE": str(path),
        }

    def test_reaches_the_engine_without_the_file_s_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        given = self.given(tmp_path, '{"EXPERIMENT_NAME": "demo", "PYTHONUNBUFFERED": "0"}')
        monkeypatch.setenv("TUNEPLANE_ENVIRONMENT_FILE", given["TUNEPLANE_ENVIRONMENT_FILE"])

        environment = engine_environment(read_attempt(given), "claim", None, {"EXPERIMENT_NAME": "default"})

        assert environment["EXPERIMENT_NAME"] == "demo"
        assert environment["PYTHONUNBUFFERED"] == "1"
        assert "TUNEPLANE_ENVIRONMENT_FILE" not in environment

    @pytest.mark.parametrize("text", ["{", "[]", '{"A": 1}', '{"A": "hunter2"'])
    def test_that_cannot_be_read_is_told_without_its_values(self, tmp_path: Path, text: str) -> None:
        with pytest.raises(ValueError, match="TUNEPLANE_ENVIRONMENT_FILE") as fault:
            read_attempt(self.given(tmp_path, text))
        assert "hunter2" not in str(fault.value)


class TestTheEnginesCommand:
    @pytest.mark.parametrize(
        ("framework", "peft_method", "engine"),
        [("hf", "lora", "hf"), ("hf", "hypernetwork", "hypernetwork"), ("meta", "hypernetwork", "hypernetwork")],
    )
    def test_is_by_framework_but_a_hypernetwork_has_its_own(self, tmp_path: Path, framework: str, peft_method: str, engine: str) -> None:
        command = engine_command(attempt_in(tmp_path), {"framework": framework, "peftMethod": peft_method})

        assert command[-1] == f"trainer.engines.{engine}"

    def test_an_engine_that_is_not_there_is_told_with_those_that_are(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "engines").mkdir()
        (tmp_path / "engines" / "hf.py").touch()
        monkeypatch.setattr(engine_process, "PACKAGE", tmp_path)

        with pytest.raises(AttemptFailed, match="the engine nemo is not in this trainer; here are: hf"):
            engine_command(attempt_in(tmp_path), {"framework": "nemo", "peftMethod": "lora"})


class TestReporter:
    def test_reports_may_come_at_another_pace_without_an_order(self, tmp_path: Path) -> None:
        attempt = attempt_in(tmp_path)
        storage = FolderStorage(tmp_path / "folder")
        heard: list[Any] = []
        books = open_books(attempt)
        published: Any = None  # not looked at while a control is read
        reporter = Reporter(attempt, "claim", storage, books, published, lambda event, detail: heard.append((event, detail["version"])))

        def order(version: int, report_seconds: float) -> float:
            control = {"schema": 1, "version": version, "want": "run", "checkpointRequest": 0, "reportSeconds": report_seconds}
            storage.put(attempt.key("control.json"), json.dumps(control).encode())
            reporter._read_control()
            return reporter._report_seconds

        assert [order(2, 5), order(2, 30), order(1, 1), order(3, 60)] == [5, 30, 30, 60]
        assert heard == [("control", 2), ("control", 3)]

    def test_where_requests_are_paid_for_control_is_read_more_rarely_as_reports_are(self) -> None:
        assert [control_seconds(pace, metered=False) for pace in (0.2, 1, 60)] == [0.2, 1, 1]
        assert [control_seconds(pace, metered=True) for pace in (1, 5, 30, 60, 600)] == [2, 2, 5, 10, 10]

    @pytest.mark.parametrize(("metered", "pace", "curves"), [(False, 60, 10), (True, 5, 10), (True, 60, 3)])
    def test_where_requests_are_paid_for_slow_reports_bring_the_curves_each_fifth_time_and_with_a_checkpoint(
        self, tmp_path: Path, metered: bool, pace: float, curves: int
    ) -> None:
        attempt = attempt_in(tmp_path)
        storage = FolderStorage(tmp_path / "folder")
        storage.metered = metered
        puts: list[str] = []
        put = storage.put
        storage.put = lambda key, data: (puts.append(key), put(key, data))[1]  # type: ignore[method-assign]
        books, published = open_books(attempt), Published()
        reporter = Reporter(attempt, "claim", storage, books, published, lambda event, detail: None)
        reporter._report_seconds = pace

        def report(step: int, *, last: bool = False) -> dict[str, int]:
            books.metrics.add(step, None, {"loss": 1.0})
            books.metrics._next_overview = 0.0  # a put of microseconds has its pause too
            published.checkpoints = int(step >= 7)
            assert reporter.report(last=last)
            counts: dict[str, int] = json.loads(storage.get(attempt.key("progress.json")) or b"")["counts"]
            return counts

        counts = [report(step) for step in range(10)]
        assert [puts.count(key) for key in (attempt.overview_key, attempt.metric_key(1), attempt.key("progress.json"))] == [
            curves,
            curves,
            10,
        ]
        assert counts[7] | {"logLines": 0} == {"logLines": 0, "metricRows": 8, "checkpoints": 1, "samples": 0}

        assert report(10, last=True)["metricRows"] == 11
        assert puts.count(attempt.overview_key) == curves + 1
