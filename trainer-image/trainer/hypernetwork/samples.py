"""What the base answers, and what it answers with an adapter made of a trajectory that it has not read."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trainer.engine_link import EngineLink
from trainer.hypernetwork.frozen_base import FrozenBase
from trainer.hypernetwork.learning import make_adapters
from trainer.hypernetwork.network import Hypernetwork
from trainer.hypernetwork.task_tokens import read_trajectory
from trainer.prompts import Rendered, answer, render
from trainer.row_formats import Row, question_and_answer
from trainer.sampling import DEFAULT_SAMPLES


@dataclass(frozen=True)
class Question:
    shown: str
    prompt: Rendered
    expected: str | None
    trajectory: list[int]


def questions_of_rows(rows: Sequence[Row], given: list[str] | None, tokenizer: Any, limit: int) -> list[Question]:
    """The first of the rows, each after its own trajectory; or `given`, all after that of the first row."""
    if given is not None:
        return questions_of_trajectory(rows[0]["trajectory"], given, tokenizer, limit) if rows else []
    found = []
    for row in rows[:DEFAULT_SAMPLES]:
        asked, answered = question_and_answer(row)
        trajectory = read_trajectory(row["trajectory"], tokenizer, limit)[0]
        found.append(Question(asked[-1]["content"], render(asked, "chat", tokenizer), answered[-1]["content"], trajectory))
    return found


def questions_of_trajectory(messages: list[Row], given: list[str] | None, tokenizer: Any, limit: int) -> list[Question]:
    """`given`; or what the user of the trajectory said, expected to be answered as it was then, each alone."""
    trajectory = read_trajectory(messages, tokenizer, limit)[0]
    if given is None:
        turns = [
            (asked["content"], answered["content"])
            for asked, answered in itertools.pairwise(messages)
            if (asked["role"], answered["role"]) == ("user", "assistant") and asked.get("content") and answered.get("content")
        ]
    else:
        turns = [(prompt, None) for prompt in given]
    limited = turns if given is not None else turns[:DEFAULT_SAMPLES]
    return [Question(shown, render(shown, "chat", tokenizer), expected, trajectory) for shown, expected in limited]


class AdapterSampler:
    """Asks the same questions again and again. The base's answers are taken once."""

    def __init__(self, questions: list[Question], base: FrozenBase, tokenizer: Any, link: EngineLink) -> None:
        self._questions, self._base, self._tokenizer, self._link = questions, base, tokenizer, link
        self._prompts = [question.prompt for question in questions]
        self._of_base: list[str] = []

    def ask_base(self, report: bool) -> None:
        if not self._questions:
            return
        self._link.phase("sampling", "answers of the base")
        self._of_base = answer(self._base.model, self._tokenizer, self._prompts)
        if report:
            self._send(0, [None] * len(self._questions))

    def ask_adapted(self, network: Hypernetwork, step: int, padding: int) -> None:
        if not self._questions:
            return
        self._link.phase("sampling", f"answers at step {step}")
        with torch.no_grad():
            pairs = make_adapters(network, self._base, [question.trajectory for question in self._questions], padding)
        with self._base.adapted(pairs) as model:
            self._send(step, answer(model, self._tokenizer, self._prompts))

    def _send(self, step: int, tuned: list[str] | list[None]) -> None:
        rows = zip(self._questions, self._of_base, tuned, strict=True)
        self._link.samples(step, [{"prompt": q.shown, "base": b, "tuned": t, "expected": q.expected} for q, b, t in rows])
