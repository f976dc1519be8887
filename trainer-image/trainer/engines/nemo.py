"""The nemo engine: supervised fine-tuning by NeMo Automodel's own recipe, LoRA or full. Read it from top to bottom.

    spec      what cannot be done is refused first, a missing Automodel too; every row is checked; the base's files are fetched
    data      rows become tokens here, by the same rules as for every engine, and the recipe is given the tokens
    recipe    the spec in Automodel's words (nemo/translation.py), run with the Python of its own environment
    train     what the recipe writes becomes metrics and checkpoints (nemo/supervising.py)
    save      the adapter as PEFT has it, or the model as a Hugging Face folder

Not done here: sample answers (the recipe does not generate), checkpoints on request, the best step's weights instead of the last,
several machines, QLoRA, DPO, packing.
"""

import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainer import bases, choices, data, hub, resume
from trainer.engine_link import EngineLink
from trainer.failure import Failure, explain
from trainer.machine_cache import MachineCache
from trainer.nemo import environment, token_file
from trainer.nemo.recipe_reports import Pace, RecipeReports
from trainer.nemo.supervising import Recipe
from trainer.nemo.translation import Facts, count_steps, global_batch, refuse_what_cannot_be, translate

NEEDED_TO_RESUME = ("trainer_state.json", "step_scheduler.pt", "config.yaml")
# Weights of so many bytes are of a model whose activations cost more memory than recomputing them costs time.
LARGE_BYTES = 2_000_000_000


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
    training = {**link.spec["training"], "baseModel": bases.whole(link.spec["training"]["baseModel"], "nemo")}
    hyperparameters = training["hyperparameters"]

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    refuse_what_cannot_be(training)
    python = environment.find_python()
    launch = environment.choose_launch(python, link)
    device, ranks = launch.device, launch.ranks
    rows = data.load(training, _hub_rows(training["dataset"], link))
    cache = MachineCache(link.cache)
    base = bases.fetch(training["baseModel"], link, cache)

    # ------------------------------------------------------------------ base
    link.phase("importing", "transformers")
    choices.prepare_imports(training)
    from trainer import models, tiny_llama
    from trainer.nemo.saving import save_result
    from trainer.prepared_rows import prepared_rows
    from trainer.prompts import prompt_style
    from trainer.token_rows import to_token_rows
    from trainer.training_callback import final_metrics

    if base is None:
        link.phase("building-base", "tiny-llama")
        base = bases.tiny(tiny_llama.ensure(link.cache, lambda detail, fraction: link.phase("building-base", detail, fraction)))
    versions = environment.versions(python)
    link.about(base=base.record, versions=versions)
    precision = "bfloat16" if device == "cuda" else "float32"
    link.choice("precision", precision, "the recipe's own for GPUs" if device == "cuda" else "no GPU")

    # ------------------------------------------------------------------ may it resume?
    description = resume.describe(training, base.record, rows) | {"globalBatch": global_batch(hyperparameters, ranks)}
    resumed = resume.check(link, description, NEEDED_TO_RESUME)

    # ------------------------------------------------------------------ data
    link.phase("preparing-data", f"{len(rows.train)} rows to train on, {len(rows.eval)} to evaluate")
    tokenizer = models.load_tokenizer(training, base, rows)
    models.require_embeddings(tokenizer, models.count_embeddings(base), base)
    tokens, eval_tokens = map(to_token_rows, prepared_rows(rows, tokenizer, base.commit, hyperparameters["maxSeqLength"], cache, link))
    steps = count_steps(hyperparameters, len(tokens), ranks)
    eval_steps, save_steps = choices.choose_intervals(hyperparameters, steps, bool(eval_tokens), link)
    link.choice("samples", 0, "NeMo Automodel's recipe does not generate")

    # ------------------------------------------------------------------ recipe
    folder = link.fresh_folder("nemo")
    facts = Facts(
        base=without_training_arguments(base.folder, folder),
        train_file=token_file.write(folder / "train.jsonl", tokens),
        eval_file=token_file.write(folder / "eval.jsonl", eval_tokens) if eval_tokens else None,
        checkpoints=folder / "checkpoints",
        restore_from=link.resume_folder,
        steps=steps,
        eval_steps=eval_steps,
        save_steps=save_steps,
        ranks=ranks,
        device=device,
        precision=precision,
        recompute=choose_recompute(base, link),
    )
    recipe_file = folder / "recipe.yaml"
    recipe_file.write_text(yaml.safe_dump(translate(training, facts), sort_keys=False))

    # ------------------------------------------------------------------ train
    reached.step, reached.steps = resumed.step if resumed else 0, steps
    about = {
        "worldSize": ranks,
        "globalBatch": description["globalBatch"],
        "precision": precision,
        "versions": versions,
        "base": base.record,
        "dataFingerprint": rows.fingerprint,
        "configHash": resume.config_hash(training),
    }
    pace = Pace(steps, hyperparameters["loggingSteps"], save_steps, description["globalBatch"], len(tokens))
    reports = RecipeReports(link, pace, reached, resumed.state if resumed else None)
    link.phase("loading-model", "NeMo Automodel is starting")
    ended = Recipe(link, folder, reports, reached, about, description).run([*launch.command, str(recipe_file)], save_steps)

    # ------------------------------------------------------------------ save
    model = ended.model or (link.resume_folder / "model" if link.resume_folder else None)
    if model is None:
        raise Failure("engine_crashed", "the recipe ended without a checkpoint")
    style = prompt_style(rows.format, bool(tokenizer.chat_template))
    save_result(link, model, tokenizer, base, style, merged="merged" in training["export"] and ended.outcome == "completed")
    seen = reports.state(reached.step)["num_input_tokens_seen"]
    link.outcome(ended.outcome, step=reached.step, steps=steps, metrics=final_metrics(reports.history, seen))


def without_training_arguments(base: Path, folder: Path) -> Path:
    """The base as the recipe takes it: it refuses a folder that also holds the pickle which transformers' Trainer leaves."""
    if not (base / "training_args.bin").exists():
        return base
    links = folder / "base"
    links.mkdir()
    for file in base.iterdir():
        if file.name != "training_args.bin":
            (links / file.name).symlink_to(file)
    return links


def choose_recompute(base: bases.Base, link: EngineLink) -> bool:
    size = sum(file.stat().st_size for file in base.folder.glob("*.safetensors"))
    large = size >= LARGE_BYTES
    reason = "saves memory, costs about a fifth of the speed" if large else "memory is no concern"
    link.choice("activation-checkpointing", large, f"{size / 1e6:,.1f} MB of weights: {reason}")
    return large


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # taking torch down in good order costs more than a second
