"""The hf engine: fine-tuning with transformers, TRL and PEFT; on examples (sft) or preferences (dpo); LoRA, QLoRA or full; on one rank or
several. Read it from top to bottom.

    spec      what cannot be done is refused first; every row is checked; the base's files are fetched     (seconds, no torch)
    base      torch is imported; tiny-llama is built where it is missing
    resume    may it go on from its checkpoint? how is the batch shared among the ranks?
    data      rows become tokens, or are found as tokens in the machine's cache; what is cut or left out is counted
    model     weights, quantised or not
    train     training_callback.py decides when to log, evaluate, save and stop
    save      adapter or model, with a card; loaded again and compared before it is called a result
"""

import contextlib
import math
import os
import pickle
import sys
import traceback
import warnings
from dataclasses import dataclass
from typing import Any

from trainer import agreement, bases, choices, data, hub, resume
from trainer.engine_link import EngineLink
from trainer.failure import Failure, explain
from trainer.machine_cache import MachineCache


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
    training = {**given, "baseModel": bases.plain(given["baseModel"])}
    hyperparameters = training["hyperparameters"]

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    choices.refuse_what_cannot_be(training)
    rows = data.load(training, _hub_rows(training["dataset"], link))
    cache = MachineCache(link.cache)
    base = bases.fetch(training["baseModel"], link, cache)
    begins_with = bases.starting_adapter(given["baseModel"])

    # ------------------------------------------------------------------ base
    link.phase("importing", "torch, transformers, TRL")
    choices.prepare_imports(training)
    import datasets
    import transformers
    from transformers import PrinterCallback, TrainerState

    from trainer import models, results, tiny_llama
    from trainer.best_weights import BestWeights
    from trainer.make_trainer import make_trainer
    from trainer.prepared_rows import prepared_rows
    from trainer.prompts import prompt_style
    from trainer.sampling import make_sampler
    from trainer.save_interval import SaveInterval
    from trainer.stored_result import Stored
    from trainer.training_callback import Plan, Save, TrainingCallback, final_metrics
    from trainer.verification import make_probe

    # TRL still says gradient_checkpointing where transformers says activation_checkpointing: not the user's concern.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    if base is None:
        link.phase("building-base", "tiny-llama")
        base = bases.tiny(tiny_llama.ensure(link.cache, lambda detail, fraction: link.phase("building-base", detail, fraction)))
    chosen = choices.choose(training, link)
    versions = results.versions(chosen.quantize)
    link.about(base=base.record, versions=versions)

    if link.ranks > 1:
        agreement.join(chosen.device, link.spec["stallSeconds"])

    # ------------------------------------------------------------------ may it resume? before the weights are loaded
    batch = resume.Batch(hyperparameters["batchSize"], hyperparameters["gradientAccumulationSteps"], link.ranks)
    mine = resume.describe(training, base.record, rows, batch)
    mine["beginsWith"] = bases.fingerprint(begins_with) if begins_with else None
    resumed = resume.check(link, mine, batch=batch)
    batch = resumed.batch if resumed else batch
    description = mine | (resumed.shared if resumed else {})

    # ------------------------------------------------------------------ data: rows become tokens
    link.phase("preparing-data", f"{len(rows.train)} rows to train on, {len(rows.eval)} to evaluate")
    tokenizer = models.load_tokenizer(training, base, rows)
    prepared = prepared_rows(rows, tokenizer, base.commit, hyperparameters["maxSeqLength"], cache, link)

    # ------------------------------------------------------------------ model
    link.phase("loading-model", base.id)
    model = models.load_model(training, base, chosen, tokenizer)
    layout = models.choose_layout(training, model, link)
    if begins_with:
        model = models.begin_with(begins_with, model, training, link)
    trainer = make_trainer(model, tokenizer, prepared, models.peft_config(training, bool(begins_with)), batch, chosen, layout, link)
    arguments = trainer.args
    if chosen.packing:
        link.choice(
            "sequences", len(trainer.train_dataset), f"{len(prepared[0])} rows packed into sequences of {hyperparameters['maxSeqLength']}"
        )
    if chosen.quantize:
        models.keep_adapter_in_float32(trainer.model)

    # ------------------------------------------------------------------ train
    steps = trainer.set_initial_training_values(arguments, trainer.get_train_dataloader())[-1]
    reached.step, reached.steps = resumed.step if resumed else 0, steps
    arguments.warmup_steps = math.ceil(steps * hyperparameters["warmupRatio"])
    has_eval = trainer.eval_dataset is not None and len(trainer.eval_dataset) > 0
    arguments.eval_on_start = has_eval and resumed is None
    best = BestWeights(link.fresh_folder("best")) if has_eval and models.keeps_best(training, layout, link) else None
    plan = Plan(
        steps=steps,
        logging_steps=hyperparameters["loggingSteps"],
        eval_steps=choices.choose_eval_steps(hyperparameters["evalSteps"], steps, has_eval, link),
        save_steps=hyperparameters["saveSteps"],
    )
    save = Save(
        about={
            "worldSize": link.ranks,
            "globalBatch": batch.whole,
            "precision": chosen.precision,
            "versions": versions,
            "base": base.record,
            "dataFingerprint": rows.fingerprint,
            "configHash": resume.config_hash(training),
        },
        description=description,
        interval=SaveInterval(steps, hyperparameters["saveSteps"], hyperparameters.get("checkpointMinutes", 10)),
        best=best,
        trained_bytes=models.trained_bytes(trainer.model),
        is_sharded="fsdp" in layout,
    )
    sampler = make_sampler(training, rows, tokenizer, link)
    callback = TrainingCallback(link, plan, reached, sampler, save)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback)
    sampler.ask_base(trainer.model, report=resumed is None)
    if resumed and best:
        best.resume(link.resume_folder, resumed.best)
    with _tensorboard(hyperparameters, link, resumed) as callback.writer:
        if resumed is None:
            trainer.train()
        elif resumed.step < steps:
            callback.warm_start = hyperparameters if resumed.changed else None
            _train_on(trainer, callback, link)
        else:
            resume.refuse_past_end(link, resumed.step, steps)
            # The earlier attempt trained to the end and was lost before its result was stored.
            trainer._load_from_checkpoint(str(link.resume_folder))
            trainer.state = TrainerState.load_from_json(str(link.resume_folder / "trainer_state.json"))
    state = trainer.state
    if not has_eval and callback.ended == "completed":
        sampler.ask_tuned(trainer.model, state.global_step)

    # ------------------------------------------------------------------ save
    result = models.choose_result(trainer.model, best, state.global_step, callback.ended)
    link.phase("saving", "the model" if training["peftMethod"] == "full" else "the adapter")
    style = prompt_style(rows.format, bool(tokenizer.chat_template))
    probe = make_probe(trainer.eval_dataset if has_eval else trainer.train_dataset, tokenizer.pad_token_id or 0)
    stored = Stored(training, base, tokenizer, style, chosen, probe, link)
    for folder, kind in stored.everything(trainer, with_merged=callback.ended == "completed"):
        link.artifacts(folder, kind)
    metrics = final_metrics(state.log_history, state.num_input_tokens_seen)
    link.outcome(callback.ended, step=state.global_step, steps=steps, metrics=metrics, result=result)
    agreement.wait_for_all()


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


def _train_on(trainer: Any, callback: Any, link: EngineLink) -> None:
    """Trains on from the checkpoint. What fails before the first step failed in loading it."""
    try:
        trainer.train(resume_from_checkpoint=str(link.resume_folder))
    except Exception as error:
        # The random states are loaded after the beginning; what is no plain tensor is refused there as well.
        if isinstance(error, Failure) or (callback.began and not isinstance(error, pickle.UnpicklingError)):
            raise
        name = link.spec["resumeFrom"]["checkpoint"]
        raise Failure("checkpoint_invalid", f"checkpoint {name} does not load: {type(error).__name__}: {str(error)[:300]}") from error


@contextlib.contextmanager
def _tensorboard(hyperparameters: dict[str, Any], link: EngineLink, resumed: resume.Resumed | None):
    """A writer of event files, stored as artifacts in the end; None where nobody asked for one."""
    if "tensorboard" not in hyperparameters["reportTo"] or link.rank:
        yield None
        return
    from torch.utils.tensorboard import SummaryWriter

    folder = link.fresh_folder("tensorboard")
    writer = SummaryWriter(str(folder))
    # The files replace those of earlier attempts, so they begin with what those had written.
    for row in resumed.state["log_history"] if resumed else []:
        for name in ("loss", "eval_loss", "learning_rate", "grad_norm"):
            if name in row:
                writer.add_scalar(name, row[name], row["step"])
    yield writer
    writer.close()
    link.artifacts(folder, "tensorboard")


if __name__ == "__main__":
    main()
    if "wandb" not in sys.modules:  # which has to say goodbye
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)  # taking torch down in good order costs more than a second
