"""Our token ids and TRL's, row by row; and what is counted of them."""

import json
import statistics
from pathlib import Path

import pytest

from hf_trials import CHATML, Engine, make_training
from trainer import tiny_world
from trainer.data_report import Lengths, count_duplicates, count_empty_outputs, render_example
from trainer.tokenized_rows import Masking, Tokens, to_table, tokenize_row


def chat(*turns: str) -> list[dict]:
    return [{"role": ("user", "assistant")[index % 2], "content": text} for index, text in enumerate(turns)]


REPEATED = [" ".join([word] * (1 + number % 5)) for number, word in enumerate(tiny_world.WORDS)]
ROWS = {
    "alpaca": [{"instruction": f"Repeat the words: {words}", "input": "", "output": words} for words in REPEATED],
    "messages": [{"messages": chat(f"Say {words}.", words, "Again.", f"{words} {words}")} for words in REPEATED],
    "prompt_completion": [{"prompt": f"Words of {words}:", "completion": f" {words} "} for words in REPEATED],
    "chat completion": [{"prompt": chat(f"Say {words}."), "completion": [{"role": "assistant", "content": words}]} for words in REPEATED],
    "text": [{"text": f"Once upon a time there was a {words}."} for words in REPEATED],
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("template", [None, CHATML], ids=["own template", "without marks"])
def test_every_row_has_the_ids_and_labels_that_trl_gives_it(engine: Engine, tmp_path: Path, name: str, template: str | None):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[name]))

    def compare() -> list:
        import datasets
        from transformers import AutoModelForCausalLM, AutoTokenizer
        from trl import SFTConfig, SFTTrainer

        from trainer import data, tiny_llama
        from trainer.training_rows import choose_masking, to_trained_rows

        folder = tiny_llama.ensure(engine.cache)
        tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
        if template:
            tokenizer.chat_template = template
        rows = data.load(make_training(tmp_path / "rows.jsonl", evalSplit=0))
        masking, _, _ = choose_masking(rows, tokenizer)
        given = to_trained_rows(rows.train, rows, tokenizer, masking)
        tokens = [tokenize_row(row, tokenizer, masking) for row in given]
        limit = int(statistics.median(len(row.input_ids) for row in tokens))
        ours = to_table(tokens, limit).to_pylist()
        config = SFTConfig(
            output_dir=str(tmp_path / "out"),
            max_length=limit,
            use_cpu=True,
            bf16=False,
            report_to=[],
            assistant_only_loss=masking.answers_only,
        )
        theirs = SFTTrainer(
            model=model, args=config, processing_class=tokenizer, train_dataset=datasets.Dataset.from_list(given)
        ).train_dataset
        return [ours, [{name: row[name] for name in ("input_ids", "labels")} for row in theirs], limit]

    ours, theirs, limit = engine.call(compare)

    assert ours == theirs
    lengths = {len(row["input_ids"]) for row in ours}
    assert max(lengths) == limit and len(lengths) > 1, "some are cut, some are not"


class Letters:
    """A tokenizer of letters, so that lengths can be counted by eye."""

    eos_token = "."

    def __call__(self, text: str) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) for letter in text]}

    def decode(self, ids: list[int]) -> str:
        return "".join(map(chr, ids))


def test_lengths_are_counted_whole_and_trained_tokens_as_they_are_cut():
    lengths = Lengths(limit=10)
    rows = [{"prompt": "ab", "completion": "cd"}, {"prompt": "ab", "completion": "c" * 30}, {"prompt": "p" * 12, "completion": "c"}]

    table = to_table((lengths.add(tokenize_row(row, Letters(), Masking())) for row in rows), 10)

    assert (lengths.rows, lengths.cut, lengths.left_out, lengths.longest) == (3, 1, 1, 33)
    assert (lengths.tokens, lengths.trained_tokens) == (5 + 10, 3 + 8)
    assert [len(row["input_ids"]) for row in table.to_pylist()] == [5, 10]
    assert lengths.lines() == [
        "       <= 32          2  ########################################",
        "       <= 64          1  ####################",
    ]


def test_an_example_shows_what_is_trained_on():
    tokens = tokenize_row({"prompt": "1+1=", "completion": "2"}, Letters(), Masking())

    assert render_example(tokens, Letters()) == "1+1=«2.»"
    assert Tokens([1, 2], [-100, -100]).is_trained is False


def test_doubled_rows_and_empty_answers_are_counted():
    rows = [{"messages": chat("a", "b")}, {"messages": chat("a", "b")}, {"messages": chat("a", " ")}, {"messages": chat("a", "b", "c")}]

    assert (count_duplicates(rows), count_empty_outputs(rows)) == (1, 1)


def test_no_row_at_all_is_an_empty_table():
    assert to_table(iter([]), 10).num_rows == 0
