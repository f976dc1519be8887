"""The training of the meta engine. Read it from top to bottom. Every rank runs all of it; rank 0 alone is heard. Imported after torch."""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

from trainer import choices, data, models, results, resume
from trainer.bases import Base
from trainer.batch_order import BatchOrder, learning_rates, step_seed
from trainer.engine_link import EngineLink
from trainer.machine_cache import MachineCache
from trainer.meta import ranks
from trainer.meta.answering import AnsweringLlama
from trainer.meta.checkpoints import Saver, begin_optimizer, load
from trainer.meta.choosing import Chosen
from trainer.meta.data import Parts, agree, eval_rounds, parts, total
from trainer.meta.hf_folder import HfFolder
from trainer.meta.lora import add_lora, first_value, targets_of
from trainer.meta.model import Llama
from trainer.meta.proof import Proof
from trainer.meta.saving import save_result
from trainer.meta.sharded import fill, shard
from trainer.prepared_rows import prepared_rows
from trainer.prompts import prompt_style
from trainer.sampling import make_sampler
from trainer.step_reports import Due, StepReports
from trainer.tensorboard_files import tensorboard_files
from trainer.token_batch import padding_token, token_loss
from trainer.token_rows import TokenRow, to_token_rows
from trainer.training_callback import Plan
from trainer.verification import ROWS

NEEDED_TO_RESUME = ("trainer_state.json",)
LARGEST_NORM = 1.0
SAVES, ENDS = (None, "interval", "requested", "final"), (None, "stopped", "paused")


def train(
    link: EngineLink,
    reached: Any,
    training: dict[str, Any],
    base: Base,
    source: HfFolder,
    chosen: Chosen,
    rows: data.Data,
    cache: MachineCache,
) -> None:
    """`training`: the spec's, with a plain base."""
    hyperparameters, full = training["hyperparameters"], training["peftMethod"] == "full"
    seed, rows_at_once = hyperparameters["seed"], hyperparameters["batchSize"]
    ranks.join(link, chosen.device)
    versions = results.versions(quantized=False)
    link.about(base=base.record, versions=versions)

    # ------------------------------------------------------------------ may it resume? before the weights are loaded
    batch = resume.Batch(rows_at_once, hyperparameters["gradientAccumulationSteps"], link.ranks)
    description = resume.describe(training, base.record, rows, batch)
    resumed = resume.check(link, description, NEEDED_TO_RESUME, batch)
    if resumed:
        batch, description = resumed.batch, description | resumed.shared

    # ------------------------------------------------------------------ model
    link.phase("loading-model", base.id)
    tokenizer = models.load_tokenizer(training, base, rows)
    models.require_embeddings(tokenizer, source.shape.vocabulary, base)
    compute = getattr(torch, chosen.precision)
    with torch.device("meta"):
        # What is trained is float32: the adapter, or in full fine-tuning all of it.
        model = Llama(source.shape).to(torch.float32 if full else compute)
    if not full:
        targets = targets_of(hyperparameters["targetModules"])
        add_lora(model, targets, hyperparameters["loraR"], hyperparameters["loraAlpha"], hyperparameters["loraDropout"])
    recompute = choices.choose_checkpointing(sum(weight.numel() for weight in model.parameters()), link)
    for block in model.layers:
        block.recompute = recompute
    shard(model, chosen.device, compute)
    generator = torch.Generator().manual_seed(seed)
    fill(model, lambda name, size: first_value(name, size, generator) if "lora_" in name else source.read(name))
    model.train()

    # ------------------------------------------------------------------ data
    link.phase("preparing-data", f"{len(rows.train)} rows to train on, {len(rows.eval)} to evaluate")
    prepared, padding = prepared_rows(rows, tokenizer, base.commit, hyperparameters["maxSeqLength"], cache, link), padding_token(tokenizer)
    tokens, eval_tokens = map(to_token_rows, prepared)
    order = BatchOrder(len(tokens), batch.whole, seed)
    steps = order.steps(hyperparameters["maxSteps"], hyperparameters["numEpochs"])
    resume.refuse_past_end(link, resumed.step if resumed else 0, steps)
    eval_steps = choices.choose_eval_steps(hyperparameters["evalSteps"], steps, bool(eval_tokens), link)
    sampler, answering = make_sampler(training, rows, tokenizer, link), AnsweringLlama(model, source.ends | {tokenizer.eos_token_id})

    # ------------------------------------------------------------------ train
    rate_of, decay = learning_rates(hyperparameters, steps), hyperparameters["weightDecay"]
    trained = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    decayed = [{"params": [w for n, w in trained.items() if "norm" not in n], "weight_decay": decay}]
    optimizer = torch.optim.AdamW([*decayed, {"params": [w for n, w in trained.items() if "norm" in n], "weight_decay": 0.0}], fused=True)
    done = resumed.step if resumed else 0
    begin_optimizer(optimizer, trained, done)
    sampler.ask_base(answering, report=resumed is None)  # before anything is trained, or loaded, which in full fine-tuning is all of it
    if resumed:
        load(link.resume_folder, link.spec["resumeFrom"]["checkpoint"], trained, optimizer)
    reached.step, reached.steps = done, steps
    about = {
        "worldSize": link.ranks,
        "globalBatch": batch.whole,
        "precision": chosen.precision,
        "versions": versions,
        "base": base.record,
        "dataFingerprint": rows.fingerprint,
        "configHash": resume.config_hash(training),
    }
    saver, ended = Saver(link, trained, optimizer), "completed"
    plan = Plan(steps, hyperparameters["loggingSteps"], eval_steps, hyperparameters["saveSteps"])
    history = resumed.state["log_history"] if resumed else []
    with tensorboard_files(hyperparameters["reportTo"] if dist.get_rank() == 0 else [], history, link) as writer:
        reports = StepReports(link, plan, reached, resumed.state if resumed else None, writer)
        if eval_tokens and resumed is None:
            reports.evaluated(0, 0.0, *evaluate(model, eval_tokens, rows_at_once, padding, reports.begin_evaluation(0)))
        link.phase("training")
        ahead = parts(
            Parts(tokens, order, batch, done + 1, padding),
            (steps - done) * batch.accumulation,
            hyperparameters.get("dataloaderWorkers", 0),
        )
        for step in range(done + 1, steps + 1):
            reports.begin_step()
            torch.manual_seed(step_seed(seed, step, dist.get_rank()))  # dropout: from step and rank alone, so that a resume draws the same
            batch_rows = [tokens[row] for row in order.rows_of(step)]
            predicted = sum(row.predicted for row in batch_rows)
            loss, right = torch.zeros((), device=chosen.device), torch.zeros((), device=chosen.device)
            for _ in range(batch.accumulation):
                part = next(ahead).to(chosen.device)
                wanted = part.labels >= 0
                found, correct = token_loss(model(part.ids, wanted), part.labels[wanted])
                (found * (link.ranks / predicted)).backward()  # FSDP divides the gradient by the number of ranks
                loss, right = loss + found.detach() / predicted, right + correct
            norm = torch.nn.utils.clip_grad_norm_(trained.values(), LARGEST_NORM)
            for group in optimizer.param_groups:
                group["lr"] = rate_of(step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            loss, right = total(loss, right)
            reports.end_step(
                step, order.epoch(step), loss, tokens=sum(len(row.ids) for row in batch_rows), correct=right, predicted=predicted
            )
            saver.poll()

            due = all_agree(reports, step)
            if due.log:
                reports.log(step, order.epoch(step), rate_of(step), norm.full_tensor().item())
            if due.evaluate:
                found = evaluate(model, eval_tokens, rows_at_once, padding, reports.begin_evaluation(step))
                reports.evaluated(step, order.epoch(step), *found)
                sampler.ask_tuned(answering, step)
            if due.save:
                reports.begin_save(step, 3 * sum(weight.nbytes for weight in trained.values()))  # and Adam's two moments
                files = {"trainer_state.json": reports.state(step, order.epoch(step)), resume.NAME: description}
                saver.save(step, files, reports.when_saved(step, order.epoch(step), due.save, about))
            if due.end:
                ended = due.end
                break
            if due.evaluate or due.save:
                link.phase("training")
        saver.wait()
    if not eval_tokens and ended == "completed":
        sampler.ask_tuned(answering, reached.step)

    # ------------------------------------------------------------------ save
    style = prompt_style(rows.format, bool(tokenizer.chat_template))
    link.phase("saving", "the model" if full else "the adapter")
    probe = (eval_tokens or tokens)[:ROWS]
    proof = Proof(probe, evaluate(model, probe, rows_at_once, padding)[0], chosen, base, source.dtype, link)
    save_result(link, model, source, tokenizer, base, style, proof, merged="merged" in training["export"] and ended == "completed")
    link.outcome(ended, step=reached.step, steps=steps, metrics=reports.final_metrics())
    dist.destroy_process_group()


def all_agree(reports: StepReports, step: int) -> Due:
    """What is due, decided by rank 0 and the same on every rank: all must evaluate, save and stop at the same step."""
    due = reports.due(step) if dist.get_rank() == 0 else Due(False, False, None, None)
    log, evaluates, save, end = agree([due.log, due.evaluate, SAVES.index(due.save), ENDS.index(due.end)])
    return Due(bool(log), bool(evaluates), SAVES[save], ENDS[end])


@torch.no_grad()
def evaluate(
    model: Llama, rows: list[TokenRow], rows_at_once: int, padding: int, tell: Callable[[float], None] = lambda share: None
) -> tuple[float, float]:
    """(mean loss, share of tokens that are right) over all rows, on every rank; `tell` is called with the share of them that is done."""
    model.eval()
    device = next(model.parameters()).device
    loss, right, predicted = (torch.zeros((), dtype=torch.float64, device=device) for _ in range(3))
    for batch, counts, share in eval_rounds(rows, rows_at_once, padding):
        batch = batch.to(device)
        wanted = batch.labels >= 0
        found, correct = token_loss(model(batch.ids, wanted), batch.labels[wanted])
        if counts:
            loss, right, predicted = loss + found, right + correct, predicted + batch.predicted
        tell(share)
    model.train()
    model.reshard()
    loss, right, predicted = total(loss, right, predicted)
    return (loss / predicted).item(), (right / predicted).item()
