"""What a person wants to know of training data before it is trained on: lengths, what is cut or left out, what is there twice, what is
empty, and how one row looks to the model. The engine reports the same counts, from the same tokens."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trainer.row_formats import Row
from trainer.tokenized_rows import NOT_TRAINED, Tokens

BUCKETS = (32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768)
SHOWN_CHARACTERS = 4_000


@dataclass
class Lengths:
    """Counts over rows, taken as they are tokenised."""

    limit: int
    rows: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    longest: int = 0
    cut: int = 0
    left_out: int = 0
    histogram: Counter[int] = field(default_factory=Counter)

    def add(self, tokens: Tokens) -> Tokens:
        length, kept = len(tokens.input_ids), tokens.cut(self.limit)
        self.rows += 1
        self.longest = max(self.longest, length)
        self.histogram[next((bucket for bucket in BUCKETS if length <= bucket), -1)] += 1
        if not kept.is_trained:
            self.left_out += 1
            return tokens
        self.cut += length > self.limit
        self.tokens += len(kept.input_ids)
        self.trained_tokens += sum(label != NOT_TRAINED for label in kept.labels)
        return tokens

    def lines(self) -> list[str]:
        """The histogram, a line a bucket; empty ones at the ends are left out."""
        most = max(self.histogram.values(), default=1)
        names = {bucket: f"<= {bucket:,}" for bucket in BUCKETS} | {-1: f"> {BUCKETS[-1]:,}"}
        filled = [index for index, bucket in enumerate(names) if self.histogram[bucket]]
        shown = list(names)[filled[0] : filled[-1] + 1] if filled else []
        return [f"  {names[b]:>10}  {self.histogram[b]:>9,}  {'#' * round(40 * self.histogram[b] / most)}".rstrip() for b in shown]


def count_duplicates(rows: Sequence[Row]) -> int:
    """Rows that are there already, word for word."""
    return len(rows) - len({json.dumps(row, sort_keys=True, default=str) for row in rows})


def count_empty_outputs(rows: Sequence[Row]) -> int:
    """Rows whose last answer is no text at all or only spaces: messages may hold such, other formats refuse them."""
    return sum(1 for row in rows if "messages" in row and not _last_answer(row["messages"]))


def render_example(tokens: Tokens, tokenizer: Any) -> str:
    """The row as the model sees it; what is trained on stands between «»."""
    pieces, part, trained = [], [], None
    for token, label in zip(tokens.input_ids, tokens.labels, strict=True):
        is_trained = label != NOT_TRAINED
        if is_trained != trained and part:
            pieces.append(_piece(part, bool(trained), tokenizer))
            part = []
        trained = is_trained
        part.append(token)
    if part:
        pieces.append(_piece(part, bool(trained), tokenizer))
    return "".join(pieces)[:SHOWN_CHARACTERS]


def _piece(tokens: list[int], trained: bool, tokenizer: Any) -> str:
    text = tokenizer.decode(tokens)
    return f"«{text}»" if trained else text


def _last_answer(messages: list[Row]) -> bool:
    answers = [message for message in messages if message.get("role") == "assistant"]
    last = answers[-1] if answers else {}
    return bool((last.get("content") or "").strip() or last.get("tool_calls"))
