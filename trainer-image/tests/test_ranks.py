"""Several ranks of one engine, without torch: how many, what they say through the named pipes, and whose end counts."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from supervised_run import SupervisedRun, is_alive, wait_until
from trainer.supervision.attempt import read_attempt
from trainer.supervision.engine_lines import parse_line
from trainer.supervision.engine_process import engine_command
from trainer.supervision.logs import LineReader
from trainer.supervision.outcome import EngineEnd, decide
from trainer.supervision.ranks import choose_ranks

# torchrun's own words, as torch 2.15 wrote them when rank 1 of 2 was killed.
SUMMARY = b"""torch.distributed.elastic.multiprocessing.errors.ChildFailedError:
============================================================
trainer.engines.hf FAILED
------------------------------------------------------------
Failures:
[1]:
  time      : 2026-11-25_10:00:02
  host      : machine
  rank      : 0 (local_rank: 0)
  exitcode  : 1 (pid: 4711)
------------------------------------------------------------
Root Cause (first observed failure):
[0]:
  time      : 2026-11-25_10:00:01
  host      : machine
  rank      : 1 (local_rank: 1)
  exitcode  : -9 (pid: 4712)
  error_file: <N/A>
  traceback : Signal 9 (SIGKILL) received by PID 4712
============================================================
"""
# What torchrun is to the supervisor: it starts ranks that inherit no descriptor, and ends with 1 when one failed.
LAUNCHER = """
import os, subprocess, sys
ranks = [subprocess.Popen([sys.executable, sys.argv[1]], env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2"}, start_new_session=True)
         for rank in range(2)]
sys.exit(int(any([rank.wait() for rank in ranks])))
"""
SPEC = {"training": {"framework": "hf", "peftMethod": "lora"}, "gpusWanted": None}


class RankedRun(SupervisedRun):
    def __init__(self, base: Path, engine: str) -> None:
        super().__init__(base)
        (base / "launcher.py").write_text(LAUNCHER)
        (base / "rank.py").write_text("from trainer.engine_link import EngineLink\nimport os, sys, time\nlink = EngineLink()\n" + engine)

    def start(self, **environment: str) -> "RankedRun":
        command = [sys.executable, str(self.base / "launcher.py"), str(self.base / "rank.py")]
        super().start(TUNEPLANE_ENGINE=json.dumps(command), TUNEPLANE_RANKS="2", **environment)
        return self


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    runs: list[RankedRun] = []

    def start_run(engine: str) -> RankedRun:
        runs.append(RankedRun(tmp_path, engine))
        return runs[-1].start()

    yield start_run
    for run in runs:
        run.end()


class TestHowMany:
    @pytest.mark.parametrize(
        ("environment", "spec", "count"),
        [
            ({}, {}, 1),
            ({"CUDA_VISIBLE_DEVICES": "0,1,2,3"}, {}, 4),
            ({"CUDA_VISIBLE_DEVICES": "0,1,2,3"}, {"gpusWanted": 2}, 2),
            ({"CUDA_VISIBLE_DEVICES": "3"}, {}, 1),
            ({"CUDA_VISIBLE_DEVICES": ""}, {"gpusWanted": 8}, 1),
            ({"CUDA_VISIBLE_DEVICES": "0,1"}, {"training": {"framework": "meta", "peftMethod": "full"}}, 2),
            ({"CUDA_VISIBLE_DEVICES": "0,1"}, {"training": {"framework": "nemo", "peftMethod": "lora"}}, 1),
            ({"TUNEPLANE_RANKS": "2"}, {"training": {"framework": "hf", "peftMethod": "hypernetwork"}}, 1),
            ({"CUDA_VISIBLE_DEVICES": "0,1"}, {"program": {"argv": []}}, 1),
            ({"TUNEPLANE_RANKS": "2"}, {}, 2),
        ],
    )
    def test_one_rank_per_gpu_as_many_as_were_asked_for(
        self, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], spec: dict[str, Any], count: int
    ) -> None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)

        assert choose_ranks({**SPEC, **spec}, os.environ).count == count

    def test_several_are_started_by_torchrun_on_this_machine_alone(self, tmp_path: Path) -> None:
        told = {"RUN_FOLDER": tmp_path, "RUN_ID": "run_x", "ATTEMPT": 1, "WORK": tmp_path, "CACHE": tmp_path}
        attempt = read_attempt({f"TUNEPLANE_{name}": str(value) for name, value in told.items()})

        command = engine_command(attempt, {"framework": "hf", "peftMethod": "lora"}, 2)

        assert command[:4] == [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        assert command[command.index("--nproc-per-node") + 1] == "2"
        assert command[-2:] == ["-m", "trainer.engines.hf"]


class TestPipes:
    def test_only_rank_0_is_heard_and_all_end_with_its_outcome(self, start: Any) -> None:
        run = start(
            "link.choice('who', link.rank, f'one of {link.ranks}')\n"
            "for step in range(1, 6): link.progress(step, 5)\n"
            "folder = link.fresh_folder('adapter'); (folder / 'weights').write_text(str(link.rank))\n"
            "link.artifacts(folder); link.outcome('completed', step=5, steps=5)\n"
        )

        manifest = run.finish()

        assert manifest["outcome"] == "completed"
        assert [(c["value"], c["reason"]) for c in manifest["choices"] if c["name"] == "who"] == [("0", "one of 2")]
        assert run.read("artifacts/run_scripted/adapter/weights") == b"0"

    def test_the_failure_of_another_rank_is_quoted_with_its_number(self, start: Any) -> None:
        run = start("link.fail('data_row_invalid', 'line 3') if link.rank == 1 else link.fail('peer_lost', 'the other is gone')\n")

        assert run.finish()["failure"]["message"] == "rank 1: line 3"

    def test_a_rank_that_only_noticed_the_end_of_another_does_not_count(self, start: Any) -> None:
        run = start(
            "if link.rank == 0: link.fail('peer_lost', 'Connection closed by peer')\n"
            "time.sleep(0.3) if link.rank == 0 else print('Root Cause (first observed failure):\\n[0]:\\n"
            "  rank      : 1 (local_rank: 1)\\n  exitcode  : -9 (pid: 1)', file=sys.stderr, flush=True)\nsys.exit(1)\n"
        )

        failure = run.finish()["failure"]

        assert (failure["code"], failure["message"]) == ("engine_killed", "rank 1 was ended by SIGKILL")

    def test_all_ranks_die_with_their_supervisor(self, start: Any, tmp_path: Path) -> None:
        run = start(f"open({str(tmp_path)!r} + f'/pid-{{link.rank}}', 'w').write(str(os.getpid())); link.progress(1, 2); time.sleep(600)\n")
        pids = [
            int(wait_until(lambda rank=rank: (tmp_path / f"pid-{rank}").exists() and (tmp_path / f"pid-{rank}").read_text()))
            for rank in (0, 1)
        ]

        run.signal(signal.SIGKILL)

        wait_until(lambda: not any(map(is_alive, pids)))

    def test_a_hung_rank_shows_its_stacks_and_the_launcher_is_not_killed_by_asking(self, tmp_path: Path) -> None:
        run = RankedRun(tmp_path, "link.phase('training')\ndef hang():\n    time.sleep(600)\nif link.rank == 1: hang()\nhang()\n")
        run.spec["stallSeconds"] = 1
        run.write(f"attempts/{run.name}/spec.json", json.dumps(run.spec))

        manifest = run.start().finish()

        assert manifest["failure"]["code"] == "stalled"
        assert len([line for line in run.log() if "in hang" in line]) == 2


class TestWhoseEndCounts:
    def test_torchruns_summary_names_the_rank_that_failed_first(self) -> None:
        reader = LineReader()

        list(reader.feed(SUMMARY))

        assert (reader.first_failed_rank, reader.first_failed_exit) == (1, -9)

    @pytest.mark.parametrize(
        ("rank_exit", "for_memory", "code", "message"),
        [
            (-9, False, "engine_killed", "rank 1 was ended by SIGKILL"),
            (-9, True, "host_out_of_memory", "the kernel killed the engine: the machine, or this container, ran out of memory"),
            (3, False, "engine_crashed", "rank 1 ended with exit code 3"),
            (None, False, "engine_crashed", "Connection closed by peer"),
        ],
    )
    def test_its_end_is_the_reason(self, rank_exit: int | None, for_memory: bool, code: str, message: str) -> None:
        end = EngineEnd(None, False, None, None, 1, for_memory, None, 1, rank_exit, "Connection closed by peer")

        outcome, failure = decide(end)

        assert failure and (outcome, failure.code, failure.message) == ("failed", code, message)

    def test_an_outcome_says_which_step_its_weights_are_of(self) -> None:
        line = {"type": "outcome", "outcome": "completed", "step": 9, "steps": 9, "metrics": {}}

        assert parse_line(json.dumps({**line, "result": {"step": 6, "of": "best", "reason": "lowest eval loss"}}).encode())
        with pytest.raises(ValueError, match="must be one of last, best"):
            parse_line(json.dumps({**line, "result": {"step": 6, "of": "first", "reason": ""}}).encode())
