"""The hf engine: supervised fine-tuning with transformers, TRL and PEFT; LoRA, QLoRA or full. Read it from top to bottom.

    spec      what cannot be done is refused first; every row is checked; the base's files are fetched     (seconds, no torch)
    base      torch is imported; tiny-llama is built where it is missing
    model     tokenizer, weights, quantised or not
    data      rows become TRL's prompt and completion, messages or text; TRL tokenizes and packs
    train     training_callback.py decides when to log, evaluate, save and stop
    save      adapter or model, with a card

Not done here: several GPUs, DPO.
"""

import contextlib
import math
import os
import sys
import traceback
import warnings
from dataclasses import dataclass
from typing import Any

from trainer import bases, choices, data, hub, resume
from trainer.engine_link import EngineLink
from trainer.failure import Failure, explain


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
    training = link.spec["training"]
    hyperparameters = training["hyperparameters"]

    # ------------------------------------------------------------------ spec: everything that can be refused within seconds
    link.phase("preparing-data", "checking every row")
    choices.prepare_libraries(link.cache)
    choices.refuse_what_cannot_be(training)
    rows = data.load(training, _hub_rows(training["dataset"], link))
    base = bases.fetch(training["baseModel"], link)

    # ------------------------------------------------------------------ base
    link.phase("importing", "torch, transformers, TRL")
    choices.prepare_imports(training)
    import datasets
    import transformers
    from transformers import PrinterCallback, TrainerState
    from trl import SFTConfig, SFTTrainer

    from trainer import models, results, tiny_llama
    from trainer.prompts import prompt_style
    from trainer.sampling import make_sampler
    from trainer.training_callback import Plan, TrainingCallback, final_metrics
    from trainer.training_rows import report_length, training_rows

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

    # ------------------------------------------------------------------ may it resume? before the weights are loaded
    description = resume.describe(training, base.record, rows)
    resumed = resume.check(link, description)

    # ------------------------------------------------------------------ model
    link.phase("loading-model", base.id)
    tokenizer = models.load_tokenizer(training, base, rows)
    model = models.load_model(training, base, chosen)
    recompute = choices.choose_checkpointing(model.num_parameters(), link)

    # ------------------------------------------------------------------ data
    link.phase("preparing-data", f"{len(rows.train)} rows to train on, {len(rows.eval)} to evaluate")
    train_rows, eval_rows, answers_only = training_rows(rows, tokenizer, link)
    arguments = SFTConfig(
        output_dir=str(link.work / "trainer"),
        max_steps=hyperparameters["maxSteps"] or -1,
        num_train_epochs=hyperparameters["numEpochs"],
        per_device_train_batch_size=hyperparameters["batchSize"],
        per_device_eval_batch_size=hyperparameters["batchSize"],
        gradient_accumulation_steps=hyperparameters["gradientAccumulationSteps"],
        learning_rate=hyperparameters["learningRate"],
        lr_scheduler_type=hyperparameters["lrScheduler"],
        weight_decay=hyperparameters["weightDecay"],
        max_length=hyperparameters["maxSeqLength"],
        packing=bool(hyperparameters["packing"]),
        assistant_only_loss=answers_only,
        seed=hyperparameters["seed"],
        data_seed=hyperparameters["seed"],
        optim=chosen.optimizer,
        use_cpu=chosen.device == "cpu",
        bf16=chosen.mixed and chosen.precision == "bfloat16",
        fp16=chosen.mixed and chosen.precision == "float16",
        gradient_checkpointing=recompute,
        dataloader_num_workers=0,
        dataloader_pin_memory=chosen.device == "cuda",
        # training_callback.py decides when to log, evaluate and save; rotation of checkpoints is the plane's.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        include_num_input_tokens_seen="all" if hyperparameters["packing"] else "non_padding",
        logging_nan_inf_filter=False,
        report_to=["wandb"] if "wandb" in hyperparameters["reportTo"] else [],
        run_name=link.spec["name"] or link.run_id,
        disable_tqdm=True,
    )
    if hyperparameters["wandbProject"] is not None:
        os.environ["WANDB_PROJECT"] = hyperparameters["wandbProject"]
    os.environ.setdefault("WANDB_DIR", str(link.work))
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    trainer = SFTTrainer(
        model=model,
        args=arguments,
        processing_class=tokenizer,
        train_dataset=datasets.Dataset.from_list(train_rows),
        eval_dataset=datasets.Dataset.from_list(eval_rows) if eval_rows else None,
        peft_config=models.peft_config(training),
    )
    report_length(trainer.train_dataset, len(train_rows), hyperparameters, link)
    if chosen.quantize:
        models.keep_adapter_in_float32(trainer.model)

    # ------------------------------------------------------------------ train
    steps = trainer.set_initial_training_values(arguments, trainer.get_train_dataloader())[-1]
    reached.step, reached.steps = resumed.step if resumed else 0, steps
    arguments.warmup_steps = math.ceil(steps * hyperparameters["warmupRatio"])
    has_eval = trainer.eval_dataset is not None and len(trainer.eval_dataset) > 0
    arguments.eval_on_start = has_eval and resumed is None
    eval_steps, save_steps = choices.choose_intervals(hyperparameters, steps, has_eval, link)
    sampler = make_sampler(training, rows, tokenizer, link)
    about = {
        "worldSize": 1,
        "globalBatch": description["globalBatch"],
        "precision": chosen.precision,
        "versions": versions,
        "base": base.record,
        "dataFingerprint": rows.fingerprint,
        "configHash": resume.config_hash(training),
    }
    plan = Plan(steps, hyperparameters["loggingSteps"], eval_steps, save_steps)
    callback = TrainingCallback(link, plan, reached, sampler, about, description)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(callback)
    sampler.ask_base(trainer.model, report=resumed is None)
    with _tensorboard(hyperparameters, link, resumed) as callback.writer:
        if resumed is None:
            trainer.train()
        elif resumed.step < steps:
            callback.warm_start = hyperparameters if resumed.changed else None
            _train_on(trainer, callback, link)
        else:
            # The earlier attempt trained to the end and was lost before its result was stored.
            trainer._load_from_checkpoint(str(link.resume_folder))
            trainer.state = TrainerState.load_from_json(str(link.resume_folder / "trainer_state.json"))
    state = trainer.state
    if not has_eval and callback.ended == "completed":
        sampler.ask_tuned(trainer.model, state.global_step)

    # ------------------------------------------------------------------ save
    link.phase("saving", "the model" if training["peftMethod"] == "full" else "the adapter")
    style = prompt_style(rows.format, bool(tokenizer.chat_template))
    if training["peftMethod"] == "full":
        link.artifacts(results.save_model(trainer.model, tokenizer, base, style, link), "model")
    else:
        adapter = results.save_adapter(trainer.model, tokenizer, base, style, link)
        if "merged" in training["export"] and callback.ended == "completed":
            link.phase("saving", "base and adapter merged")
            merged = results.merge(trainer.model, adapter, base, chosen.quantize)
            link.artifacts(results.save_model(merged, tokenizer, base, style, link), "model")
        link.artifacts(adapter, "adapter")
    metrics = final_metrics(state.log_history, state.num_input_tokens_seen)
    link.outcome(callback.ended, step=state.global_step, steps=steps, metrics=metrics)


def _hub_rows(dataset: dict[str, Any], link: EngineLink):
    if dataset["kind"] != "hub":
        return None
    return hub.dataset_rows(dataset["id"], dataset["commit"], lambda detail, fraction: link.phase("preparing-data", detail, fraction))


def _train_on(trainer: Any, callback: Any, link: EngineLink) -> None:
    """Trains on from the checkpoint. What fails before the first step failed in loading it."""
    try:
        trainer.train(resume_from_checkpoint=str(link.resume_folder))
    except Exception as error:
        if callback.began or isinstance(error, Failure):
            raise
        name = link.spec["resumeFrom"]["checkpoint"]
        raise Failure("checkpoint_invalid", f"checkpoint {name} does not load: {type(error).__name__}: {str(error)[:300]}") from error


@contextlib.contextmanager
def _tensorboard(hyperparameters: dict[str, Any], link: EngineLink, resumed: resume.Resumed | None):
    """A writer of event files, stored as artifacts in the end; None where nobody asked for one."""
    if "tensorboard" not in hyperparameters["reportTo"]:
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
