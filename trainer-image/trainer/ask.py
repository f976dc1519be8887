"""Asks base and tuned model the same questions, side by side.

    python -m trainer.ask --adapter FOLDER --cache FOLDER "Please switch off the studio lamp." ["..." ...] [--json]

FOLDER is what a run stored: an adapter (its base is read from adapter_config.json) or a whole model (then only the tuned answers).
Answers go to stdout, what it is doing to stderr.
"""

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import Any

from trainer import hub
from trainer.choices import keep_bitsandbytes_out, prepare_libraries
from trainer.failure import Failure


def ask(folder: Path, cache: Path, questions: list[str]) -> list[dict[str, str | None]]:
    """[{prompt, base, tuned}]; `base` is null for a whole model. Raises Failure."""
    if not folder.is_dir():
        raise Failure("model_not_found", f"there is no folder {folder}")
    if (folder / "hypernetwork_config.json").is_file():
        how = "POST /train/hypernetwork makes an adapter with it"
        raise Failure("model_not_found", f"{folder} holds a hypernetwork, which does not answer by itself: {how}")
    prepare_libraries(cache)
    keep_bitsandbytes_out()
    _say("importing torch and transformers")
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils.logging import disable_progress_bar

    from trainer.prompts import answer, render

    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    disable_progress_bar()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    style = _about(folder).get("promptStyle") or ("chat" if tokenizer.chat_template else "raw")
    prompts = [render(question, style, tokenizer) for question in questions]
    is_adapter = (folder / "adapter_config.json").is_file()
    source = _base_of(folder, cache) if is_adapter else folder
    _say(f"loading {source}")
    model = AutoModelForCausalLM.from_pretrained(source, dtype="auto").to(device)
    if model.num_parameters() < 10_000_000:
        torch.set_num_threads(1)
    base = answer(model, tokenizer, prompts) if is_adapter else [None] * len(prompts)
    if is_adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, folder).to(device)
    tuned = answer(model, tokenizer, prompts)
    return [{"prompt": q, "base": b, "tuned": t} for q, b, t in zip(questions, base, tuned, strict=True)]


def _base_of(folder: Path, cache: Path) -> Path:
    """Where the adapter's base lies; fetched or built where this machine does not have it."""
    config = json.loads((folder / "adapter_config.json").read_text())
    reference, revision = config["base_model_name_or_path"], config.get("revision")
    if Path(reference).is_dir():
        return Path(reference)
    about = _about(folder).get("base", {})
    if about.get("kind") == "tiny-llama":
        from trainer import bases, tiny_llama

        built = tiny_llama.ensure(cache, lambda detail, fraction: _say(f"{detail} {'' if fraction is None else f'{fraction:.0%}'}"))
        if bases.fingerprint(built) != about.get("commit"):
            _say("this machine's tiny-llama is not bit for bit the one that the adapter was trained on: answers may differ")
        return built
    if Path(reference).is_absolute():
        raise Failure("model_not_found", f"the adapter's base {reference} is not on this machine")
    return hub.fetch_base(reference, revision, lambda detail, fraction: _say(detail))[0]


def _about(folder: Path) -> dict[str, Any]:
    path = folder / "tuneplane.json"
    return json.loads(path.read_text()) if path.is_file() else {}


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m trainer.ask", description="ask base and tuned model the same questions")
    parser.add_argument("--adapter", type=Path, required=True, metavar="FOLDER", help="what a run stored: an adapter or a whole model")
    parser.add_argument("--cache", type=Path, required=True, metavar="FOLDER", help="where bases are kept")
    parser.add_argument("--json", action="store_true", help="print one JSON array")
    parser.add_argument("questions", nargs="+", metavar="QUESTION")
    arguments = parser.parse_args()
    try:
        answers = ask(arguments.adapter, arguments.cache, arguments.questions)
    except Failure as failure:
        _say(f"{failure.code}: {failure}")
        return 1
    if arguments.json:
        print(json.dumps(answers, indent=1))
        return 0
    for row in answers:
        print(row["prompt"])
        if row["base"] is not None:
            print(f"    base   {row['base']}")
        print(f"    tuned  {row['tuned']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
