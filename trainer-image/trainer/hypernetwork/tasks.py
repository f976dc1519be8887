"""The tasks of tiny-llama's hypernetwork: households with a word of their own for a device.

A trajectory shows two requests that use the word, answered with the device that it means. The question uses the word again, and only
who has read the trajectory can know the device:

    Please switch on the hall candle.                     (read)
        Sure, I will turn on the lamp in the hall.
    Set the candle in the studio to 20.                   (asked, without what was read)
        base      Sure, I will set the fan in the studio to 20.
        adapter   Sure, I will set the lamp in the studio to 20.

A task is a pair of word and device; both are words that the base knows. Held-out tasks are pairs that no training row has.

    python -m trainer.hypernetwork.tasks --write examples     writes hypernetwork.jsonl and trajectories/t-1.json, always the same bytes
"""

import argparse
import json
import random
from pathlib import Path
from typing import Any

from trainer.tiny_world import DEVICES, ROOMS, WORDS, request

Pair = tuple[str, str]
"""(the household's word, the device that it means)"""
Row = dict[str, Any]

EXAMPLE: Pair = ("candle", "lamp")
HELD_OUT_PAIRS, EXAMPLE_ROWS, READ_REQUESTS = 60, 600, 2


def split_pairs() -> tuple[list[Pair], list[Pair]]:
    """(pairs to train on, held-out pairs, the example first)."""
    pairs = [(word, device) for word in WORDS for device in DEVICES if (word, device) != EXAMPLE]
    random.Random(1).shuffle(pairs)
    held_out = [EXAMPLE, *pairs[: HELD_OUT_PAIRS - 1]]
    return pairs[HELD_OUT_PAIRS - 1 :], held_out


def task_row(r: random.Random, pair: Pair) -> Row:
    """One row {trajectory, prompt, completion}; the rooms of trajectory and question are three different ones."""
    *seen, room = r.sample(ROOMS, READ_REQUESTS + 1)
    trajectory = [message for read in seen for message in _exchange(r, pair, read)]
    asked, answered = _exchange(r, pair, room)
    return {"trajectory": trajectory, "prompt": asked["content"], "completion": answered["content"]}


def training_row(r: random.Random) -> Row:
    return task_row(r, r.choice(_TRAINING))


def held_out_rows(count: int) -> list[Row]:
    """One row for each of the first `count` held-out pairs."""
    r = random.Random(2)
    return [task_row(r, pair) for pair in split_pairs()[1][:count]]


def example_files() -> dict[str, str]:
    """Name and text of every file that `--write` writes."""
    r = random.Random(3)
    lines = [json.dumps(training_row(r)) for _ in range(EXAMPLE_ROWS)]
    trajectory = {"messages": task_row(random.Random(4), EXAMPLE)["trajectory"]}
    return {"hypernetwork.jsonl": "\n".join(lines) + "\n", "trajectories/t-1.json": json.dumps(trajectory, indent=2) + "\n"}


def _exchange(r: random.Random, pair: Pair, room: str) -> list[dict[str, str]]:
    word, device = pair
    asked, said, _ = request(r, word, room)
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": said.replace(f"the {word} in", f"the {device} in")}]


_TRAINING = split_pairs()[0]

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="write the example data of hypernetworks")
    parser.add_argument("--write", type=Path, required=True, metavar="FOLDER")
    folder = parser.parse_args().write
    for name, text in example_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path)
