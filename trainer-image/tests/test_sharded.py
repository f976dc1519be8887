"""Models that no single GPU holds: FSDP2, on two CPU ranks (sharded_on_cpu.py)."""

import json
from pathlib import Path

import pytest
from safetensors import safe_open

from hf_trials import Attempt, Engine, make_training
from sharded_on_cpu import shard
from trainer import tiny_world

STEPS = {"maxSteps": 24, "saveSteps": 8, "evalSteps": 12, "loggingSteps": 4, "batchSize": 4, "evalSplit": 0.2}


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 rows to train on: ten whole steps an epoch, on one rank as on two."""
    path = tmp_path_factory.mktemp("rows") / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny_world.fine_tuning_rows()[0][:100]))
    return path


@pytest.fixture(scope="session")
def whole(engine: Engine, few: Path) -> Attempt:
    """One rank that holds the model, with as many rows a step as two of the others."""
    return engine.run(make_training(few, **STEPS | {"batchSize": 8}))


@pytest.fixture(scope="session")
def sharded(engine: Engine, few: Path) -> Attempt:
    return engine.run(make_training(few, **STEPS), ranks=2, patch=shard)


def names_in(file: Path) -> set[str]:
    with safe_open(file, "pt") as opened:
        return set(opened.keys())


def test_a_sharded_model_trains_as_a_whole_one_does(whole: Attempt, sharded: Attempt):
    assert sharded.outcome["outcome"] == "completed", sharded.log[-3000:]
    assert (sharded.choices["parallelism"], sharded.choices["activation-checkpointing"]) == ("fsdp2", "true")
    assert "sharded 48 of 48 parameters" in sharded.log, "the frozen base and the adapter"
    for name in ("loss", "eval_loss", "grad_norm"):
        for step, (value,) in sharded.series(name).items():
            assert value == pytest.approx(whole.series(name)[step][0], rel=2e-3), (name, step)


def test_its_adapter_is_whole_in_the_result_and_in_every_checkpoint(whole: Attempt, sharded: Attempt):
    wanted = names_in(whole.artifacts["adapter"] / "adapter_model.safetensors")

    found = [folder / "adapter_model.safetensors" for folder in (sharded.artifacts["adapter"], *sharded.checkpoints.values())]

    assert len(found) == 4 and all(names_in(file) == wanted for file in found)


def test_killed_and_resumed_a_sharded_model_ends_in_the_same_bits(engine: Engine, few: Path, sharded: Attempt):
    killed = engine.run(make_training(few, **STEPS), ranks=2, patch=shard, kill_at=13)
    assert list(killed.checkpoints) == [8]

    resumed = engine.run(make_training(few, **STEPS), ranks=2, patch=shard, resume=("step-000008", killed.checkpoints[8]))

    assert resumed.choices["resume"] == "exact"
    for names in (("loss", "grad_norm"), ("eval_loss",)):
        assert resumed.series(*names) == {step: values for step, values in sharded.series(*names).items() if step > 8}
    assert resumed.sha256() == sharded.sha256()


def test_a_sharded_full_fine_tuning_stores_one_whole_model_also_when_only_that_was_left(engine: Engine, few: Path):
    training = make_training(few, **STEPS | {"maxSteps": 10}, peftMethod="full", learningRate=2e-3)

    trained = engine.run(training, ranks=2, patch=shard)
    assert trained.outcome["outcome"] == "completed", trained.log[-3000:]
    stored_later = engine.run(training, ranks=2, patch=shard, resume=("step-000010", trained.checkpoints[10]))

    assert "sharded 20 of 20 parameters" in trained.log and stored_later.of("progress") == []
    assert trained.sha256("model", "model.safetensors") == stored_later.sha256("model", "model.safetensors")
    assert "lm_head.weight" not in names_in(trained.artifacts["model"] / "model.safetensors"), "it is tied to the embeddings"


def test_a_checkpoint_goes_on_in_its_own_layout_or_is_refused_with_both(engine: Engine, few: Path, whole: Attempt, sharded: Attempt):
    on_one = engine.run(make_training(few, **STEPS), resume=("step-000016", sharded.checkpoints[16])).failure
    on_shards = engine.run(make_training(few, **STEPS), ranks=2, patch=shard, resume=("step-000016", whole.checkpoints[16])).failure

    assert on_one[0] == on_shards[0] == "resume_refused"
    assert "step-000016 was sharded over several ranks, this run's is whole on each rank (1 of them)" in on_one[1]
    assert "step-000016 was whole on each rank, this run's is sharded over several ranks (2 of them)" in on_shards[1]
