"""The data sets of a run: rows tokenised (sft) or in TRL's own words (dpo), and what is told of their lengths."""

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

from trainer import data_report, tokenized_rows
from trainer.data import Data
from trainer.engine_link import EngineLink
from trainer.failure import Failure
from trainer.machine_cache import MachineCache
from trainer.tokenized_rows import Masking, to_table, tokenize_row
from trainer.training_rows import choose_masking, to_trained_rows

LENGTHS = ("rows", "tokens", "trained_tokens", "longest", "cut", "left_out")


def prepared_rows(rows: Data, tokenizer: Any, base_commit: str, limit: int, cache: MachineCache, link: EngineLink) -> tuple[Any, Any]:
    """(data set to train on, data set to evaluate on or None). Raises Failure (all_rows_truncated).

    Reports on what the loss is taken, and how many rows are cut, left out, doubled or empty: nothing of that happens silently.
    """
    import datasets

    masking, on, why = choose_masking(rows, tokenizer)
    link.choice("loss", on, why)
    train, held_out = (to_trained_rows(part, rows, tokenizer, masking) for part in (rows.train, rows.eval))
    if rows.format == "preference":
        lengths = data_report.Lengths(limit)
        for row in train:
            lengths.add(tokenize_row(row, tokenizer, masking))
        report_lengths(lengths, rows, link)
        return datasets.Dataset.from_list(train), datasets.Dataset.from_list(held_out) if held_out else None

    def make(folder: Path) -> None:
        lengths = data_report.Lengths(limit)
        prepared = to_table((lengths.add(tokenize_row(row, tokenizer, masking)) for row in train), limit)
        evaluated = to_table((tokenize_row(row, tokenizer, masking) for row in held_out), limit)
        require_some(lengths)
        for name, table in (("train", prepared), ("eval", evaluated)):
            if table.num_rows:
                datasets.Dataset(table).save_to_disk(folder / name)
        (folder / "lengths.json").write_text(json.dumps({name: getattr(lengths, name) for name in LENGTHS}))

    key = _key(rows, tokenizer, base_commit, masking, limit)
    found = cache.entry("tokenized", key, make, lambda detail, fraction: link.phase("preparing-data", detail, fraction))
    link.choice("tokens", "cached" if found.hit else "made", f"entry {key[:12]} of this machine's cache")
    report_lengths(data_report.Lengths(limit, **json.loads((found.folder / "lengths.json").read_text())), rows, link)
    train_path, eval_path = found.folder / "train", found.folder / "eval"
    evaluated = datasets.Dataset.load_from_disk(str(eval_path)) if eval_path.is_dir() else None
    return datasets.Dataset.load_from_disk(str(train_path)), evaluated


def report_lengths(lengths: data_report.Lengths, rows: Data, link: EngineLink) -> None:
    """Raises Failure (all_rows_truncated) where nothing is left."""
    limit = lengths.limit
    require_some(lengths)
    if lengths.left_out:
        link.choice("rows-left-out", lengths.left_out, f"nothing of their answers lies within max_seq_length {limit}")
    if lengths.cut:
        link.choice("rows-cut", lengths.cut, f"longer than max_seq_length {limit}: what lies beyond is not trained on")
    doubled, empty = data_report.count_duplicates(rows.train), data_report.count_empty_outputs(rows.train)
    if doubled:
        link.choice("rows-doubled", doubled, "they are there already, word for word; they are trained on again")
    if empty:
        link.choice("rows-empty", empty, "their last answer holds no text; they are trained on as they are")


def require_some(lengths: data_report.Lengths) -> None:
    if lengths.left_out == lengths.rows:
        said = f"none of {lengths.rows} rows has any of its answer within max_seq_length {lengths.limit}: raise it"
        raise Failure("all_rows_truncated", said)


def _key(rows: Data, tokenizer: Any, base_commit: str, masking: Masking, limit: int) -> str:
    """Whatever decides a token: the rows, the base with its tokenizer, the template, the limit, this code, and the tokenizer's library."""
    versions = [importlib.metadata.version(package) for package in ("tokenizers", "transformers", "datasets")]
    code = [
        hashlib.sha256(Path(module.__file__ or "").read_bytes()).hexdigest()
        for module in (tokenized_rows, data_report, sys.modules[__name__])
    ]
    told = [rows.fingerprint, rows.text_field, base_commit, tokenizer.chat_template, masking.template, masking.answers_only, limit]
    return hashlib.sha256(json.dumps([*told, *versions, *code]).encode()).hexdigest()
