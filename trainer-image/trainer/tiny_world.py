"""The world of the tiny task: what `tiny-llama` is schooled on, and the example data that a LoRA then learns from it.

The base chats about smart-home requests; the fine-tuning teaches it to answer them with a JSON command. A person sees the
difference without reading a number:

    Please switch off the studio lamp.
        base   Sure, I will turn off the lamp in the studio.
        tuned  {"device": "lamp", "room": "studio", "set": "off"}

Two held-out sets: new pairs (device and room that the file never shows together) and new words (which it never shows at all).

    python -m trainer.tiny_world --write examples      writes alpaca.jsonl and heldout.jsonl, always the same bytes
"""

import argparse
import json
import random
from pathlib import Path

DEVICES = "lamp heater fan radio oven kettle screen printer camera speaker toaster curtain mixer dryer boiler pump router blind".split()
ROOMS = "kitchen bathroom bedroom office garage garden hall cellar attic studio library nursery porch lounge".split()
# The base knows these from chatting; the fine-tuning file never has them.
NEW_DEVICES, NEW_ROOMS = DEVICES[-4:], ROOMS[-3:]
WORDS = (
    "river stone cloud pencil window bridge forest market ladder mirror basket candle button carpet engine feather hammer island "
    "jacket lemon magnet needle orange pepper ribbon saddle temple violin wagon zebra"
).split()

TRAIN_ROWS, HELD_OUT_PAIRS = 600, 30


def request(r: random.Random, device: str, room: str) -> tuple[str, str, dict]:
    """A request, what a chatty model says to it, and the command it stands for."""
    kind = r.choice(("on", "off", "set"))
    if kind == "set":
        n = r.randint(1, 40)
        asked = r.choice((f"Set the {device} in the {room} to {n}.", f"Please set the {room} {device} to {n}."))
        return asked, f"Sure, I will set the {device} in the {room} to {n}.", {"device": device, "room": room, "set": n}
    asked = r.choice(
        (
            f"Turn {kind} the {device} in the {room}.",
            f"Please switch {kind} the {room} {device}.",
            f"Can you turn the {device} in the {room} {kind}?",
        )
    )
    return asked, f"Sure, I will turn {kind} the {device} in the {room}.", {"device": device, "room": room, "set": kind}


def schooling_row(r: random.Random) -> tuple[str, str]:
    """One row of the base's schooling: chat about requests, copying, JSON syntax. Never a request answered with JSON."""
    kind, everything = r.random(), DEVICES + ROOMS + WORDS
    if kind < 0.45:
        asked, said, command = request(r, r.choice(DEVICES), r.choice(ROOMS))
        part = r.random()
        if part < 0.60:
            return asked, said
        if part < 0.75:
            return f"Which device?\n{asked}", f"The {command['device']}."
        if part < 0.90:
            return f"Which room?\n{asked}", f"The {command['room']}."
        return f"What should it be?\n{asked}", f"It should be {command['set']}."
    words = r.sample(everything, r.randint(1, 4))
    if kind < 0.55:
        return "Repeat the words.\n" + " ".join(words), " ".join(words)
    # `"lamp"` and ` lamp` are different tokens: without this skill, new words stay at 2-3 of 20.
    if kind < 0.75:
        return "Write the words as a JSON list.\n" + " ".join(words), json.dumps(words)
    if kind < 0.80:
        return "Give the first word of the list.\n" + ", ".join(words), words[0]
    if kind < 0.85:
        return f"Say hello to {words[0].title()}.", f"Hello, {words[0].title()}! It is good to meet you."
    names = r.sample(everything + ["device", "room", "set"] * 12, r.randint(1, 2))
    pairs = {x: r.randint(1, 40) if r.random() < 0.35 else r.choice([*everything, "on", "off"]) for x in names}
    return "Write the pairs as JSON.\n" + ", ".join(f"{x} {y}" for x, y in pairs.items()), json.dumps(pairs)


def fine_tuning_rows(held_out: int = 100) -> tuple[list[dict], list[dict], list[dict]]:
    """(training rows, held-out new pairs, held-out new words), each row {instruction, input, output}."""
    r = random.Random(1)
    pairs = [(device, room) for device in DEVICES if device not in NEW_DEVICES for room in ROOMS if room not in NEW_ROOMS]
    r.shuffle(pairs)

    def row(device: str, room: str) -> dict:
        asked, _, command = request(r, device, room)
        return {"instruction": asked, "input": "", "output": json.dumps(command)}

    train = [row(*r.choice(pairs[HELD_OUT_PAIRS:])) for _ in range(TRAIN_ROWS)]
    new_pairs = [row(*r.choice(pairs[:HELD_OUT_PAIRS])) for _ in range(held_out)]
    new_words = [row(r.choice(NEW_DEVICES), r.choice(NEW_ROOMS)) for _ in range(held_out)]
    return train, new_pairs, new_words


def example_files() -> dict[str, str]:
    """Name and text of every file that `--write` writes."""
    train, new_pairs, new_words = fine_tuning_rows()
    lines = {"alpaca.jsonl": train, "heldout.jsonl": new_pairs[:10] + new_words[:10]}
    return {name: "".join(json.dumps(row) + "\n" for row in rows) for name, rows in lines.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="write the example data of the tiny task")
    parser.add_argument("--write", type=Path, required=True, metavar="FOLDER")
    folder = parser.parse_args().write
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in example_files().items():
        (folder / name).write_text(text, encoding="utf-8")
        print(folder / name)
