"""Trains a hypernetwork on rows {trajectory, prompt, completion}. Read it from top to bottom. Imported after torch."""

import json
import time
from typing import Any

import torch
from safetensors.torch import load_file

from trainer import choices, data, results, resume
from trainer.bases import Base
from trainer.batch_order import BatchOrder, learning_rates, step_seed
from trainer.data_report import Lengths
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.hypernetwork import folder
from trainer.hypernetwork.frozen_base import FrozenBase
from trainer.hypernetwork.learning import evaluate, task_loss
from trainer.hypernetwork.network import Hypernetwork
from trainer.hypernetwork.samples import AdapterSampler, questions_of_rows
from trainer.hypernetwork.shape import module_names, shape_of
from trainer.hypernetwork.task_tokens import Cut, task_tokens
from trainer.prepared_rows import report_lengths
from trainer.step_reports import StepReports
from trainer.tensorboard_files import tensorboard_files
from trainer.token_batch import padding_token
from trainer.training_callback import Plan
from trainer.verification import ROWS, require_same_loss

NEEDED_TO_RESUME = ("trainer_state.json", "optimizer.pt", "hypernetwork.safetensors", "hypernetwork_config.json")
LARGEST_NORM = 1.0


def train(link: EngineLink, reached: Any, base: Base, tokenizer: Any, model: Any, chosen: choices.Choices, rows: data.Data) -> None:
    training = link.spec["training"]
    hyperparameters, padding = training["hyperparameters"], padding_token(tokenizer)
    batch_size, seed = hyperparameters["batchSize"], hyperparameters["seed"]
    global_batch = batch_size * hyperparameters["gradientAccumulationSteps"]

    # ------------------------------------------------------------------ model
    description = resume.describe(training, base.record, rows)
    resumed = resume.check(link, description, NEEDED_TO_RESUME)
    shape = shape_of(model, base, training)
    torch.manual_seed(seed)
    network = Hypernetwork(shape).to(model.device)
    frozen = FrozenBase(model, shape, hyperparameters["loraDropout"])
    parameters = sum(parameter.numel() for parameter in network.parameters())
    targets = ", ".join(module_names(shape.targets))
    link.choice(
        "hypernetwork",
        f"{parameters:,} parameters",
        f"latent width {shape.latent}; rank {shape.rank} on {targets} of {shape.layers} layers",
    )

    # ------------------------------------------------------------------ data
    link.phase("preparing-data", f"{len(rows.train)} rows to train on, {len(rows.eval)} to evaluate")
    link.choice("loss", "the completion", f"{rows.format} rows, by the base with the adapter made of the trajectory")
    limit = hyperparameters["maxSeqLength"]
    cut = Cut(Lengths(limit))
    tasks = task_tokens(rows.train, tokenizer, shape.max_trajectory_tokens, limit, cut)
    report_lengths(cut.lengths, rows, link)
    if cut.trajectories:
        read = shape.max_trajectory_tokens
        link.choice("trajectories-cut", cut.trajectories, f"they have more than {read} tokens: their beginnings are not read")
    eval_tasks = task_tokens(rows.eval, tokenizer, shape.max_trajectory_tokens, limit)
    order = BatchOrder(len(tasks), global_batch, seed)
    steps = order.steps(hyperparameters["maxSteps"], hyperparameters["numEpochs"])
    resume.refuse_past_end(link, resumed.step if resumed else 0, steps)
    eval_steps = choices.choose_eval_steps(hyperparameters["evalSteps"], steps, bool(eval_tasks), link)
    questions = questions_of_rows(rows.eval or rows.train, training["samplePrompts"], tokenizer, shape.max_trajectory_tokens)
    sampler = AdapterSampler(questions, frozen, tokenizer, link)

    # ------------------------------------------------------------------ train
    rate_of = learning_rates(hyperparameters, steps)
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate_of(1), weight_decay=hyperparameters["weightDecay"], fused=True)
    first = 1
    if resumed:
        load_checkpoint(link, network, optimizer, hyperparameters)
        first = resumed.step + 1
    reached.step, reached.steps = first - 1, steps
    about = {
        "worldSize": 1,
        "globalBatch": global_batch,
        "precision": chosen.precision,
        "versions": results.versions(quantized=False),
        "base": base.record,
        "dataFingerprint": rows.fingerprint,
        "configHash": resume.config_hash(training),
    }
    plan = Plan(steps, hyperparameters["loggingSteps"], eval_steps, hyperparameters["saveSteps"])
    ended = "completed"
    sampler.ask_base(report=resumed is None)
    with tensorboard_files(hyperparameters["reportTo"], resumed.state["log_history"] if resumed else [], link) as writer:
        reports = StepReports(link, plan, reached, resumed.state if resumed else None, writer)

        def evaluate_and_ask(step: int) -> None:
            found = evaluate(network, frozen, eval_tasks, padding, batch_size, reports.begin_evaluation(step))
            reports.evaluated(step, order.epoch(step), *found)
            if step > 0:
                sampler.ask_adapted(network, step, padding)

        if eval_tasks and resumed is None:
            evaluate_and_ask(0)
        link.phase("training")
        for step in range(first, steps + 1):
            reports.begin_step()
            torch.manual_seed(step_seed(seed, step))  # dropout: from the step alone, so that a resume draws the same
            chosen_tasks = [tasks[row] for row in order.rows_of(step)]
            predicted = sum(task.answer.predicted for task in chosen_tasks)
            loss, right = torch.zeros((), device=model.device), torch.zeros((), dtype=torch.long, device=model.device)
            for begin in range(0, global_batch, batch_size):
                part, correct, _ = task_loss(network, frozen, chosen_tasks[begin : begin + batch_size], padding, training=True)
                (part / predicted).backward()
                loss, right = loss + part.detach() / predicted, right + correct
            norm = torch.nn.utils.clip_grad_norm_(network.parameters(), LARGEST_NORM)
            for group in optimizer.param_groups:
                group["lr"] = rate_of(step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            tokens = sum(len(task.trajectory) + len(task.answer.ids) for task in chosen_tasks)
            reports.end_step(step, order.epoch(step), loss, tokens=tokens, correct=right, predicted=predicted)

            due = reports.due(step)
            if due.log:
                reports.log(step, order.epoch(step), rate_of(step), norm.item())
            if due.evaluate:
                evaluate_and_ask(step)
            if due.save:
                reports.begin_save(step, 3 * sum(parameter.nbytes for parameter in network.parameters()))  # and Adam's two moments
                began, place = time.monotonic(), link.fresh_folder(f"step-{step:06d}")
                folder.save(network, place)
                torch.save(optimizer.state_dict(), place / "optimizer.pt")
                (place / "trainer_state.json").write_text(json.dumps(reports.state(step, order.epoch(step))))
                (place / resume.NAME).write_text(json.dumps(description, indent=1))
                reports.saved(place, step, order.epoch(step), due.save, about, time.monotonic() - began, reports.newest)
            if due.end:
                ended = due.end
                break
            if due.evaluate or due.save:
                link.phase("training")
    if not eval_tasks and ended == "completed":
        sampler.ask_adapted(network, reached.step, padding)

    # ------------------------------------------------------------------ save
    link.phase("saving", "the hypernetwork")
    stored, probe = folder.write_result(network, base, link), (eval_tasks or tasks)[:ROWS]
    again = folder.load(stored, "the stored hypernetwork").to(model.device)
    losses = [evaluate(each, frozen, probe, padding, batch_size)[0] for each in (network, again)]
    require_same_loss(*losses, "float32", "the hypernetwork")
    link.artifacts(stored, "model")
    link.outcome(ended, step=reached.step, steps=steps, metrics=reports.final_metrics())


def load_checkpoint(link: EngineLink, network: Any, optimizer: Any, hyperparameters: dict[str, Any]) -> None:
    """Weights and optimizer of the checkpoint that the run goes on from. Raises Failure: checkpoint_invalid."""

    try:
        network.load_state_dict(load_file(link.resume_folder / "hypernetwork.safetensors"))
        optimizer.load_state_dict(torch.load(link.resume_folder / "optimizer.pt", weights_only=True))
    except Exception as error:
        name = link.spec["resumeFrom"]["checkpoint"]
        raise Failure("checkpoint_invalid", f"checkpoint {name} does not load: {type(error).__name__}: {str(error)[:300]}") from error
    for group in optimizer.param_groups:
        group["weight_decay"] = hyperparameters["weightDecay"]
