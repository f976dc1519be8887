"""Rows {trajectory, prompt, completion} as token ids: what the base reads, and what it is to answer afterwards without having read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.data_report import Lengths
from trainer.row_formats import Row, question_and_answer
from trainer.token_rows import TokenRow, to_token_row
from trainer.tokenized_rows import Masking, tokenize_row


@dataclass(frozen=True)
class TaskTokens:
    trajectory: list[int]
    answer: TokenRow


@dataclass
class Cut:
    """What the limits took: counts over rows, filled while they are tokenised."""

    lengths: Lengths
    """of questions and answers"""
    trajectories: int = 0


def task_tokens(rows: Sequence[Row], tokenizer: Any, trajectory_limit: int, answer_limit: int, cut: Cut | None = None) -> list[TaskTokens]:
    """Trajectories are cut from the left, where the oldest is; a row whose prompt leaves no room for any of its answer is left out."""
    tasks = []
    for row in rows:
        trajectory, lost = read_trajectory(row["trajectory"], tokenizer, trajectory_limit)
        asked = dict(zip(("prompt", "completion"), question_and_answer(row), strict=True))
        answer = tokenize_row(asked, tokenizer, Masking())
        if cut:
            cut.lengths.add(answer)
            cut.trajectories += lost > 0
        tasks.append(TaskTokens(trajectory, to_token_row(answer, answer_limit)))
    return [task for task in tasks if task.answer.predicted]


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
