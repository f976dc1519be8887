"""The meta engine: supervised fine-tuning of Llama 2 and 3 in plain PyTorch, FSDP2 and DCP; LoRA or full. Read it from top to bottom.

    spec      what cannot be done is refused first; every row is checked; the base's files are fetched     (seconds, no torch)
    base      torch is imported; tiny-llama is built, or Meta's layout converted, where that is missing
    train     meta/training.py: model, data, the loop, what is saved; on several ranks each does all of this, and rank 0 is heard

Not done here: several machines, QLoRA, DPO, packing, the best step's weights instead of the last, other architectures.
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
from trainer.meta import convert


def main() -> None:
    link, reached = EngineLink(), Reached()
    try:
        run(link, reached)
    except Exception as error:
        code, message = explain(error, link.work, link.ranks)
        if not isinstance(error, Failure) or error.__cause__:
            traceback.print_exc()
        print(f"failed, {code}: {message}", file=sys.stderr, flush=True)
        link.fail(code, message, step=reached.step, steps=reached.steps)
        if link.ranks > 1:
            os._exit(1)  # so that torchrun ends the ranks that wait for this one


@dataclass
class Reached:
    """How far the training came, for a failure's report."""

    step: int = 0
    steps: int | None = None


def run(link: EngineLink, reached: Reached) -> None:
    given = link.spec["training"]

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    refuse_what_cannot_be(given)
    base_model = bases.whole(given["baseModel"], "meta")
    training = {**given, "baseModel": base_model}
    rows = data.load(training, _hub_rows(training["dataset"], link))
    in_meta_layout = base_model["kind"] == "path" and convert.is_meta_folder(base_model["path"])
    cache = MachineCache(link.cache)
    base = None if in_meta_layout else bases.fetch(base_model, link, cache)

    # ------------------------------------------------------------------ base
    link.phase("importing", "torch, transformers")
    choices.prepare_imports(training)
    import datasets
    import transformers

    from trainer import tiny_llama
    from trainer.meta.choosing import choose
    from trainer.meta.hf_folder import HfFolder
    from trainer.meta.training import train

    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()

    def report(detail: str, fraction: float | None) -> None:
        link.phase("building-base", detail, fraction)

    if in_meta_layout:
        base = convert.converted(base_model["path"], link.cache, report)
    elif base is None:
        report("tiny-llama", None)
        base = bases.tiny(tiny_llama.ensure(link.cache, report))
    source = HfFolder(base.folder, base.id)

    train(link, reached, training, base, source, choose(training, link), rows, cache)


def refuse_what_cannot_be(training: dict[str, Any]) -> None:
    """Raises Failure, before anything slow happens."""
    if training["method"] != "sft" or training["peftMethod"] not in ("lora", "full"):
        asked = f"method {training['method']}, peft method {training['peftMethod']}"
        raise Failure("engine_missing", f'the engine meta does method sft, with lora or full; asked was {asked}: use framework "hf"')
    if training["hyperparameters"]["packing"]:
        raise Failure("engine_missing", 'the engine meta does not pack rows: leave packing out, or use framework "hf"')
    if "wandb" in training["hyperparameters"]["reportTo"]:
        raise Failure("engine_missing", 'the engine meta reports to tensorboard, not to wandb: leave it out, or use framework "hf"')
    choices.refuse_missing_reports(training["hyperparameters"]["reportTo"])
    if training["hyperparameters"].get("resultFrom", "last") != "last":
        raise Failure("engine_missing", 'the engine meta stores the weights of its last step: leave result_from out, or use framework "hf"')


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking torch down in good order costs more than a second
