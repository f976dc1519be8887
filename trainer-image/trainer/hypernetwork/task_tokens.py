"""Rows {trajectory, prompt, completion} as token ids: what the base reads, and what it is to answer afterwards without having read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.engine_link import EngineLink
from trainer.row_formats import Row, question_and_answer
from trainer.token_rows import TokenRow, report_length, token_rows


@dataclass(frozen=True)
class TaskTokens:
    trajectory: list[int]
    answer: TokenRow


def task_tokens(
    rows: Sequence[Row], tokenizer: Any, trajectory_limit: int, answer_limit: int, link: EngineLink | None = None
) -> list[TaskTokens]:
    """Trajectories are cut from the left, where the oldest is; a row whose prompt leaves no room for any of its answer is left out.

    With `link` it says how many, and raises Failure where nothing is left.
    """
    read = [read_trajectory(row["trajectory"], tokenizer, trajectory_limit) for row in rows]
    asked = [dict(zip(("prompt", "completion"), question_and_answer(row), strict=True)) for row in rows]
    answers = token_rows(asked, tokenizer, answer_limit)
    if link:
        report_length(answers, answer_limit, link)
        cut = sum(lost > 0 for _, lost in read)
        if cut:
            link.choice("trajectories-cut", cut, f"they have more than {trajectory_limit} tokens: their beginnings are not read")
    return [TaskTokens(trajectory, answer) for (trajectory, _), answer in zip(read, answers, strict=True) if answer.predicted]


def read_trajectory(messages: list[Row], tokenizer: Any, limit: int) -> tuple[list[int], int]:
    """(the last `limit` tokens of a conversation through the chat template, how many before them are lost)."""
    ids = list(tokenizer.apply_chat_template(messages, return_dict=False))
    lost = max(0, len(ids) - limit)
    return ids[lost:], lost


def pad_trajectories(trajectories: Sequence[list[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(ids, mask with 1 where a token is), padded to the right."""
    width = max(map(len, trajectories))
    ids = torch.tensor([row + [padding] * (width - len(row)) for row in trajectories])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in trajectories])
    return ids, mask
