"""TRL's trainer for the run's method, with what the spec says and what was chosen. Imported after torch."""

import os
from typing import Any

from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from trainer.choices import Choices
from trainer.engine_link import EngineLink
from trainer.resume import Batch


def make_trainer(
    model: Any,
    tokenizer: Any,
    rows: tuple[Any, Any],
    peft_config: Any,
    batch: Batch,
    chosen: Choices,
    layout: dict[str, Any],
    link: EngineLink,
) -> Any:
    """`rows`: of prepared_rows(), cut already; `layout`: how activations and ranks are laid out (activation checkpointing, FSDP)."""
    hyperparameters = link.spec["training"]["hyperparameters"]
    shared: dict[str, Any] = dict(
        output_dir=str(link.work / "trainer"),
        max_steps=hyperparameters["maxSteps"] or -1,
        num_train_epochs=hyperparameters["numEpochs"],
        per_device_train_batch_size=batch.rows,
        per_device_eval_batch_size=batch.rows,
        gradient_accumulation_steps=batch.accumulation,
        learning_rate=hyperparameters["learningRate"],
        lr_scheduler_type=hyperparameters["lrScheduler"],
        weight_decay=hyperparameters["weightDecay"],
        seed=hyperparameters["seed"],
        data_seed=hyperparameters["seed"],
        optim=chosen.optimizer,
        use_cpu=chosen.device == "cpu",
        bf16=chosen.mixed and chosen.precision == "bfloat16",
        fp16=chosen.mixed and chosen.precision == "float16",
        dataloader_num_workers=hyperparameters.get("dataloaderWorkers", 0),
        dataloader_pin_memory=chosen.device == "cuda",
        # training_callback.py decides when to log, evaluate and save; rotation of checkpoints is the plane's.
        logging_strategy="no",
        eval_strategy="no",
        save_strategy="no",
        include_num_input_tokens_seen="all" if chosen.packing or chosen.padding_free else "non_padding",
        logging_nan_inf_filter=False,
        ddp_find_unused_parameters=False,
        report_to=["wandb"] if "wandb" in hyperparameters["reportTo"] else [],
        run_name=link.spec["name"] or link.run_id,
        disable_tqdm=True,
        **layout,
    )
    if hyperparameters["wandbProject"] is not None:
        os.environ["WANDB_PROJECT"] = hyperparameters["wandbProject"]
    os.environ.setdefault("WANDB_DIR", str(link.work))
    if link.spec["training"]["method"] == "dpo":
        arguments: Any = DPOConfig(beta=hyperparameters.get("dpoBeta", 0.1), max_length=hyperparameters["maxSeqLength"], **shared)
        kind: Any = DPOTrainer
    else:
        arguments = SFTConfig(
            packing=chosen.packing,
            max_length=hyperparameters["maxSeqLength"] if chosen.packing else None,
            padding_free=chosen.padding_free,
            use_liger_kernel=chosen.liger,
            **shared,
        )
        kind = SFTTrainer
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # without torchrun one GPU trains: transformers would wrap the model in DataParallel
    return kind(
        model=model,
        args=arguments,
        processing_class=tokenizer,
        train_dataset=rows[0],
        eval_dataset=rows[1],
        peft_config=peft_config,
    )
