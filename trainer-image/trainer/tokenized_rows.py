"""Rows as token ids, and which of them are trained on: what the engine trains, what `python -m trainer.data check` shows.

The rules are TRL's, which a test compares row by row: a completion begins where the prompt and the whole part ways, texts end with the
end-of-text token, answers of the assistant are where the chat template's {% generation %} marks them. A row is cut at `limit`, and left out
where nothing of its answers lies within.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trainer.row_formats import Row

NOT_TRAINED = -100


@dataclass(frozen=True)
class Tokens:
    """Whole, not yet cut. `labels`: the id where it is trained on, else -100."""

    input_ids: list[int]
    labels: list[int]

    def cut(self, limit: int) -> "Tokens":
        return Tokens(self.input_ids[:limit], self.labels[:limit])

    @property
    def is_trained(self) -> bool:
        return any(label != NOT_TRAINED for label in self.labels)


@dataclass(frozen=True)
class Masking:
    """Of `messages` rows: by the template's marks (`template` where TRL knows a version of it that has them)."""

    answers_only: bool = False
    template: str | None = None


def tokenize_row(row: Row, tokenizer: Any, masking: Masking) -> Tokens:
    """`row` in TRL's own terms (row_formats.to_training_row). A preference row: its prompt and chosen answer."""
    if "messages" in row:
        return _messages(row, tokenizer, masking)
    if "text" in row:
        ids = _text(_ended(row["text"], tokenizer), tokenizer)
        return Tokens(ids, list(ids))
    answer = row["completion"] if "completion" in row else row["chosen"]
    if isinstance(row["prompt"], list):
        tools = {"tools": row["tools"]} if row.get("tools") else {}
        asked = _chat(row["prompt"], tokenizer, add_generation_prompt=True, **tools)["input_ids"]
        whole = _chat(row["prompt"] + answer, tokenizer, **tools)["input_ids"]
    else:
        asked, whole = _text(row["prompt"], tokenizer), _text(row["prompt"] + _ended(answer, tokenizer), tokenizer)
    start = _common_prefix(asked, whole)
    return Tokens(whole, [NOT_TRAINED] * start + whole[start:])


def to_table(rows: Iterable[Tokens], limit: int) -> Any:
    """An Arrow table of input_ids and labels, cut at `limit`; rows of which nothing is trained on are left out."""
    import pyarrow

    kind = pyarrow.list_(pyarrow.int32())
    schema = pyarrow.schema([("input_ids", kind), ("labels", kind)])
    batches, ids, labels = [], [], []

    def close() -> None:
        batches.append(pyarrow.record_batch([pyarrow.array(ids, kind), pyarrow.array(labels, kind)], schema=schema))
        ids.clear()
        labels.clear()

    for tokens in rows:
        kept = tokens.cut(limit)
        if kept.is_trained:
            ids.append(kept.input_ids)
            labels.append(kept.labels)
        if len(ids) == 10_000:  # rows of some hundred tokens are some ten megabytes as lists
            close()
    close()
    return pyarrow.Table.from_batches(batches, schema=schema)


def _messages(row: Row, tokenizer: Any, masking: Masking) -> Tokens:
    tools = {"tools": row["tools"]} if row.get("tools") else {}
    if not masking.answers_only:
        ids = _chat(row["messages"], tokenizer, **tools)["input_ids"]
        return Tokens(ids, list(ids))
    template = {"chat_template": masking.template} if masking.template else {}
    told = _chat(row["messages"], tokenizer, return_assistant_tokens_mask=True, **template, **tools)
    masks = told["assistant_masks"]
    return Tokens(told["input_ids"], [token if mask else NOT_TRAINED for token, mask in zip(told["input_ids"], masks, strict=True)])


def _chat(messages: list[Row], tokenizer: Any, **options: Any) -> dict[str, list[int]]:
    return tokenizer.apply_chat_template(messages, tokenize=True, return_dict=True, **options)


def _text(text: str, tokenizer: Any) -> list[int]:
    return tokenizer(text)["input_ids"]


def _ended(text: str, tokenizer: Any) -> str:
    end = tokenizer.eos_token
    return text if not end or text.endswith(end) else text + end


def _common_prefix(first: list[int], second: list[int]) -> int:
    for index, (a, b) in enumerate(zip(first, second, strict=False)):
        if a != b:
            return index
    return min(len(first), len(second))
