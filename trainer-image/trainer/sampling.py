"""What base and tuned model answer while the training goes on: `samples.jsonl`."""

import contextlib
from dataclasses import dataclass
from typing import Any

from trainer.data import Data
from trainer.engine_link import EngineLink
from trainer.prompts import Rendered, answer, prompt_style, render
from trainer.row_formats import TRAINED, Row, alpaca_prompt, to_training_row

DEFAULT_SAMPLES = 3


@dataclass(frozen=True)
class Question:
    shown: str
    prompt: Rendered
    expected: str | None


class Sampler:
    """Asks the same questions again and again. The base's answers are taken once, before the first step."""

    def __init__(self, questions: list[Question], tokenizer: Any, link: EngineLink) -> None:
        self._questions, self._tokenizer, self._link = questions, tokenizer, link
        self._prompts = [question.prompt for question in questions]
        self._base: list[str] = []

    def ask_base(self, model: Any, report: bool) -> None:
        """`model` is untrained, or carries an adapter that can be switched off."""
        if not self._questions:
            return
        self._link.phase("sampling", "answers of the base")
        adapter_off = model.disable_adapter() if hasattr(model, "disable_adapter") else contextlib.nullcontext()
        with adapter_off:
            self._base = answer(model, self._tokenizer, self._prompts)
        if report:
            self._send(0, [None] * len(self._base))

    def ask_tuned(self, model: Any, step: int) -> None:
        if not self._questions:
            return
        self._link.phase("sampling", f"answers at step {step}")
        self._send(step, answer(model, self._tokenizer, self._prompts))

    def _send(self, step: int, tuned: list[str] | list[None]) -> None:
        rows = zip(self._questions, self._base, tuned, strict=True)
        self._link.samples(step, [{"prompt": q.shown, "base": b, "tuned": t, "expected": q.expected} for q, b, t in rows])


def make_sampler(training: dict[str, Any], data: Data, tokenizer: Any, link: EngineLink) -> Sampler:
    """`samplePrompts` of the spec, else the first three of the eval split with the answers that they should get."""
    style = prompt_style(data.format, bool(tokenizer.chat_template))
    given = training["samplePrompts"]
    if given is not None:
        questions = [Question(prompt, render(prompt, style, tokenizer), None) for prompt in given]
    else:
        questions = [question for row in data.eval[:DEFAULT_SAMPLES] if (question := _question(row, data.format, style, tokenizer))]
        why = "the first of the eval split" if questions else "no eval split, or rows without a question; name sample_prompts"
        link.choice("samples", len(questions), why)
    return Sampler(questions, tokenizer, link)


def _question(row: Row, row_format: str, style: str, tokenizer: Any) -> Question | None:
    if row_format == "trajectory_completion":
        return _question(to_training_row(row, row_format, "", has_template=True), "prompt_completion", style, tokenizer)
    if row_format == "alpaca":
        given = row.get("input") or ""
        shown = row["instruction"] + (f"\n{given}" if given else "")
        as_alpaca = (alpaca_prompt(row["instruction"], given), True)
        return Question(shown, render(shown, style, tokenizer) if style == "chat" else as_alpaca, row["output"])
    if row_format in TRAINED:
        wanted = row[TRAINED[row_format][1]]
        expected = wanted if isinstance(wanted, str) else wanted[-1].get("content")
        return Question(_shown(row["prompt"]), render(row["prompt"], style, tokenizer), expected)
    if row_format == "messages":
        last = max(i for i, message in enumerate(row["messages"]) if message["role"] == "assistant")
        asked = row["messages"][:last]
        return Question(_shown(asked), render(asked, style, tokenizer), row["messages"][last].get("content")) if asked else None
    return None


def _shown(prompt: str | list[Row]) -> str:
    """A conversation as lines "role: text"; a single question without its role."""
    if isinstance(prompt, str):
        return prompt
    if len(prompt) == 1:
        return prompt[0].get("content") or ""
    return "\n".join(f"{message['role']}: {message.get('content') or ''}" for message in prompt)
