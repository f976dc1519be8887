"""Inputs that lie in S3 are fetched here, before the engine starts, into the machine's cache: the engine reads files, without credentials.

A data file is known by the SHA-256 that the plane pinned, so two runs on the same rows fetch them once. A base is known by the names, sizes
and ETags of its objects, which change with their bytes.
"""

import copy
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trainer.machine_cache import MachineCache
from trainer.supervision.attempt import AttemptFailed
from trainer.supervision.s3_credentials import Credentials, make_client, split_uri
from trainer.supervision.storage import hash_file
from trainer.weight_files import SUFFIXES, refuse_pickles

Report = Callable[[str, float | None], None]
Choose = Callable[[str, str, str], None]


def fetch_inputs(
    training: dict[str, Any], cache: MachineCache, report: Report, choose: Choose, credentials: Credentials | None = None
) -> dict[str, Any]:
    """`training` with local paths in place of s3:// ones; what was there already is told as a choice.

    Raises AttemptFailed: data_unreachable, data_changed, model_not_found, unsafe_weights.
    """
    fetched = copy.deepcopy(training)
    files = [file for file in fetched["dataset"].get("files", []) if file["location"].startswith("s3://")]
    folders = [(holder, name) for holder, name in _base_folders(fetched["baseModel"]) if holder[name].startswith("s3://")]
    if not files and not folders:
        return training
    try:
        client = make_client(credentials)
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
        download(client, uri, folder / "content", "data_unreachable")
        found = hash_file(folder / "content", lambda size: None, sync=False)["sha256"]
        if found != wanted:
            raise AttemptFailed("data_changed", f"{uri} has changed since the run was made: SHA-256 was {wanted[:12]}, is {found[:12]}")

    found = cache.entry("objects", wanted, make, report)
    file["location"] = str(found.folder / "content")
    return found.hit


def _fetch_base(client: Any, uri: str, cache: MachineCache, report: Report) -> tuple[str, bool]:
    bucket, prefix = split_uri(uri)
    start = f"{prefix}/" if prefix else ""
    try:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
        objects = [item for page in pages for item in page.get("Contents", [])]
    except Exception as error:
        raise AttemptFailed("model_not_found", f"{uri} cannot be listed: {' '.join(str(error).split())[:300]}") from error
    named = {item["Key"].removeprefix(start): item for item in objects}
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
            download(client, f"s3://{bucket}/{item['Key']}", folder / name, "model_not_found")
            done += item["Size"]

    found = cache.entry("bases", key, make, report)
    return str(found.folder), found.hit


def download(client: Any, uri: str, path: Path, code: str) -> None:
    bucket, key = split_uri(uri)
    try:
        client.download_file(bucket, key, str(path))
    except Exception as error:
        raise AttemptFailed(code, f"{uri} cannot be read: {' '.join(str(error).split())[:300]}") from error
