"""Checked rows as TRL takes them, and on which of their words the loss is taken."""

import contextlib
from typing import Any

from trainer.data import Data
from trainer.row_formats import Row, to_training_row
from trainer.tokenized_rows import Masking


def choose_masking(rows: Data, tokenizer: Any) -> tuple[Masking, str, str]:
    """(how answers are found, on what the loss is taken, why)."""
    if rows.format != "messages":
        on = {"text": "the whole text", "preference": "chosen against rejected"}.get(rows.format, "the completion")
        return Masking(), on, f"{rows.format} rows"
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    if has_generation_markers(tokenizer.chat_template):
        return Masking(answers_only=True), "every answer of the assistant", "the chat template says where the answers are"
    with contextlib.suppress(ValueError):
        known = get_training_chat_template(tokenizer)
        if known is not None:
            return Masking(True, known), "every answer of the assistant", "a version of the chat template is known that marks the answers"
    return Masking(), "the last answer of the assistant", "the chat template does not say where the answers are"


def to_trained_rows(part: list[Row], rows: Data, tokenizer: Any, masking: Masking) -> list[Row]:
    """In TRL's terms. Messages whose answers are not marked: the last answer, asked by all before it."""
    given = [to_training_row(row, rows.format, rows.text_field, bool(tokenizer.chat_template)) for row in part]
    if rows.format != "messages" or masking.answers_only:
        return given
    return [
        {"prompt": row["messages"][:-1], "completion": row["messages"][-1:], **({"tools": row["tools"]} if "tools" in row else {})}
        for row in given
    ]
