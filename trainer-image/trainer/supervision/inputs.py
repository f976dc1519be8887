"""Inputs that lie in S3 are fetched here, before the engine starts, into the machine's cache: the engine reads files, without credentials.

A data file is known by the SHA-256 that the plane pinned, so two runs on the same rows fetch them once. A base is known by the names, sizes
and ETags of its objects, which change with their bytes; a hypernetwork by the SHA-256 of its files, which the plane pinned as well.

What S3 refuses is refused for good. While it does not answer it is asked again for 10 minutes, and what was fetched of a base stays: the
next try, or the next run after this one was killed, goes on with the files that are missing.
"""

import copy
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.machine_cache import MachineCache
from trainer.supervision.attempt import AttemptFailed
from trainer.supervision.s3_credentials import make_client, split_uri, transfer_config
from trainer.supervision.storage import hash_file, is_no_space
from trainer.weight_files import SUFFIXES, refuse_pickles

PATIENCE_SECONDS = 600.0
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 30.0
BUSY = (408, 429)
"""Answers below 500 that are no refusal."""
Report = Callable[[str, float | None], None]
Choose = Callable[[str, str, str], None]


def fetch_inputs(training: dict[str, Any], cache: MachineCache, report: Report, choose: Choose, client: Any = None) -> dict[str, Any]:
    """`training` with local paths in place of s3:// ones; what was there already is told as a choice.

    `client`: of S3, where the run has credentials of its own; else one with those of the environment.
    Raises AttemptFailed: data_unreachable, data_changed, model_not_found, unsafe_weights, disk_full.
    """
    fetched = copy.deepcopy(training)
    files = [file for file in fetched["dataset"].get("files", []) if file["location"].startswith("s3://")]
    folders = [(holder, name) for holder, name in _base_folders(fetched["baseModel"]) if holder[name].startswith("s3://")]
    if not files and not folders:
        return training
    try:
        client = client or make_client(None)
    except OSError as error:
        raise AttemptFailed("data_unreachable", str(error)) from error
    hits = [_fetch_file(client, file, cache, report) for file in files]
    if files:
        choose("data-cache", f"{sum(hits)} of {len(hits)} files", "were on this machine already, by their SHA-256")
    for holder, name in folders:
        uri = holder[name]
        holder[name], hit = _fetch_base(client, uri, cache, report)
        holder.setdefault("origin", uri)
        choose("base-cache", "hit" if hit else "fetched", f"{uri}, by its objects' names, sizes and ETags")
    return fetched


def fetch_hypernetwork(
    pinned: dict[str, Any] | None, cache: MachineCache, report: Report, choose: Choose, client: Any = None
) -> dict[str, Any] | None:
    """`pinned` with a folder of this machine in place of an s3:// one. Raises AttemptFailed: artifacts_corrupt, disk_full."""
    if not pinned or pinned["kind"] != "run" or not pinned["folder"].startswith("s3://"):
        return pinned
    uri, files = pinned["folder"].rstrip("/"), pinned["files"]
    try:
        client = client or make_client(None)
    except OSError as error:
        raise AttemptFailed("artifacts_corrupt", str(error)) from error

    def make(folder: Path) -> None:
        for file in files:
            report(f"fetching {uri}/{file['path']}", None)
            path = folder / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            download(client, f"{uri}/{file['path']}", path, "artifacts_corrupt", report)
            found = hash_file(path, lambda size: None, sync=False)["sha256"]
            if found != file["sha256"]:
                said = f"{file['path']} of {pinned['runId']} has SHA-256 {found[:12]}, was {file['sha256'][:12]}"
                raise AttemptFailed("artifacts_corrupt", said)

    key = hashlib.sha256(json.dumps(sorted([file["path"], file["sha256"]] for file in files)).encode()).hexdigest()
    found = cache.entry("hypernetworks", key, make, report)
    choose("hypernetwork-cache", "hit" if found.hit else "fetched", f"{uri}, by the SHA-256 of its files")
    return {**pinned, "folder": str(found.folder)}


def _base_folders(base: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """Where a base names a folder: itself, what another run made, and what that belongs to."""
    if base["kind"] == "path":
        return [(base, "path")]
    if base["kind"] == "made":
        return [(base, "folder"), *(_base_folders(base["base"]) if base["base"] else [])]
    return []


def _fetch_file(client: Any, file: dict[str, Any], cache: MachineCache, report: Report) -> bool:
    uri, wanted = file["location"], file["sha256"]

    def make(folder: Path) -> None:
        report(f"fetching {uri}", None)
        download(client, uri, folder / "content", "data_unreachable", report)
        found = hash_file(folder / "content", lambda size: None, sync=False)["sha256"]
        if found != wanted:
            raise AttemptFailed("data_changed", f"{uri} has changed since the run was made: SHA-256 was {wanted[:12]}, is {found[:12]}")

    found = cache.entry("objects", wanted, make, report)
    file["location"] = str(found.folder / "content")
    return found.hit


def _fetch_base(client: Any, uri: str, cache: MachineCache, report: Report) -> tuple[str, bool]:
    bucket, prefix = split_uri(uri)
    start = f"{prefix}/" if prefix else ""

    def find() -> list[dict[str, Any]]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        return [item for page in pages for item in page.get("Contents", [])]

    named = {item["Key"].removeprefix(start): item for item in _patiently(find, f"{uri} cannot be listed", "model_not_found", report)}
    refuse_pickles(named, uri, lambda code, message: AttemptFailed(code, message))
    wanted = {name: item for name, item in named.items() if "/" not in name and name.endswith(SUFFIXES)}
    if not wanted.keys() & {"config.json", "adapter_config.json"}:
        raise AttemptFailed("model_not_found", f"{uri} holds no config.json: it is not a model that transformers can load")
    key = hashlib.sha256(json.dumps([[name, item["Size"], item["ETag"]] for name, item in sorted(wanted.items())]).encode()).hexdigest()
    total = sum(item["Size"] for item in wanted.values())

    def make(folder: Path) -> None:
        done = 0
        for name, item in wanted.items():
            report(f"fetching {uri}: {done / 1e6:,.0f} of {total / 1e6:,.0f} MB", done / max(1, total))
            if not _is_there(folder / name, item["Size"]):
                download(client, f"s3://{bucket}/{item['Key']}", folder / name, "model_not_found", report)
            done += item["Size"]

    found = cache.entry("bases", key, make, report, goes_on=True)
    return str(found.folder), found.hit


def download(client: Any, uri: str, path: Path, code: str, report: Report, patience_seconds: float = PATIENCE_SECONDS) -> None:
    """The object at `path`, whole or not at all. Raises AttemptFailed (`code`)."""
    bucket, key = split_uri(uri)

    def fetch() -> None:
        client.download_file(bucket, key, str(path), Config=transfer_config())

    _patiently(fetch, f"{uri} cannot be read", code, report, patience_seconds)


def _patiently(ask: Callable[[], Any], said: str, code: str, report: Report, patience_seconds: float = PATIENCE_SECONDS) -> Any:
    began, pause = time.monotonic(), FIRST_PAUSE_SECONDS
    while True:
        try:
            return ask()
        except Exception as error:
            sentence = f"{said}: {' '.join(str(error).split())[:300]}"
            if isinstance(error, OSError) and is_no_space(error):
                raise AttemptFailed("disk_full", sentence) from error
            waited = time.monotonic() - began
            if not _may_pass(error) or waited + pause > patience_seconds:
                raise AttemptFailed(code, sentence) from error
        report(f"{sentence}; asked again since {waited:.0f} s", None)
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _may_pass(error: Exception) -> bool:
    """A network that is away, or a server's own trouble; not an answer that will be the same again: no such object, not allowed."""
    from boto3.exceptions import RetriesExceededError
    from botocore.exceptions import ConnectionError, HTTPClientError, IncompleteReadError

    status = (getattr(error, "response", None) or {}).get("ResponseMetadata", {}).get("HTTPStatusCode")
    if status is not None:
        return status >= 500 or status in BUSY
    away = (OSError, ConnectionError, HTTPClientError, IncompleteReadError, RetriesExceededError)
    return isinstance(error, away) or type(error).__name__ == "AwsCrtError"


def _is_there(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
