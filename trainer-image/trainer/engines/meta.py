"""The meta engine: supervised fine-tuning of Llama 2 and 3 in plain PyTorch, FSDP2 and DCP; LoRA or full. Read it from top to bottom.

    spec      what cannot be done is refused first; every row is checked; the base's files are fetched     (seconds, no torch)
    base      torch is imported; tiny-llama is built, or Meta's layout converted, where that is missing
    ranks     several GPUs: this process becomes torchrun's agent, and each rank does all of this again (meta/ranks.py)
    train     meta/training.py: model, data, the loop, what is saved

Not done here: several machines, QLoRA, DPO, packing, other architectures.
"""

import os
import sys
import traceback
from dataclasses import dataclass
from typing import Any

from trainer import bases, choices, data, hub
from trainer.engine_link import EngineLink
from trainer.failure import Failure, explain
from trainer.meta import convert, ranks


def main() -> None:
    link, reached = ranks.open_link(), Reached()
    try:
        run(link, reached)
    except Exception as error:
        code, message = explain(error, link.work)
        if not isinstance(error, Failure) or error.__cause__:
            traceback.print_exc()
        print(f"failed, {code}: {message}", file=sys.stderr, flush=True)
        ranks.fail(link, code, message, reached.step, reached.steps)


@dataclass
class Reached:
    """How far the training came, for a failure's report."""

    step: int = 0
    steps: int | None = None


def run(link: EngineLink, reached: Reached) -> None:
    training = link.spec["training"]
    base_model = training["baseModel"]

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    refuse_what_cannot_be(training)
    rows = data.load(training, _hub_rows(training["dataset"], link))
    in_meta_layout = base_model["kind"] == "path" and convert.is_meta_folder(base_model["path"])
    base = None if in_meta_layout else bases.fetch(base_model, link)

    # ------------------------------------------------------------------ base
    link.phase("importing", "torch, transformers")
    choices.prepare_imports(training)
    import torch
    import transformers

    from trainer import tiny_llama
    from trainer.meta.choosing import choose
    from trainer.meta.hf_folder import HfFolder
    from trainer.meta.training import train

    transformers.utils.logging.disable_progress_bar()

    def report(detail: str, fraction: float | None) -> None:
        link.phase("building-base", detail, fraction)

    if in_meta_layout:
        base = convert.converted(base_model["path"], link.cache, report)
    elif base is None:
        report("tiny-llama", None)
        base = bases.tiny(tiny_llama.ensure(link.cache, report))
    source = HfFolder(base.folder, base.id)

    # ------------------------------------------------------------------ ranks
    count = ranks.count_ranks()
    if count > 1 and not ranks.is_rank():
        link.choice("ranks", count, "one for each GPU" if torch.cuda.is_available() else "TUNEPLANE_RANKS")
        ranks.launch(link, "trainer.engines.meta", count)
        return
    train(link, reached, base, source, choose(training, link), rows)


def refuse_what_cannot_be(training: dict[str, Any]) -> None:
    """Raises Failure, before anything slow happens."""
    if training["method"] != "sft" or training["peftMethod"] not in ("lora", "full"):
        asked = f"method {training['method']}, peft method {training['peftMethod']}"
        raise Failure("engine_missing", f'the engine meta does method sft, with lora or full; asked was {asked}: use framework "hf"')
    if training["hyperparameters"]["packing"]:
        raise Failure("engine_missing", 'the engine meta does not pack rows: leave packing out, or use framework "hf"')
    if "wandb" in training["hyperparameters"]["reportTo"]:
        raise Failure("engine_missing", 'the engine meta reports to tensorboard, not to wandb: leave it out, or use framework "hf"')


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking torch down in good order costs more than a second
