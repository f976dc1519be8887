"""What the hf engine saves and stores, and when it would rather fail: intervals, full disks, the best weights, results that are no use."""

import json
import shutil
from pathlib import Path

import pytest

from hf_trials import Attempt, Engine, make_training
from trainer import tiny_world


@pytest.fixture(scope="session")
def few(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny_world.fine_tuning_rows()[0][:100]))
    return path


def newest(attempt: Attempt) -> tuple[str, Path]:
    step = max(attempt.checkpoints)
    return f"step-{step:06d}", attempt.checkpoints[step]


# ---------------------------------------------------------------------------------------------------- when to save


def test_the_interval_follows_from_the_time_that_a_step_takes(engine: Engine, few: Path):
    attempt = engine.run(make_training(few, maxSteps=60, checkpointMinutes=0.004, evalSteps=60))

    told = [line for line in attempt.of("choice") if line["name"] == "save-steps"]
    assert len(told) == 1 and "at most 0.004 min are lost at" in told[0]["reason"]
    assert 1 <= int(told[0]["value"]) < 20, "0.24 s are fewer steps than a third of the run"
    assert len(attempt.checkpoints) > 3


def test_a_step_beyond_the_end_is_refused_with_both_numbers(engine: Engine, few: Path):
    whole = engine.run(make_training(few, maxSteps=12, saveSteps=6, evalSplit=0))

    by_steps = engine.run(make_training(few, maxSteps=4, evalSplit=0), resume=newest(whole)).failure
    by_epochs = engine.run(make_training(few, maxSteps=None, numEpochs=0.5, evalSplit=0), resume=newest(whole)).failure

    assert by_steps == ("resume_refused", "checkpoint step-000012 is of step 12, and max_steps is 4: nothing would be trained")
    assert by_epochs == ("resume_refused", "checkpoint step-000012 is of step 12, and this run has 7: nothing would be trained")


# ---------------------------------------------------------------------------------------------------- a full disk


def fill_disk_at(step: int, patience: float):
    """From this step on the disk has nothing free."""

    def patch(rank: int) -> None:
        from types import SimpleNamespace

        from trainer import disk_room

        true_require, looks = disk_room.require_room, []

        def require(needed, what, link, places, is_asked_to_end):
            if what.endswith(f"step {step}"):
                disk_room.PATIENCE_SECONDS, disk_room.LOOK_SECONDS = patience, 0.01
                full = SimpleNamespace(free=1_000_000)
                usage = shutil.disk_usage
                disk_room.shutil = SimpleNamespace(disk_usage=lambda place: looks.append(1) or (full if len(looks) < 5 else usage(place)))
            true_require(needed, what, link, places, is_asked_to_end)

        disk_room.require_room = require

    return patch


def test_a_full_disk_is_told_before_a_byte_is_written_and_the_run_goes_on_from_before(engine: Engine, few: Path):
    training = make_training(few, maxSteps=20, saveSteps=5, evalSplit=0)

    whole = engine.run(training)
    full = engine.run(training, patch=fill_disk_at(15, patience=0))
    resumed = engine.run(training, resume=newest(full))

    code, message = full.failure
    assert code == "disk_full"
    assert message.startswith("the checkpoint at step 15 needs ") and "has 1 MB free: nothing was written" in message
    assert sorted(full.checkpoints) == [5, 10]
    assert not list((full.folder / "work" / "trainer").glob("checkpoint-*"))
    assert resumed.sha256() == whole.sha256()


def test_a_disk_that_gets_room_again_costs_the_training_nothing(engine: Engine, few: Path):
    training = make_training(few, maxSteps=20, saveSteps=5, evalSplit=0)

    attempt = engine.run(training, patch=fill_disk_at(15, patience=60))

    assert attempt.outcome["outcome"] == "completed"
    assert sorted(attempt.checkpoints) == [5, 10, 15, 20]
    assert any("waiting for room since" in (line["detail"] or "") for line in attempt.of("phase"))


# ---------------------------------------------------------------------------------------------------- the best weights


@pytest.fixture(scope="session")
def best_of(engine: Engine, few: Path) -> Attempt:
    """The rate is too high for the end: the eval loss is lowest somewhere in the middle."""
    return engine.run(make_training(few, **BEST))


BEST = {"maxSteps": 40, "evalSteps": 5, "saveSteps": 10, "resultFrom": "best", "learningRate": 2e-2, "lrScheduler": "constant"}


def test_the_result_is_the_step_with_the_lowest_eval_loss_and_says_so(engine: Engine, few: Path, best_of: Attempt):
    evals = {step: loss for step, (loss,) in best_of.series("eval_loss").items() if step}
    lowest = min(evals, key=lambda step: evals[step])
    result = best_of.outcome["result"]

    print({step: round(loss, 4) for step, loss in evals.items()}, result)
    assert (result["step"], result["of"]) == (lowest, "best")
    assert result["reason"] == f"the lowest eval loss, {evals[lowest]:.6g}"
    assert lowest != 40, "the test needs a run whose last step is not its best"


def test_the_best_of_an_earlier_attempt_is_still_the_result_after_a_resume(engine: Engine, few: Path, best_of: Attempt):
    killed = engine.run(make_training(few, **BEST), kill_at=36)
    resumed = engine.run(make_training(few, **BEST), resume=newest(killed))

    assert resumed.outcome["result"] == best_of.outcome["result"]
    assert resumed.sha256() == best_of.sha256()


def test_without_being_asked_the_result_is_the_last_step(engine: Engine, few: Path):
    attempt = engine.run(make_training(few, maxSteps=4))

    assert attempt.outcome["result"] == {"step": 4, "of": "last", "reason": "the weights after the last step"}


# ---------------------------------------------------------------------------------------------------- results that are no use


def test_an_adapter_that_does_not_answer_as_it_was_trained_is_no_result(engine: Engine, few: Path):
    def spoil(rank: int) -> None:
        """Stored under names that PEFT does not find again, as happens to wrapped models."""
        from safetensors.torch import load_file, save_file

        from trainer import results

        true_save = results.save_adapter

        def save(*given):
            folder = true_save(*given)
            path = folder / "adapter_model.safetensors"
            save_file({f"module.{name}": tensor for name, tensor in load_file(path).items()}, path)
            return folder

        results.save_adapter = save

    code, message = engine.run(make_training(few, maxSteps=20), patch=spoil).failure

    assert code == "artifact_unusable"
    assert message.startswith("the adapter was loaded again and has loss ") and " where the trained model has " in message


def test_a_model_whose_stored_weights_are_others_is_no_result(engine: Engine, few: Path):
    def spoil(rank: int) -> None:
        from safetensors.torch import load_file, save_file

        from trainer import results

        true_save = results.save_model

        def save(*given):
            folder = true_save(*given)
            path = folder / "model.safetensors"
            stored = load_file(path)
            save_file({name: tensor * 0.5 if "mlp" in name else tensor for name, tensor in stored.items()}, path, metadata={"format": "pt"})
            return folder

        results.save_model = save

    code, message = engine.run(make_training(few, peftMethod="full", learningRate=2e-3, maxSteps=10), patch=spoil).failure

    assert code == "artifact_unusable" and message.startswith("the model was loaded again")


def test_a_tokenizer_that_knows_more_than_the_model_is_refused_before_training(engine: Engine, few: Path, tmp_path: Path):
    from trainer import tiny_llama

    base = shutil.copytree(engine.cache / tiny_llama.folder_name(), tmp_path / "base")

    def add_tokens():
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(base)
        tokenizer.add_tokens([f"<new{number}>" for number in range(50)])
        tokenizer.save_pretrained(base)

    engine.call(add_tokens)
    code, message = engine.run(make_training(few, baseModel={"kind": "path", "path": str(base)})).failure

    assert code == "tokenizer_mismatch"
    assert f"the tokenizer of {base} knows" in message and "its model has" in message


# ---------------------------------------------------------------------------------------------------- what others may use


def test_rows_are_tokenised_once_and_found_again_with_the_same_weights(engine: Engine, tmp_path: Path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"instruction": f"Say {tmp_path} {word}", "output": word}) + "\n" for word in tiny_world.WORDS))

    first, second = engine.run(make_training(path, maxSteps=4)), engine.run(make_training(path, maxSteps=4))
    other = engine.run(make_training(path, maxSteps=1, maxSeqLength=64))

    assert [attempt.choices["tokens"] for attempt in (first, second, other)] == ["made", "cached", "made"]
    assert first.sha256() == second.sha256()


def test_wandb_in_offline_mode_needs_no_key_and_keeps_its_files(engine: Engine, few: Path, tmp_path: Path):
    environment = {"WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"}

    attempt = engine.run(make_training(few, maxSteps=4, reportTo=["wandb"], wandbProject="tests"), environment=environment)

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert list(tmp_path.glob("wandb/offline-run-*/*.wandb")), sorted(str(path) for path in tmp_path.rglob("*"))[:20]


def test_wandb_that_is_not_installed_is_said_with_how_to_install_it(engine: Engine, few: Path):
    def hide(rank: int) -> None:
        from trainer import choices

        installed = choices.is_installed
        choices.is_installed = lambda package: package != "wandb" and installed(package)

    code, message = engine.run(make_training(few, reportTo=["wandb"]), patch=hide).failure

    assert code == "report_unavailable" and "--extra wandb" in message
