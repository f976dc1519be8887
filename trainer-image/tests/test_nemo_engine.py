"""The nemo engine: its translation against what NeMo Automodel accepts, what it makes of what the recipe writes, and, with NEMO_TEST=1 and
the environment of trainer-image/nemo, the real recipe on CPU.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from hf_trials import EXAMPLES, HYPERPARAMETERS, Attempt, Engine, make_training
from trainer.failure import Failure
from trainer.nemo.environment import PROJECT
from trainer.nemo.token_file import TokenFile
from trainer.nemo.token_file import write as write_tokens
from trainer.nemo.translation import DECAY, Facts, count_steps, refuse_what_cannot_be, translate
from trainer.token_rows import TokenRow

HERE = Path(__file__).parent
ACCEPTED = json.loads((HERE / "fixtures" / "nemo-automodel-0.7.0.json").read_text())
FAN = "Turn off the fan in the garden."


def facts(**changes: Any) -> Facts:
    given = {
        "base": Path("/bases/llama"),
        "train_file": Path("/work/train.jsonl"),
        "eval_file": Path("/work/eval.jsonl"),
        "checkpoints": Path("/work/checkpoints"),
        "restore_from": None,
        "steps": 40,
        "eval_steps": 10,
        "save_steps": 20,
        "ranks": 2,
        "device": "cuda",
        "precision": "bfloat16",
        "recompute": False,
    }
    return Facts(**given | changes)


def at(recipe: dict[str, Any], path: str) -> Any:
    for part in path.split("."):
        recipe = recipe[part]
    return recipe


# ---------------------------------------------------------------------------------------------------- translation


@pytest.mark.parametrize("peft_method", ["lora", "full"])
@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"]])
@pytest.mark.parametrize("changes", [{}, {"eval_file": None, "eval_steps": None}, {"restore_from": Path("/resume")}])
def test_every_key_is_one_that_automodel_accepts(peft_method, targets, changes):
    recipe = translate(make_training(peftMethod=peft_method, targetModules=targets), facts(**changes))

    assert recipe.pop("recipe") in ACCEPTED["recipes"]
    read = {key.partition(".")[0] for key in ACCEPTED["read_by_the_recipe"]}
    assert set(recipe) <= read
    for name, keys in ACCEPTED["sections"].items():
        assert set(recipe.get(name, {})) - {"_target_"} <= set(keys), name
        assert set(recipe.get(f"validation_{name}", {})) - {"_target_"} <= set(keys), name
    assert {f"clip_grad_norm.{key}" for key in recipe["clip_grad_norm"]} <= set(ACCEPTED["read_by_the_recipe"])


def test_every_target_is_one_that_automodel_has():
    recipe = translate(make_training(), facts())

    named = {section["_target_"] for section in recipe.values() if isinstance(section, dict) and "_target_" in section}
    ours = {"trainer.nemo.token_file.TokenFile", "nemo_automodel.NeMoAutoModelForCausalLM.from_pretrained"}
    assert named - ours <= set(ACCEPTED["targets"])
    assert recipe["dataloader"]["collate_fn"] in ACCEPTED["targets"]


def test_every_value_is_one_that_automodel_knows():
    for scheduler in DECAY:
        recipe = translate(make_training(lrScheduler=scheduler), facts())
        assert recipe["lr_scheduler"]["lr_decay_style"] in ACCEPTED["values"]["lr_decay_style"]
    assert recipe["peft"]["dropout_position"] in ACCEPTED["values"]["dropout_position"]
    assert recipe["peft"]["lora_A_init"] in ACCEPTED["values"]["lora_A_init"]
    assert recipe["checkpoint"]["save_consolidated"] in ACCEPTED["values"]["save_consolidated"]


# Every hyperparameter of the spec: where it goes in the recipe, or why it does not.
GOES = {
    "batchSize": (4, "step_scheduler.local_batch_size", 4),
    "gradientAccumulationSteps": (3, "step_scheduler.global_batch_size", 8 * 3 * 2),
    "learningRate": (1e-6, "optimizer.lr", 1e-6),
    "lrScheduler": ("inverse_sqrt", "lr_scheduler.lr_decay_style", "inverse-square-root"),
    "warmupRatio": (0.1, "lr_scheduler.lr_warmup_steps", 4),
    "weightDecay": (0.05, "optimizer.weight_decay", 0.05),
    "loraR": (4, "peft.dim", 4),
    "loraAlpha": (12.0, "peft.alpha", 12),
    "loraDropout": (0.1, "peft.dropout", 0.1),
    "targetModules": (["q_proj"], "peft.target_modules", ["q_proj"]),
    "seed": (11, "seed", 11),
    "dataloaderWorkers": (3, "dataloader.num_workers", 3),
}
NOT_IN_THE_RECIPE = {
    "maxSteps": "count_steps",
    "numEpochs": "count_steps",
    "maxSeqLength": "the engine cuts the rows",
    "datasetTextField": "the engine reads the rows",
    "evalSplit": "the engine splits the rows",
    "evalSteps": "choose_intervals, with its default",
    "saveSteps": "choose_intervals, with its default",
    "checkpointMinutes": "the recipe saves by steps, which it is told before the first is timed",
    "resultFrom": "refused",
    "dpoBeta": "refused with method dpo",
    "loggingSteps": "the engine reads every step",
    "keepBest": "the plane's",
    "packing": "refused",
    "reportTo": "refused",
    "wandbProject": "refused with reportTo",
}


def test_every_hyperparameter_is_translated_or_said_why_not():
    assert set(GOES) | set(NOT_IN_THE_RECIPE) == set(HYPERPARAMETERS)


@pytest.mark.parametrize("name", GOES)
def test_a_hyperparameter_reaches_its_place(name):
    value, path, expected = GOES[name]

    changed = translate(make_training(**{name: value}), facts())

    assert at(changed, path) == expected
    usual = translate(make_training(), facts())
    assert changed != usual


def test_steps_and_intervals_reach_their_places():
    pace = translate(make_training(), facts(steps=40, eval_steps=7, save_steps=9))["step_scheduler"]

    assert (pace["max_steps"], pace["val_every_steps"], pace["ckpt_every_steps"]) == (40, 7, 9)
    assert pace["validate_on_checkpoint"] is True and pace["save_checkpoint_every_epoch"] is False
    assert count_steps(HYPERPARAMETERS | {"maxSteps": None, "numEpochs": 3}, rows=100, ranks=2) == 19
    assert count_steps(HYPERPARAMETERS | {"maxSteps": 7, "numEpochs": 3}, rows=100, ranks=2) == 7


@pytest.mark.parametrize(("scheduler", "steps", "warmup"), [("cosine", 40, 2), ("constant", 40, 0), ("cosine", 1, 0)])
def test_warm_up_is_shorter_than_the_run_and_a_constant_rate_has_none(scheduler, steps, warmup):
    recipe = translate(make_training(lrScheduler=scheduler), facts(steps=steps))

    assert recipe["lr_scheduler"]["lr_warmup_steps"] == warmup


@pytest.mark.parametrize("rate", [1e-6, 2e-5, 3e-3, 1.0])
def test_numbers_are_numbers_in_yaml(rate):
    """PyYAML reads 1e-06 as a text, 1.0e-06 as a number."""
    recipe = translate(make_training(learningRate=rate), facts())

    assert yaml.safe_load(yaml.safe_dump(recipe)) == recipe


def test_all_linear_leaves_the_output_out_as_peft_does():
    assert translate(make_training(), facts())["peft"]["exclude_modules"] == ["*lm_head*"]
    assert "peft" not in translate(make_training(peftMethod="full"), facts())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "dpo"}, "asked was method dpo"),
        ({"peftMethod": "qlora"}, "peft method qlora"),
        (
            {"lrScheduler": "polynomial"},
            "has the schedules linear, cosine, constant, constant_with_warmup, inverse_sqrt; asked was polynomial",
        ),
        ({"packing": True}, "does not pack rows"),
        ({"resultFrom": "best"}, "stores the weights of its last step"),
        ({"reportTo": ["tensorboard"]}, "does not report to tensorboard"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(changes, said):
    with pytest.raises(Failure) as caught:
        refuse_what_cannot_be(make_training(**changes))

    assert caught.value.code == "engine_missing" and said in str(caught.value)


def test_tokens_are_told_with_labels_shifted_as_automodel_wants_them(tmp_path):
    rows = [TokenRow([5, 6, 7, 8], [False, False, True, True])]

    [row] = list(map(TokenFile(str(write_tokens(tmp_path / "rows.jsonl", rows))).__getitem__, range(1)))

    assert row == {"input_ids": [5, 6, 7], "labels": [-100, 7, 8], "attention_mask": [1, 1, 1]}


# ---------------------------------------------------------------------------------------------------- what surrounds the recipe


def scripted(engine: Engine, script: dict[str, Any] | None = None, resume=None, command_at=None, **changes: Any) -> Attempt:
    settings = {"maxSteps": 20, "saveSteps": 10, "evalSteps": 5, "loggingSteps": 4}
    environment = {
        "TUNEPLANE_NEMO_PYTHON": sys.executable,
        "TUNEPLANE_NEMO_COMMAND": json.dumps([sys.executable, str(HERE / "scripted_recipe.py")]),
        "NEMO_SCRIPT": json.dumps(script or {}),
        "PYTHONPATH": str(HERE.parent),
    }
    training = make_training(framework="nemo", **settings | changes)
    return engine.run(training, engine="nemo", resume=resume, command_at=command_at, environment=environment)


@pytest.fixture(scope="session")
def run(engine) -> Attempt:
    attempt = scripted(engine)
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def test_rows_of_the_recipe_become_windows_and_metrics(run):
    losses = {step: loss for step, (loss,) in run.series("loss").items()}
    mean = lambda first, last: pytest.approx(sum(4 / step for step in range(first, last + 1)) / (last - first + 1))  # noqa: E731

    assert [line["step"] for line in run.of("progress")] == list(range(1, 21))
    # Every 4 steps, and at each step that is saved.
    assert losses == {1: 4.0, 4: mean(2, 4), 8: mean(5, 8), 10: mean(9, 10), 12: mean(11, 12), 16: mean(13, 16), 20: mean(17, 20)}
    assert {step: loss for step, (loss,) in run.series("eval_loss").items()} == {5: 1.0, 10: 0.5, 15: pytest.approx(1 / 3), 20: 0.25}
    assert run.outcome["metrics"] == {
        "tokens": 200,
        "train_loss": pytest.approx(sum(4 / step for step in range(1, 21)) / 20),
        "final_loss": mean(17, 20),
        "eval_loss": 0.25,
        "best_eval_loss": 0.25,
    }


def test_checkpoints_are_published_by_our_count_of_steps(run):
    told = run.of("checkpoint")

    assert [(line["step"], line["reason"]) for line in told] == [(10, "interval"), (20, "final")]
    assert [line["metrics"]["eval_loss"] for line in told] == [0.5, 0.25]
    state = json.loads((run.checkpoints[10] / "trainer_state.json").read_text())
    assert (state["global_step"], state["num_input_tokens_seen"]) == (10, 100)
    assert max(row["step"] for row in state["log_history"]) == 10


def test_the_result_is_the_adapter_of_the_last_checkpoint(run):
    from safetensors.torch import load_file

    folder = run.artifacts["adapter"]
    weights = load_file(folder / "adapter_model.safetensors")
    config = json.loads((folder / "adapter_config.json").read_text())

    assert {value.unique().item() for value in weights.values()} == {20.0}
    assert (config["r"], config["lora_alpha"]) == (16, 32) and Path(config["base_model_name_or_path"]).is_dir()
    assert "AutoPeftModelForCausalLM" in (folder / "README.md").read_text()


def test_a_resume_goes_on_with_the_history(engine, run):
    resumed = scripted(engine, resume=("step-000010", run.checkpoints[10]))

    assert resumed.choices["resume"] == "exact"
    assert [line["step"] for line in resumed.of("progress")] == list(range(11, 21))
    assert resumed.outcome["metrics"] == run.outcome["metrics"]
    assert resumed.sha256() == run.sha256()


def test_a_stop_lets_the_recipe_save_and_end(engine):
    stopped = scripted(engine, {"stepSeconds": 0.2}, command_at=(3, {"want": "stop"}), maxSteps=200, saveSteps=100)

    step = stopped.outcome["step"]
    assert stopped.outcome["outcome"] == "stopped" and 3 <= step < 200
    assert [(line["step"], line["reason"]) for line in stopped.of("checkpoint")] == [(step, "final")]
    assert max(step for step in stopped.series("loss")) == step
    assert "adapter" in stopped.artifacts


def test_a_full_fine_tuning_leaves_a_model_and_a_stopped_one_its_checkpoint(engine):
    whole = scripted(engine, peftMethod="full")
    stopped = scripted(engine, {"stepSeconds": 0.2}, command_at=(2, {"want": "stop"}), peftMethod="full", maxSteps=200, saveSteps=100)

    assert (whole.artifacts["model"] / "model.safetensors").is_file() and (whole.artifacts["model"] / "README.md").is_file()
    assert stopped.outcome["outcome"] == "stopped" and stopped.artifacts == {} and len(stopped.checkpoints) == 1


def test_half_a_row_is_waited_for(engine):
    attempt = scripted(engine, {"halfRows": True, "stepSeconds": 0}, maxSteps=4, saveSteps=4, evalSteps=4)

    assert [line["step"] for line in attempt.of("progress")] == [1, 2, 3, 4]
    assert attempt.outcome["outcome"] == "completed"


def test_a_checkpoint_in_progress_is_not_published(engine):
    attempt = scripted(engine, {"neverFinish": True}, maxSteps=4, saveSteps=2)

    assert attempt.of("checkpoint") == []
    assert attempt.failure == ("engine_crashed", "the recipe ended without a checkpoint")


@pytest.mark.parametrize(("script", "status"), [({"crashAt": 3}, 1 << 8), ({"killAt": 3}, signal.SIGKILL)])
def test_where_the_recipe_fails_the_engine_ends_as_it_did(engine, script, status):
    """The supervisor reads the reason from the traceback in the log, or from the signal; nothing is made up in between."""
    attempt = scripted(engine, script)

    assert (attempt.of("outcome"), attempt.status) == ([], status)
    if status != signal.SIGKILL:
        assert "RuntimeError: No space left on device" in attempt.log


def test_a_base_with_a_pickle_of_arguments_is_given_without_it(engine, run, tmp_path):
    from trainer import tiny_llama

    base = shutil.copytree(tiny_llama.ensure(engine.cache), tmp_path / "base")
    (base / "training_args.bin").write_bytes(b"pickle")

    attempt = scripted(engine, baseModel={"kind": "path", "path": str(base)}, maxSteps=2)

    recipe = yaml.safe_load((attempt.folder / "work" / "nemo" / "recipe.yaml").read_text())
    given = Path(recipe["model"]["pretrained_model_name_or_path"])
    assert attempt.outcome["outcome"] == "completed"
    assert (given / "model.safetensors").is_file() and not (given / "training_args.bin").exists()


# ---------------------------------------------------------------------------------------------------- what is not there


def test_without_automodel_it_says_how_to_install_it(engine):
    attempt = engine.run(make_training(framework="nemo"), engine="nemo", environment={"TUNEPLANE_NEMO_PYTHON": "/nowhere/python"})

    code, message = attempt.failure
    assert code == "engine_missing"
    assert "/nowhere/python is not there: run uv sync --frozen --project trainer-image/nemo" in message
    assert attempt.phases == ["preparing-data"]


def test_without_a_gpu_it_says_which_engines_need_none(engine):
    attempt = engine.run(make_training(framework="nemo"), engine="nemo", environment={"TUNEPLANE_NEMO_PYTHON": sys.executable})

    code, message = attempt.failure
    assert (code, 'use framework "hf" or "meta"' in message) == ("no_compute", True)


# ---------------------------------------------------------------------------------------------------- the real recipe

real = pytest.mark.skipif(
    os.environ.get("NEMO_TEST") != "1", reason="NEMO_TEST=1 runs NeMo Automodel: it needs trainer-image/nemo, minutes, and no GPU"
)


def on_cpu(engine: Engine, resume=None, command_at=None, **changes: Any) -> Attempt:
    python = PROJECT / ".venv" / "bin" / "python"
    environment = {
        "TUNEPLANE_NEMO_COMMAND": json.dumps([str(python), str(HERE / "nemo_on_cpu.py")]),
        "PYTHONPATH": str(HERE.parent),
        "HF_HUB_OFFLINE": "1",
    }
    settings = {"saveSteps": 20, "evalSteps": 20, "loggingSteps": 5, "maxSteps": 60}
    training = make_training(EXAMPLES / "alpaca.jsonl", framework="nemo", **settings | changes)
    return engine.run(training, engine="nemo", resume=resume, command_at=command_at, environment=environment)


@pytest.fixture(scope="session")
def real_run(engine) -> Attempt:
    attempt = on_cpu(engine)
    assert attempt.of("outcome") and attempt.outcome["outcome"] == "completed", attempt.log[-3000:]
    return attempt


@real
def test_the_real_recipe_trains_a_lora_that_answers_as_it_was_taught(engine, real_run):
    evals = [loss for (loss,) in real_run.series("eval_loss").values()]
    answer = engine.answers(real_run.artifacts["adapter"], [FAN])[0]

    print(f"eval loss {evals}; {answer['tuned']}")
    assert evals[-1] < 0.5 < evals[0]
    assert answer["tuned"].startswith('{"device":') and answer["base"].startswith("Sure")
    assert [(line["step"], line["reason"]) for line in real_run.of("checkpoint")] == [(20, "interval"), (40, "interval"), (60, "final")]


@real
def test_the_real_recipe_resumes_in_the_same_bits(engine, real_run):
    resumed = on_cpu(engine, resume=("step-000040", real_run.checkpoints[40]))

    assert resumed.outcome["outcome"] == "completed", resumed.log[-3000:]
    names = ("loss", "grad_norm", "learning_rate", "tokens")
    assert resumed.series(*names) == {step: row for step, row in real_run.series(*names).items() if step > 40}
    assert resumed.sha256() == real_run.sha256()
    assert resumed.outcome["metrics"] == real_run.outcome["metrics"]


@real
def test_the_real_recipe_saves_and_ends_when_asked(engine):
    stopped = on_cpu(engine, maxSteps=400, saveSteps=200, evalSteps=200, command_at=(6, {"want": "stop"}))

    step = stopped.outcome["step"]
    assert stopped.outcome["outcome"] == "stopped" and 6 <= step < 400
    assert list(stopped.checkpoints) == [step]
    assert engine.answers(stopped.artifacts["adapter"], [FAN])[0]["tuned"]


@real
def test_the_real_recipe_trains_a_whole_model(engine):
    whole = on_cpu(engine, peftMethod="full", learningRate=2e-3, maxSteps=20)

    assert whole.outcome["outcome"] == "completed", whole.log[-3000:]
    assert engine.answers(whole.artifacts["model"], [FAN])[0]["tuned"]
