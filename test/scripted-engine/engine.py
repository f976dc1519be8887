"""A scripted engine: speaks the engine protocol without torch, for tests (TUNEPLANE_ENGINE='["python3", ".../engine.py"]').

It trains a "model" whose weights at step n are sha256(weights at n-1, n): a pure function of the steps done, so a resume is provably exact.
TUNEPLANE_SCRIPT is a JSON object, every field optional:

    steps           how many steps (the spec's maxSteps, else 20)
    stepSeconds     seconds per step (0.02)
    saveSteps       a checkpoint every n steps (the spec's saveSteps; null: only at the end)
    metricsEvery    a metric row every n steps (1)
    noiseLines      log lines printed per step (0)
    evalEvery       an eval row every n steps (null)
    sampleEvery     samples every n steps, beside those before the first and after the last (null)
    phaseSeconds    {"importing": 0.5, "saving": 1, ...}: how long each phase takes (0)
    traceFile       every step trained is appended as one line "attempt step run", so a test sees what was trained, and what twice
    faults          [{"kind": ..., "attempts": [1], ...}]: only in these attempts; without "attempts" in all

Faults; those with "step" happen where that step would be trained, after the steps before it:

    crash {step}            a traceback, exit code 3
    kill {step}             SIGKILL to itself
    hang {step}             works no more and obeys no more
    hangInImport            the same in the phase `importing`
    nan {step}              from this step on the loss is NaN
    ignoreStop              neither stop nor pause is followed
    diskFull {step}         outcome failed, disk_full
    fail {step, code, message}   outcome failed with that code
    dieSilently {step}      exit code 0 without an outcome
    hugeLine {step, bytes}  one log line (1,000,000 bytes)
    garbage {step}          bytes that are no text in the log, and two lines on the protocol's pipe that do not parse
    manyLines {step, lines} that many log lines at once (5,000)
    say {step, text}        prints the text, names it in a phase and in a sample
    nothingStored           completes without an adapter
    levels {step}           one log line of each level, and a Python warning
    grandchild {pidFile}    starts `sleep 600` in a session of its own at the beginning, its pid goes into the file
    hangAtExit              tells its outcome and does not end

A checkpoint holds weights.bin (step, 8 bytes, and 32 bytes of weights) and trainer_state.json; the adapter is a real safetensors file.
"""

import hashlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from trainer.engine_link import EngineLink

SEED = b"tuneplane scripted engine"


def weights_at(step: int) -> bytes:
    """The weights after `step` steps, from the beginning of the chain."""
    weights = hashlib.sha256(SEED).digest()
    for number in range(1, step + 1):
        weights = next_weights(weights, number)
    return weights


def next_weights(weights: bytes, step: int) -> bytes:
    return hashlib.sha256(weights + step.to_bytes(8, "big")).digest()


class ScriptedEngine:
    def __init__(self, link: EngineLink, script: dict[str, Any]) -> None:
        parameters = link.spec["training"]["hyperparameters"]
        self.link = link
        self.script = script
        self.steps: int = script.get("steps") or parameters["maxSteps"] or 20
        self.save_steps: int | None = script.get("saveSteps", parameters["saveSteps"])
        self.faults = {fault["kind"]: fault for fault in script.get("faults", []) if link.attempt in fault.get("attempts", [link.attempt])}
        self.step = 0
        self.weights = weights_at(0)
        self.saved_step: int | None = None
        self.losses: list[float] = []

    def run(self) -> None:
        if "grandchild" in self.faults:
            child = subprocess.Popen(["sleep", "600"], start_new_session=True)
            Path(self.faults["grandchild"]["pidFile"]).write_text(str(child.pid))
        self.enter("importing")
        if "hangInImport" in self.faults:
            hang()
        self.enter("loading-model")
        self.link.about({"id": "scripted", "commit": None}, {"scripted-engine": "1"})
        self.link.choice("precision", "sha256", "it needs no GPU")
        if self.link.resume_folder:
            self.load(self.link.resume_folder)
        self.sample(base_only=self.step == 0)
        self.enter("training")
        for step in range(self.step + 1, self.steps + 1):
            want = self.link.command().want
            if want != "run" and "ignoreStop" not in self.faults:
                self.end("stopped" if want == "stop" else "paused")
                return
            self.misbehave(step)
            self.train(step)
            self.after_step(step)
        self.sample(base_only=False)
        self.end("completed")

    def train(self, step: int) -> None:
        time.sleep(self.script.get("stepSeconds", 0.02))
        self.weights = next_weights(self.weights, step)
        self.step = step
        if "traceFile" in self.script:
            with open(self.script["traceFile"], "a") as trace:
                trace.write(f"{self.link.attempt} {step} {self.link.run_id}\n")

    def after_step(self, step: int) -> None:
        epoch = round(step / self.steps, 6)
        self.link.progress(step, self.steps, epoch)
        is_lost = "nan" in self.faults and step >= self.faults["nan"]["step"]
        loss = math.nan if is_lost else round(2.0 * math.exp(-step / 10) + self.weights[0] / 2_560, 6)
        self.losses.append(loss)
        if step % self.script.get("metricsEvery", 1) == 0 or step == self.steps:
            rate = 64 / max(self.script.get("stepSeconds", 0.02), 1e-3)
            values = {"loss": loss, "learning_rate": 2e-4, "grad_norm": 1.0, "tokens_per_second": rate, "window_steps": 1}
            self.link.metrics(step, values, epoch)
            print(f"step {step}/{self.steps} loss {loss:.4g}", flush=True)
        if self.script.get("evalEvery") and step % self.script["evalEvery"] == 0:
            self.link.metrics(step, {"eval_loss": round(loss + 0.1, 6), "eval_token_accuracy": 0.5}, epoch)
        for number in range(self.script.get("noiseLines", 0)):
            print(f"noise {step}.{number}", flush=True)
        if self.script.get("sampleEvery") and step % self.script["sampleEvery"] == 0:
            self.sample(base_only=False)
        if self.save_steps and step % self.save_steps == 0:
            self.save("interval")
        if self.link.checkpoint_due():
            self.save("requested")

    def save(self, reason: str) -> None:
        if self.saved_step == self.step:
            return
        started = time.monotonic()
        self.enter("saving")
        folder = self.link.fresh_folder(f"step-{self.step:06d}")
        (folder / "weights.bin").write_bytes(self.step.to_bytes(8, "big") + self.weights)
        (folder / "trainer_state.json").write_text(json.dumps({"step": self.step, "attempt": self.link.attempt}))
        about = {
            "worldSize": 1,
            "globalBatch": 1,
            "precision": "sha256",
            "versions": {"scripted-engine": "1"},
            "base": {"id": "scripted", "commit": None},
            "dataFingerprint": hashlib.sha256(b"no data").hexdigest(),
            "configHash": hashlib.sha256(SEED).hexdigest(),
        }
        metrics = {"loss": self.losses[-1]} if self.losses else {}
        self.link.checkpoint(
            folder, self.step, reason, about, epoch=self.step / self.steps, metrics=metrics, seconds=time.monotonic() - started
        )
        self.saved_step = self.step
        self.link.phase("training")

    def load(self, folder: Path) -> None:
        data = (folder / "weights.bin").read_bytes()
        step, weights = int.from_bytes(data[:8], "big"), data[8:]
        if weights != weights_at(step) or step != self.link.spec["resumeFrom"]["step"]:
            self.link.fail("checkpoint_invalid", f"the weights of step {step} are not what {step} steps give")
            sys.exit(0)
        self.step, self.weights, self.saved_step = step, weights, step

    def sample(self, *, base_only: bool) -> None:
        self.enter("sampling")
        tuned = None if base_only else self.weights.hex()[:16]
        self.link.samples(self.step, [{"prompt": "weights?", "base": weights_at(0).hex()[:16], "tuned": tuned, "expected": None}])
        self.link.phase("training" if not base_only else "sampling")

    def end(self, outcome: str) -> None:
        self.save("final")
        self.enter("saving", "the adapter")
        if "nothingStored" in self.faults:
            self.link.outcome(outcome, step=self.step, steps=self.steps)
            return
        folder = self.link.fresh_folder("adapter")
        header = json.dumps({"weights": {"dtype": "U8", "shape": [32], "data_offsets": [0, 32]}}).encode()
        (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + self.weights)
        (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "SCRIPTED", "base_model_name_or_path": "scripted", "r": 1}))
        self.link.artifacts(folder)
        finite = [loss for loss in self.losses if math.isfinite(loss)]
        metrics = {"train_loss": sum(finite) / len(finite), "final_loss": self.losses[-1]} if finite else {}
        self.link.outcome(outcome, step=self.step, steps=self.steps, metrics=metrics)
        if "hangAtExit" in self.faults:
            hang()

    def enter(self, phase: str, detail: str | None = None) -> None:
        self.link.phase(phase, detail)
        time.sleep(self.script.get("phaseSeconds", {}).get(phase, 0))

    def misbehave(self, step: int) -> None:
        for kind, fault in self.faults.items():
            if fault.get("step") == step:
                FAULTS.get(kind, lambda engine, fault: None)(self, fault)


def hang() -> None:
    while True:
        time.sleep(3_600)


def crash(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    try:
        raise RuntimeError(f"scripted crash at step {fault['step']}")
    except RuntimeError:
        import traceback

        traceback.print_exc()
        sys.stderr.flush()
        os._exit(3)


def fail(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    engine.link.fail(fault.get("code", "disk_full"), fault.get("message", "no space left on device"), step=engine.step, steps=engine.steps)
    sys.exit(0)


def garbage(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    sys.stdout.buffer.write(b"\xff\xfe\x00\x1b[31mred\x1b[0m \xc3\n")
    sys.stdout.flush()
    os.write(int(os.environ["TUNEPLANE_ENGINE_FD"]), b'this is no JSON\n{"type":"progress","step":-1,"steps":"many"}\n')


def many_lines(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    print("\n".join(f"line {number} of many" for number in range(1, fault.get("lines", 5_000) + 1)), flush=True)


def levels(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"):
        print(f"2026-11-22 10:00:00,123 - scripted - {level} - at {level}", file=sys.stderr)
    print("/x/y.py:1: UserWarning: an old way\nprogress 1%\rprogress 100%", file=sys.stderr, flush=True)


def say(engine: ScriptedEngine, fault: dict[str, Any]) -> None:
    print(fault["text"], flush=True)
    engine.link.phase("training", fault["text"])
    engine.link.choice("said", fault["text"], f"because of {fault['text']}")
    engine.link.samples(engine.step, [{"prompt": fault["text"], "base": fault["text"], "tuned": None, "expected": None}])


FAULTS = {
    "say": say,
    "crash": crash,
    "kill": lambda engine, fault: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda engine, fault: hang(),
    "diskFull": fail,
    "fail": fail,
    "dieSilently": lambda engine, fault: os._exit(0),
    "hugeLine": lambda engine, fault: print("x" * fault.get("bytes", 1_000_000), flush=True),
    "garbage": garbage,
    "manyLines": many_lines,
    "levels": levels,
}


if __name__ == "__main__":
    ScriptedEngine(EngineLink(), json.loads(os.environ.get("TUNEPLANE_SCRIPT") or "{}")).run()
