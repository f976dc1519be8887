"""Other ways to train with the hf engine: preferences, several ranks, packed and flattened batches."""

import json
import math
import signal
from pathlib import Path

import pytest

from hf_trials import Attempt, Engine, make_training
from trainer import tiny_world

# 80 rows to train on: ten whole steps an epoch. Of a last step that is not whole, several ranks would train some rows twice.
RANKED = {"maxSteps": 24, "saveSteps": 8, "evalSteps": 12, "loggingSteps": 4, "batchSize": 4, "evalSplit": 0.2}


@pytest.fixture(scope="session")
def rows_of(tmp_path_factory):
    def write(name: str, rows: list[dict]) -> Path:
        path = tmp_path_factory.mktemp("rows") / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write


@pytest.fixture(scope="session")
def few(rows_of) -> Path:
    return rows_of("few.jsonl", tiny_world.fine_tuning_rows()[0][:100])


@pytest.fixture(scope="session")
def preferences(rows_of) -> Path:
    """The command is liked better than the chat that the base answers with."""
    rows = tiny_world.fine_tuning_rows()[0][:160]
    return rows_of(
        "preferences.jsonl",
        [
            {"prompt": chat("user", r["instruction"]), "chosen": chat("assistant", r["output"]), "rejected": chat("assistant", said(r))}
            for r in rows
        ],
    )


def chat(role: str, text: str) -> list[dict]:
    return [{"role": role, "content": text}]


def said(row: dict) -> str:
    wanted = json.loads(row["output"])
    return f"Sure, I will turn the {wanted['device']} in the {wanted['room']} {wanted['set']}."


def newest(attempt: Attempt) -> tuple[str, Path]:
    step = max(attempt.checkpoints)
    return f"step-{step:06d}", attempt.checkpoints[step]


# ---------------------------------------------------------------------------------------------------- preferences


@pytest.fixture(scope="session")
def compared(engine: Engine, preferences: Path) -> Attempt:
    return engine.run(make_training(preferences, method="dpo", learningRate=1e-3, maxSteps=60, evalSteps=20, saveSteps=20, loggingSteps=5))


def test_dpo_learns_to_tell_the_chosen_from_the_rejected(compared: Attempt):
    assert compared.outcome["outcome"] == "completed", compared.log[-3000:]
    before, after = (compared.series("eval_reward_accuracy", "eval_reward_margin")[step] for step in (0, 60))

    print(f"reward accuracy {before[0]:.2f} -> {after[0]:.2f}, margin {before[1]:.2f} -> {after[1]:.2f}")
    assert after[0] > max(0.9, before[0]) and after[1] > before[1] + 1
    assert compared.series("eval_loss")[60] < compared.series("eval_loss")[0]
    rows = [row["values"] for row in compared.of("metrics") if "loss" in row["values"]]
    assert all({"loss", "reward_accuracy", "reward_margin", "learning_rate", "grad_norm", "tokens"} <= set(row) for row in rows)
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert compared.choices["loss"] == "chosen against rejected"
    assert compared.outcome["metrics"]["reward_accuracy"] == after[0]


def test_samples_of_preferences_expect_the_chosen_answer(compared: Attempt, preferences: Path):
    first = compared.of("samples")[0]["items"][0]

    chosen = {json.loads(line)["chosen"][0]["content"] for line in preferences.read_text().splitlines()}
    assert first["expected"] in chosen and first["base"].startswith("Sure")


def test_dpo_killed_and_resumed_ends_in_the_same_bits(engine: Engine, preferences: Path, compared: Attempt):
    training = make_training(preferences, method="dpo", learningRate=1e-3, maxSteps=60, evalSteps=20, saveSteps=20, loggingSteps=5)

    killed = engine.run(training, kill_at=33)
    resumed = engine.run(training, resume=newest(killed))

    assert killed.status == signal.SIGKILL and max(killed.checkpoints) == 20
    assert resumed.choices["resume"] == "exact"
    later = {step: values for step, values in compared.series("loss", "grad_norm", "reward_margin").items() if step > 20}
    assert resumed.series("loss", "grad_norm", "reward_margin") == later
    assert resumed.sha256() == compared.sha256()
    assert resumed.outcome["metrics"] == compared.outcome["metrics"]


@pytest.mark.parametrize(
    ("method", "row", "message"),
    [
        ("dpo", {"instruction": "a", "output": "b"}, "method dpo learns from preference rows (prompt, chosen, rejected); those of"),
        ("sft", {"prompt": "a", "chosen": "b", "rejected": "c"}, "which method sft cannot learn from: ask for method dpo"),
    ],
)
def test_rows_that_the_method_cannot_learn_from_are_refused_at_once(engine: Engine, rows_of, method: str, row: dict, message: str):
    attempt = engine.run(make_training(rows_of("rows.jsonl", [row] * 4), method=method))

    assert attempt.failure[0] == "dataset_format_unknown" and message in attempt.failure[1]
    assert attempt.phases == ["preparing-data"]


def test_an_sft_checkpoint_is_no_start_for_dpo(engine: Engine, few: Path, preferences: Path):
    tuned = engine.run(make_training(few, maxSteps=4))

    code, said = engine.run(make_training(preferences, method="dpo"), resume=newest(tuned)).failure

    assert code == "resume_refused" and "its method is sft, this run's is dpo" in said


# ---------------------------------------------------------------------------------------------------- what another run made


def made(folder: Path, form: str) -> dict:
    base = {"kind": "tiny-llama"} if form == "adapter" else None
    return {"kind": "made", "id": "run_before", "form": form, "folder": str(folder), "base": base}


@pytest.fixture(scope="session")
def before(engine: Engine, few: Path) -> Attempt:
    return engine.run(make_training(few, maxSteps=40, export=["adapter", "merged"]))


def test_an_adapter_of_another_run_is_trained_on_and_stands_alone_on_its_base(engine: Engine, few: Path, before: Attempt):
    after = engine.run(make_training(few, baseModel=made(before.artifacts["adapter"], "adapter"), maxSteps=10, saveSteps=5))

    assert after.outcome["outcome"] == "completed", after.log[-2000:]
    assert after.choices["begins-with"] == "run_before"
    start, end = after.series("eval_loss")[0][0], after.series("eval_loss")[10][0]
    assert start == pytest.approx(before.outcome["metrics"]["eval_loss"], rel=1e-4) and end < start
    config = json.loads((after.artifacts["adapter"] / "adapter_config.json").read_text())
    assert "tiny-llama" in config["base_model_name_or_path"]
    resumed = engine.run(
        make_training(few, baseModel=made(before.artifacts["adapter"], "adapter"), maxSteps=10, saveSteps=5),
        resume=("step-000005", after.checkpoints[5]),
    )
    assert resumed.sha256() == after.sha256()


def test_a_model_of_another_run_is_a_base(engine: Engine, few: Path, before: Attempt):
    after = engine.run(make_training(few, baseModel=made(before.artifacts["model"], "model"), maxSteps=4))

    assert after.outcome["outcome"] == "completed", after.log[-2000:]
    assert after.series("eval_loss")[0][0] == pytest.approx(before.outcome["metrics"]["eval_loss"], rel=1e-3)
    assert after.of("about")[-1]["base"]["id"] == "run_before"


def test_a_folder_without_an_adapter_is_told_at_once(engine: Engine, few: Path, tmp_path: Path):
    code, message = engine.run(make_training(few, baseModel=made(tmp_path, "adapter"))).failure

    assert (code, message) == ("model_not_found", f"run_before holds no adapter: there is no adapter_config.json in {tmp_path}")


# ---------------------------------------------------------------------------------------------------- several ranks


@pytest.fixture(scope="session")
def two(engine: Engine, few: Path) -> Attempt:
    """Two ranks of four rows."""
    return engine.run(make_training(few, **RANKED), ranks=2)


@pytest.fixture(scope="session")
def one(engine: Engine, few: Path) -> Attempt:
    """One rank of eight rows: the same rows a step."""
    return engine.run(make_training(few, **RANKED | {"batchSize": 8}))


def test_two_ranks_train_as_one_does_with_the_same_rows_a_step(one: Attempt, two: Attempt):
    assert two.outcome["outcome"] == "completed", two.log[-3000:]
    assert (two.choices["parallelism"], two.of("checkpoint")[-1]["about"]["worldSize"]) == ("ddp", 2)
    assert two.of("checkpoint")[-1]["about"]["globalBatch"] == one.of("checkpoint")[-1]["about"]["globalBatch"] == 8
    assert {path.name for path in two.checkpoints[24].iterdir()} >= {"rng_state_0.pth", "rng_state_1.pth"}
    for name in ("loss", "eval_loss"):
        for step, (value,) in two.series(name).items():
            assert value == pytest.approx(one.series(name)[step][0], rel=2e-3), (name, step)
    assert [line["step"] for line in two.of("progress")] == list(range(1, 25)), "only one rank is heard"


def test_two_ranks_killed_and_resumed_end_in_the_same_bits(engine: Engine, few: Path, two: Attempt):
    killed = engine.run(make_training(few, **RANKED), ranks=2, kill_at=13)
    resumed = engine.run(make_training(few, **RANKED), ranks=2, resume=newest(killed))

    assert max(killed.checkpoints) == 8
    assert resumed.series("loss", "grad_norm") == {step: v for step, v in two.series("loss", "grad_norm").items() if step > 8}
    assert resumed.sha256() == two.sha256()


def test_a_stop_ends_both_ranks_at_the_same_step(engine: Engine, few: Path):
    stopped = engine.run(make_training(few, **RANKED | {"maxSteps": 300}), ranks=2, command_at=(5, {"want": "stop"}))

    assert stopped.outcome["outcome"] == "stopped"
    assert max(stopped.checkpoints) == stopped.outcome["step"] >= 5
    assert {path.name for path in newest(stopped)[1].iterdir()} >= {"rng_state_0.pth", "rng_state_1.pth", "adapter_model.safetensors"}


def test_one_rank_goes_on_from_two_with_the_same_rows_a_step(engine: Engine, few: Path, two: Attempt):
    resumed = engine.run(make_training(few, **RANKED), resume=("step-000016", two.checkpoints[16]))

    assert resumed.choices["resume"] == "other ranks"
    assert resumed.of("checkpoint")[-1]["about"] | {"versions": None} == two.of("checkpoint")[-1]["about"] | {
        "versions": None,
        "worldSize": 1,
    }
    for step, (value,) in resumed.series("loss").items():
        assert value == pytest.approx(two.series("loss")[step][0], rel=2e-3), step


def test_a_batch_that_the_ranks_cannot_share_is_refused_with_both_values(engine: Engine, few: Path):
    started = engine.run(make_training(few, **RANKED | {"batchSize": 3, "maxSteps": 2}))

    code, message = engine.run(make_training(few, **RANKED | {"batchSize": 3}), ranks=2, resume=newest(started)).failure

    assert code == "resume_refused"
    assert "was trained by 1 ranks with a global batch of 3, which 2 ranks cannot share evenly" in message


def test_a_rank_that_does_not_answer_is_told_as_a_timeout_and_not_as_a_stall(engine: Engine, few: Path):
    def patch(rank: int) -> None:
        import time

        from trainer import agreement
        from trainer.training_callback import TrainingCallback

        agreement.LEAST_TIMEOUT_SECONDS, agreement.LONGEST_TIMEOUT_SECONDS = 2, 2
        if rank == 1:
            begin = TrainingCallback.on_step_begin
            TrainingCallback.on_step_begin = lambda self, args, state, control, **more: (
                time.sleep(5) if state.global_step == 3 else begin(self, args, state, control, **more)
            )

    attempt = engine.run(make_training(few, **RANKED), ranks=2, patch=patch)

    assert attempt.failure[0] == "nccl_timeout", attempt.failure
    assert "one of 2 ranks did not answer the others in time" in attempt.failure[1]


# ---------------------------------------------------------------------------------------------------- one sequence for several rows


def test_rows_in_one_sequence_have_the_logits_that_they_have_alone(engine: Engine):
    """As TRL flattens a padding-free or packed batch: no mask, positions that begin anew with each row."""

    def compare() -> list[float]:
        import torch
        from transformers import AutoModelForCausalLM

        from trainer import tiny_llama

        torch.manual_seed(0)
        worst = []
        for attention in ("sdpa", "eager"):
            model = AutoModelForCausalLM.from_pretrained(tiny_llama.ensure(engine.cache), attn_implementation=attention)
            rows = [torch.randint(6, 700, (1, length)) for length in (5, 17, 29)]
            positions = torch.cat([torch.arange(row.shape[1]) for row in rows])[None]
            for train in (False, True):
                model.train(train)
                with torch.no_grad():
                    packed = model(input_ids=torch.cat(rows, dim=1), position_ids=positions, use_cache=False).logits
                    alone = torch.cat([model(input_ids=row, use_cache=False).logits for row in rows], dim=1)
                worst.append((packed - alone).abs().max().item())
        return worst

    assert max(engine.call(compare)) < 1e-4


def test_padding_free_batches_make_the_same_steps(engine: Engine, few: Path):
    def flatten(rank: int) -> None:
        from trainer import choices

        choices._choose_packing = lambda training, flash, link: (False, True)

    plain = engine.run(make_training(few, maxSteps=20, evalSteps=10, loggingSteps=5))
    flat = engine.run(make_training(few, maxSteps=20, evalSteps=10, loggingSteps=5), patch=flatten)

    assert flat.outcome["outcome"] == "completed", flat.log[-2000:]
    for step, (loss,) in flat.series("loss").items():
        assert loss == pytest.approx(plain.series("loss")[step][0], rel=1e-3), step
    assert flat.series("tokens")[20] == plain.series("tokens")[20], "no padding was counted on either side"


def test_on_a_cpu_nothing_is_packed_unless_it_is_asked_for(one: Attempt):
    assert one.choices["packing"] == "false"
    assert (one.choices["liger"], one.choices["compile"], one.choices["attention"]) == ("false", "false", "sdpa")


def test_workers_that_prepare_batches_change_nothing(engine: Engine, few: Path, one: Attempt):
    attempt = engine.run(make_training(few, **RANKED | {"batchSize": 8, "dataloaderWorkers": 2}))

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.sha256() == one.sha256()
