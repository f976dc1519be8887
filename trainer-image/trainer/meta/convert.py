"""Between Meta's layout and Hugging Face's.

    python -m trainer.meta.convert to-hf FOLDER TARGET       params.json, consolidated.*.pth, tokenizer files -> a Hugging Face folder
    python -m trainer.meta.convert to-meta FOLDER TARGET     a Hugging Face folder -> params.json, consolidated.00.pth, safetensors

A Meta folder must hold tokenizer files that transformers loads (tokenizer.json, tokenizer_config.json); they are copied along.
"""

import argparse
import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any

from trainer.bases import Base, fingerprint
from trainer.built_once import Report, build_once
from trainer.failure import Failure

TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja", "generation_config.json")


def is_meta_folder(path: str) -> bool:
    """Meta's layout, and not also Hugging Face's, which is taken where both are there."""
    folder = Path(path.removeprefix("file://"))
    return (folder / "params.json").is_file() and not (folder / "config.json").is_file()


def to_hf(source: Path, target: Path) -> None:
    """Raises Failure: model_not_supported, model_not_found."""
    from trainer.meta.hf_folder import write_hf
    from trainer.meta.meta_folder import read_meta

    shape, found = read_meta(source, str(source))
    tokenizer = _load_tokenizer(source)
    ends = {
        name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id") if getattr(tokenizer, name) is not None
    }
    write_hf(target, found, shape, ends)
    _copy_tokenizer(source, target)


def to_meta(source: Path, target: Path) -> None:
    """Raises Failure: model_not_supported."""
    from trainer.meta.hf_folder import HfFolder
    from trainer.meta.meta_folder import write_meta
    from trainer.meta.weights import names_of

    opened = HfFolder(source, str(source))
    write_meta(target, {name: opened.read(name) for name in names_of(opened.shape)}, opened.shape)
    _copy_tokenizer(source, target)


def converted(path: str, cache: Path, report: Report) -> Base:
    """The base of a Meta folder: a Hugging Face folder made of it once, to which adapters refer. Raises Failure."""
    source = Path(path.removeprefix("file://")).absolute()
    mark = hashlib.sha256(f"{source} {_stamp(source)}".encode()).hexdigest()[:12]

    def build(folder: Path) -> None:
        report("converting Meta's layout (once)", None)
        to_hf(source, folder)

    folder = build_once(cache / f"converted-{source.name}-{mark}", "the same base", build, report)
    return Base("path", path, fingerprint(folder), folder, str(folder), None)


def _stamp(source: Path) -> str:
    """Another one whenever a file of the folder was replaced or written."""
    files = sorted(file for file in source.iterdir() if file.is_file())
    return " ".join(f"{file.name} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in files)


def _load_tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    if not (folder / "tokenizer.json").is_file():
        raise Failure("model_not_found", f"{folder} holds no tokenizer.json: put the tokenizer of its Hugging Face twin beside params.json")
    return AutoTokenizer.from_pretrained(folder)


def _copy_tokenizer(source: Path, target: Path) -> None:
    for name in TOKENIZER_FILES:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        prog="python -m trainer.meta.convert", description="convert a Llama between Meta's layout and Hugging Face's"
    )
    parser.add_argument("direction", choices=("to-hf", "to-meta"))
    parser.add_argument("source", type=Path, metavar="FOLDER")
    parser.add_argument("target", type=Path, metavar="TARGET", help="a folder that is not there yet")
    arguments = parser.parse_args()
    arguments.target.mkdir(parents=True)
    try:
        (to_hf if arguments.direction == "to-hf" else to_meta)(arguments.source, arguments.target)
    except Failure as failure:
        sys.exit(f"{failure.code}: {failure}")
