"""Bases and data sets of the hub, against a hub of this machine's own. The engine is a process here: it fails before it imports torch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fake_hub import COMMIT, serve_hub
from hf_trials import make_training

ROOT = Path(__file__).parents[1]


def run_engine(folder: Path, training: dict, **environment: str) -> list[dict]:
    work = folder / "work"
    work.mkdir()
    spec = {"schema": 1, "runId": "run_hub", "attempt": 1, "name": None, "training": training, "resumeFrom": None}
    (work / "spec.json").write_text(json.dumps(spec))
    told = {"TUNEPLANE_WORK": str(work), "TUNEPLANE_CACHE": str(folder / "cache"), "PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [sys.executable, "-m", "trainer.engines.hf"]
    done = subprocess.run(command, env=told | environment, cwd=ROOT, capture_output=True, text=True, timeout=60)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def failure(folder: Path, training: dict, **environment: str) -> tuple[str, str]:
    lines = run_engine(folder, training, **environment)
    assert not [line for line in lines if line.get("phase") == "importing"]
    return lines[-1]["failure"]["code"], lines[-1]["failure"]["message"]


@pytest.fixture(scope="session")
def model_folder(engine, tmp_path_factory) -> Path:
    from trainer import tiny_llama

    built = engine.call(lambda: str(tiny_llama.ensure(engine.cache)))
    folder = shutil.copytree(built, tmp_path_factory.mktemp("hub") / "model")
    (folder / "flax_model.msgpack").write_bytes(b"not wanted")
    return folder


@pytest.fixture(scope="session")
def hub(model_folder):
    with serve_hub(model_folder) as endpoint:
        yield endpoint


@pytest.mark.parametrize(
    ("kind", "name", "commit", "token", "code", "said"),
    [
        ("baseModel", "org/none", None, None, "model_not_found", "the hub has no model named org/none; a private one needs HF_TOKEN"),
        ("baseModel", "org/none", None, "reader", "model_not_found", "the hub has no model named org/none"),
        ("baseModel", "org/open", "f" * 40, None, "model_not_found", f"the hub's org/open has no commit {'f' * 40}"),
        (
            "baseModel",
            "org/gated",
            None,
            None,
            "hub_token_missing",
            "org/gated is gated: ask for access on https://huggingface.co/org/gated",
        ),
        ("baseModel", "org/gated", None, "stranger", "model_gated", "the hub does not let this HF_TOKEN read org/gated"),
        ("baseModel", "org/open", None, "forged", "hub_token_missing", "the hub did not take this HF_TOKEN for org/open"),
        ("baseModel", "not a name", None, None, "model_not_found", "the hub has no model named not a name"),
        ("dataset", "org/none", None, None, "dataset_not_found", "the hub has no dataset named org/none"),
        ("dataset", "org/gated", None, None, "hub_token_missing", "https://huggingface.co/datasets/org/gated"),
    ],
)
def test_a_refusal_of_the_hub_says_what_to_do(tmp_path, hub, kind, name, commit, token, code, said):
    training = make_training(**{kind: {"kind": "hub", "id": name, "commit": commit}})

    found, message = failure(tmp_path, training, HF_ENDPOINT=hub, **({"HF_TOKEN": token} if token else {}))

    assert found == code
    assert said in message


@pytest.mark.parametrize("kind", ["baseModel", "dataset"])
def test_an_unreachable_hub_is_not_waited_for(tmp_path, kind):
    training = make_training(**{kind: {"kind": "hub", "id": "org/open", "commit": None}})

    code, message = failure(tmp_path, training, HF_ENDPOINT="http://127.0.0.1:9")

    assert code == "hub_unreachable"
    assert message.startswith("the hub could not be asked for org/open: ")


def test_offline_mode_is_named(tmp_path):
    training = make_training(baseModel={"kind": "hub", "id": "org/open", "commit": COMMIT})

    code, message = failure(tmp_path, training, HF_HUB_OFFLINE="1")

    assert code == "hub_unreachable" and "HF_HUB_OFFLINE forbids" in message


def test_trains_on_a_hub_base_and_the_adapter_names_id_and_commit(engine, hub, tmp_path):
    base = {"kind": "hub", "id": "org/open", "commit": None}

    attempt = engine.run(make_training(baseModel=base, maxSteps=2), environment={"HF_ENDPOINT": hub, "TUNEPLANE_CACHE": str(tmp_path)})

    config = json.loads((attempt.artifacts["adapter"] / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == ("org/open", COMMIT)
    assert attempt.of("about")[-1]["base"] == {"id": "org/open", "commit": COMMIT}
    assert "vllm serve org/open" in (attempt.artifacts["adapter"] / "README.md").read_text()
    assert any((line["detail"] or "").startswith("downloading org/open: ") for line in attempt.of("phase"))
    assert not list(tmp_path.rglob("flax_model.msgpack"))


def test_a_pinned_base_in_the_cache_needs_no_hub(engine, model_folder, tmp_path):
    training = make_training(baseModel={"kind": "hub", "id": "org/open", "commit": COMMIT}, maxSteps=2)
    with serve_hub(model_folder) as endpoint:
        first = engine.run(training, environment={"HF_ENDPOINT": endpoint, "TUNEPLANE_CACHE": str(tmp_path)})
        again = engine.run(training, environment={"HF_ENDPOINT": endpoint, "TUNEPLANE_CACHE": str(tmp_path)})

    second = engine.run(training, environment={"HF_ENDPOINT": endpoint, "TUNEPLANE_CACHE": str(tmp_path)})

    assert (first.outcome["outcome"], second.outcome["outcome"]) == ("completed", "completed")
    assert first.sha256() == again.sha256() == second.sha256()
    assert [attempt.choices["base-cache"] for attempt in (first, again, second)] == ["fetched", "hit", "hit"]


def test_reads_a_data_set_of_the_hub_with_its_own_splits(tmp_path):
    """A row that cannot be trained on shows all of it: the rows were fetched, counted and checked, and torch was not imported."""
    files = tmp_path / "files"
    files.mkdir()
    (files / "train.jsonl").write_text('{"instruction": "a", "output": "b"}\n' * 20)
    (files / "test.jsonl").write_text('{"instruction": "a", "output": "b"}\n{"instruction": "a", "output": ""}\n')
    training = make_training(dataset={"kind": "hub", "id": "org/open", "commit": None})

    with serve_hub(files) as endpoint:
        found = failure(tmp_path, training, HF_ENDPOINT=endpoint)

    said = "org/open test row 2: output is empty; an alpaca row has instruction, input, output"
    assert found == ("data_row_invalid", said)
