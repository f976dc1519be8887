"""The meta engine, for real: tiny-llama is trained, killed, resumed, resharded and asked; ranks are forks that meet over gloo."""

import json
import math
import random
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from hf_trials import EXAMPLES, Attempt, Engine, files_dataset, make_training
from trainer import tiny_world

# Everything that may differ after a resume if anything can: dropout, accumulation, windows of 3 steps, evaluations between checkpoints.
HARD = {
    "maxSteps": 40,
    "saveSteps": 5,
    "evalSteps": 15,
    "loggingSteps": 3,
    "loraDropout": 0.1,
    "batchSize": 4,
    "gradientAccumulationSteps": 2,
}
FAN = "Turn off the fan in the garden."
ADAPTER = {"kind": "made", "id": "art_1", "folder": "/nowhere", "form": "adapter", "base": {"kind": "tiny-llama"}}


def train(
    engine: Engine, data: Path = EXAMPLES / "alpaca.jsonl", resume=None, kill_at=None, command_at=None, ranks=1, **changes: Any
) -> Attempt:
    training = make_training(data, framework="meta", **changes)
    return engine.run(training, engine="meta", resume=resume, kill_at=kill_at, command_at=command_at, ranks=ranks)


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


def newest(attempt: Attempt) -> tuple[str, Path]:
    return named(attempt, max(attempt.checkpoints))


def named(attempt: Attempt, step: int) -> tuple[str, Path]:
    return f"step-{step:06d}", attempt.checkpoints[step]


# ---------------------------------------------------------------------------------------------------- it learns


@pytest.fixture(scope="session")
def recipe(engine) -> Attempt:
    attempt = train(engine, maxSteps=300, reportTo=["tensorboard"], export="merged")
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def test_a_lora_learns_what_the_base_cannot(engine, recipe):
    _, new_pairs, new_words = tiny_world.fine_tuning_rows(held_out=100)

    pairs, words = exact(engine, recipe.artifacts["adapter"], new_pairs), exact(engine, recipe.artifacts["adapter"], new_words)

    print(f"new pairs: base {pairs[0]}, tuned {pairs[1]} of 100; new words: base {words[0]}, tuned {words[1]} of 100")
    assert pairs[0] == words[0] == 0
    assert pairs[1] >= 80


def test_a_run_reports_what_a_run_of_the_hf_engine_reports(engine, recipe, few_rows):
    # One batch holds the whole eval split: transformers averages batches, however many tokens they have.
    settings = {"maxSteps": 6, "evalSteps": 3, "batchSize": 16}
    theirs, ours = engine.run(make_training(few_rows, **settings)), train(engine, few_rows, **settings)

    def names(attempt: Attempt) -> list[tuple[int, list[str]]]:
        return sorted((row["step"], sorted(row["values"])) for row in attempt.of("metrics"))

    assert names(ours) == names(theirs)
    assert set(ours.outcome["metrics"]) == set(theirs.outcome["metrics"])
    assert [sorted(item) for item in ours.of("samples")[0]["items"]] == [sorted(item) for item in theirs.of("samples")[0]["items"]]
    assert [line["items"][0]["base"] for line in ours.of("samples")] == [line["items"][0]["base"] for line in theirs.of("samples")]
    # The same rows and the same base: what it loses before the first step is the same number.
    assert ours.series("eval_loss")[0][0] == pytest.approx(theirs.series("eval_loss")[0][0], rel=1e-5)
    assert ours.of("checkpoint")[-1]["about"].keys() == theirs.of("checkpoint")[-1]["about"].keys()
    assert set(ours.phases) == set(theirs.phases)


def test_every_step_is_reported_and_every_metric_is_a_number(recipe):
    assert [line["step"] for line in recipe.of("progress")] == list(range(1, 301))
    assert all(math.isfinite(value) for row in recipe.of("metrics") for value in row["values"].values())
    assert [(line["step"], line["reason"]) for line in recipe.of("checkpoint")] == [(100, "interval"), (200, "interval"), (300, "final")]
    assert [line["step"] for line in recipe.of("samples")] == [0, 50, 100, 150, 200, 250, 300]
    assert [item["tuned"] for item in recipe.of("samples")[-1]["items"]] == [item["expected"] for item in recipe.of("samples")[-1]["items"]]
    assert all(line["reason"] for line in recipe.of("choice"))


def test_the_adapter_is_one_of_the_hugging_face_model(engine, recipe):
    folder = recipe.artifacts["adapter"]
    config = json.loads((folder / "adapter_config.json").read_text())

    def load_with_peft() -> list[str]:
        from peft import AutoPeftModelForCausalLM
        from transformers import AutoTokenizer

        from trainer.prompts import answer, render

        model, tokenizer = AutoPeftModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        return answer(model, tokenizer, [render(FAN, "chat", tokenizer)])

    assert engine.call(load_with_peft) == ['{"device": "fan", "room": "garden", "set": "off"}']
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (16, 32, "LORA")
    assert sorted(config["target_modules"]) == ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]
    assert all(file.stat().st_mode & 0o044 for file in folder.iterdir())


def test_the_merged_model_answers_like_the_adapter_and_holds_meta_s_layout(engine, recipe, tmp_path):
    questions = [row["instruction"] for row in tiny_world.fine_tuning_rows(held_out=20)[1]]
    merged, adapter = engine.answers(recipe.artifacts["model"], questions), engine.answers(recipe.artifacts["adapter"], questions)
    original = recipe.artifacts["model"] / "original"

    def same_logits() -> float:
        import torch
        from transformers import AutoModelForCausalLM

        from trainer.meta.meta_folder import read_meta
        from trainer.meta.model import Llama

        shape, weights = read_meta(original, "it")
        ours = Llama(shape)
        ours.load_state_dict(weights)
        ids = torch.randint(0, shape.vocabulary, (2, 40))
        with torch.no_grad():
            return (ours(ids) - AutoModelForCausalLM.from_pretrained(recipe.artifacts["model"])(ids).logits).abs().max().item()

    assert [row["tuned"] for row in merged] == [row["tuned"] for row in adapter]
    assert {file.name for file in original.iterdir()} == {"params.json", "consolidated.00.pth", "consolidated.safetensors"}
    assert engine.call(same_logits) < 1e-3


def test_tensorboard_files_hold_every_metric(recipe):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(recipe.artifacts["tensorboard"])).Reload()

    assert {"loss", "eval_loss", "learning_rate", "grad_norm"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("eval_loss")] == [0, 50, 100, 150, 200, 250, 300]


# ---------------------------------------------------------------------------------------------------- it survives


@pytest.fixture(scope="session")
def uninterrupted(engine, few_rows) -> Attempt:
    attempt = train(engine, few_rows, **HARD)
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def assert_same_training(resumed: Attempt, whole: Attempt, after: int) -> None:
    """Bit for bit: losses, gradients, evaluations, weights and answers after the step resumed from, and the means of the whole run."""
    assert resumed.outcome["outcome"] == "completed", resumed.log[-2000:]
    for names in (("loss", "grad_norm", "learning_rate", "tokens", "token_accuracy"), ("eval_loss",)):
        later = {step: values for step, values in whole.series(*names).items() if step > after}
        assert resumed.series(*names) == later
    kind, name = ("adapter", "adapter_model.safetensors") if "adapter" in whole.artifacts else ("model", "model.safetensors")
    assert resumed.sha256(kind, name) == whole.sha256(kind, name)
    assert resumed.outcome["metrics"] == whole.outcome["metrics"]
    assert [line["items"] for line in resumed.of("samples")] == [line["items"] for line in whole.of("samples") if line["step"] > after]


@pytest.mark.parametrize("trial", range(10))
def test_killed_anywhere_and_resumed_it_ends_in_the_same_bits(engine, few_rows, uninterrupted, trial):
    # A checkpoint is written while the steps after it go on; that of step 5 is whole before that of step 10 is begun.
    first = 11 + 29 * trial // 10
    kill_at = random.Random().randint(first, first + 2)

    killed = train(engine, few_rows, kill_at=kill_at, **HARD)
    resumed = train(engine, few_rows, resume=newest(killed), **HARD)

    print(f"killed at step {kill_at}, resumed from {newest(killed)[0]}")
    assert killed.status == signal.SIGKILL and not killed.of("outcome")
    assert resumed.choices["resume"] == "exact"
    assert_same_training(resumed, uninterrupted, max(killed.checkpoints))


def test_full_fine_tuning_learns_and_resumes_in_the_same_bits(engine, few_rows):
    settings = HARD | {"peftMethod": "full", "learningRate": 2e-3, "loraDropout": 0.0}

    whole = train(engine, few_rows, **settings)
    killed = train(engine, few_rows, kill_at=23, **settings)
    resumed = train(engine, few_rows, resume=newest(killed), **settings)

    evals = whole.series("eval_loss")
    assert evals[0][0] > 5 and evals[40][0] < 1
    assert list(whole.artifacts) == ["model"]
    assert_same_training(resumed, whole, max(killed.checkpoints))
    assert engine.answers(whole.artifacts["model"], [FAN])[0]["tuned"].startswith("{")


def test_a_stop_saves_a_checkpoint_and_the_adapter_and_goes_on_in_the_same_bits(engine, few_rows, uninterrupted):
    stopped = train(engine, few_rows, command_at=(13, {"want": "stop"}), **HARD)
    step = stopped.outcome["step"]

    resumed = train(engine, few_rows, resume=newest(stopped), **HARD)

    assert stopped.outcome["outcome"] == "stopped" and 13 <= step < 40
    assert (stopped.of("checkpoint")[-1]["step"], stopped.of("checkpoint")[-1]["reason"]) == (step, "final")
    assert engine.answers(stopped.artifacts["adapter"], [FAN])[0]["tuned"]
    assert resumed.sha256() == uninterrupted.sha256()


def test_a_pause_ends_as_paused_and_a_checkpoint_asked_for_changes_nothing(engine, few_rows, uninterrupted):
    paused = train(engine, few_rows, command_at=(6, {"want": "pause"}), **HARD)
    asked = train(engine, few_rows, command_at=(12, {"checkpointRequest": 1}), **HARD)

    assert paused.outcome["outcome"] == "paused" and max(paused.checkpoints) == paused.outcome["step"]
    requested = [line["step"] for line in asked.of("checkpoint") if line["reason"] == "requested"]
    assert len(requested) == 1 and requested[0] >= 12
    assert asked.sha256() == uninterrupted.sha256()


def test_a_run_lost_after_its_last_step_only_stores_its_result(engine, few_rows, uninterrupted):
    resumed = train(engine, few_rows, resume=newest(uninterrupted), **HARD)

    assert resumed.of("progress") == []
    assert_same_training(resumed, uninterrupted, after=40)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loraR": 8}, "its LoRA rank is 16, this run's is 8"),
        ({"batchSize": 8}, "its global batch is 8, this run's is 16"),
        ({"evalSplit": 0.2}, "its data is "),
        ({"peftMethod": "full"}, "its peft method is lora, this run's is full"),
    ],
)
def test_a_resume_that_does_not_fit_is_refused_with_both_values(engine, few_rows, uninterrupted, changes, said):
    code, message = train(engine, few_rows, resume=newest(uninterrupted), **HARD | changes).failure

    assert code == "resume_refused"
    assert message.startswith("checkpoint step-000040 does not fit this run: ") and said in message


def test_a_changed_schedule_is_a_warm_start_with_the_new_rate(engine, few_rows, uninterrupted):
    changed = HARD | {"learningRate": 1e-3, "lrScheduler": "constant", "maxSteps": 30, "weightDecay": 0.1}

    warm = train(engine, few_rows, resume=named(uninterrupted, 20), **changed)

    assert warm.choices["resume"] == "warm start"
    assert {rate for (rate,) in warm.series("learning_rate").values()} == {1e-3}
    assert warm.outcome["step"] == 30


@pytest.mark.parametrize("name", ["shard-00001-model-00001-of-00001.safetensors", "trainer_state.json", "tuneplane.json"])
def test_a_checkpoint_that_does_not_load_is_called_invalid(engine, few_rows, uninterrupted, tmp_path, name):
    torn = shutil.copytree(uninterrupted.checkpoints[20], tmp_path / "step-000020")
    (torn / name).write_bytes((torn / name).read_bytes()[:100])

    code, message = train(engine, few_rows, resume=("step-000020", torn), **HARD).failure

    assert code == "checkpoint_invalid" and "step-000020" in message


def test_a_checkpoint_of_the_hf_engine_is_called_invalid(engine, few_rows):
    theirs = engine.run(make_training(few_rows, maxSteps=2))

    code, message = train(engine, few_rows, resume=newest(theirs), maxSteps=3).failure

    assert code == "checkpoint_invalid" and "does not load" in message


def test_a_checkpoint_holds_safetensors_and_json_and_nothing_pickled(uninterrupted):
    files = {file.name for file in uninterrupted.checkpoints[20].iterdir()}

    assert files == {"shard-00001-model-00001-of-00001.safetensors", "trainer_state.json", "tuneplane.json"}


# ---------------------------------------------------------------------------------------------------- ranks


@pytest.fixture(scope="session")
def on_two_ranks(engine, few_rows) -> Attempt:
    """Two ranks of 4 rows and one part: the global batch of `uninterrupted`, without its dropout, which every rank draws for itself."""
    attempt = train(engine, few_rows, ranks=2, **HARD | {"gradientAccumulationSteps": 1, "loraDropout": 0.0})
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def assert_close(found: dict[int, tuple[float, ...]], wanted: dict[int, tuple[float, ...]], after: int = 0) -> None:
    """Sums are taken in another order: the same to float32's precision, and what training makes of that in 40 steps."""
    assert list(found) == [step for step in wanted if step > after or after == 0]
    for step, values in found.items():
        assert values == pytest.approx(wanted[step], rel=1e-3), step


def test_two_ranks_train_what_one_rank_trains(engine, few_rows, on_two_ranks):
    alone = train(engine, few_rows, **HARD | {"loraDropout": 0.0})

    assert on_two_ranks.of("checkpoint")[0]["about"] | {"configHash": ""} == alone.of("checkpoint")[0]["about"] | {
        "configHash": "",
        "worldSize": 2,
    }
    assert [line["step"] for line in on_two_ranks.of("progress")] == list(range(1, 41))
    for names in (("loss", "grad_norm"), ("eval_loss",)):
        assert_close(on_two_ranks.series(*names), alone.series(*names))
    assert on_two_ranks.series("learning_rate", "tokens") == alone.series("learning_rate", "tokens")
    assert on_two_ranks.of("samples")[-1]["items"][0]["tuned"].startswith("{")


def test_killed_and_resumed_on_two_ranks_it_ends_in_the_same_bits(engine, few_rows, on_two_ranks):
    settings = HARD | {"gradientAccumulationSteps": 1, "loraDropout": 0.0}

    killed = train(engine, few_rows, ranks=2, kill_at=random.Random().randint(12, 38), **settings)
    resumed = train(engine, few_rows, ranks=2, resume=newest(killed), **settings)

    assert_same_training(resumed, on_two_ranks, max(killed.checkpoints))


def test_each_rank_stores_its_own_shards(on_two_ranks):
    shards = sorted(file.name for file in on_two_ranks.checkpoints[20].glob("*.safetensors"))

    assert shards == [f"shard-0000{rank}-model-00001-of-00001.safetensors" for rank in (1, 2)]


def test_a_checkpoint_of_two_ranks_goes_on_on_one_with_the_same_global_batch(engine, few_rows, on_two_ranks):
    settings = HARD | {"gradientAccumulationSteps": 1, "loraDropout": 0.0}

    resumed = train(engine, few_rows, resume=named(on_two_ranks, 20), **settings)

    assert resumed.choices["resume"] == "other ranks"
    assert (resumed.of("checkpoint")[-1]["about"]["globalBatch"], resumed.of("checkpoint")[-1]["about"]["worldSize"]) == (8, 1)
    for names in (("loss", "grad_norm"), ("eval_loss",)):
        assert_close(resumed.series(*names), on_two_ranks.series(*names), after=20)
    assert resumed.outcome["metrics"]["tokens"] == on_two_ranks.outcome["metrics"]["tokens"]


def test_a_checkpoint_of_one_rank_goes_on_on_two_and_then_on_one_again(engine, few_rows):
    settings = HARD | {"loraDropout": 0.0}
    alone = train(engine, few_rows, **settings)

    on_two = train(engine, few_rows, ranks=2, resume=named(alone, 10), command_at=(22, {"want": "stop"}), **settings)
    on_one = train(engine, few_rows, resume=newest(on_two), **settings)

    assert on_two.outcome["outcome"] == "stopped" and on_one.outcome["outcome"] == "completed"
    assert_close(on_one.series("eval_loss"), alone.series("eval_loss"), after=on_two.outcome["step"])


def test_ranks_that_cannot_make_up_the_global_batch_are_refused(engine, few_rows):
    settings = {"batchSize": 3, "maxSteps": 4, "saveSteps": 2}
    alone = train(engine, few_rows, **settings)

    code, message = train(engine, few_rows, ranks=2, resume=named(alone, 2), **settings).failure

    assert code == "resume_refused"
    assert "with a global batch of 3, which 2 ranks cannot share evenly" in message


def test_all_ranks_stop_at_the_same_step_and_leave_a_checkpoint(engine, few_rows, on_two_ranks):
    stopped = train(
        engine, few_rows, ranks=2, command_at=(13, {"want": "stop"}), **HARD | {"gradientAccumulationSteps": 1, "loraDropout": 0.0}
    )

    step = stopped.outcome["step"]
    assert (stopped.outcome["outcome"], stopped.status) == ("stopped", 0)
    assert len(list(stopped.checkpoints[step].glob("*.safetensors"))) == 2
    resumed = train(engine, few_rows, ranks=2, resume=newest(stopped), **HARD | {"gradientAccumulationSteps": 1, "loraDropout": 0.0})
    assert resumed.sha256() == on_two_ranks.sha256()


def test_full_fine_tuning_on_two_ranks_stores_one_whole_model(engine, few_rows):
    attempt = train(engine, few_rows, ranks=2, peftMethod="full", learningRate=2e-3, maxSteps=20, batchSize=4)

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert engine.answers(attempt.artifacts["model"], [FAN])[0]["tuned"]
    assert (attempt.artifacts["model"] / "original" / "params.json").is_file()


# ---------------------------------------------------------------------------------------------------- settings and rows


def test_every_typical_argument_of_document_2_is_taken(engine, tmp_path):
    rows = [{"story": f"Once upon a time there was a {word}."} for word in tiny_world.WORDS]
    settings = {
        "datasetTextField": "story",
        "batchSize": 2,
        "maxSteps": None,
        "numEpochs": 2,
        "learningRate": 1e-3,
        "maxSeqLength": 64,
        "gradientAccumulationSteps": 3,
        "saveSteps": 4,
        "dataloaderWorkers": 2,
        "evalSteps": 3,
    }

    attempt = train(engine, rows_file(tmp_path, "stories.jsonl", rows), **settings)

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.outcome["steps"] == 9  # 27 rows twice, 6 at a step
    assert [line["step"] for line in attempt.of("checkpoint")] == [4, 8, 9]
    assert list(attempt.series("eval_loss")) == [0, 3, 6, 9]
    assert attempt.series("eval_loss")[9] < attempt.series("eval_loss")[0]
    assert attempt.choices["loss"] == "the whole text"


def test_workers_that_prepare_batches_change_nothing(engine, few_rows, uninterrupted):
    assert train(engine, few_rows, dataloaderWorkers=2, **HARD).sha256() == uninterrupted.sha256()


@pytest.mark.parametrize(
    ("row", "loss"),
    [
        (
            {"messages": [{"role": "user", "content": "Hi {}"}, {"role": "assistant", "content": "Hello {}"}]},
            "every answer of the assistant",
        ),
        ({"prompt": "Word {}:", "completion": " {}"}, "the completion"),
        (
            {"prompt": [{"role": "user", "content": "Hi {}"}], "completion": [{"role": "assistant", "content": "Hello {}"}]},
            "the completion",
        ),
    ],
)
def test_every_row_format_trains(engine, tmp_path, row, loss):
    rows = [json.loads(json.dumps(row).replace("{}", word)) for word in tiny_world.WORDS]

    attempt = train(engine, rows_file(tmp_path, "rows.jsonl", rows), maxSteps=12, batchSize=4, evalSteps=6)

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.choices["loss"] == loss
    assert attempt.series("eval_loss")[12][0] < attempt.series("eval_loss")[0][0]


def test_two_files_can_be_the_two_splits_and_no_eval_split_is_needed(engine, tmp_path):
    rows = tiny_world.fine_tuning_rows()
    train_file, held_out = rows_file(tmp_path, "train.jsonl", rows[0][:50]), rows_file(tmp_path, "eval.jsonl", rows[1][:5])

    two = train(engine, dataset=files_dataset((train_file, "train"), (held_out, "eval")), maxSteps=3)
    one = train(engine, train_file, evalSplit=0, maxSteps=3, samplePrompts=[FAN])

    assert list(two.series("eval_loss")) == [0, 1, 2, 3]
    assert one.series("eval_loss") == {} and [line["step"] for line in one.of("samples")] == [0, 3]


def test_rows_that_are_cut_or_left_out_are_counted(engine, tmp_path):
    long_answer, long_question = {"instruction": "a", "output": "lamp " * 50}, {"instruction": "lamp " * 50, "output": "b"}
    rows = [{"instruction": "a", "output": "b"}] * 10 + [long_answer] * 3 + [long_question] * 2

    attempt = train(engine, rows_file(tmp_path, "long.jsonl", rows), maxSeqLength=16, maxSteps=1, evalSplit=0)

    assert (attempt.choices["rows-cut"], attempt.choices["rows-left-out"]) == ("3", "2")


# ---------------------------------------------------------------------------------------------------- bases


@pytest.fixture(scope="session")
def meta_base(engine, recipe, tmp_path_factory) -> Path:
    """tiny-llama in Meta's layout, with the tokenizer beside it."""
    from trainer import tiny_llama
    from trainer.meta.convert import to_meta

    folder = tmp_path_factory.mktemp("bases") / "tiny-in-meta-layout"
    folder.mkdir()
    engine.call(lambda: to_meta(tiny_llama.ensure(engine.cache), folder))
    return folder


def test_a_base_in_meta_s_layout_trains_and_its_adapter_loads_anywhere(engine, few_rows, meta_base, uninterrupted):
    on_meta = train(engine, few_rows, baseModel={"kind": "path", "path": str(meta_base)}, **HARD)
    again = train(engine, few_rows, baseModel={"kind": "path", "path": str(meta_base)}, maxSteps=1)

    assert on_meta.outcome["outcome"] == "completed", on_meta.log[-2000:]
    assert on_meta.sha256() == uninterrupted.sha256()  # the same weights, so the same training
    assert "building-base" in on_meta.phases and "building-base" not in again.phases
    base = Path(json.loads((on_meta.artifacts["adapter"] / "adapter_config.json").read_text())["base_model_name_or_path"])
    assert (base / "config.json").is_file() and base.parent == engine.cache
    assert engine.answers(on_meta.artifacts["adapter"], [FAN])[0]["tuned"].startswith("{")


def test_a_base_in_meta_s_layout_without_a_tokenizer_is_told(engine, few_rows, meta_base, tmp_path):
    bare = shutil.copytree(meta_base, tmp_path / "bare")
    (bare / "tokenizer.json").unlink()

    code, message = train(engine, few_rows, baseModel={"kind": "path", "path": str(bare)}).failure

    assert code == "model_not_found" and message.startswith(f"{bare} holds no tokenizer.json")
    assert not list(engine.cache.glob("*.building-*"))


@pytest.fixture(scope="session")
def gpt2(engine, recipe, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bases") / "gpt2"

    def build() -> None:
        from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

        from trainer import tiny_llama

        tokenizer = AutoTokenizer.from_pretrained(tiny_llama.ensure(engine.cache))
        tokenizer.save_pretrained(folder)
        GPT2LMHeadModel(GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=256)).save_pretrained(folder)

    engine.call(build)
    return folder


def test_another_architecture_is_refused_naming_hf(engine, few_rows, gpt2):
    code, message = train(engine, few_rows, baseModel={"kind": "path", "path": str(gpt2)}).failure

    assert code == "model_not_supported"
    assert message.startswith(f"{gpt2} is a GPT2LMHeadModel") and 'use framework "hf"' in message


def test_a_base_without_safetensors_is_refused(engine, few_rows, recipe, tmp_path):
    from trainer import tiny_llama

    folder = shutil.copytree(tiny_llama.ensure(engine.cache), tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    code, message = train(engine, few_rows, baseModel={"kind": "path", "path": str(folder)}).failure

    assert (code, "has its weights as pytorch_model.bin, a pickle" in message) == ("unsafe_weights", True)


@pytest.mark.parametrize("framework", ["meta", "nemo"])
def test_a_tokenizer_that_knows_more_than_the_model_is_refused_before_training(engine, few_rows, recipe, tmp_path, framework):
    from trainer import tiny_llama

    folder = shutil.copytree(tiny_llama.ensure(engine.cache), tmp_path / "larger")

    def add_tokens() -> None:
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokenizer.add_tokens([f"<new{number}>" for number in range(50)])
        tokenizer.save_pretrained(folder)

    engine.call(add_tokens)
    training = make_training(few_rows, framework=framework, baseModel={"kind": "path", "path": str(folder)})

    attempt = engine.run(training, engine=framework, environment={"TUNEPLANE_NEMO_PYTHON": sys.executable, "TUNEPLANE_NEMO_COMMAND": "[]"})

    assert attempt.failure[0] == "tokenizer_mismatch"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"method": "dpo"}, "engine_missing", "asked was method dpo, peft method lora"),
        ({"peftMethod": "qlora"}, "engine_missing", "asked was method sft, peft method qlora"),
        ({"packing": True}, "engine_missing", "does not pack rows"),
        ({"reportTo": ["wandb"]}, "engine_missing", "not to wandb"),
        ({"resultFrom": "best"}, "engine_missing", "stores the weights of its last step"),
        ({"baseModel": ADAPTER}, "model_not_supported", "art_1 is an adapter, and the engine meta begins with whole models"),
        ({"baseModel": {"kind": "path", "path": "/nowhere"}}, "model_not_found", "there is no folder /nowhere"),
        ({"targetModules": ["nothing_proj"]}, "model_not_supported", "a Llama has no layer nothing_proj"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(engine, few_rows, changes, code, said):
    found, message = train(engine, few_rows, **changes).failure

    assert (found, said in message) == (code, True), message


def test_a_bad_row_ends_the_run_before_anything_is_imported(engine, tmp_path):
    rows = [{"instruction": "a", "output": "b"}] * 16 + [{"instruction": "a"}]

    attempt = train(engine, rows_file(tmp_path, "bad.jsonl", rows))

    assert "examples/bad.jsonl line 17: output is missing" in attempt.failure[1]
    assert attempt.phases == ["preparing-data"]
