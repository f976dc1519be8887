"""Checked rows as TRL takes them, and on which of their words the loss is taken. Imported after torch."""

import contextlib
from typing import Any

from trl.chat_template_utils import get_training_chat_template, has_generation_markers

from trainer.data import Data
from trainer.engine_link import EngineLink
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
