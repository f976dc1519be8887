"""The hypernetwork engine: trains a network that turns a trajectory into a LoRA adapter, or lets one make an adapter.

    spec       what cannot be done is refused first; every row is checked; the base's files are fetched     (seconds, no torch)
    base       the frozen base, its tokenizer and chat template
    then       hypernetwork/generation.py: the network that the plane has pinned reads the trajectory in one forward pass
    or         hypernetwork/training.py: the base answers a prompt with the adapter that the network makes of a trajectory

Not done here: several GPUs, packing, trajectories beyond the window (their beginnings are cut, and it says how much).
"""

import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from trainer import bases, choices, data, hub
from trainer.engine_link import EngineLink
from trainer.failure import Failure, explain
from trainer.machine_cache import MachineCache


def main() -> None:
    link, reached = EngineLink(), Reached()
    try:
        run(link, reached)
    except Exception as error:
        code, message = explain(error, link.work)
        if not isinstance(error, Failure) or error.__cause__:
            traceback.print_exc()
        print(f"failed, {code}: {message}", file=sys.stderr, flush=True)
        link.fail(code, message, step=reached.step, steps=reached.steps)


@dataclass
class Reached:
    """How far the training came, for a failure's report."""

    step: int = 0
    steps: int | None = None


def run(link: EngineLink, reached: Reached) -> None:
    training = {**link.spec["training"], "baseModel": bases.whole(link.spec["training"]["baseModel"], "hypernetwork")}
    generates = link.spec.get("purpose") == "generate"

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    refuse_what_cannot_be(training, generates)
    rows = data.load(training, _hub_rows(training["dataset"], link))
    refuse_other_rows(rows, generates)
    cache = MachineCache(link.cache)
    base = bases.fetch(training["baseModel"], link, cache)

    # ------------------------------------------------------------------ base
    link.phase("importing", "torch, transformers, PEFT")
    choices.prepare_imports(training)
    import transformers

    from trainer import models, results, tiny_llama
    from trainer.hypernetwork.choosing import choose
    from trainer.hypernetwork.generation import generate
    from trainer.hypernetwork.training import train

    transformers.utils.logging.disable_progress_bar()
    if base is None:
        link.phase("building-base", "tiny-llama")
        base = bases.tiny(tiny_llama.ensure(link.cache, lambda detail, fraction: link.phase("building-base", detail, fraction)))
    chosen = choose(training, generates, link)
    link.about(base=base.record, versions=results.versions(quantized=False))
    link.phase("loading-model", base.id)
    tokenizer = models.load_tokenizer(training, base, rows)
    model = models.load_model(training, base, chosen, tokenizer).to(chosen.device)
    if generates:
        generate(link, base, tokenizer, model, chosen, rows.train[0]["messages"])
    else:
        train(link, reached, base, tokenizer, model, chosen, rows)


def refuse_what_cannot_be(training: dict[str, Any], generates: bool) -> None:
    """Raises Failure, before anything slow happens."""
    if training["method"] != "sft":
        raise Failure("engine_missing", f"a hypernetwork is trained by method sft, asked was {training['method']}")
    if training["hyperparameters"]["packing"]:
        raise Failure("engine_missing", "each row of a hypernetwork has an adapter of its own, so rows cannot be packed: leave packing out")
    if "merged" in training["export"]:
        raise Failure("engine_missing", "a hypernetwork is no adapter that could be merged: leave export out")
    if "wandb" in training["hyperparameters"]["reportTo"]:
        raise Failure("engine_missing", "this engine reports to tensorboard, not to wandb: leave wandb out of report_to")
    choices.refuse_missing_reports(training["hyperparameters"]["reportTo"])
    if training["hyperparameters"].get("resultFrom", "last") != "last":
        raise Failure("engine_missing", "this engine stores the weights of its last step: leave result_from out")
    if generates and training["dataset"]["kind"] != "files":
        raise Failure("engine_missing", "a trajectory is a file")


def refuse_other_rows(rows: data.Data, generates: bool) -> None:
    wanted = "messages" if generates else "trajectory_completion"
    if rows.format != wanted:
        what = "a trajectory is one row of messages" if generates else "a hypernetwork is trained on rows {trajectory, prompt, completion}"
        raise Failure("dataset_format_unknown", f"{what}; these are {rows.format} rows")


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking torch down in good order costs more than a second
