"""The whole trainer as it is started for a user: supervisor, torchrun, engine, in processes of their own. Each import of torch takes 10 to
20 s, so there are few: everything that a fork can show is tested by forks."""

import json
import random
import signal
from pathlib import Path
from typing import Any

from hf_trials import EXAMPLES, Engine, make_training
from supervised_run import RUN, SupervisedRun, wait_until

SLOW_SECONDS = 240.0
STEPS = {"maxSteps": 60, "saveSteps": 10, "evalSteps": 30, "evalSplit": 0.2, "batchSize": 4, "loraDropout": 0.1}


class RealRun(SupervisedRun):
    """With our own engine, and the tiny-llama that the forked trials use."""

    patience_seconds = SLOW_SECONDS

    def __init__(self, base: Path, engine: Engine, training: dict[str, Any], **changes: Any) -> None:
        super().__init__(base, **changes)
        self.cache = engine.cache
        self.spec["training"], self.spec["stallSeconds"] = training, 120
        self.write(f"attempts/{self.name}/spec.json", json.dumps(self.spec))

    def start(self, **environment: str) -> "RealRun":
        told = {"TUNEPLANE_ENGINE": "", "TUNEPLANE_CACHE": str(self.cache), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        super().start(**{**told, **environment})
        return self

    def reaches(self, step: int) -> dict[str, Any]:
        return wait_until(lambda: self.progress() if self.progress().get("step", 0) >= step else self._died(), SLOW_SECONDS)

    def _died(self) -> None:
        assert self.process and self.process.poll() is None, "\n".join(self.log()[-40:])


def adapter_of(run: SupervisedRun) -> bytes:
    return run.read(f"artifacts/{RUN}/adapter/adapter_model.safetensors")


def test_a_killed_supervisor_and_a_new_process_end_in_the_same_bits(engine: Engine, tmp_path: Path):
    training = make_training(**STEPS)
    first = RealRun(tmp_path, engine, training).start()
    kill_at = random.Random().randint(11, 50)
    first.reaches(kill_at)
    first.signal(signal.SIGKILL)
    first.end()
    newest = first.records()[-1]

    second = RealRun(tmp_path, engine, training, attempt=2, resumeFrom=first.resume_from(newest))
    manifest = second.start().finish()

    print(f"killed at step {kill_at} or later, resumed from {newest}")
    assert (manifest["outcome"], manifest["step"]) == ("completed", 60), second.log()[-20:]
    whole = engine.run(training)
    assert adapter_of(second) == (whole.artifacts["adapter"] / "adapter_model.safetensors").read_bytes()
    for name, value in whole.outcome["metrics"].items():
        assert manifest["metrics"][name] == value, name
    kinds = {file["kind"] for file in manifest["files"]}
    assert {"adapter", "evaluation", "config", "samples"} <= kinds
    overview = json.loads(second.read(f"metrics/{RUN}-overview.json"))["series"]["eval_loss"]
    assert [bucket["toStep"] for bucket in overview] == [0, 30, 60], "curves are of the run, over both attempts"


def test_two_ranks_under_torchrun_save_at_sigterm_and_one_goes_on(engine: Engine, tmp_path: Path):
    training = make_training(**STEPS | {"maxSteps": 200})
    first = RealRun(tmp_path, engine, training).start(TUNEPLANE_RANKS="2")
    first.reaches(5)
    first.signal(signal.SIGTERM)
    interrupted = first.finish()

    assert interrupted["outcome"] == "interrupted", first.log()[-30:]
    record = first.record(interrupted["lastCheckpoint"])
    assert (record["worldSize"], record["globalBatch"], record["reason"]) == (2, 8, "final")
    assert {c["name"]: c["value"] for c in interrupted["choices"]}["ranks"] == "2"

    shorter = training | {"hyperparameters": training["hyperparameters"] | {"maxSteps": record["step"] + 10}}
    second = RealRun(tmp_path, engine, shorter, attempt=2, resumeFrom=first.resume_from(record["name"]))
    manifest = second.start().finish()

    assert (manifest["outcome"], manifest["step"]) == ("completed", record["step"] + 10), second.log()[-20:]
    assert second.record(manifest["lastCheckpoint"])["globalBatch"] == 8


def test_a_stock_trainer_of_another_image_reports_by_itself(engine: Engine, tmp_path: Path):
    """A train.py as anybody would write it: transformers alone, not one line of ours."""
    (tmp_path / "train.py").write_text(
        f"""
import argparse, json, os
from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForLanguageModeling, Trainer, TrainingArguments
parser = argparse.ArgumentParser()
parser.add_argument("--model_id"); parser.add_argument("--lr", type=float)
told, _ = parser.parse_known_args()
model, tokenizer = AutoModelForCausalLM.from_pretrained(told.model_id), AutoTokenizer.from_pretrained(told.model_id)
rows = [json.loads(line)["output"] for line in open({str(EXAMPLES / "alpaca.jsonl")!r})]
data = Dataset.from_list([{{"input_ids": tokenizer(row).input_ids}} for row in rows])
arguments = TrainingArguments(os.environ["TUNEPLANE_OUTPUT"], max_steps=40, save_steps=20, logging_steps=5, learning_rate=told.lr,
                              use_cpu=True, per_device_train_batch_size=4, report_to="all")
trainer = Trainer(model=model, args=arguments, train_dataset=data, data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False))
trainer.train()
trainer.save_model()
"""
    )
    from trainer import tiny_llama

    base = tiny_llama.ensure(engine.cache)
    run = RealRun(tmp_path, engine, make_training(), program={"argv": ["--model_id", str(base), "--lr", "0.001", "--run_id", "x"]})

    manifest = run.start(TUNEPLANE_PROGRAM=str(tmp_path / "train.py"), WANDB_MODE="disabled").finish()

    assert (manifest["outcome"], manifest["step"], manifest["steps"]) == ("completed", 40, 40), run.log()[-30:]
    assert {"loss", "learning_rate", "grad_norm"} <= set(manifest["metrics"]) and manifest["metrics"]["learning_rate"] < 0.001
    assert run.records() == ["step-000020", "step-000040"]
    assert "model/model.safetensors" in {file["path"] for file in manifest["files"]}
