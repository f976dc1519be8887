"""Files that try to run code, and code that the project must not contain: a marker would show that something ran."""

import json
import pickle
import re
import shutil
from pathlib import Path

import pytest

from hf_trials import Attempt, Engine, make_training
from trainer import tiny_world
from trainer.failure import Failure
from trainer.weight_files import refuse_pickles

PACKAGE = Path(__file__).parents[1] / "trainer"


class Poison:
    """A pickle that writes its marker when it is opened."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return (Path.write_text, (self.marker, "it ran"))


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    return tmp_path / "marker"


@pytest.fixture(scope="session")
def few(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "few.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny_world.fine_tuning_rows()[0][:60]))
    return path


@pytest.fixture
def base(engine: Engine, tmp_path: Path) -> Path:
    from trainer import tiny_llama

    return shutil.copytree(engine.cache / tiny_llama.folder_name(), tmp_path / "base")


def on(base: Path) -> dict:
    return {"kind": "path", "path": str(base)}


def poison(path: Path, marker: Path) -> None:
    path.write_bytes(pickle.dumps(Poison(marker)))


def test_the_poison_works(marker: Path):
    pickle.loads(pickle.dumps(Poison(marker)))

    assert marker.read_text() == "it ran"


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "consolidated.00.pth", "weights.ckpt"])
def test_a_base_whose_only_weights_are_a_pickle_is_refused_unopened(engine: Engine, few: Path, base: Path, marker: Path, name: str):
    (base / "model.safetensors").unlink()
    poison(base / name, marker)

    attempt = engine.run(make_training(few, baseModel=on(base)))

    assert attempt.failure[0] == "unsafe_weights"
    assert attempt.failure[1].startswith(f"{base} has its weights as {name}, a pickle, which can run code")
    assert attempt.phases == ["preparing-data"] and not marker.exists()


def test_pickles_beside_safetensors_are_left_alone(engine: Engine, few: Path, base: Path, marker: Path):
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        poison(base / name, marker)

    attempt = engine.run(make_training(few, baseModel=on(base), maxSteps=2))

    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    assert not marker.exists()


@pytest.fixture(scope="session")
def saved(engine: Engine, few: Path) -> Attempt:
    return engine.run(make_training(few, maxSteps=4, saveSteps=2, evalSplit=0))


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_checkpoint_that_was_poisoned_is_invalid_and_does_nothing(
    engine: Engine, few: Path, saved: Attempt, tmp_path: Path, marker: Path, name: str
):
    poisoned = shutil.copytree(saved.checkpoints[2], tmp_path / "step-000002")
    poison(poisoned / name, marker)

    code, message = engine.run(make_training(few, maxSteps=4, evalSplit=0), resume=("step-000002", poisoned)).failure

    assert code == "checkpoint_invalid" and "step-000002 does not load" in message
    assert not marker.exists()


def test_what_is_stored_is_no_pickle(saved: Attempt):
    suffixes = {path.suffix for folder in saved.artifacts.values() for path in folder.iterdir()}

    assert not suffixes & {".bin", ".pt", ".pth", ".pkl"}


CODE = """
from pathlib import Path
from transformers import LlamaConfig, LlamaForCausalLM
Path({marker!r}).write_text("it ran")
class OwnConfig(LlamaConfig):
    model_type = "own"
class OwnForCausalLM(LlamaForCausalLM):
    config_class = OwnConfig
"""


def test_code_that_comes_with_a_base_runs_only_where_the_operator_named_the_base(engine: Engine, few: Path, base: Path, marker: Path):
    (base / "modeling_own.py").write_text(CODE.format(marker=str(marker)))
    config = json.loads((base / "config.json").read_text())
    own = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    (base / "config.json").write_text(json.dumps(config | {"model_type": "own", "auto_map": own, "architectures": ["OwnForCausalLM"]}))
    training = make_training(few, baseModel=on(base), maxSteps=1, samplePrompts=[])

    refused = engine.run(training)
    ran_before = marker.exists()
    other = engine.run(training, environment={"TUNEPLANE_TRUST_REMOTE_CODE": f"{base}-not,org/model"})
    allowed = engine.run(training, environment={"TUNEPLANE_TRUST_REMOTE_CODE": f"org/model,{base}"})

    assert refused.failure == other.failure
    assert refused.failure[0] == "remote_code_refused" and "TUNEPLANE_TRUST_REMOTE_CODE" in refused.failure[1]
    assert not ran_before
    assert allowed.outcome["outcome"] == "completed", allowed.log[-2000:]
    assert marker.exists()


def test_no_word_of_a_request_can_reach_a_shell():
    """Arguments are lists everywhere: no shell=True, no os.system, no eval of text."""
    forbidden = re.compile(
        r"shell\s*=\s*True|os\.system\(|os\.popen\(|subprocess\.getoutput|(?<!def )\beval\(|\bexec\(|pickle\.load|weights_only\s*=\s*False"
    )

    found = [
        f"{path.name}: {line.strip()}" for path in PACKAGE.rglob("*.py") for line in path.read_text().splitlines() if forbidden.search(line)
    ]

    # eval() of a torch.nn.Module, and of what stands in for one, takes no text: it is the mode of a model.
    assert [line for line in found if ".eval()" not in line] == []


@pytest.mark.parametrize(
    ("names", "refused"),
    [
        (["config.json", "model.safetensors", "pytorch_model.bin"], False),
        (["config.json", "pytorch_model-00001-of-00002.bin"], True),
        (["config.json"], False),
    ],
)
def test_safetensors_beside_a_pickle_are_enough(names: list[str], refused: bool):
    if not refused:
        return refuse_pickles(names, "org/model", Failure)
    with pytest.raises(Failure, match="a pickle") as caught:
        refuse_pickles(names, "org/model", Failure)
    assert caught.value.code == "unsafe_weights"
