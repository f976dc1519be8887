"""Checked rows as TRL takes them, and on which of their words the loss is taken. Imported after torch."""

import contextlib
from typing import Any

import pyarrow.compute
from datasets import Dataset
from trl.chat_template_utils import get_training_chat_template, has_generation_markers

from trainer.data import Data
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.row_formats import Row, to_training_row


def training_rows(rows: Data, tokenizer: Any, link: EngineLink) -> tuple[list[Row], list[Row], bool]:
    """(rows to train on, rows to evaluate, whether TRL is to mask everything but the assistant's words)."""
    has_template = bool(tokenizer.chat_template)
    train = [to_training_row(row, rows.format, rows.text_field, has_template) for row in rows.train]
    held_out = [to_training_row(row, rows.format, rows.text_field, has_template) for row in rows.eval]
    if rows.format != "messages":
        link.choice("loss", "the whole text" if rows.format == "text" else "the completion", f"{rows.format} rows")
        return train, held_out, False
    if _marks_answers(tokenizer):
        link.choice("loss", "every answer of the assistant", "the chat template says where the answers are")
        return train, held_out, True
    link.choice("loss", "the last answer of the assistant", "the chat template does not say where the answers are")
    return [_last_answer(row) for row in train], [_last_answer(row) for row in held_out], False


def report_length(prepared: Dataset, rows: int, hyperparameters: dict[str, Any], link: EngineLink) -> None:
    """Says how many rows are cut or left out for their length; nothing is cut silently. Raises Failure where nothing is left."""
    limit = hyperparameters["maxSeqLength"]
    if len(prepared) == 0:
        raise Failure("data_row_invalid", f"no row has any of its answer within max_seq_length {limit}: raise it")
    if hyperparameters["packing"]:
        link.choice("sequences", len(prepared), f"{rows} rows packed into sequences of at most {limit} tokens")
        return
    left_out = rows - len(prepared)
    if left_out:
        link.choice("rows-left-out", left_out, f"nothing of their answers lies within max_seq_length {limit}")
    cut = pyarrow.compute.sum(pyarrow.compute.equal(pyarrow.compute.list_value_length(prepared.data["input_ids"]), limit)).as_py()
    if cut and cut > left_out:
        link.choice(
            "rows-cut", cut - left_out, f"they have {limit} tokens or more, which is max_seq_length: what lies beyond is not trained on"
        )


def _marks_answers(tokenizer: Any) -> bool:
    """Whether the template has {% generation %}, or is one of those for which TRL knows a version that has."""
    if has_generation_markers(tokenizer.chat_template):
        return True
    with contextlib.suppress(ValueError):
        return get_training_chat_template(tokenizer) is not None
    return False


def _last_answer(row: Row) -> Row:
    tools = {"tools": row["tools"]} if "tools" in row else {}
    return {"prompt": row["messages"][:-1], "completion": row["messages"][-1:], **tools}
