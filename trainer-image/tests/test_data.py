"""Data is read, checked and split before torch is imported."""

import hashlib
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from hf_trials import files_dataset, make_training
from trainer import data, tiny_world
from trainer.failure import Failure, explain
from trainer.row_formats import to_training_row

ALPACA = {"instruction": "Say hello.", "input": "", "output": "Hello."}
MESSAGES = {"messages": [{"role": "user", "content": "Say hello."}, {"role": "assistant", "content": "Hello."}]}
EXAMPLES = Path(__file__).parents[2] / "examples"


def write(folder: Path, rows: list, name: str = "bad.jsonl") -> Path:
    path = folder / name
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def load(path: Path, **changes) -> data.Data:
    return data.load(make_training(path, **changes))


def refusal(path: Path, **changes) -> tuple[str, str]:
    with pytest.raises(Failure) as caught:
        load(path, **changes)
    return caught.value.code, str(caught.value)


def test_the_example_files_are_what_the_generator_writes():
    for name, text in tiny_world.example_files().items():
        assert (EXAMPLES / name).read_text() == text


def test_held_out_rows_are_held_out():
    train, new_pairs, new_words = tiny_world.fine_tuning_rows()
    said = "\n".join(row["instruction"] for row in train)

    seen = {(json.loads(row["output"])["device"], json.loads(row["output"])["room"]) for row in train}
    held_out = {(json.loads(row["output"])["device"], json.loads(row["output"])["room"]) for row in new_pairs}

    assert not seen & held_out
    assert not any(word in said for word in (*tiny_world.NEW_DEVICES, *tiny_world.NEW_ROOMS))
    assert all(json.loads(row["output"])["device"] in tiny_world.NEW_DEVICES for row in new_words)


@pytest.mark.parametrize(
    ("row", "found"),
    [
        (ALPACA, "alpaca"),
        ({"instruction": "Say hello.", "output": "Hello."}, "alpaca"),
        (MESSAGES, "messages"),
        ({"prompt": "1 + 1 =", "completion": " 2"}, "prompt_completion"),
        ({"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]}, "prompt_completion"),
        ({"trajectory": [{"role": "user", "content": "a"}], "prompt": "b", "completion": "c"}, "trajectory_completion"),
        ({"text": "Once upon a time."}, "text"),
    ],
)
def test_detects_the_format_from_the_first_row(tmp_path, row, found):
    assert load(write(tmp_path, [row] * 3)).format == found


def test_a_trajectory_is_what_was_said_before_the_prompt():
    row = {"trajectory": SEEN, "prompt": "b", "completion": "c"}

    as_messages = to_training_row(row, "trajectory_completion", "text", has_template=True)

    said = [*SEEN, {"role": "user", "content": "b"}]
    assert as_messages == {"prompt": said, "completion": [{"role": "assistant", "content": "c"}]}


def test_a_field_of_another_name_may_hold_the_text(tmp_path):
    loaded = load(write(tmp_path, [{"story": "Once."}] * 3), datasetTextField="story")

    assert loaded.format == "text"
    assert to_training_row(loaded.train[0], "text", "story", has_template=True) == {"text": "Once."}


A_ROW = "an alpaca row has instruction, input, output"
M_ROW = "a messages row has messages, a list of {role, content}"
P_ROW = "a prompt_completion row has prompt and completion"
T_ROW = "a trajectory_completion row has trajectory, a list of {role, content}, and prompt and completion"
SEEN = [{"role": "user", "content": "a"}]


@pytest.mark.parametrize(
    ("good", "bad", "reason"),
    [
        (ALPACA, {"instruction": "Say hello.", "input": ""}, f"output is missing; {A_ROW}"),
        (ALPACA, {"instruction": "Say hello.", "output": " "}, f"output is empty; {A_ROW}"),
        (ALPACA, {"instruction": 7, "output": "x"}, f"instruction is a number, not a text; {A_ROW}"),
        (ALPACA, {"instruction": "a", "input": [], "output": "x"}, f"input is a list, not a text; {A_ROW}"),
        (ALPACA, ["Say hello."], f"the row is a list, not an object; {A_ROW}"),
        (ALPACA, "null", f"the row is null, not an object; {A_ROW}"),
        (MESSAGES, {"messages": []}, f"messages is empty; {M_ROW}"),
        (MESSAGES, {"messages": "hi"}, f"messages is a text, not a list; {M_ROW}"),
        (
            MESSAGES,
            {"messages": [{"role": "human", "content": "a"}]},
            f"messages[0].role must be one of system, developer, user, assistant, tool; {M_ROW}",
        ),
        (MESSAGES, {"messages": [{"role": "user"}]}, f"messages[0].content is missing; {M_ROW}"),
        (MESSAGES, {"messages": [{"role": "user", "content": None}]}, f"messages[0].content is null, not a text; {M_ROW}"),
        (MESSAGES, {"messages": [{"role": "user", "content": "a"}]}, f"messages holds no message of the assistant; {M_ROW}"),
        ({"prompt": "a", "completion": "b"}, {"prompt": "a"}, f"completion is missing; {P_ROW}"),
        (
            {"prompt": "a", "completion": "b"},
            {"prompt": "a", "completion": [{"role": "assistant", "content": "b"}]},
            f"prompt and completion must both be texts or both be lists of messages; {P_ROW}",
        ),
        (
            {"prompt": "a", "completion": "b"},
            {"prompt": [{"role": "user", "content": "a"}], "completion": [{"role": "assistant", "content": "b"}]},
            "prompt and completion are a list, those of the first row a text: all must be alike",
        ),
        (
            {"trajectory": SEEN, "prompt": "a", "completion": "b"},
            {"trajectory": [{"role": "user"}], "prompt": "a", "completion": "b"},
            f"trajectory[0].content is missing; {T_ROW}",
        ),
        ({"trajectory": SEEN, "prompt": "a", "completion": "b"}, {"trajectory": SEEN, "prompt": "a"}, f"completion is missing; {T_ROW}"),
        ({"text": "a"}, {"txt": "a"}, "text is missing; a text row has text"),
    ],
)
def test_a_bad_row_is_named_by_file_line_and_reason(tmp_path, good, bad, reason):
    path = write(tmp_path, [good] * 16 + [bad] + [good])

    assert refusal(path) == ("data_row_invalid", f"examples/bad.jsonl line 17: {reason}")


def test_counts_the_other_bad_rows(tmp_path):
    path = write(tmp_path, [ALPACA, {"instruction": "a"}, ALPACA, {"output": "b"}, {}])

    assert refusal(path)[1] == f"examples/bad.jsonl line 2: output is missing; {A_ROW} (and 2 more bad rows)"


def test_never_quotes_what_a_row_says(tmp_path):
    path = write(tmp_path, [ALPACA, {"instruction": {"secret": "hunter2"}, "output": "hunter2"}, '{"instruction": "hunter2"'])

    with pytest.raises(Failure) as caught:
        load(path)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", b"", "examples/a.jsonl is empty"),
        ("a.jsonl", b" \n\n", "examples/a.jsonl is empty"),
        ("a.json", b"[]", "examples/a.json holds no training rows"),
        ("a.jsonl", b'{"text": "a"}\n{"text": \n', "examples/a.jsonl line 2: not JSON: Expecting value at column 10"),
        ("a.json", b'[{"text": "a"},\n {"text" "b"}]', "examples/a.json: not JSON: Expecting ':' delimiter at line 2, column 10"),
        ("a.jsonl", b'{"text": "a"}\n{"text": "\xff"}\n', "examples/a.jsonl line 2: not UTF-8 text"),
        ("a.json", b'[{"text": "a"}, {"text": 5}]', "examples/a.json row 2: text is a number, not a text; a text row has text"),
        ("a.parquet", b"PAR1 not really", "examples/a.parquet: not a Parquet file that can be read"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_refused(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)

    assert refusal(tmp_path / name) == ("data_row_invalid", message)


def test_an_unknown_format_names_the_fields(tmp_path):
    code, message = refusal(write(tmp_path, [{"question": "a", "answer": "b"}]))

    assert code == "dataset_format_unknown"
    assert message.startswith("examples/bad.jsonl line 1 has the fields answer, question; known formats: an alpaca row has")


def test_a_given_format_holds_from_the_first_row_on(tmp_path):
    assert refusal(write(tmp_path, [{"text": "a"}]), datasetFormat="alpaca")[1].startswith(
        "examples/bad.jsonl line 1: instruction is missing"
    )


def test_reads_arrays_parquet_and_a_byte_order_mark(tmp_path):
    import pyarrow
    import pyarrow.parquet

    (tmp_path / "a.json").write_text(json.dumps([ALPACA] * 5))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([MESSAGES] * 5), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + f"{json.dumps(ALPACA)}\r\n".encode() * 5)

    assert [load(tmp_path / name, evalSplit=0).train for name in ("a.json", "a.parquet", "a.jsonl")] == [
        [ALPACA] * 5,
        [MESSAGES] * 5,
        [ALPACA] * 5,
    ]


def test_a_line_separator_inside_a_text_is_no_new_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"text": "a\u2028b"}, ensure_ascii=False) + "\n")

    assert load(path, evalSplit=0).train == [{"text": "a\u2028b"}]


def test_the_split_is_the_same_for_every_seed_and_keeps_the_order(tmp_path):
    path = write(tmp_path, [{"text": f"{number:03d}"} for number in range(100)])

    one, other, larger = load(path, seed=1), load(path, seed=2), load(path, evalSplit=0.2)

    assert (len(one.train), len(one.eval)) == (90, 10)
    assert (one.train, one.eval, one.fingerprint) == (other.train, other.eval, other.fingerprint)
    assert one.train == sorted(one.train, key=lambda row: row["text"])
    assert one.fingerprint != larger.fingerprint


@pytest.mark.parametrize(
    ("rows", "ratio", "sizes"), [(1, 0.1, (1, 0)), (2, 0.1, (1, 1)), (3, 0.5, (1, 2)), (10, 0, (10, 0)), (100, 0.1, (90, 10))]
)
def test_a_split_leaves_rows_on_both_sides(tmp_path, rows, ratio, sizes):
    loaded = load(write(tmp_path, [{"text": str(number)} for number in range(1, rows + 1)]), evalSplit=ratio)

    assert (len(loaded.train), len(loaded.eval)) == sizes


def test_a_file_of_the_eval_split_replaces_the_ratio(tmp_path):
    train, held_out = write(tmp_path, [ALPACA] * 20, "train.jsonl"), write(tmp_path, [ALPACA] * 3, "eval.jsonl")
    training = make_training(dataset=files_dataset((train, "train"), (held_out, "eval")))

    loaded = data.load(training)

    assert (len(loaded.train), len(loaded.eval)) == (20, 3)


def test_rows_only_for_evaluation_are_not_enough(tmp_path):
    training = make_training(dataset=files_dataset((write(tmp_path, [ALPACA] * 3), "eval")))

    with pytest.raises(Failure, match="holds no training rows"):
        data.load(training)


def test_a_file_that_changed_since_is_refused(tmp_path):
    path = write(tmp_path, [ALPACA] * 3)
    training = make_training(path)
    before = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    write(tmp_path, [ALPACA] * 4)

    with pytest.raises(Failure) as caught:
        data.load(training)

    after = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    assert caught.value.code == "data_changed"
    assert str(caught.value) == f"examples/bad.jsonl has changed since the run was made: SHA-256 was {before}, is {after}"


def test_a_file_that_is_gone_or_elsewhere_is_unreachable(tmp_path):
    path = write(tmp_path, [ALPACA] * 3)
    training, elsewhere = make_training(path), make_training(path)
    elsewhere["dataset"]["files"][0]["location"] = "s3://bucket/bad.jsonl"
    path.unlink()

    for asked, words in ((training, "No such file"), (elsewhere, "s3://bucket/bad.jsonl")):
        with pytest.raises(Failure, match=words) as caught:
            data.load(asked)
        assert caught.value.code == "data_unreachable"


def test_alpaca_rows_become_chat_or_the_alpaca_prompt():
    row = {"instruction": "Which device?", "input": "Turn on the lamp.", "output": "The lamp."}

    chat, plain = (to_training_row(row, "alpaca", "text", has_template) for has_template in (True, False))

    assert chat["prompt"] == [{"role": "user", "content": "Which device?\nTurn on the lamp."}]
    assert plain["prompt"].endswith("### Instruction:\nWhich device?\n\n### Input:\nTurn on the lamp.\n\n### Response:\n")
    assert plain["completion"] == "The lamp."


def test_what_follows_the_last_answer_is_not_trained_on():
    messages = [*MESSAGES["messages"], {"role": "user", "content": "Thanks."}]

    assert to_training_row({"messages": messages}, "messages", "text", True) == MESSAGES


class OutOfMemoryError(RuntimeError):
    """By its name, as torch has it."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(28, "No space left on device"), "disk_full"),
        (RuntimeError("SafetensorError: Error while serializing: I/O error: No space left on device (os error 28)"), "disk_full"),
        (OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), "cuda_oom"),
        (MemoryError(), "host_out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "host_out_of_memory"),
        (ModuleNotFoundError("No module named 'trl'", name="trl"), "engine_missing"),
        (ZeroDivisionError("division by zero"), "engine_crashed"),
        (Failure("resume_refused", "no"), "resume_refused"),
    ],
)
def test_every_end_has_its_code(tmp_path, error, code):
    found, message = explain(error, tmp_path)

    assert found == code
    assert str(error) in message or code == "engine_missing"


@pytest.mark.parametrize(("free", "code"), [(4096, "disk_full"), (1 << 40, "engine_crashed")])
def test_torch_hides_a_full_disk_and_it_is_found_all_the_same(tmp_path, monkeypatch, free, code):
    """Its message as seen on a file system of 1.5 MB that filled up while optimizer.pt was written."""
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))

    assert explain(RuntimeError("[enforce fail at inline_container.cc:671] . unexpected pos 399296 vs 399184"), tmp_path)[0] == code


PREFERENCE = {"prompt": "1 + 1 =", "chosen": " 2", "rejected": " 3"}
F_ROW = "a preference row has prompt, chosen, rejected"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"rejected": None}, f"rejected is null, not a text; {F_ROW}"),
        ({"chosen": " "}, f"chosen is empty; {F_ROW}"),
        (
            {"chosen": [{"role": "assistant", "content": "2"}]},
            f"prompt and chosen and rejected must all be texts or all be lists of messages; {F_ROW}",
        ),
        ({"rejected": " 2"}, f"chosen and rejected are the same; {F_ROW}"),
    ],
)
def test_a_preference_row_that_is_none_is_told_by_its_line(tmp_path, change, said):
    path = write(tmp_path, [PREFERENCE, PREFERENCE | change])

    assert refusal(path, method="dpo") == ("data_row_invalid", f"examples/bad.jsonl line 2: {said}")


def test_preferences_are_known_by_their_fields_and_need_dpo(tmp_path):
    path = write(tmp_path, [PREFERENCE] * 3)

    assert load(path, method="dpo").format == "preference"
    assert refusal(path)[0] == "dataset_format_unknown"
    assert refusal(write(tmp_path, [ALPACA] * 3), method="dpo")[0] == "dataset_format_unknown"
