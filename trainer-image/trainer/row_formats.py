"""The six row formats: what a row must hold, and what the trainer makes of it. Reasons never quote a row's text, only its shape.

alpaca              {instruction, input?, output}
messages            {messages: [{role, content}, ...], tools?}
prompt_completion   {prompt, completion}, both texts or both lists of messages
trajectory_completion
                    {trajectory: [{role, content}, ...], prompt, completion}: what a hypernetwork reads, and what is answered then
preference          {prompt, chosen, rejected}, all texts or all lists of messages: for method dpo, and for nothing else
text                {text}, the field's name can be chosen
"""

from typing import Any

Row = dict[str, Any]

SHAPES = {
    "alpaca": "an alpaca row has instruction, input, output",
    "messages": "a messages row has messages, a list of {role, content}",
    "prompt_completion": "a prompt_completion row has prompt and completion",
    "trajectory_completion": "a trajectory_completion row has trajectory, a list of {role, content}, and prompt and completion",
    "preference": "a preference row has prompt, chosen, rejected",
    "text": "a text row has text",
}
TRAINED = {"prompt_completion": ("prompt", "completion"), "preference": ("prompt", "chosen", "rejected")}
"""Formats whose fields are all texts or all lists of messages."""
ROLES = ("system", "developer", "user", "assistant", "tool")

# The prompt of Stanford Alpaca, for bases that have no chat template.
ALPACA_WITH_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)
ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)


def detect_format(row: Row, text_field: str) -> str | None:
    if isinstance(row.get("messages"), list):
        return "messages"
    if "prompt" in row and "chosen" in row:
        return "preference"
    if "prompt" in row and "completion" in row:
        return "trajectory_completion" if isinstance(row.get("trajectory"), list) else "prompt_completion"
    if "instruction" in row and ("output" in row or "input" in row):
        return "alpaca"
    return "text" if text_field in row else None


def fault_of(row: Any, row_format: str, text_field: str) -> str | None:
    """Why a row cannot be trained on, as "output is missing; an alpaca row has instruction, input, output"; None: it can."""
    shape = SHAPES[row_format].replace("has text", f"has {text_field}") if row_format == "text" else SHAPES[row_format]
    if not isinstance(row, dict):
        return f"the row is {_kind(row)}, not an object; {shape}"
    faults = {
        "alpaca": lambda: _text(row, "instruction") or _text(row, "output") or _optional_text(row, "input"),
        "messages": lambda: _messages_fault(row, "messages") or _no_answer(row["messages"]),
        "prompt_completion": lambda: _fault_of_fields(row, TRAINED["prompt_completion"]),
        "trajectory_completion": lambda: _messages_fault(row, "trajectory") or _fault_of_fields(row, TRAINED["prompt_completion"]),
        "preference": lambda: _fault_of_fields(row, TRAINED["preference"]) or _same_answers(row),
        "text": lambda: _text(row, text_field),
    }
    fault = faults[row_format]()
    return f"{fault}; {shape}" if fault else None


def unlike(row: Row, first: Row, row_format: str | None) -> str | None:
    """Rows without fault that still cannot be in one table."""
    if row_format not in TRAINED or isinstance(row["prompt"], list) == isinstance(first["prompt"], list):
        return None
    names = " and ".join(TRAINED[row_format])
    return f"{names} are {_kind(row['prompt'])}, those of the first row {_kind(first['prompt'])}: all must be alike"


def to_training_row(row: Row, row_format: str, text_field: str, has_template: bool) -> Row:
    """The row in TRL's own terms: prompt and completion (texts or messages), messages, or text. The row has no fault."""
    if row_format == "text":
        return {"text": row[text_field]}
    if row_format == "messages":
        tools = {"tools": row["tools"]} if row.get("tools") else {}
        return {"messages": _until_last_answer(row["messages"]), **tools}
    if row_format in TRAINED:
        return {name: row[name] for name in TRAINED[row_format]}
    if row_format == "trajectory_completion":
        asked, answered = question_and_answer(row)
        return {"prompt": [*row["trajectory"], *asked], "completion": answered}
    if not has_template:
        return {"prompt": alpaca_prompt(row["instruction"], row.get("input") or ""), "completion": row["output"]}
    asked = row["instruction"] + (f"\n{row['input']}" if row.get("input") else "")
    return {"prompt": [{"role": "user", "content": asked}], "completion": [{"role": "assistant", "content": row["output"]}]}


def question_and_answer(row: Row) -> tuple[list[Row], list[Row]]:
    """Prompt and completion of a trajectory_completion row as messages: a text is said by the user, and answered by the assistant."""
    if isinstance(row["prompt"], list):
        return row["prompt"], row["completion"]
    return [{"role": "user", "content": row["prompt"]}], [{"role": "assistant", "content": row["completion"]}]


def alpaca_prompt(instruction: str, given: str = "") -> str:
    return (ALPACA_WITH_INPUT if given else ALPACA).format(instruction=instruction, input=given)


def needs_chat_template(row: Row, row_format: str) -> bool:
    return row_format in ("messages", "trajectory_completion") or (row_format in TRAINED and isinstance(row["prompt"], list))


def _kind(value: Any) -> str:
    kinds = {
        type(None): "null",
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), f"a {type(value).__name__}")


def _text(row: Row, name: str) -> str | None:
    if name not in row:
        return f"{name} is missing"
    if not isinstance(row[name], str):
        return f"{name} is {_kind(row[name])}, not a text"
    return None if row[name].strip() else f"{name} is empty"


def _optional_text(row: Row, name: str) -> str | None:
    return None if row.get(name) is None or isinstance(row[name], str) else f"{name} is {_kind(row[name])}, not a text"


def _messages_fault(row: Row, name: str) -> str | None:
    if name not in row:
        return f"{name} is missing"
    messages = row[name]
    if not isinstance(messages, list):
        return f"{name} is {_kind(messages)}, not a list"
    if not messages:
        return f"{name} is empty"
    for index, message in enumerate(messages):
        place = f"{name}[{index}]"
        if not isinstance(message, dict):
            return f"{place} is {_kind(message)}, not an object"
        if message.get("role") not in ROLES:
            return f"{place}.role must be one of {', '.join(ROLES)}"
        content = message.get("content")
        if content is None and message.get("tool_calls"):
            continue
        if not isinstance(content, str):
            return f"{place}.content is {'missing' if 'content' not in message else f'{_kind(content)}, not a text'}"
    return None


def _no_answer(messages: list[Row]) -> str | None:
    return None if any(message["role"] == "assistant" for message in messages) else "messages holds no message of the assistant"


def _until_last_answer(messages: list[Row]) -> list[Row]:
    last = max(index for index, message in enumerate(messages) if message["role"] == "assistant")
    return messages[: last + 1]


def _fault_of_fields(row: Row, names: tuple[str, ...]) -> str | None:
    for name in names:
        fault = _messages_fault(row, name) if isinstance(row.get(name), list) else _text(row, name)
        if fault:
            return fault
    if len({isinstance(row[name], list) for name in names}) > 1:
        alike = "both be texts or both" if len(names) == 2 else "all be texts or all"
        return f"{' and '.join(names)} must {alike} be lists of messages"
    return None


def _same_answers(row: Row) -> str | None:
    return "chosen and rejected are the same" if row["chosen"] == row["rejected"] else None
