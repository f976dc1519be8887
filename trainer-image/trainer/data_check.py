"""`python -m trainer.data check FILE [--base BASE]`: what the engine would say of the data, in seconds, before a run is made.

The rows go through the functions that a training runs (data.load, tokenized_rows.tokenize_row, data_report): what passes here passes there.
"""

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from trainer import data
from trainer.data_report import Lengths, count_duplicates, count_empty_outputs, render_example
from trainer.failure import Failure

FORMATS = ("alpaca", "messages", "prompt_completion", "preference", "text")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.data", description="look at training data before it is trained on")
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="check every row, count tokens, show one row as the model sees it")
    check.add_argument("files", nargs="+", metavar="FILE", help=".jsonl, .json or .parquet, or s3://bucket/key")
    check.add_argument("--base", help="tiny-llama, a Hugging Face id or a folder: whose tokenizer counts")
    check.add_argument("--cache", type=Path, default=Path(".tuneplane/cache"), metavar="FOLDER", help="where tiny-llama is kept")
    check.add_argument("--max-seq-length", type=int, default=1_024)
    check.add_argument("--format", choices=FORMATS, help="default: detected from the first row")
    check.add_argument("--text-field", default="text")
    check.add_argument("--eval-split", type=float, default=0.1)
    told = parser.parse_args(arguments)
    try:
        for line in report(told):
            print(line)
    except Failure as failure:
        print(f"{failure.code}: {failure}", file=sys.stderr)
        return 1
    return 0


def report(told: argparse.Namespace) -> list[str]:
    """The lines that are printed. Raises Failure."""
    with tempfile.TemporaryDirectory() as scratch:
        rows, method = _load(told, Path(scratch))
    every = [*rows.train, *rows.eval]
    lines = [
        f"rows        {len(every):,} ({len(rows.train):,} to train on, {len(rows.eval):,} to evaluate)",
        f"format      {rows.format}" + (f", for method {method}" if method == "dpo" else ""),
        f"doubled     {count_duplicates(every):,}",
        f"empty       {count_empty_outputs(every):,}",
    ]
    if told.base is None:
        return [*lines, "tokens      not counted: name the base with --base"]
    return [*lines, *_token_lines(rows, told)]


def _load(told: argparse.Namespace, scratch: Path) -> tuple[data.Data, str]:
    """The rows, and the method that they are for: the first look says whether they are preferences."""
    dataset = {"kind": "files", "uri": _uri(told.files), "files": [_pinned(name, scratch) for name in told.files]}
    hyperparameters = {"datasetTextField": told.text_field, "evalSplit": told.eval_split}
    training: dict[str, Any] = {"dataset": dataset, "datasetFormat": told.format, "hyperparameters": hyperparameters, "method": "sft"}
    try:
        return data.load(training), "sft"
    except Failure as failure:
        if failure.code != "dataset_format_unknown" or "method dpo" not in str(failure):
            raise
    return data.load({**training, "method": "dpo"}), "dpo"


def _uri(files: list[str]) -> str:
    return files[0] if len(files) == 1 else str(Path(files[0]).parent)


def _pinned(name: str, scratch: Path) -> dict[str, Any]:
    """As the plane pins a file: by size and SHA-256."""
    path = _fetched(name, scratch) if name.startswith("s3://") else Path(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise Failure("dataset_not_found", f"{name} cannot be read: {error.strerror or error}") from error
    shown = name if name.startswith("s3://") else path.name
    split = "eval" if path.name.startswith(("eval", "validation")) else "train"
    return {"path": shown, "sizeBytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "location": str(path), "split": split}


def _fetched(uri: str, scratch: Path) -> Path:
    from trainer.supervision.attempt import AttemptFailed
    from trainer.supervision.inputs import download
    from trainer.supervision.s3_credentials import make_client

    path = scratch / uri.rpartition("/")[2]
    try:
        download(make_client(None), uri, path, "data_unreachable", lambda detail, fraction: None, patience_seconds=0)
    except (AttemptFailed, OSError) as error:
        raise Failure("data_unreachable", str(error)) from error
    return path


def _token_lines(rows: data.Data, told: argparse.Namespace) -> list[str]:
    from trainer.prepared_rows import require_some
    from trainer.tokenized_rows import tokenize_row
    from trainer.training_rows import choose_masking, to_trained_rows

    tokenizer = _tokenizer(told.base, told.cache)
    masking, on, why = choose_masking(rows, tokenizer)
    train = to_trained_rows(rows.train, rows, tokenizer, masking)
    lengths = Lengths(told.max_seq_length)
    tokens = [lengths.add(tokenize_row(row, tokenizer, masking)) for row in train]
    require_some(lengths)
    example = next(row for row in tokens if row.cut(lengths.limit).is_trained)
    return [
        f"tokens      {lengths.tokens:,} a pass, {lengths.trained_tokens:,} of them with a loss; the longest row has {lengths.longest:,}",
        f"loss        on {on} ({why})",
        f"cut         {lengths.cut:,} (longer than {lengths.limit:,} tokens)",
        f"left out    {lengths.left_out:,} (nothing of their answers lies within {lengths.limit:,} tokens)",
        "lengths in tokens",
        *lengths.lines(),
        "one row as the model sees it; the loss is taken on what stands between «»",
        *(f"  {line}" for line in render_example(example, tokenizer).splitlines()),
    ]


def _tokenizer(base: str, cache: Path) -> Any:
    from trainer.choices import prepare_libraries

    prepare_libraries(cache)
    from transformers import AutoTokenizer

    from trainer import hub

    if base == "tiny-llama":
        from trainer import tiny_llama

        base = str(tiny_llama.ensure(cache))
    try:
        return AutoTokenizer.from_pretrained(base)
    except Exception as error:
        if Path(base).is_dir():
            raise Failure("model_not_found", f"the tokenizer of {base} does not load: {' '.join(str(error).split())[:300]}") from error
        raise hub.explain_hub(error, "model", base, None) from error
