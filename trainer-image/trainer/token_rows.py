"""Rows as token ids, each with the mark whether it is to be predicted: for engines that do not train through TRL. What becomes of a row
is decided in tokenized_rows.py, the same for every engine.
"""

from dataclasses import dataclass
from typing import Any

from trainer.tokenized_rows import NOT_TRAINED, Tokens


@dataclass(frozen=True)
class TokenRow:
    ids: list[int]
    answers: list[bool]
    """whether the token is to be predicted; as long as `ids`"""

    @property
    def predicted(self) -> int:
        """How many tokens are: never the first, which nothing precedes. 0 where nothing is left of the answer."""
        return sum(self.answers[1:])


def to_token_row(tokens: Tokens, limit: int) -> TokenRow:
    kept = tokens.cut(limit)
    return TokenRow(kept.input_ids, [label != NOT_TRAINED for label in kept.labels])


def to_token_rows(prepared: Any | None) -> list[TokenRow]:
    """Of a data set of prepared_rows.py, which is cut already and holds no row without an answer; of None, nothing."""
    if prepared is None:
        return []
    pairs = zip(prepared["input_ids"], prepared["labels"], strict=True)
    rows = [TokenRow(ids, [label != NOT_TRAINED for label in labels]) for ids, labels in pairs]
    return [row for row in rows if row.predicted]
