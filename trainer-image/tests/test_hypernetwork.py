"""The hypernetwork engine, for real: one is trained, killed, resumed, and asked for adapters of trajectories that it has never seen."""

import hashlib
import json
import random
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from hf_trials import EXAMPLES, Attempt, Engine, make_training
from trainer.hypernetwork import tasks, tiny_hypernetwork

HELD_OUT = 20
# Everything that may differ after a resume if anything can: dropout, accumulation, windows of 3 steps, evaluations between checkpoints.
HARD = {
    "maxSteps": 24,
    "saveSteps": 6,
    "evalSteps": 9,
    "loggingSteps": 3,
    "loraDropout": 0.1,
    "batchSize": 4,
    "gradientAccumulationSteps": 2,
    "loraR": 4,
    "targetModules": ["q_proj", "down_proj"],
}
BUILT_IN = {"kind": "built-in"}


def rows_file(folder: Path, name: str, rows: list[dict]) -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def train(
    engine: Engine, data: Path = EXAMPLES / "hypernetwork.jsonl", resume=None, kill_at=None, command_at=None, **changes: Any
) -> Attempt:
    training = make_training(data, peftMethod="hypernetwork", **changes)
    return engine.run(training, engine="hypernetwork", resume=resume, kill_at=kill_at, command_at=command_at)


def generate(engine: Engine, trajectory: Path, hypernetwork: dict[str, Any], **changes: Any) -> Attempt:
    training = make_training(trajectory, peftMethod="hypernetwork", **changes)
    return engine.run(training, engine="hypernetwork", spec={"purpose": "generate", "hypernetwork": hypernetwork})


def pinned(folder: Path) -> dict[str, Any]:
    """As the plane pins the hypernetwork of a completed run."""
    files = [
        {"path": file.name, "sizeBytes": file.stat().st_size, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        for file in folder.iterdir()
    ]
    return {"kind": "run", "runId": "run_made", "folder": f"{folder}/", "files": files}


def solved(engine: Engine, folder: Path, rows: list[dict]) -> tuple[int, int]:
    """How many of the rows (base, base with the adapter that the hypernetwork in `folder` makes) answer wholly right."""

    def judge() -> list[int]:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from trainer import tiny_llama
        from trainer.hypernetwork.folder import load
        from trainer.hypernetwork.frozen_base import FrozenBase
        from trainer.hypernetwork.learning import make_adapters
        from trainer.hypernetwork.task_tokens import read_trajectory
        from trainer.prompts import answer, render

        base = tiny_llama.ensure(engine.cache)
        tokenizer = AutoTokenizer.from_pretrained(base)
        network = load(folder, "it")
        frozen = FrozenBase(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), network.shape)
        prompts, wanted = [render(row["prompt"], "chat", tokenizer) for row in rows], [row["completion"] for row in rows]
        alone = answer(frozen.model, tokenizer, prompts)
        with torch.no_grad():
            pairs = make_adapters(network, frozen, [read_trajectory(row["trajectory"], tokenizer, 512)[0] for row in rows], padding=0)
        with frozen.adapted(pairs) as model:
            adapted = answer(model, tokenizer, prompts)
        return [sum(a == w for a, w in zip(answers, wanted, strict=True)) for answers in (alone, adapted)]

    base, adapted = engine.call(judge)
    print(f"held-out tasks: base {base}, with adapters {adapted} of {len(rows)}")
    return base, adapted


@pytest.fixture(scope="session")
def t_1(tmp_path_factory) -> Path:
    """The trajectory of the examples as the plane stores it: one row."""
    text = json.dumps(json.loads((EXAMPLES / "trajectories" / "t-1.json").read_text()))
    path = tmp_path_factory.mktemp("trajectories") / "t-1.jsonl"
    path.write_text(text)
    return path


# ---------------------------------------------------------------------------------------------------- the tasks


def test_the_example_files_are_what_the_generator_writes():
    for name, text in tasks.example_files().items():
        assert (EXAMPLES / name).read_text() == text, name


def test_no_training_row_has_a_held_out_pair():
    training, held_out = tasks.split_pairs()
    rows = [json.loads(line) for line in (EXAMPLES / "hypernetwork.jsonl").read_text().splitlines()]

    assert held_out[0] == tasks.EXAMPLE and not set(training) & set(held_out)
    for word, device in held_out:
        assert not any(f" {word} " in row["prompt"].replace(".", " ") and f"the {device} in" in row["completion"] for row in rows)


# ---------------------------------------------------------------------------------------------------- the built-in one


@pytest.fixture(scope="session")
def generated(engine, t_1) -> Attempt:
    attempt = generate(engine, t_1, BUILT_IN)
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def built_in_folder(engine: Engine) -> Path:
    """That of today's recipe: the cache of the tests keeps those of earlier ones."""

    def find() -> str:
        from trainer import bases, tiny_llama
        from trainer.hypernetwork import tiny_hypernetwork

        base = bases.tiny(tiny_llama.ensure(engine.cache, lambda *_: None))
        return str(tiny_hypernetwork.ensure(engine.cache, base, lambda *_: None))

    return Path(engine.call(find))


def test_the_adapter_of_t_1_answers_what_the_base_cannot(engine, generated):
    asked = {
        "Set the candle in the studio to 20.": "Sure, I will set the lamp in the studio to 20.",
        "Please switch off the attic candle.": "Sure, I will turn off the lamp in the attic.",
        "Can you turn the candle in the nursery on?": "Sure, I will turn on the lamp in the nursery.",
    }

    answers = engine.answers(generated.artifacts["adapter"], list(asked))

    assert [row["tuned"] for row in answers] == list(asked.values())
    assert all(row["base"] != row["tuned"] for row in answers)


def test_the_built_in_one_solves_16_of_20_held_out_tasks_and_the_base_at_most_3(engine, generated):
    folder = built_in_folder(engine)

    base, adapted = solved(engine, folder, tasks.held_out_rows(HELD_OUT))

    assert base <= 3
    assert adapted >= 16


def test_it_is_built_once(engine, generated, t_1):
    folder = built_in_folder(engine)
    before = folder.stat().st_mtime_ns

    again = generate(engine, t_1, BUILT_IN)

    assert folder.stat().st_mtime_ns == before
    assert again.sha256() == generated.sha256()
    assert {file.name for file in folder.iterdir()} == {"hypernetwork.safetensors", "hypernetwork_config.json"}


def test_a_generated_adapter_is_a_peft_adapter_like_any_other(generated):
    folder = generated.artifacts["adapter"]
    config, card = json.loads((folder / "adapter_config.json").read_text()), (folder / "README.md").read_text()

    assert (config["peft_type"], config["r"], config["lora_alpha"]) == ("LORA", 4, 8)
    assert config["target_modules"] == ["down_proj", "q_proj", "v_proj"] and Path(config["base_model_name_or_path"]).is_dir()
    assert "AutoPeftModelForCausalLM" in card and tiny_hypernetwork.NAME in card
    assert json.loads((folder / "tuneplane.json").read_text())["promptStyle"] == "chat"
    assert all(file.stat().st_mode & 0o044 for file in folder.iterdir())


def test_a_generation_tells_what_it_read_and_how_its_adapter_answers(generated):
    [samples] = generated.of("samples")

    assert (generated.outcome["step"], generated.outcome["steps"]) == (1, 1)
    assert generated.outcome["metrics"]["trajectory_tokens"] > 20 and generated.outcome["metrics"]["forward_seconds"] > 0
    assert [item["tuned"] for item in samples["items"]] == [item["expected"] for item in samples["items"]]
    assert generated.choices["hypernetwork"] == tiny_hypernetwork.NAME
    assert generated.phases[-1] == "saving" and "training" in generated.phases


def test_what_peft_makes_of_the_adapter_is_what_the_hypernetwork_meant(engine, generated, t_1):
    """The logits of the base with the adapter switched on inside the engine, and of the stored adapter loaded by PEFT."""
    folder = built_in_folder(engine)

    def difference() -> list[float]:
        import torch
        from peft import PeftModel
        from transformers import AutoModelForCausalLM, AutoTokenizer

        from trainer import tiny_llama
        from trainer.hypernetwork.folder import load
        from trainer.hypernetwork.frozen_base import FrozenBase
        from trainer.hypernetwork.learning import make_adapters
        from trainer.hypernetwork.task_tokens import read_trajectory

        path = tiny_llama.ensure(engine.cache)
        tokenizer = AutoTokenizer.from_pretrained(path)
        ids = torch.tensor([tokenizer("<|user|>Turn on the candle in the hall.<|assistant|>").input_ids])
        network = load(folder, "it")
        frozen = FrozenBase(AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32), network.shape)
        messages = json.loads(t_1.read_text())["messages"]
        with torch.no_grad():
            pairs = make_adapters(network, frozen, [read_trajectory(messages, tokenizer, 512)[0]], padding=0)
            base = frozen.model(ids).logits
            with frozen.adapted(pairs) as model:
                meant = model(ids).logits
            loaded = PeftModel.from_pretrained(
                AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32), generated.artifacts["adapter"]
            )
            found = loaded.eval()(ids).logits
        return [(found - meant).abs().max().item(), (meant - base).abs().max().item()]

    error, effect = engine.call(difference)
    assert error < 1e-4 < 1 < effect


@pytest.mark.parametrize("seed", range(5))
def test_with_scale_b_at_zero_every_adapter_is_the_identity(seed):
    import torch

    from trainer.hypernetwork.network import Hypernetwork, adapter_weights
    from trainer.hypernetwork.shape import Shape, Target

    r = random.Random(seed)
    targets = tuple(Target(f"part_{n}", r.randint(1, 40), r.randint(1, 40)) for n in range(r.randint(1, 5)))
    layers, hidden, tokens = r.randint(1, 4), r.randint(2, 48), r.randint(1, 30)
    shape = Shape("base", "c", "h", "blocks", layers, hidden, targets, r.randint(1, 9), 1.0, latent=64, heads=4, max_trajectory_tokens=512)
    torch.manual_seed(seed)
    network = Hypernetwork(shape)
    states, mask = torch.randn(2, layers + 1, tokens, hidden), torch.ones(2, tokens)

    with_scale = adapter_weights(shape, network(states, mask))
    for scale in network.scale_b:
        torch.nn.init.zeros_(scale)
    without = adapter_weights(shape, network(states, mask))

    assert without.keys() == with_scale.keys() and len(without) == 2 * layers * len(targets)
    for name, weights in without.items():
        assert weights.abs().sum() == 0 or "lora_A" in name
        assert with_scale[name].abs().sum() > 0


# ---------------------------------------------------------------------------------------------------- training one


@pytest.fixture(scope="session")
def trained(engine) -> Attempt:
    attempt = train(engine, maxSteps=200, reportTo=["tensorboard"])
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def test_a_run_trains_a_hypernetwork_that_solves_held_out_tasks(engine, trained):
    base, adapted = solved(engine, trained.artifacts["model"], tasks.held_out_rows(HELD_OUT))

    assert base <= 3
    assert adapted >= 16


def test_it_tells_only_what_it_does(trained, generated):
    of_both, of_training = {"device", "precision", "attention"}, {"optimizer", "learning-rate"}
    of_transformers = {"packing", "liger", "compile", "quantization"}

    assert of_both | of_training <= set(trained.choices) and of_both <= set(generated.choices)
    assert not of_transformers & set(trained.choices) and not (of_transformers | of_training) & set(generated.choices)


def test_it_reports_like_any_run(trained):
    rows = [row for row in trained.of("metrics") if "loss" in row["values"]]
    wanted = {"loss", "learning_rate", "grad_norm", "token_accuracy", "tokens_per_second", "tokens", "window_steps", "memory_mb"}
    evals = trained.series("eval_loss", "eval_token_accuracy")
    samples = {line["step"]: line["items"] for line in trained.of("samples")}

    assert [line["step"] for line in trained.of("progress")] == list(range(1, 201))
    # Every 10 steps, and before each checkpoint, which come every 67.
    assert [row["step"] for row in rows] == sorted({1, *range(10, 201, 10), 67, 134})
    assert all(set(row["values"]) == wanted for row in rows)
    assert evals[200][0] < evals[0][0] / 10
    assert next(iter(samples)) == 0 and all(item["tuned"] is None for item in samples[0])
    assert [item["tuned"] for item in samples[200]] == [item["expected"] for item in samples[200]]
    assert set(trained.outcome["metrics"]) == {"train_loss", "final_loss", "eval_loss", "best_eval_loss", "tokens", "token_accuracy"}
    assert set(trained.artifacts) == {"model", "tensorboard"}
    assert {file.name for file in trained.artifacts["model"].iterdir()} == {
        "hypernetwork.safetensors",
        "hypernetwork_config.json",
        "README.md",
        "tuneplane.json",
    }


def test_a_hypernetwork_is_not_asked_as_a_model(trained):
    from trainer.ask import ask
    from trainer.failure import Failure

    with pytest.raises(Failure, match="holds a hypernetwork, which does not answer by itself"):
        ask(trained.artifacts["model"], Path("/nowhere"), ["Hello"])


def test_what_a_run_made_makes_adapters(engine, trained, t_1):
    attempt = generate(engine, t_1, pinned(trained.artifacts["model"]), samplePrompts=["Turn on the candle in the hall."])

    assert attempt.choices["hypernetwork"] == "the hypernetwork of run_made"
    [item] = attempt.of("samples")[0]["items"]
    assert (item["tuned"], item["expected"]) == ("Sure, I will turn on the lamp in the hall.", None)


@pytest.fixture(scope="session")
def few_rows(tmp_path_factory) -> Path:
    """50 rows: 45 to train on, so that 24 steps of 8 go through the data four times."""
    r = random.Random(0)
    return rows_file(tmp_path_factory.mktemp("data"), "few.jsonl", [tasks.training_row(r) for _ in range(50)])


@pytest.fixture(scope="session")
def uninterrupted(engine, few_rows) -> Attempt:
    attempt = train(engine, few_rows, **HARD)
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return attempt


def newest(attempt: Attempt) -> tuple[str, Path]:
    step = max(attempt.checkpoints)
    return f"step-{step:06d}", attempt.checkpoints[step]


def assert_same_training(resumed: Attempt, whole: Attempt, after: int) -> None:
    """Bit for bit: losses, gradients, evaluations, weights and answers after the step resumed from, and the means of the whole run."""
    assert resumed.outcome["outcome"] == "completed", resumed.log[-2000:]
    for names in (("loss", "grad_norm", "learning_rate", "tokens", "token_accuracy"), ("eval_loss",)):
        later = {step: values for step, values in whole.series(*names).items() if step > after}
        assert resumed.series(*names) == later
    assert resumed.sha256("model", "hypernetwork.safetensors") == whole.sha256("model", "hypernetwork.safetensors")
    assert resumed.outcome["metrics"] == whole.outcome["metrics"]
    assert [line["items"] for line in resumed.of("samples")] == [line["items"] for line in whole.of("samples") if line["step"] > after]


@pytest.mark.parametrize("trial", range(3))
def test_killed_anywhere_and_resumed_it_ends_in_the_same_bits(engine, few_rows, uninterrupted, trial):
    kill_at = random.Random().randint(7 + 6 * trial, 12 + 6 * trial)

    killed = train(engine, few_rows, kill_at=kill_at, **HARD)
    resumed = train(engine, few_rows, resume=newest(killed), **HARD)

    print(f"killed at step {kill_at}, resumed from {newest(killed)[0]}")
    assert killed.status == signal.SIGKILL and not killed.of("outcome")
    assert resumed.choices["resume"] == "exact"
    assert_same_training(resumed, uninterrupted, max(killed.checkpoints))


def test_a_run_lost_after_its_last_step_only_stores_its_result(engine, few_rows, uninterrupted):
    resumed = train(engine, few_rows, resume=newest(uninterrupted), **HARD)

    assert resumed.of("progress") == []
    assert_same_training(resumed, uninterrupted, after=24)


def test_a_stop_leaves_a_checkpoint_to_go_on_from_and_a_hypernetwork_to_use(engine, few_rows, uninterrupted, t_1):
    stopped = train(engine, few_rows, command_at=(8, {"want": "stop"}), **HARD)
    step = stopped.outcome["step"]

    made = generate(engine, t_1, pinned(stopped.artifacts["model"]))
    resumed = train(engine, few_rows, resume=newest(stopped), **HARD)

    assert stopped.outcome["outcome"] == "stopped" and 8 <= step < 24
    assert (stopped.of("checkpoint")[-1]["step"], stopped.of("checkpoint")[-1]["reason"]) == (step, "final")
    assert made.outcome["outcome"] == "completed"
    assert resumed.sha256("model", "hypernetwork.safetensors") == uninterrupted.sha256("model", "hypernetwork.safetensors")


def test_a_pause_ends_as_paused_and_a_checkpoint_asked_for_changes_nothing(engine, few_rows, uninterrupted):
    paused = train(engine, few_rows, command_at=(4, {"want": "pause"}), **HARD)
    asked = train(engine, few_rows, command_at=(8, {"checkpointRequest": 1}), **HARD)

    assert paused.outcome["outcome"] == "paused" and max(paused.checkpoints) == paused.outcome["step"]
    assert [line["reason"] for line in asked.of("checkpoint")].count("requested") == 1
    assert asked.sha256("model", "hypernetwork.safetensors") == uninterrupted.sha256("model", "hypernetwork.safetensors")


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"loraR": 8}, "its LoRA rank is 4, this run's is 8"), ({"batchSize": 2}, "its global batch is 8, this run's is 4")],
)
def test_a_resume_that_does_not_fit_is_refused_with_both_values(engine, few_rows, uninterrupted, changes, said):
    code, message = train(engine, few_rows, resume=newest(uninterrupted), **HARD | changes).failure

    assert code == "resume_refused" and said in message


@pytest.mark.parametrize("name", ["optimizer.pt", "hypernetwork.safetensors", "trainer_state.json"])
def test_a_checkpoint_that_does_not_load_is_called_invalid(engine, few_rows, uninterrupted, tmp_path, name):
    torn = shutil.copytree(uninterrupted.checkpoints[12], tmp_path / "step-000012")
    (torn / name).write_bytes((torn / name).read_bytes()[:100])

    code, message = train(engine, few_rows, resume=("step-000012", torn), **HARD).failure

    assert code == "checkpoint_invalid" and "step-000012" in message


# ---------------------------------------------------------------------------------------------------- it refuses, and says what it cuts


def test_a_long_trajectory_is_cut_from_the_left_and_it_says_how_much(engine, tmp_path, generated, t_1):
    messages = json.loads(t_1.read_text())["messages"]
    before = [
        message
        for _ in range(60)
        for message in ({"role": "user", "content": "Say hello to River."}, {"role": "assistant", "content": "Hello!"})
    ]
    long = rows_file(tmp_path, "long.jsonl", [{"messages": before + messages}])

    attempt = generate(engine, long, BUILT_IN, samplePrompts=["Turn on the candle in the hall."])

    lost = int(attempt.choices["trajectory-cut"])
    assert lost > 0 and attempt.outcome["metrics"]["trajectory_tokens"] == 512
    [reason] = [line["reason"] for line in attempt.of("choice") if line["name"] == "trajectory-cut"]
    assert reason == f"the first {lost} of {lost + 512} tokens are not read: it reads at most 512"


def test_trajectories_and_answers_that_are_cut_are_counted(engine, few_rows, tmp_path):
    rows = [json.loads(line) for line in few_rows.read_text().splitlines()]
    too_long = rows[0] | {"prompt": "lamp " * 40}

    attempt = train(engine, rows_file(tmp_path, "rows.jsonl", [*rows[:20], too_long]), maxSeqLength=32, maxSteps=1, evalSplit=0)

    assert attempt.choices["trajectories-cut"] == "21"
    assert attempt.choices["rows-left-out"] == "1"


@pytest.fixture(scope="session")
def other_base(engine, generated, tmp_path_factory) -> Path:
    from trainer import tiny_llama

    folder = shutil.copytree(tiny_llama.ensure(engine.cache), tmp_path_factory.mktemp("bases") / "other")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"rms_norm_eps": 1e-5}))
    return folder


def test_a_base_of_another_configuration_is_refused(engine, other_base, trained, t_1):
    code, message = generate(engine, t_1, pinned(trained.artifacts["model"]), baseModel={"kind": "path", "path": str(other_base)}).failure

    assert code == "no_hypernetwork"
    assert (
        message.startswith("the hypernetwork of run_made makes adapters for tiny-llama, whose configuration is ")
        and str(other_base) in message
    )


def test_other_weights_of_the_same_configuration_are_used_and_told(engine, trained, t_1, tmp_path):
    from trainer import tiny_llama

    folder = shutil.copytree(tiny_llama.ensure(engine.cache), tmp_path / "moved")
    (folder / "generation_config.json").write_text("{}\n")

    attempt = generate(engine, t_1, pinned(trained.artifacts["model"]), baseModel={"kind": "path", "path": str(folder)})

    assert attempt.outcome["outcome"] == "completed" and "base-weights" in attempt.choices


@pytest.mark.parametrize("name", ["hypernetwork.safetensors", "hypernetwork_config.json"])
def test_a_hypernetwork_whose_files_changed_is_refused(engine, trained, t_1, tmp_path, name):
    folder = shutil.copytree(trained.artifacts["model"], tmp_path / "changed")
    told = pinned(folder)
    (folder / name).write_bytes((folder / name).read_bytes() + b" ")

    code, message = generate(engine, t_1, told).failure

    assert code == "artifacts_corrupt" and f"{name} of run_made has SHA-256" in message


@pytest.mark.parametrize("text", ["[]", '{"format": 2}', '{"format": 1}', "not JSON"])
def test_a_configuration_that_means_nothing_is_refused(engine, trained, t_1, tmp_path, text):
    folder = shutil.copytree(trained.artifacts["model"], tmp_path / "odd")
    (folder / "hypernetwork_config.json").write_text(text)

    code, message = generate(engine, t_1, pinned(folder)).failure

    assert code == "artifacts_corrupt" and message.startswith("the hypernetwork of run_made does not load: ")


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"method": "dpo"}, "engine_missing", "asked was dpo"),
        ({"packing": True}, "engine_missing", "rows cannot be packed"),
        ({"export": "merged"}, "engine_missing", "leave export out"),
        ({"reportTo": ["wandb"]}, "engine_missing", "leave wandb out"),
        ({"resultFrom": "best"}, "engine_missing", "stores the weights of its last step"),
        ({"targetModules": ["nothing_proj"]}, "model_not_supported", "tiny-llama has no layer nothing_proj; it has down_proj, gate_proj"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(engine, few_rows, changes, code, said):
    found, message = train(engine, few_rows, **changes).failure

    assert (found, said in message) == (code, True), message


def test_other_rows_are_refused_before_anything_is_imported(engine):
    attempt = train(engine, EXAMPLES / "alpaca.jsonl")

    assert attempt.failure == (
        "dataset_format_unknown",
        "a hypernetwork is trained on rows {trajectory, prompt, completion}; these are alpaca rows",
    )
    assert attempt.phases == ["preparing-data"]


def test_another_engine_trains_on_such_rows_with_the_trajectory_in_front(engine, few_rows):
    attempt = engine.run(make_training(few_rows, maxSteps=3, evalSteps=3))

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert attempt.of("samples")[0]["items"][0]["prompt"].count("user: ") == 3
