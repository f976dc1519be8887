"""The hf engine, for real: tiny-llama is trained, killed, resumed, merged and asked."""

import json
import math
import random
import shutil
import signal
from pathlib import Path

import pytest

from hf_trials import CHATML, EXAMPLES, Attempt, Engine, files_dataset, make_training
from trainer import tiny_world
from trainer.prompts import answer

# Everything that may differ after a resume if anything can: dropout, accumulation, windows of 3 steps, evaluations between checkpoints.
HARD = {
    "maxSteps": 40,
    "saveSteps": 10,
    "evalSteps": 15,
    "loggingSteps": 3,
    "loraDropout": 0.1,
    "batchSize": 4,
    "gradientAccumulationSteps": 2,
}


def rows_file(folder: Path, name: str, rows: list[dict]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory) -> Path:
    """100 rows: 90 to train on, so that 40 steps of 8 go through the data three times and a half."""
    return rows_file(tmp_path_factory.mktemp("data"), "few.jsonl", tiny_world.fine_tuning_rows()[0][:100])


def exact(engine: Engine, folder: Path, rows: list[dict]) -> tuple[int, int]:
    """How many answers of (base, tuned) are wholly right."""
    answers = engine.answers(folder, [row["instruction"] for row in rows])
    wanted = [row["output"] for row in rows]
    return tuple(sum(a[who] == w for a, w in zip(answers, wanted, strict=True)) for who in ("base", "tuned"))


# ---------------------------------------------------------------------------------------------------- it learns


@pytest.fixture(scope="session")
def recipe(engine) -> Attempt:
    return engine.run(make_training(maxSteps=300, reportTo=["tensorboard"], export=["adapter", "merged"]))


def test_a_lora_learns_what_the_base_cannot(engine, recipe):
    _, new_pairs, new_words = tiny_world.fine_tuning_rows(held_out=100)

    pairs, words = exact(engine, recipe.artifacts["adapter"], new_pairs), exact(engine, recipe.artifacts["adapter"], new_words)

    print(f"new pairs: base {pairs[0]}, tuned {pairs[1]} of 100; new words: base {words[0]}, tuned {words[1]} of 100")
    assert pairs[0] == words[0] == 0
    assert pairs[1] >= 80
    assert words[1] >= 25


def test_a_run_reports_phases_metrics_choices_and_results(recipe):
    assert recipe.outcome["outcome"] == "completed"
    assert (recipe.outcome["step"], recipe.outcome["steps"]) == (300, 300)
    assert recipe.phases[:7] == [
        "preparing-data",
        "importing",
        "building-base",
        "preparing-data",
        "loading-model",
        "sampling",
        "evaluating",
    ]
    assert recipe.phases[-1] == "saving"
    assert [line["step"] for line in recipe.of("progress")] == list(range(1, 301))
    wanted = {"loss", "learning_rate", "grad_norm", "token_accuracy", "tokens_per_second", "tokens", "window_steps", "memory_mb"}
    rows = [row for row in recipe.of("metrics") if "loss" in row["values"]]
    assert [row["step"] for row in rows] == [1, *range(10, 301, 10)]
    assert all(set(row["values"]) == wanted and all(map(math.isfinite, row["values"].values())) for row in rows)
    evals = recipe.series("eval_loss", "eval_token_accuracy")
    assert list(evals) == [0, 50, 100, 150, 200, 250, 300]
    assert evals[0][0] > 5 and evals[300][0] < 0.05
    named = {
        "device",
        "precision",
        "optimizer",
        "attention",
        "learning-rate",
        "packing",
        "eval-steps",
        "save-steps",
        "quantization",
    }
    assert named <= set(recipe.choices)
    assert all(line["reason"] for line in recipe.of("choice"))
    metrics = recipe.outcome["metrics"]
    assert set(metrics) == {"train_loss", "final_loss", "eval_loss", "best_eval_loss", "tokens", "token_accuracy"}
    assert metrics["eval_loss"] == evals[300][0]
    assert recipe.of("about")[-1]["base"]["id"] == "tiny-llama"


def test_checkpoints_say_what_they_are(recipe):
    told = recipe.of("checkpoint")

    assert [(line["step"], line["reason"]) for line in told] == [(100, "interval"), (200, "interval"), (300, "final")]
    assert all(line["metrics"]["eval_loss"] == recipe.series("eval_loss")[line["step"]][0] for line in told)
    assert all(line["about"]["globalBatch"] == 8 and len(line["about"]["dataFingerprint"]) == 64 for line in told)
    kept = {file.name for file in recipe.checkpoints[100].iterdir()}
    assert {"adapter_model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "tuneplane.json"} <= kept
    assert "training_args.bin" not in kept


def test_samples_show_base_and_tuned_side_by_side(recipe):
    samples = {line["step"]: line["items"] for line in recipe.of("samples")}

    assert list(samples) == [0, 50, 100, 150, 200, 250, 300]
    assert all(item["tuned"] is None and item["base"].startswith("Sure, I will") for item in samples[0])
    assert [item["tuned"] for item in samples[300]] == [item["expected"] for item in samples[300]]
    assert [item["base"] for item in samples[300]] == [item["base"] for item in samples[0]]


def test_the_adapter_folder_is_usable_by_others(engine, recipe):
    folder = recipe.artifacts["adapter"]
    card, config = (folder / "README.md").read_text(), json.loads((folder / "adapter_config.json").read_text())

    def load_with_peft():
        from peft import AutoPeftModelForCausalLM
        from transformers import AutoTokenizer

        model, tokenizer = AutoPeftModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        asked = tokenizer.apply_chat_template(
            [{"role": "user", "content": "Turn off the fan in the garden."}], tokenize=False, add_generation_prompt=True
        )
        return answer(model, tokenizer, [(asked, False)])

    assert engine.call(load_with_peft) == ['{"device": "fan", "room": "garden", "set": "off"}']
    assert "AutoPeftModelForCausalLM.from_pretrained" in card and "vllm serve" in card and "trainer.tiny_llama" in card
    assert Path(config["base_model_name_or_path"]).is_dir() and config["r"] == 16
    assert {"adapter_model.safetensors", "tokenizer.json", "chat_template.jinja"} <= {file.name for file in folder.iterdir()}
    assert all(file.stat().st_mode & 0o044 for file in folder.iterdir())


def test_an_export_as_merged_is_a_whole_model_with_the_same_answers(engine, recipe):
    rows = tiny_world.fine_tuning_rows(held_out=20)[1]
    questions = [row["instruction"] for row in rows]

    merged, adapter = engine.answers(recipe.artifacts["model"], questions), engine.answers(recipe.artifacts["adapter"], questions)

    assert [row["base"] for row in merged] == [None] * 20
    assert [row["tuned"] for row in merged] == [row["tuned"] for row in adapter]
    assert (recipe.artifacts["model"] / "model.safetensors").stat().st_size > 1_000_000


def test_tensorboard_files_hold_every_metric(recipe):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(recipe.artifacts["tensorboard"])).Reload()

    assert {"loss", "eval_loss", "learning_rate", "grad_norm"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("eval_loss")] == [0, 50, 100, 150, 200, 250, 300]


def test_tiny_llama_is_built_once_and_found_again(engine, recipe):
    from trainer import tiny_llama

    folder = engine.cache / tiny_llama.folder_name()
    before = folder.stat().st_mtime_ns

    assert tiny_llama.ensure(engine.cache, lambda detail, fraction: pytest.fail("it built again")) == folder
    assert folder.stat().st_mtime_ns == before
    assert not list(engine.cache.glob("*.building-*"))


# ---------------------------------------------------------------------------------------------------- it survives


@pytest.fixture(scope="session")
def uninterrupted(engine, few_rows) -> Attempt:
    attempt = engine.run(make_training(few_rows, **HARD))
    assert attempt.outcome["outcome"] == "completed"
    return attempt


def newest(attempt: Attempt) -> tuple[str, Path]:
    step = max(attempt.checkpoints)
    return f"step-{step:06d}", attempt.checkpoints[step]


def assert_same_training(resumed: Attempt, whole: Attempt, after: int) -> None:
    """Bit for bit: losses, gradients, evaluations and weights after the step resumed from, and the means of the whole run."""
    assert resumed.outcome["outcome"] == "completed", resumed.log[-2000:]
    for names in (("loss", "grad_norm", "learning_rate", "tokens", "token_accuracy"), ("eval_loss",)):
        later = {step: values for step, values in whole.series(*names).items() if step > after}
        assert resumed.series(*names) == later
    kind = "adapter" if "adapter" in whole.artifacts else "model"
    name = "adapter_model.safetensors" if kind == "adapter" else "model.safetensors"
    assert resumed.sha256(kind, name) == whole.sha256(kind, name)
    assert resumed.outcome["metrics"] == whole.outcome["metrics"]
    assert [line["items"] for line in resumed.of("samples")] == [line["items"] for line in whole.of("samples") if line["step"] > after]


@pytest.mark.parametrize("trial", range(10))
def test_killed_anywhere_and_resumed_it_ends_in_the_same_bits(engine, few_rows, uninterrupted, trial):
    kill_at = random.Random().randint(11 + 3 * trial, min(39, 13 + 3 * trial))  # every stretch of the run, another step each time
    training = make_training(few_rows, **HARD)

    killed = engine.run(training, kill_at=kill_at)
    assert killed.status == signal.SIGKILL and not killed.of("outcome")
    resumed = engine.run(training, resume=newest(killed))

    print(f"killed at step {kill_at}, resumed from {newest(killed)[0]}")
    assert_same_training(resumed, uninterrupted, max(killed.checkpoints))
    assert resumed.choices["resume"] == "exact"


def test_a_stop_saves_a_checkpoint_and_the_adapter_and_goes_on_in_the_same_bits(engine, few_rows, uninterrupted):
    stopped = engine.run(make_training(few_rows, **HARD), command_at=(13, {"want": "stop"}))

    step = stopped.outcome["step"]
    assert stopped.outcome["outcome"] == "stopped" and 13 <= step < 40
    assert (stopped.of("checkpoint")[-1]["step"], stopped.of("checkpoint")[-1]["reason"]) == (step, "final")
    assert engine.answers(stopped.artifacts["adapter"], ["Turn off the fan in the garden."])[0]["tuned"]
    resumed = engine.run(make_training(few_rows, **HARD), resume=newest(stopped))
    # The stop closed a window early, so the rows differ; the weights do not.
    assert resumed.sha256() == uninterrupted.sha256()
    assert resumed.series("eval_loss") == {s: v for s, v in uninterrupted.series("eval_loss").items() if s > step}
    for name, value in uninterrupted.outcome["metrics"].items():
        assert resumed.outcome["metrics"][name] == pytest.approx(value, rel=0.02 if name == "final_loss" else 1e-6)


def test_a_pause_ends_as_paused(engine, few_rows):
    paused = engine.run(make_training(few_rows, **HARD), command_at=(5, {"want": "pause"}))

    assert paused.outcome["outcome"] == "paused"
    assert max(paused.checkpoints) == paused.outcome["step"]


def test_a_checkpoint_asked_for_is_saved_and_changes_nothing(engine, few_rows, uninterrupted):
    attempt = engine.run(make_training(few_rows, **HARD), command_at=(12, {"checkpointRequest": 1}))

    requested = [line["step"] for line in attempt.of("checkpoint") if line["reason"] == "requested"]
    assert len(requested) == 1 and requested[0] >= 12
    assert attempt.sha256() == uninterrupted.sha256()


def test_a_run_lost_after_its_last_step_only_stores_its_result(engine, few_rows, uninterrupted):
    resumed = engine.run(make_training(few_rows, **HARD), resume=newest(uninterrupted))

    assert resumed.of("progress") == []
    assert_same_training(resumed, uninterrupted, after=40)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loraR": 8}, "its LoRA rank is 16, this run's is 8"),
        ({"loraAlpha": 16}, "its LoRA alpha is 32, this run's is 16"),
        ({"targetModules": ["q_proj", "v_proj"]}, "its target modules is all-linear, this run's is q_proj, v_proj"),
        ({"batchSize": 8}, "its global batch is 8, this run's is 16"),
        ({"evalSplit": 0.2}, "its data is "),
        ({"peftMethod": "full"}, "its peft method is lora, this run's is full"),
    ],
)
def test_a_resume_that_does_not_fit_is_refused_with_both_values(engine, few_rows, uninterrupted, changes, said):
    code, message = engine.run(make_training(few_rows, **HARD | changes), resume=newest(uninterrupted)).failure

    assert code == "resume_refused"
    assert message.startswith("checkpoint step-000040 does not fit this run: ") and said in message


def test_a_resume_on_another_base_is_refused(engine, few_rows, uninterrupted, tmp_path):
    from trainer import tiny_llama

    other = shutil.copytree(engine.cache / tiny_llama.folder_name(), tmp_path / "other")
    changed = make_training(few_rows, **HARD | {"baseModel": {"kind": "path", "path": str(other)}})

    code, message = engine.run(changed, resume=newest(uninterrupted)).failure

    assert code == "resume_refused" and "its base model is tiny-llama@" in message


def test_a_changed_schedule_is_a_warm_start_with_the_new_rate(engine, few_rows, uninterrupted):
    changed = HARD | {"learningRate": 1e-3, "lrScheduler": "constant", "maxSteps": 30}

    warm = engine.run(make_training(few_rows, **changed), resume=("step-000020", uninterrupted.checkpoints[20]))

    assert warm.choices["resume"] == "warm start"
    assert {rate for (rate,) in warm.series("learning_rate").values()} == {1e-3}
    assert warm.outcome["step"] == 30


@pytest.mark.parametrize("name", ["optimizer.pt", "adapter_model.safetensors", "trainer_state.json", "tuneplane.json"])
def test_a_checkpoint_that_does_not_load_is_called_invalid(engine, few_rows, uninterrupted, tmp_path, name):
    torn = shutil.copytree(uninterrupted.checkpoints[20], tmp_path / "step-000020")
    (torn / name).write_bytes((torn / name).read_bytes()[:100])

    code, message = engine.run(make_training(few_rows, **HARD), resume=("step-000020", torn)).failure

    assert code == "checkpoint_invalid" and "step-000020" in message


# ---------------------------------------------------------------------------------------------------- other ways to train


@pytest.mark.parametrize("method", ["qlora", "full"])
def test_other_methods_learn_and_resume_in_the_same_bits(engine, method):
    rate = {"qlora": 3e-3, "full": 2e-3}[method]
    training = make_training(peftMethod=method, learningRate=rate, maxSteps=60, evalSteps=30, saveSteps=20)

    whole = engine.run(training)
    killed = engine.run(training, kill_at=45)
    resumed = engine.run(training, resume=newest(killed))

    evals = whole.series("eval_loss")
    print(method, evals)
    assert evals[0][0] > 5 and evals[60][0] < 0.5
    assert_same_training(resumed, whole, max(killed.checkpoints))
    if method == "qlora":
        assert whole.choices["quantization"] == "nf4"
        assert "14 layers quantised to NF4" in whole.log
    else:
        assert list(whole.artifacts) == ["model"]
        assert engine.answers(whole.artifacts["model"], ["Turn off the fan in the garden."])[0]["tuned"].startswith("{")


def test_packing_puts_rows_together_and_learns(engine):
    packed = engine.run(make_training(packing=True, maxSteps=30, batchSize=2, evalSteps=15))

    assert packed.choices["packing"] == "true"
    evals, tokens = packed.series("eval_loss"), packed.series("tokens")
    assert evals[30][0] < evals[0][0] / 3
    # Rows of about 29 tokens, packed into sequences of up to 128: four times as many as one row a sequence would have.
    assert tokens[30][0] / (30 * 2) > 100


def test_without_quantisation_bitsandbytes_stays_out_of_the_process():
    import subprocess
    import sys

    code = "from trainer.choices import keep_bitsandbytes_out; keep_bitsandbytes_out();"
    code += "from importlib.util import find_spec; print(find_spec('bitsandbytes'))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])

    assert found.stdout == "None\n"


@pytest.mark.parametrize(
    ("name", "row", "loss"),
    [
        (
            "messages",
            {"messages": [{"role": "user", "content": "Hi {}"}, {"role": "assistant", "content": "Hello {}"}]},
            "every answer of the assistant",
        ),
        ("prompt_completion", {"prompt": "Word {}:", "completion": " {}"}, "the completion"),
        (
            "prompt_completion",
            {"prompt": [{"role": "user", "content": "Hi {}"}], "completion": [{"role": "assistant", "content": "Hello {}"}]},
            "the completion",
        ),
        ("text", {"text": "Once upon a time there was a {}."}, "the whole text"),
    ],
)
def test_every_row_format_trains(engine, tmp_path, name, row, loss):
    rows = [json.loads(json.dumps(row).replace("{}", word)) for word in tiny_world.WORDS]

    attempt = engine.run(make_training(rows_file(tmp_path, "rows.jsonl", rows), maxSteps=12, batchSize=4, evalSteps=6))

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.choices["loss"] == loss
    evals = attempt.series("eval_loss")
    assert evals[12][0] < evals[0][0]
    assert len(attempt.of("samples")) == (0 if name == "text" else 3)


def test_parquet_and_epochs_and_no_eval_split(engine, tmp_path):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(tiny_world.fine_tuning_rows()[0][:40]), tmp_path / "rows.parquet")

    attempt = engine.run(
        make_training(
            tmp_path / "rows.parquet", maxSteps=None, numEpochs=1.5, evalSplit=0, samplePrompts=["Turn off the fan in the garden."]
        )
    )

    assert (attempt.outcome["step"], attempt.outcome["steps"]) == (8, 8)
    assert attempt.series("eval_loss") == {} and "eval_loss" not in attempt.outcome["metrics"]
    assert [line["step"] for line in attempt.of("samples")] == [0, 8]
    assert attempt.of("samples")[0]["items"][0]["prompt"] == "Turn off the fan in the garden."


@pytest.fixture(scope="session")
def plain_base(engine, recipe, tmp_path_factory) -> Path:
    """A base without a chat template, as gpt2 is."""
    from trainer import tiny_llama

    folder = shutil.copytree(engine.cache / tiny_llama.folder_name(), tmp_path_factory.mktemp("bases") / "plain")
    (folder / "chat_template.jinja").unlink()
    return folder


MESSAGES = [{"messages": [{"role": "user", "content": f"Say {w}."}, {"role": "assistant", "content": w}]} for w in tiny_world.WORDS]


def test_messages_need_a_chat_template(engine, plain_base, tmp_path):
    data, base = rows_file(tmp_path, "m.jsonl", MESSAGES), {"kind": "path", "path": str(plain_base)}

    code, message = engine.run(make_training(data, baseModel=base)).failure
    broken = engine.run(make_training(data, baseModel=base, chatTemplate="{{ messages.nothing.at_all }}")).failure
    given = engine.run(make_training(data, baseModel=base, chatTemplate=CHATML, maxSteps=3))

    assert (code, message) == ("no_chat_template", f"{plain_base} has no chat template, and rows that hold messages need one")
    assert broken[0] == "no_chat_template" and "the given chat_template does not work on the first row" in broken[1]
    assert given.outcome["outcome"] == "completed"
    assert (given.artifacts["adapter"] / "chat_template.jinja").read_text() == CHATML


@pytest.fixture(scope="session")
def gpt2(engine, plain_base, tmp_path_factory) -> Path:
    """A GPT-2 as the hub's: no chat template, no padding token, Conv1D layers. Its weights are random."""
    folder = tmp_path_factory.mktemp("bases") / "gpt2"

    def build():
        from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

        tokenizer = AutoTokenizer.from_pretrained(plain_base)
        tokenizer.pad_token = None
        tokenizer.save_pretrained(folder)
        shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256}
        GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), bos_token_id=2, eos_token_id=2, **shape)).save_pretrained(folder)

    engine.call(build)
    return folder


def test_alpaca_rows_on_gpt2_use_the_alpaca_prompt(engine, few_rows, gpt2):
    attempt = engine.run(make_training(few_rows, baseModel={"kind": "path", "path": str(gpt2)}, maxSteps=6, evalSteps=6))

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.series("eval_loss")[6] < attempt.series("eval_loss")[0]
    about = json.loads((attempt.artifacts["adapter"] / "tuneplane.json").read_text())
    assert about["promptStyle"] == "alpaca"
    assert set(engine.answers(attempt.artifacts["adapter"], ["Turn off the fan."])[0]) == {"prompt", "base", "tuned"}


# ---------------------------------------------------------------------------------------------------- it refuses


def test_a_bad_row_ends_the_run_before_anything_is_imported(engine, tmp_path):
    rows = [{"instruction": "a", "output": "b"}] * 16 + [{"instruction": "a"}]

    attempt = engine.run(make_training(rows_file(tmp_path, "bad.jsonl", rows)))

    said = "examples/bad.jsonl line 17: output is missing; an alpaca row has instruction, input, output"
    assert attempt.failure == ("data_row_invalid", said)
    assert attempt.phases == ["preparing-data"]


def test_rows_that_are_cut_or_left_out_are_counted(engine, tmp_path):
    long_answer, long_question = {"instruction": "a", "output": "lamp " * 50}, {"instruction": "lamp " * 50, "output": "b"}
    rows = [{"instruction": "a", "output": "b"}] * 10 + [long_answer] * 3 + [long_question] * 2

    attempt = engine.run(make_training(rows_file(tmp_path, "long.jsonl", rows), maxSeqLength=16, maxSteps=1, evalSplit=0))

    assert (attempt.choices["rows-cut"], attempt.choices["rows-left-out"]) == ("3", "2")


def test_rows_whose_answers_lie_beyond_the_limit_are_refused(engine, tmp_path):
    rows = [{"instruction": "word " * 50, "output": "b"}] * 10

    code, message = engine.run(make_training(rows_file(tmp_path, "long.jsonl", rows), maxSeqLength=16)).failure

    assert (code, message) == ("all_rows_truncated", "none of 9 rows has any of its answer within max_seq_length 16: raise it")


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"framework": "nemo"}, "engine_missing", "asked was framework nemo, method sft, peft method lora"),
        ({"peftMethod": "hypernetwork"}, "engine_missing", "peft method hypernetwork"),
        ({"reportTo": ["wandb"]}, "report_unavailable", "needs WANDB_API_KEY"),
        ({"baseModel": {"kind": "path", "path": "/nowhere"}}, "model_not_found", "there is no folder /nowhere"),
        ({"baseModel": {"kind": "path", "path": "s3://bucket/base"}}, "model_not_found", "s3://bucket/base cannot be read"),
        ({"baseModel": {"kind": "path", "path": str(EXAMPLES)}}, "model_not_found", "holds no config.json"),
        ({"targetModules": ["nothing_proj"]}, "engine_crashed", "nothing_proj"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(engine, few_rows, changes, code, said):
    found, message = engine.run(make_training(few_rows, **changes)).failure

    assert found == code
    assert said in message


def test_without_bitsandbytes_qlora_fails_and_never_becomes_lora(engine, few_rows, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bitsandbytes", None)

    code, message = engine.run(make_training(few_rows, peftMethod="qlora")).failure

    assert code == "quantization_unavailable"
    assert "install bitsandbytes" in message


def test_a_rate_that_is_far_too_high_reports_losses_that_are_not_finite(engine, few_rows):
    attempt = engine.run(
        make_training(few_rows, peftMethod="full", learningRate=1.0, weightDecay=1.0, maxSteps=30, loggingSteps=1, evalSplit=0)
    )

    losses = [loss for (loss,) in attempt.series("loss").values()]
    assert max(losses) > 10 or not all(map(math.isfinite, losses))


def test_two_files_can_be_the_two_splits(engine, tmp_path):
    train = rows_file(tmp_path, "train.jsonl", tiny_world.fine_tuning_rows()[0][:50])
    held_out = rows_file(tmp_path, "eval.jsonl", tiny_world.fine_tuning_rows()[1][:5])

    attempt = engine.run(make_training(dataset=files_dataset((train, "train"), (held_out, "eval")), maxSteps=3))

    assert list(attempt.series("eval_loss")) == [0, 1, 2, 3]
    assert [item["expected"] for item in attempt.of("samples")[0]["items"]] == [
        row["output"] for row in tiny_world.fine_tuning_rows()[1][:3]
    ]
