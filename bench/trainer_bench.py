"""`npm run bench:trainer`: what our hf engine and its supervision cost beside a bare TRL script of the same settings, on this machine.

    overhead    CPU seconds of `train()`: ours (every step told, logs, checkpoints) against the bare script's, in pairs, one after the
                other, each in a fork of one process that has imported torch; plus those of a real supervisor over as many steps. Goal: 3 %
    start       from starting the supervisor until its engine runs. Goal: 2 s
    packing     tokens per second with rows packed, and without
    GPU         only where there is one: LoRA on the bases named with --base, beside published figures; not run by this project

CPU seconds and not wall time: the machine is shared, and what is compared is work. The median of the pairs counts.
"""

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
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


def train_seconds(place: Path) -> Any:
    """In a fork: from now on `train()` leaves its CPU seconds in `place`."""

    def patch(rank: int) -> None:
        import transformers

        true_train = transformers.Trainer.train

        def train(self: Any, *given: Any, **named: Any) -> Any:
            began = time.process_time()
            try:
                return true_train(self, *given, **named)
            finally:
                place.write_text(str(time.process_time() - began))

        transformers.Trainer.train = train

    return patch


def ours(engine: Engine, folder: Path, steps: int) -> float:
    place = folder / "ours"
    attempt = engine.run(make_training(maxSteps=steps, saveSteps=steps, **SETTINGS), patch=train_seconds(place))
    assert attempt.outcome["outcome"] == "completed", attempt.log[-2000:]
    return float(place.read_text())


def bare(engine: Engine, folder: Path, steps: int) -> float:
    """TRL as its documentation shows it, with the same rows, batch, rate, schedule, logs and checkpoint."""
    place = folder / "bare"

    def run() -> None:
        train_seconds(place)(0)
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

    engine.call(run)
    return float(place.read_text())


def supervision(folder: Path, steps: int, step_seconds: float) -> tuple[float, float]:
    """(CPU seconds of a real supervisor over so many steps, seconds until its engine ran)."""
    script = {"steps": steps, "stepSeconds": step_seconds, "metricsEvery": 10}
    run = SupervisedRun(folder, script=script)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    run.start(TUNEPLANE_WORK=str(folder / "work"))
    wait_until(lambda: run.trace(), seconds=60)
    start = time.monotonic() - began
    assert run.process
    supervisor = Path(f"/proc/{run.process.pid}/stat")
    used = 0.0
    while run.process.poll() is None:
        fields = supervisor.read_text().rpartition(")")[2].split() if supervisor.exists() else []
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") if len(fields) > 12 else used
        time.sleep(0.05)
    assert run.manifest()["outcome"] == "completed" and resource.getrusage(resource.RUSAGE_CHILDREN) != before
    return used, start


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
        ours(engine, folder, 5), bare(engine, folder, 5)  # builds tiny-llama, fills the caches
        print(f"machine     {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {told.pairs} pairs of {told.steps} steps, one thread")
        pairs = []
        for number in range(told.pairs):
            order = (ours, bare) if number % 2 else (bare, ours)
            seconds = {side.__name__: side(engine, folder, told.steps) for side in order}
            pairs.append((seconds["ours"], seconds["bare"]))
            print(f"  pair {number + 1:2}     ours {pairs[-1][0]:6.2f} s   bare {pairs[-1][1]:6.2f} s   of CPU")
        bare_median = statistics.median(b for _, b in pairs)
        supervised = [supervision(folder / f"supervised-{number}", told.steps, bare_median / told.steps) for number in range(3)]
        watching = statistics.median(used for used, _ in supervised)
        overhead = statistics.median((o + watching) / b - 1 for o, b in pairs)
        engine_alone = statistics.median(o / b - 1 for o, b in pairs)
        start = statistics.median(seconds for _, seconds in supervised)
        verdict = "met" if overhead <= GOAL_OVERHEAD else "MISSED"
        print(f"overhead    {overhead:+.1%} of the bare script's CPU (goal at most {GOAL_OVERHEAD:.0%}: {verdict})")
        print(f"            engine {engine_alone:+.1%}; supervisor {watching:.2f} s of CPU in {bare_median:.1f} s of training")
        verdict = "met" if start <= GOAL_START_SECONDS else "MISSED"
        print(f"start       {start:.2f} s from the supervisor to its engine (goal {GOAL_START_SECONDS:g} s: {verdict})")
        plain, packed = tokens_per_second(engine, 100), tokens_per_second(engine, 40, packing=True, batchSize=2)
        print(f"packing     {plain:,.0f} tokens/s without, {packed:,.0f} with (sequences of 128, one CPU thread)")
        show_gpu(engine, told.base, 50)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # torch's bindings have a page to say when they are taken down in good order
