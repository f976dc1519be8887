"""Rows as token ids, each with the mark whether it is to be predicted: for engines that do not train through TRL, by the rules of TRL.

text                              every token, with an end-of-sequence token where the text has none
prompt and completion as texts    the completion, likewise ended
prompt and completion as chat     what the chat template puts behind the prompt
messages                          what the template marks as the assistant's
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.row_formats import Row


@dataclass(frozen=True)
class TokenRow:
    ids: list[int]
    answers: list[bool]
    """whether the token is to be predicted; as long as `ids`"""
    length: int
    """of the whole row, before it was cut"""

    @property
    def predicted(self) -> int:
        """How many tokens are: never the first, which nothing precedes. 0 where nothing is left of the answer."""
        return sum(self.answers[1:])


def token_rows(rows: Sequence[Row], tokenizer: Any, limit: int) -> list[TokenRow]:
    """Rows as training_rows.py gives them, one for one, cut at `limit` tokens."""
    template = _template_that_marks(tokenizer) if rows and "messages" in rows[0] else None
    whole = [_tokenize(row, tokenizer, template) for row in rows]
    return [TokenRow(ids[:limit], answers[:limit], len(ids)) for ids, answers in whole]


def report_length(rows: Sequence[TokenRow], limit: int, link: EngineLink) -> None:
    """Says how many rows are cut, and how many are left out because nothing of their answer is left. Raises Failure where all are."""
    useless = sum(row.predicted == 0 for row in rows)
    if useless == len(rows):
        raise Failure("dataset_invalid", f"no row has any of its answer within max_seq_length {limit}: raise it")
    if useless:
        link.choice("rows-left-out", useless, f"nothing of their answers lies within max_seq_length {limit}")
    cut = sum(row.predicted > 0 and row.length > limit for row in rows)
    if cut:
        link.choice("rows-cut", cut, f"they have more than {limit} tokens, which is max_seq_length: what lies beyond is not trained on")


def _tokenize(row: Row, tokenizer: Any, template: str | None) -> tuple[list[int], list[bool]]:
    if "text" in row:
        ids = _ended(tokenizer(row["text"]).input_ids, tokenizer)
        return ids, [True] * len(ids)
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    if "messages" in row:
        found = tokenizer.apply_chat_template(
            row["messages"], chat_template=template, return_dict=True, return_assistant_tokens_mask=True, **tools
        )
        return list(found["input_ids"]), [bool(mark) for mark in found["assistant_masks"]]
    if isinstance(row["prompt"], str):
        asked = tokenizer(row["prompt"]).input_ids
        ids = _ended(tokenizer(row["prompt"] + row["completion"]).input_ids, tokenizer)
    else:
        asked = tokenizer.apply_chat_template(row["prompt"], add_generation_prompt=True, return_dict=False, **tools)
        ids = tokenizer.apply_chat_template(row["prompt"] + row["completion"], return_dict=False, **tools)
    return list(ids), [place >= len(asked) for place in range(len(ids))]


def _ended(ids: list[int], tokenizer: Any) -> list[int]:
    end = tokenizer.eos_token_id
    return ids if end is None or (ids and ids[-1] == end) else [*ids, end]


def _template_that_marks(tokenizer: Any) -> str | None:
    """None: the tokenizer's own has {% generation %}; else the version of it that TRL knows to have."""
    from trl.chat_template_utils import get_training_chat_template, has_generation_markers

    return None if has_generation_markers(tokenizer.chat_template) else get_training_chat_template(tokenizer)
