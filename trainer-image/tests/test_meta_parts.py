"""The parts of the meta engine, each compared with the one that it must agree with: transformers' Llama, PEFT, TRL, Meta's files."""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest

from hf_trials import Engine
from trainer.batch_order import BatchOrder, learning_rates
from trainer.failure import Failure
from trainer.meta.lora import adapters_off, add_lora, targets_of
from trainer.meta.meta_folder import read_meta, write_meta
from trainer.meta.model import Llama
from trainer.meta.saving import to_peft
from trainer.meta.shape import RopeScaling, Shape, from_config, from_params, to_config, to_params
from trainer.meta.weights import hf_name, names_of, to_hf, to_meta

LLAMA_3_1 = {
    "rope_type": "llama3",
    "rope_theta": 500_000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
VARIANTS = {
    "llama 2": {},
    "grouped heads": {"num_key_value_heads": 2},
    "one key-value head": {"num_key_value_heads": 1},
    "tied": {"tie_word_embeddings": True},
    "llama 3": {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0}, "rms_norm_eps": 1e-5},
    "llama 3.1": {"rope_parameters": LLAMA_3_1, "num_key_value_heads": 2},
}


def a_pair(changes: dict[str, Any]) -> tuple[Any, Llama, Shape]:
    """(transformers' Llama, ours with the same weights, its shape); weights are large, so that a wrong angle shows."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 101, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 3, "num_attention_heads": 4}
    config = LlamaConfig(**sizes, max_position_embeddings=128, initializer_range=0.3, **changes)
    theirs = LlamaForCausalLM(config).eval()
    shape = from_config({**config.to_dict(), "architectures": ["LlamaForCausalLM"]}, "it")
    ours, weights = Llama(shape), theirs.state_dict()
    ours.load_state_dict({name: to_meta(name, weights[hf_name(name)], shape) for name in names_of(shape)})
    return theirs, ours, shape


# ---------------------------------------------------------------------------------------------------- transformers, PEFT, TRL


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_logits_are_those_of_transformers(variant):
    import torch

    theirs, ours, _ = a_pair(VARIANTS[variant])
    ids = torch.randint(0, 101, (2, 100))

    with torch.no_grad():
        wanted, found = theirs(ids).logits, ours(ids)

    assert wanted.abs().max() > 5
    assert (found - wanted).abs().max() < 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_weights_go_to_meta_and_back_unchanged_and_wq_is_not_the_same(variant):
    import torch

    theirs, _, shape = a_pair(VARIANTS[variant])
    for name in names_of(shape):
        weight = theirs.state_dict()[hf_name(name)]
        assert torch.equal(to_hf(name, to_meta(name, weight, shape), shape), weight), name
        assert torch.equal(to_meta(name, weight, shape), weight) != (".wq." in name or ".wk." in name), name


def test_only_the_places_that_are_wanted_get_logits():
    import torch

    _, ours, _ = a_pair({})
    ids = torch.randint(0, 101, (2, 9))
    wanted = torch.rand(2, 9) > 0.5

    assert torch.equal(ours(ids, wanted), ours(ids)[wanted])


def test_recomputing_activations_changes_no_gradient():
    import torch

    _, ours, _ = a_pair({"num_key_value_heads": 2})
    gradients = []
    for recompute in (False, True):
        for block in ours.layers:
            block.recompute = recompute
        ours.zero_grad()
        ours(torch.arange(20)[None]).square().mean().backward()
        gradients.append([weight.grad.clone() for weight in ours.parameters()])

    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


@pytest.mark.parametrize("wanted", ["all-linear", ["q_proj", "v_proj"], ["wk", "w2"]])
def test_an_adapter_is_that_of_peft_on_the_hugging_face_model(tmp_path, wanted):
    import torch
    from peft import LoraConfig, PeftModel
    from safetensors.torch import save_file

    theirs, ours, shape = a_pair({"num_key_value_heads": 2})
    targets = targets_of(wanted)
    add_lora(ours, targets, rank=4, alpha=12, dropout_share=0.0)
    torch.manual_seed(1)
    for name, weight in ours.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.2)
    matrices = {name: weight.detach() for name, weight in ours.named_parameters() if "lora_" in name}
    modules = sorted({hf_name(f"layers.0.{target}.weight").split(".")[-2] for target in targets})
    LoraConfig(r=4, lora_alpha=12, target_modules=modules, task_type="CAUSAL_LM").save_pretrained(tmp_path)
    save_file(to_peft(matrices, type("Source", (), {"shape": shape})()), tmp_path / "adapter_model.safetensors")
    ids = torch.randint(0, 101, (2, 30))

    with torch.no_grad():
        base = theirs(ids).logits
        tuned = PeftModel.from_pretrained(theirs, tmp_path).eval()(ids).logits
        found = ours.eval()(ids)
        with adapters_off(ours):
            off = ours(ids)

    assert (tuned - base).abs().max() > 1
    assert (found - tuned).abs().max() < 1e-4
    assert (off - base).abs().max() < 1e-4


def test_an_unknown_layer_is_refused_by_name():
    with pytest.raises(Failure, match=r"a Llama has no layer nothing_proj; it has down_proj, gate_proj, .*, wv") as caught:
        targets_of(["q_proj", "nothing_proj"])

    assert caught.value.code == "model_not_supported"


# ---------------------------------------------------------------------------------------------------- Meta's files

# params.json of the published models: what Meta's own code makes of them is known from their config.json on the hub.
PUBLISHED = {
    "Llama-2-7b": ({"dim": 4096, "multiple_of": 256, "n_heads": 32, "n_layers": 32, "norm_eps": 1e-05, "vocab_size": -1}, 11_008, 32_000),
    "Llama-2-70b": (
        {"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3, "n_heads": 64, "n_kv_heads": 8, "n_layers": 80, "norm_eps": 1e-05},
        28_672,
        32_000,
    ),
    "Meta-Llama-3-8B": (
        {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 1024, "ffn_dim_multiplier": 1.3}
        | {"norm_eps": 1e-05, "rope_theta": 500000.0},
        14_336,
        128_256,
    ),
    "Llama-3.1-8B": (
        {"dim": 4096, "n_layers": 32, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 1024, "ffn_dim_multiplier": 1.3}
        | {"norm_eps": 1e-05, "rope_theta": 500000.0, "use_scaled_rope": True},
        14_336,
        128_256,
    ),
    "Llama-3.2-1B": (
        {"dim": 2048, "n_layers": 16, "n_heads": 32, "n_kv_heads": 8, "vocab_size": 128256, "multiple_of": 256, "ffn_dim_multiplier": 1.5}
        | {"norm_eps": 1e-05, "rope_theta": 500000.0, "use_scaled_rope": True},
        8_192,
        128_256,
    ),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_params_json_of_published_models_is_read_and_written_again(name):
    params, inner_width, vocabulary = PUBLISHED[name]

    shape = from_params(params, vocabulary, is_tied=False)

    assert shape.inner_width == inner_width
    assert shape.key_value_heads == params.get("n_kv_heads", params["n_heads"])
    assert shape.theta == params.get("rope_theta", 10_000.0)
    assert shape.scaling == (RopeScaling(8.0, 1.0, 4.0, 8_192) if params.get("use_scaled_rope") else None)
    assert from_params(to_params(shape), vocabulary, is_tied=False) == shape
    assert from_config(to_config(shape), name) == shape


@pytest.mark.parametrize("inner_width", range(8, 400, 7))
def test_any_width_of_the_feed_forward_part_survives_params_json(inner_width):
    shape = Shape(96, 2, 4, 4, inner_width, 770, 512, 1e-6, 1e4, None, False)

    assert from_params(json.loads(json.dumps(to_params(shape))), 770, is_tied=False) == shape


@pytest.mark.parametrize("variant", VARIANTS)
def test_meta_s_layout_is_written_and_read_again(tmp_path, variant):
    import torch
    from safetensors.torch import load_file

    _, ours, shape = a_pair(VARIANTS[variant])
    weights = {name: weight.detach() for name, weight in ours.named_parameters()}

    write_meta(tmp_path, weights, shape)
    found_shape, found = read_meta(tmp_path, "it")

    assert found_shape == shape
    assert found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in weights)
    as_safetensors = load_file(tmp_path / "consolidated.safetensors")
    assert "output.weight" in as_safetensors
    assert all(torch.equal(as_safetensors[name], weights[name]) for name in weights)


@pytest.mark.parametrize(("parts", "split_embeddings"), [(2, 0), (2, 1), (4, 0), (4, 1)])
def test_model_parallel_parts_are_merged_along_their_axes(tmp_path, parts, split_embeddings):
    """As Meta stores its larger models; Llama 2 splits the embeddings' width (axis 1), Llama 3 the vocabulary (axis 0)."""
    import torch

    _, ours, shape = a_pair({})
    weights = {name: weight.detach() for name, weight in ours.named_parameters()}
    vocabulary = 104
    weights["tok_embeddings.weight"], weights["output.weight"] = torch.randn(vocabulary, 64), torch.randn(vocabulary, 64)
    axes = {"wq": 0, "wk": 0, "wv": 0, "w1": 0, "w3": 0, "output": 0, "wo": 1, "w2": 1, "tok_embeddings": split_embeddings}
    for part in range(parts):
        held = {}
        for name, weight in weights.items():
            axis = axes.get(name.split(".")[-2])
            held[name] = weight if axis is None else weight.chunk(parts, axis)[part].clone()
        torch.save(held | {"rope.freqs": torch.zeros(8)}, tmp_path / f"consolidated.{part:02d}.pth")
    params = to_params(shape) | {"vocab_size": -1}
    (tmp_path / "params.json").write_text(json.dumps(params))

    found_shape, found = read_meta(tmp_path, "it")

    assert found_shape.vocabulary == vocabulary
    assert found.keys() == weights.keys() and all(torch.equal(found[name], weights[name]) for name in weights)


class Evil:
    def __reduce__(self):
        return os.mkdir, (os.environ["EVIL_MARK"],)


@pytest.mark.parametrize("is_zipped", [True, False])
def test_a_pickle_that_holds_more_than_weights_is_refused_and_not_run(tmp_path, monkeypatch, is_zipped):
    import torch

    mark = tmp_path / "it ran"
    monkeypatch.setenv("EVIL_MARK", str(mark))
    (tmp_path / "params.json").write_text(json.dumps(PUBLISHED["Llama-2-7b"][0]))
    torch.save({"tok_embeddings.weight": Evil()}, tmp_path / "consolidated.00.pth", _use_new_zipfile_serialization=is_zipped)

    with pytest.raises(Failure, match="does not load as weights and nothing else") as caught:
        read_meta(tmp_path, "it")

    assert caught.value.code == "model_not_supported"
    assert not mark.exists()


def test_parts_that_do_not_fit_are_named_with_both_sizes(tmp_path):
    import torch

    _, ours, shape = a_pair({})
    weights = {name: weight.detach() for name, weight in ours.named_parameters()} | {"layers.1.feed_forward.w2.weight": torch.zeros(64, 8)}
    write_meta(tmp_path, weights, shape)

    with pytest.raises(Failure, match=r"layers.1.feed_forward.w2.weight of it is \[64, 8\], and params.json makes it \[64, 176\]"):
        read_meta(tmp_path, "it")


LLAMA = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}, "is a GPT2LMHeadModel"),
        ({"model_type": "mistral", "architectures": ["MistralForCausalLM"]}, "is a MistralForCausalLM"),
        ({"model_type": "qwen3"}, "is a qwen3"),
        ({"model_type": "llama", "architectures": ["LlamaForSequenceClassification"]}, "is a LlamaForSequenceClassification"),
        (LLAMA | {"attention_bias": True}, "has attention_bias that no Llama of Meta has"),
        (LLAMA | {"head_dim": 32}, "has head_dim that no Llama of Meta has"),
        (LLAMA | {"rope_scaling": {"type": "dynamic", "factor": 2.0}}, "has rope_type that no Llama of Meta has"),
        (LLAMA | {"quantization_config": {}}, "has quantization_config that no Llama of Meta has"),
    ],
)
def test_another_architecture_is_refused_naming_hf(config, said):
    with pytest.raises(Failure) as caught:
        from_config(config, "org/base")

    assert caught.value.code == "model_not_supported"
    assert str(caught.value).startswith(f"org/base {said}; the engine meta trains Llama 2 and 3")
    assert 'use framework "hf"' in str(caught.value)


# ---------------------------------------------------------------------------------------------------- order and rates


@pytest.mark.parametrize(("rows", "batch"), [(10, 3), (7, 7), (3, 8), (100, 1), (5, 12)])
def test_every_row_comes_once_an_epoch_whatever_the_batch(rows, batch):
    order = BatchOrder(rows, batch, seed=1)

    stream = list(itertools.chain.from_iterable(order.rows_of(step) for step in range(1, 4 * rows + 1)))

    for epoch in range(len(stream) // rows):
        assert sorted(stream[epoch * rows : (epoch + 1) * rows]) == list(range(rows))
    assert stream[:rows] != stream[rows : 2 * rows] or rows < 4


def test_the_rows_of_a_step_do_not_depend_on_the_steps_before():
    asked_in_order, asked_at_once = BatchOrder(50, 8, seed=3), BatchOrder(50, 8, seed=3)
    wanted = [asked_in_order.rows_of(step) for step in range(1, 40)]

    assert asked_at_once.rows_of(39) == wanted[38]
    assert asked_at_once.rows_of(5) == wanted[4]
    assert BatchOrder(50, 8, seed=4).rows_of(1) != wanted[0]


def test_epochs_become_steps_and_max_steps_wins():
    order = BatchOrder(100, 8, seed=1)

    assert (order.steps(None, 3), order.steps(None, 0.01), order.steps(7, 3)) == (38, 1, 7)
    assert order.epoch(25) == 2.0


@pytest.mark.parametrize("scheduler", ["linear", "cosine", "constant", "constant_with_warmup", "polynomial", "inverse_sqrt"])
def test_rates_are_those_that_transformers_steps_through(scheduler):
    import torch
    from transformers import get_scheduler

    given = {"learningRate": 3e-3, "lrScheduler": scheduler, "warmupRatio": 0.1}
    optimizer = torch.optim.AdamW([torch.zeros(1, requires_grad=True)], lr=3e-3)
    schedule = get_scheduler(scheduler, optimizer, num_warmup_steps=4, num_training_steps=40)
    wanted = []
    for _ in range(40):
        wanted.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()

    rate_of = learning_rates(given, 40)

    assert [rate_of(step) for step in range(1, 41)] == pytest.approx(wanted, rel=1e-12)


def test_the_marked_path_of_a_base_in_meta_s_layout(tmp_path: Path):
    from trainer.meta.convert import is_meta_folder

    (tmp_path / "params.json").write_text("{}")

    assert is_meta_folder(str(tmp_path)) and is_meta_folder(f"file://{tmp_path}")
    (tmp_path / "config.json").write_text("{}")
    assert not is_meta_folder(str(tmp_path))


def test_what_fails_while_a_checkpoint_is_written_is_told_as_itself(engine: Engine, tmp_path: Path):
    """DCP hides it in an exception that is no Exception; a full disk must still be told as one."""

    def save() -> list[str]:
        import torch

        from trainer.engine_link import EngineLink
        from trainer.meta import ranks
        from trainer.meta.checkpoints import Saver, begin_optimizer

        work = tmp_path / "work"
        work.mkdir()
        (work / "spec.json").write_text('{"runId": "run_a", "attempt": 1, "stallSeconds": 300}')
        link = EngineLink({"TUNEPLANE_WORK": str(work), "TUNEPLANE_CACHE": str(tmp_path)})
        ranks.join(link, "cpu")
        weights = {"weight": torch.nn.Parameter(torch.zeros(3))}
        optimizer = torch.optim.AdamW(weights.values(), fused=True)
        begin_optimizer(optimizer, weights, 0)
        saver = Saver(link, weights, optimizer)
        (tmp_path / "file").write_text("")
        link.fresh_folder = lambda name: tmp_path / "file" / name
        try:
            saver.save(1, {}, lambda folder, seconds: None)
            saver.wait()
        except Exception as error:
            return [type(error).__name__, str(error)]
        return ["nothing", ""]

    kind, said = engine.call(save)

    assert kind == "NotADirectoryError" and str(tmp_path / "file") in said


def test_the_converter_turns_either_layout_into_the_other(tmp_path: Path):
    import torch
    from transformers import AutoModelForCausalLM

    from trainer.meta.convert import to_hf, to_meta

    theirs, _, _ = a_pair({"num_key_value_heads": 2})
    first, meta, back = (tmp_path / name for name in ("first", "meta", "back"))
    for folder in (meta, back):
        folder.mkdir()
    theirs.save_pretrained(first)
    _tokenizer().save_pretrained(first)

    to_meta(first, meta)
    to_hf(meta, back)

    ids = torch.randint(0, 101, (2, 30))
    with torch.no_grad():
        assert torch.equal(AutoModelForCausalLM.from_pretrained(back)(ids).logits, theirs(ids).logits)
    assert {"params.json", "consolidated.00.pth", "consolidated.safetensors", "tokenizer.json"} <= {file.name for file in meta.iterdir()}
    assert json.loads((back / "config.json").read_text())["eos_token_id"] == 1


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<eos>": 1}, unk_token="<unk>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<eos>", unk_token="<unk>")
