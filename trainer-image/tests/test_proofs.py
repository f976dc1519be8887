"""What the engines with loops of their own store is loaded again before it is the result, and long evaluations are told as work."""

import json
from pathlib import Path
from typing import Any

import pytest

from hf_trials import EXAMPLES, Engine, make_training

FEW_STEPS = {"maxSteps": 6, "batchSize": 4, "evalSteps": 6}


def leave_rows_as_they_are(_rank: int) -> None:
    """The mistake that every converter of Llama once made: Meta's pairs of neighbours stored where Hugging Face turns halves."""
    from trainer.meta import weights

    weights.to_hf = lambda name, weight, shape: weight


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({}, "the adapter"),
        ({"export": ["adapter", "merged"]}, "the merged model"),
        ({"peftMethod": "full", "learningRate": 2e-3}, "the model"),
    ],
)
def test_a_llama_whose_heads_are_stored_in_meta_s_order_is_no_result(engine: Engine, changes: dict[str, Any], what: str):
    training = make_training(framework="meta", **FEW_STEPS, **changes)

    attempt = engine.run(training, engine="meta", patch=leave_rows_as_they_are)

    code, message = attempt.failure
    assert (code, message.startswith(f"{what} was loaded again and has loss ")) == ("artifact_unusable", True), message
    assert attempt.artifacts == {}


def test_two_ranks_prove_their_adapter_on_one(engine: Engine):
    training = make_training(framework="meta", **FEW_STEPS)

    attempt = engine.run(training, engine="meta", ranks=2)
    spoiled = engine.run(training, engine="meta", ranks=2, patch=leave_rows_as_they_are)

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert [line["detail"] for line in attempt.of("phase") if line["phase"] == "saving"][-1] == "loading it again, to compare"
    assert spoiled.failure[0] == "artifact_unusable"


def test_a_generated_adapter_that_peft_finds_under_other_names_is_no_result(engine: Engine, tmp_path: Path):
    def misname(_rank: int) -> None:
        from trainer.hypernetwork import generation, network

        def adapter_weights(*given: Any) -> dict[str, Any]:
            return {name.replace("self_attn", "attention"): weight for name, weight in network.adapter_weights(*given).items()}

        generation.adapter_weights = adapter_weights

    trajectory = tmp_path / "t-1.jsonl"
    trajectory.write_text(json.dumps(json.loads((EXAMPLES / "trajectories" / "t-1.json").read_text())))
    spec = {"purpose": "generate", "hypernetwork": {"kind": "built-in"}}

    attempt = engine.run(make_training(trajectory, peftMethod="hypernetwork"), engine="hypernetwork", spec=spec, patch=misname)

    code, message = attempt.failure
    assert (code, message.startswith("the adapter was loaded again and has loss ")) == ("artifact_unusable", True), message
    assert attempt.artifacts == {}


def test_a_hypernetwork_that_is_stored_before_its_last_weights_is_no_result(engine: Engine):
    def store_half(_rank: int) -> None:
        from trainer.hypernetwork import folder

        whole = folder.save_file
        folder.save_file = lambda weights, path: whole({name: weight / 2 for name, weight in weights.items()}, path)

    training = make_training(EXAMPLES / "hypernetwork.jsonl", peftMethod="hypernetwork", **FEW_STEPS)

    code, message = engine.run(training, engine="hypernetwork", patch=store_half).failure

    assert (code, message.startswith("the hypernetwork was loaded again and has loss ")) == ("artifact_unusable", True), message


@pytest.mark.parametrize(("engine_name", "data"), [("meta", "alpaca.jsonl"), ("hypernetwork", "hypernetwork.jsonl")])
def test_an_evaluation_says_how_far_it_is_so_that_a_long_one_is_no_stall(engine: Engine, engine_name: str, data: str):
    def tell_always(_rank: int) -> None:
        from trainer import step_reports

        step_reports.TELL_SECONDS = 0.0

    method = {"framework": "meta"} if engine_name == "meta" else {"peftMethod": "hypernetwork"}
    training = make_training(EXAMPLES / data, maxSteps=1, batchSize=8, evalSplit=0.1, **method)

    attempt = engine.run(training, engine=engine_name, patch=tell_always)

    shares = [line["fraction"] for line in attempt.of("phase") if (line["phase"], line["detail"]) == ("evaluating", "at step 1")]
    assert shares[0] is None and shares[-1] == 1.0
    assert shares[1:] == sorted(set(shares[1:])) and len(shares) > 4


@pytest.mark.parametrize(("engine_name", "data"), [("meta", "alpaca.jsonl"), ("hypernetwork", "hypernetwork.jsonl")])
def test_a_checkpoint_beyond_the_end_of_the_epochs_is_refused(engine: Engine, engine_name: str, data: str):
    method = {"framework": "meta"} if engine_name == "meta" else {"peftMethod": "hypernetwork"}
    settings = {"batchSize": 100, "evalSplit": 0, "maxSteps": None} | method
    rows = sum(1 for _ in (EXAMPLES / data).open())
    whole = engine.run(make_training(EXAMPLES / data, numEpochs=0.5, **settings), engine=engine_name)
    step = max(whole.checkpoints)
    assert step == -(-rows // 200)

    shorter = make_training(EXAMPLES / data, numEpochs=0.1, **settings)
    code, message = engine.run(shorter, engine=engine_name, resume=(f"step-{step:06d}", whole.checkpoints[step])).failure

    assert code == "resume_refused" and message.endswith(": nothing would be trained")
    assert message.startswith(f"checkpoint step-{step:06d} is of step {step}, and this run has ")


def test_what_a_gpu_has_no_room_for_is_loaded_again_on_the_cpu(engine: Engine):
    def place() -> list[str]:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM

        from trainer.verification import to_where_room_is

        shape = LlamaConfig(
            hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, vocab_size=32, attn_implementation="eager"
        )
        model = LlamaForCausalLM(shape)
        torch.cuda.mem_get_info = lambda: (sum(weight.nbytes for weight in model.parameters()), 0)  # the weights, and nothing beside
        placed = to_where_room_is(model, "cuda")
        return [placed.device.type, placed.config._attn_implementation]

    assert engine.call(place) == ["cpu", "sdpa"]
