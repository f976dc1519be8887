"""The meta engine under a real supervisor: ranks started by torchrun, an interruption, and a new process that goes on with other ranks."""

import json
import os
import signal
from pathlib import Path

import pytest

from hf_trials import EXAMPLES, make_training
from supervised_run import RUN, SupervisedRun, wait_until

LIMIT_SECONDS = 300.0
SETTINGS = {"framework": "meta", "batchSize": 4, "saveSteps": 20, "evalSteps": 40, "loggingSteps": 5, "maxSteps": 400}


def supervised(base: Path, cache: Path, attempt: int, ranks: int, **spec) -> SupervisedRun:
    training = make_training(EXAMPLES / "alpaca.jsonl", **SETTINGS)
    # No command in place of the engine's own: the one of the spec's framework.
    environment = {"TUNEPLANE_ENGINE": "", "TUNEPLANE_CACHE": str(cache), "TUNEPLANE_RANKS": str(ranks), "OMP_NUM_THREADS": "1"}
    return SupervisedRun(base, attempt=attempt, environment=environment, training=training, **spec)


def finish(run: SupervisedRun) -> dict:
    wait_until(run.manifest, LIMIT_SECONDS)
    return run.finish()


@pytest.fixture(scope="module")
def interrupted(request, tmp_path_factory) -> tuple[SupervisedRun, dict]:
    """Two ranks; SIGTERM to the supervisor as soon as a checkpoint is stored."""
    cache = request.config.cache.mkdir("tuneplane")
    run = supervised(tmp_path_factory.mktemp("run"), cache, attempt=1, ranks=2).start()
    try:
        wait_until(lambda: run.records() or run.manifest(), LIMIT_SECONDS)
        run.signal(signal.SIGTERM)
        return run, finish(run)
    finally:
        run.end()


def test_an_interruption_leaves_a_checkpoint_with_the_shards_of_both_ranks(interrupted):
    run, manifest = interrupted

    assert (manifest["outcome"], manifest["failure"]) == ("interrupted", None)
    step = manifest["step"]
    record = run.record(f"step-{step:06d}")
    assert 20 <= step < 400
    assert (record["reason"], record["worldSize"], record["globalBatch"]) == ("final", 2, 8)
    assert len([file for file in record["files"] if file["path"].endswith(".safetensors")]) == 2
    assert {file["kind"] for file in manifest["files"]} == {"adapter", "samples"}


def test_rank_0_alone_reports_and_the_log_names_the_rank_of_every_line(interrupted):
    run, _ = interrupted

    steps = [row["step"] for row in run.rows("metrics") if "loss" in row]
    assert len(steps) == len(set(steps))
    assert "ranks=2 (TUNEPLANE_RANKS)" in run.log()
    said = [(row["rank"], row["message"]) for row in run.rows("logs") if row["message"].startswith("[default")]
    assert all(message.startswith(f"[default{rank}]:") for rank, message in said)
    assert {rank for rank, message in said if "]:step " in message} == {0}


def test_a_new_process_goes_on_on_one_rank_and_completes(interrupted, request):
    first, manifest = interrupted
    name = manifest["lastCheckpoint"]
    step = manifest["step"]
    cache = request.config.cache.mkdir("tuneplane")

    # As many steps in all as at first, for with others it would be a warm start; it is stopped after a few more.
    run = supervised(first.base, cache, attempt=2, ranks=1, resumeFrom=first.resume_from(name)).start()
    try:
        wait_until(lambda: run.progress().get("step", 0) >= step + 3 or run.manifest(), LIMIT_SECONDS)
        run.control(want="stop", version=2)
        second = finish(run)
    finally:
        run.end()

    choices = {choice["name"]: choice["value"] for choice in second["choices"]}
    assert (second["outcome"], second["failure"]) == ("stopped", None)
    assert choices["resume"] == "other ranks"
    record = run.record(second["lastCheckpoint"])
    assert second["step"] >= step + 3 and (record["worldSize"], record["globalBatch"]) == (1, 8)
    losses = [row["loss"] for row in run.rows("metrics") if "loss" in row]
    assert min(losses) < 1
    weights = first.folder / "artifacts" / RUN / "adapter"
    assert json.loads((weights / "adapter_config.json").read_text())["r"] == 16 and os.access(
        weights / "adapter_model.safetensors", os.R_OK
    )
