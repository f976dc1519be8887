"""`npm run bench:trainer`: what our hf engine and its supervision cost beside a bare TRL script of the same settings, on this machine.

    overhead    CPU seconds of `train()`: ours (every step told, logs, checkpoints) against the bare script's, in pairs, each in a fork of
                one process that has imported torch; plus those of a real supervisor over as many steps. Goal: 3 %
    start       from starting the supervisor until its engine runs, and what it costs once, however long a run. Goal: 2 s
    packing     tokens per second with rows packed, and without
    GPU         only where there is one: LoRA on the bases named with --base, beside published figures; not run by this project

CPU seconds and not wall time: the machine is shared, and what is compared is work. But a core that is shared does less in a second of
CPU, by a tenth and more from one minute to the next. So the two of a pair train at the same time on the same core, by turns of some
milliseconds, and whatever slows the one slows the other. The median of the pairs counts; its quartiles show what noise is left. Of that
free is the second figure, the CPU seconds within our callback, which is all that the engine adds to a step.
"""

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1")}
sys.path[:0] = [str(REPOSITORY / "trainer-image" / "tests"), str(REPOSITORY / "trainer-image")]

from hf_trials import EXAMPLES, Engine, make_training  # noqa: E402 (the path to it is set above)
from supervised_run import SupervisedRun, wait_until  # noqa: E402 (likewise)

GOAL_OVERHEAD, GOAL_START_SECONDS = 0.03, 2.0
SETTINGS: dict[str, Any] = {"loggingSteps": 10, "evalSplit": 0, "samplePrompts": [], "batchSize": 8}
# Published, of one H100 or A100; facts of others, not measured here.
ANCHORS = (
    ("Llama 3 8B, LoRA, 1 x H100, sequences of 4,096, no padding (NeMo Automodel, performance summary, Aug 2026)", 12_473),
    ("Llama 3.2 3B, LoRA, 1 x A100, packed 4,096 (torchtune README)", 8_210),
)


def train_seconds(place: Path, other: Path) -> Any:
    """In a fork: from now on `train()` leaves its CPU seconds in `place`, and of them those within our callback. It waits for the `other`
    of the pair to begin."""

    def patch(rank: int) -> None:
        import transformers

        from trainer.training_callback import TrainingCallback

        true_train, within = transformers.Trainer.train, [0.0]
        for name in [name for name in vars(TrainingCallback) if name.startswith("on_")]:
            setattr(TrainingCallback, name, _timed(getattr(TrainingCallback, name), within))

        def train(self: Any, *given: Any, **named: Any) -> Any:
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            place.with_suffix(".ready").touch()
            wait_until(lambda: other.with_suffix(".ready").exists(), seconds=600)
            began = time.process_time()
            try:
                return true_train(self, *given, **named)
            finally:
                place.write_text(json.dumps([time.process_time() - began, within[0]]))

        transformers.Trainer.train = train

    return patch


def _timed(method: Any, within: list[float]) -> Any:
    def timed(*given: Any, **named: Any) -> Any:
        began = time.thread_time()
        try:
            return method(*given, **named)
        finally:
            within[0] += time.thread_time() - began

    return timed


def pair(engine: Engine, folder: Path, steps: int) -> tuple[float, float, float]:
    """CPU seconds of ours, of bare, of our callback."""
    folder.mkdir()
    child = engine.fork(lambda: bare(engine, folder, steps), folder / "bare.log")
    attempt = engine.run(
        make_training(maxSteps=steps, saveSteps=steps, **SETTINGS), patch=train_seconds(folder / "ours", other=folder / "bare")
    )
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    os.waitpid(child, 0)
    assert (folder / "bare").exists(), (folder / "bare.log").read_text()[-2000:]
    (ours, callback), (other, _) = (json.loads((folder / name).read_text()) for name in ("ours", "bare"))
    return ours, other, callback


def bare(engine: Engine, folder: Path, steps: int) -> None:
    """TRL as its documentation shows it, with the same rows, batch, rate, schedule, logs and checkpoint."""
    train_seconds(folder / "bare", other=folder / "ours")(0)
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar
    from trl import SFTConfig, SFTTrainer

    from trainer import tiny_llama

    disable_progress_bar()
    base = tiny_llama.ensure(engine.cache)
    rows = [json.loads(line) for line in (EXAMPLES / "alpaca.jsonl").read_text().splitlines()]
    data = Dataset.from_list(
        [
            {"prompt": [{"role": "user", "content": r["instruction"]}], "completion": [{"role": "assistant", "content": r["output"]}]}
            for r in rows
        ]
    )
    config = SFTConfig(
        output_dir=str(folder / "bare-output"), max_steps=steps, per_device_train_batch_size=8, learning_rate=3e-3,
        lr_scheduler_type="cosine", warmup_steps=round(0.03 * steps), logging_steps=10, save_steps=steps, max_length=128, seed=7,
        optim="adamw_torch_fused", use_cpu=True, bf16=False, report_to=[], disable_tqdm=True, gradient_checkpointing=False,
        dataloader_pin_memory=False, include_num_input_tokens_seen="non_padding",
    )  # fmt: skip
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model, tokenizer = AutoModelForCausalLM.from_pretrained(base), AutoTokenizer.from_pretrained(base)
    SFTTrainer(model=model, args=config, train_dataset=data, processing_class=tokenizer, peft_config=lora).train()


@dataclass(frozen=True)
class Supervision:
    """CPU seconds of a real supervisor: while its engine runs, and before and after; seconds until its engine ran."""

    watching: float
    once: float
    start: float


def supervise(folder: Path, steps: int, step_seconds: float) -> Supervision:
    run = SupervisedRun(folder, script={"steps": steps, "stepSeconds": step_seconds, "metricsEvery": 10})
    run.control(version=1, report_seconds=1.0)  # the default of the plane of one machine; the tests report ten times as often
    began = time.monotonic()
    run.start(TUNEPLANE_WORK=str(folder / "work"))
    assert run.process
    wait_until(lambda: run.trace(), seconds=60)
    start, first = time.monotonic() - began, cpu_seconds(run.process.pid)
    last = total = first
    while run.process.poll() is None:
        total = cpu_seconds(run.process.pid) or total
        last = last if len(run.trace()) == steps else total
        time.sleep(0.05)
    assert run.manifest()["outcome"] == "completed"
    return Supervision(watching=last - first, once=total - (last - first), start=start)


def cpu_seconds(pid: int) -> float:
    """Of a process of this machine, user and system; 0 where it is gone. Linux."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def tokens_per_second(engine: Engine, steps: int, **changes: Any) -> float:
    attempt = engine.run(make_training(maxSteps=steps, **{**SETTINGS, **changes}))
    return max(attempt.series("tokens_per_second").items())[1][0]


def show_gpu(engine: Engine, bases: list[str], steps: int) -> None:
    import torch

    if not torch.cuda.is_available():
        print("\nGPU         none here: nothing was measured")
        return
    for base in bases:
        named = {"kind": "path", "path": base} if base.startswith("/") else {"kind": "hub", "id": base, "commit": None}
        for packing in (False, True):
            speed = tokens_per_second(engine, steps, baseModel=named, packing=packing, maxSeqLength=4_096, batchSize=1)
            how = "packed" if packing else "not packed"
            print(f"  {base:40} LoRA, {how:10} {speed:10,.0f} tokens/s on one {torch.cuda.get_device_name()}")
    for setup, speed in ANCHORS:
        print(f"  published: {setup}: {speed:,} tokens/s")


def main() -> None:
    parser = argparse.ArgumentParser(description="the hf engine and its supervision beside a bare TRL script")
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--base", action="append", default=[], help="for the GPU: a folder or a Hugging Face id, e.g. of 1B and of 8B")
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tuneplane-bench-") as scratch:
        folder = Path(scratch)
        engine = Engine(REPOSITORY / ".tuneplane" / "cache", folder)
        engine.cache.mkdir(parents=True, exist_ok=True)
        pair(engine, folder / "warm", 5)  # builds tiny-llama, fills the caches
        print(f"machine     {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {told.pairs} pairs of {told.steps} steps, one thread")
        pairs = []
        for number in range(1, told.pairs + 1):
            pairs.append(pair(engine, folder / f"pair-{number}", told.steps))
            ours, other, callback = pairs[-1]
            print(f"  pair {number:2}     ours {ours:6.2f} s (callback {callback:.2f} s)   bare {other:6.2f} s   of CPU", flush=True)
        bare_median = statistics.median(b for _, b, _ in pairs)
        supervised = [supervise(folder / f"supervised-{number}", told.steps, bare_median / told.steps) for number in range(3)]
        watching = statistics.median(s.watching for s in supervised)
        lower, overhead, upper = statistics.quantiles([(o + watching) / b - 1 for o, b, _ in pairs])
        inside = statistics.median((c + watching) / (o - c) for o, _, c in pairs)
        start, once = (statistics.median(getattr(s, name) for s in supervised) for name in ("start", "once"))
        is_noise = upper - lower > 2 * GOAL_OVERHEAD
        verdict = "more noise than that here" if is_noise else "met" if overhead <= GOAL_OVERHEAD else "MISSED"
        noise = f"quartiles {lower:+.1%} and {upper:+.1%}"
        print(f"overhead    {overhead:+.1%} of the bare script's CPU, {noise} (goal {GOAL_OVERHEAD:.0%}: {verdict})")
        verdict = "met" if inside <= GOAL_OVERHEAD else "MISSED"
        print(f"            {inside:+.1%} by what our callback and the supervisor take themselves (goal {GOAL_OVERHEAD:.0%}: {verdict})")
        print(f"            supervisor {watching:.2f} s of CPU in {bare_median:.1f} s of training, and {once:.2f} s to start and end")
        verdict = "met" if start <= GOAL_START_SECONDS else "MISSED"
        print(f"start       {start:.2f} s from the supervisor to its engine (goal {GOAL_START_SECONDS:g} s: {verdict})")
        plain, packed = tokens_per_second(engine, 100), tokens_per_second(engine, 40, packing=True, batchSize=2)
        print(f"packing     {plain:,.0f} tokens/s without, {packed:,.0f} with (sequences of 128, one CPU thread)")
        show_gpu(engine, told.base, 50)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # torch's bindings have a page to say when they are taken down in good order
