"""The Hugging Face hub: bases and data sets at a pinned commit, and what its refusals mean for a person.

huggingface_hub is imported here and nowhere else; it needs no torch, so a wrong name is told within a second or two.
An unreachable hub ends within seconds as well: a look-up waits 10 s and is not repeated.
"""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from trainer.failure import Failure
from trainer.weight_files import SUFFIXES, refuse_pickles

LOOKUP_SECONDS = 10
Report = Callable[[str, float | None], None]


def fetch_base(model_id: str, commit: str | None, report: Report) -> tuple[Path, str, bool]:
    """(folder, commit, whether HF_HOME held it) of a hub model, downloaded where it did not.

    Raises Failure: model_not_found, model_gated, hub_token_missing, hub_unreachable, unsafe_weights.
    """
    from huggingface_hub import HfApi, snapshot_download

    report(f"looking for {model_id} on the hub", None)
    try:
        found = HfApi().model_info(model_id, revision=commit, timeout=LOOKUP_SECONDS)
    except Exception as error:
        failure = explain_hub(error, "model", model_id, commit)
        kept = _kept(model_id, commit) if failure.code == "hub_unreachable" and commit else None
        if kept is None:
            raise failure from error
        return kept, str(commit), True
    names = [sibling.rfilename for sibling in found.siblings or [] if "/" not in sibling.rfilename]
    refuse_pickles(names, model_id, Failure)
    wanted = [name for name in names if name.endswith(SUFFIXES)]
    before = _kept(model_id, found.sha)
    hit = before is not None and all((before / name).exists() for name in wanted)
    try:
        folder = snapshot_download(model_id, revision=found.sha, allow_patterns=wanted, tqdm_class=_progress_bar(model_id, report))
    except Exception as error:
        raise explain_hub(error, "model", model_id, found.sha) from error
    return Path(folder), str(found.sha), hit


def dataset_rows(dataset_id: str, commit: str | None, report: Report) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(split, place, row) of a hub data set: `train`, and `validation` or else `test` as the eval split.

    Raises Failure: dataset_not_found, model_gated, hub_token_missing, hub_unreachable.
    """
    from huggingface_hub import HfApi

    report(f"looking for {dataset_id} on the hub", None)
    try:
        found = HfApi().dataset_info(dataset_id, revision=commit, timeout=LOOKUP_SECONDS)
        report(f"downloading {dataset_id}", None)
        from datasets import load_dataset

        splits = load_dataset(dataset_id, revision=found.sha)
    except Exception as error:
        raise explain_hub(error, "dataset", dataset_id, commit) from error
    if "train" not in splits:
        raise Failure("data_row_invalid", f"{dataset_id} has no split named train; it has {', '.join(splits)}")
    for split, names in (("train", ["train"]), ("eval", [name for name in ("validation", "test") if name in splits][:1])):
        for name in names:
            for number, row in enumerate(splits[name], start=1):
                yield split, f"{dataset_id} {name} row {number}", row


def explain_hub(error: Exception, kind: str, name: str, commit: str | None) -> Failure:
    """What an error of huggingface_hub or datasets means. `kind`: model or dataset."""
    from huggingface_hub import errors

    chain = list(_causes(error))
    status = next((e.response.status_code for e in chain if isinstance(e, errors.HfHubHTTPError) and e.response is not None), None)
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    at = f" at {commit}" if commit else ""
    has_token = bool(os.environ.get("HF_TOKEN"))

    def among(*kinds: type) -> bool:
        return any(isinstance(e, kinds) for e in chain)

    if among(errors.GatedRepoError) or status == 403:
        if has_token:
            return Failure("model_gated", f"the hub does not let this HF_TOKEN read {name}: ask for access on {page}")
        return Failure("hub_token_missing", f"{name} is gated: ask for access on {page}, then set HF_TOKEN")
    if among(errors.RepositoryNotFoundError, errors.HFValidationError, errors.DisabledRepoError):
        private = "" if has_token else "; a private one needs HF_TOKEN"
        return Failure(f"{kind}_not_found", f"the hub has no {kind} named {name}{private}")
    if among(errors.RevisionNotFoundError):
        return Failure(f"{kind}_not_found", f"the hub's {name} has no commit {commit}")
    if status == 401:
        return Failure("hub_token_missing", f"the hub did not take this HF_TOKEN for {name}: make a new one with read access")
    if among(errors.OfflineModeIsEnabled):
        return Failure("hub_unreachable", f"{name}{at} is not in this machine's cache, and HF_HUB_OFFLINE forbids to ask the hub")
    if status is not None and status < 500 and status != 429:
        return Failure(f"{kind}_not_found", f"the hub answered {status} for {name}{at}")
    if status is not None or among(errors.LocalEntryNotFoundError, ConnectionError, TimeoutError) or _is_transport(chain):
        why = f"it answered {status}" if status is not None else " ".join(str(chain[-1]).split())[:200]
        return Failure("hub_unreachable", f"the hub could not be asked for {name}{at}: {why}")
    if kind == "dataset":
        return Failure("data_row_invalid", f"{name}{at} does not load: {type(error).__name__}: {' '.join(str(error).split())[:300]}")
    return Failure("model_not_found", f"{name}{at} does not load: {type(error).__name__}: {' '.join(str(error).split())[:300]}")


def _kept(model_id: str, commit: str | None) -> Path | None:
    """The snapshot of an earlier run, where it is complete."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(model_id, revision=commit, local_files_only=True, allow_patterns=["*.json", "*.safetensors"]))
    except LocalEntryNotFoundError:
        return None


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _is_transport(chain: list[BaseException]) -> bool:
    """Whatever the hub's HTTP client is called in this version: httpx2.ConnectError, requests.ConnectionError ..."""
    return any(
        type(e).__module__.split(".")[0].startswith(("httpx", "httpcore", "requests", "urllib3"))
        and type(e).__name__.endswith(("Error", "Timeout"))
        for e in chain
    )


def _progress_bar(name: str, report: Report) -> type:
    """A tqdm that draws nothing and reports downloaded bytes, at most once a second."""
    from tqdm.auto import tqdm

    class Bar(tqdm):
        told = 0.0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "file": open(os.devnull, "w"), "disable": False})  # noqa: SIM115 (the bar keeps it open for as long as it lives)

        def update(self, n: float | None = 1) -> bool | None:
            shown = super().update(n)
            if self.unit == "B" and self.total and time.monotonic() - Bar.told > 1:
                Bar.told = time.monotonic()
                report(f"downloading {name}: {self.n / 1e6:,.0f} of {self.total / 1e6:,.0f} MB", min(1.0, self.n / self.total))
            return shown

    return Bar
