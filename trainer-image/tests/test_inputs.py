"""Inputs from S3 (moto on loopback), fetched once per machine; and `python -m trainer.data check`, which says what an engine would."""

import errno
import hashlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hf_trials import EXAMPLES, Engine
from s3_server import new_bucket, s3_server
from supervised_run import RUN
from test_supervisor_s3 import S3Run
from trainer import data_check
from trainer.machine_cache import MachineCache
from trainer.supervision import inputs
from trainer.supervision.attempt import AttemptFailed, read_attempt
from trainer.supervision.books import open_books
from trainer.supervision.inputs import fetch_hypernetwork, fetch_inputs
from trainer.supervision.preparation import prepare
from trainer.supervision.s3_credentials import transfer_config

ROWS = b'{"instruction": "a", "output": "b"}\n' * 4


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server() as environment:
        yield environment


@pytest.fixture
def bucket(s3: dict[str, str]) -> str:
    return new_bucket()


def put(bucket: str, **objects: bytes) -> None:
    import boto3

    for name, data in objects.items():
        boto3.client("s3").put_object(Bucket=bucket, Key=name.replace("__", "/"), Body=data)


def training(bucket: str, sha256: str = hashlib.sha256(ROWS).hexdigest(), base: dict[str, Any] | None = None) -> dict[str, Any]:
    file = {"path": "rows.jsonl", "sizeBytes": len(ROWS), "sha256": sha256, "location": f"s3://{bucket}/data/rows.jsonl", "split": "train"}
    return {"dataset": {"kind": "files", "uri": f"s3://{bucket}/data/", "files": [file]}, "baseModel": base or {"kind": "tiny-llama"}}


def fetch(given: dict[str, Any], cache: Path, client: Any = None, said: list[str] | None = None) -> tuple[dict[str, Any], dict[str, str]]:
    choices: dict[str, str] = {}
    told = [] if said is None else said
    fetched = fetch_inputs(
        given, MachineCache(cache), lambda d, f: told.append(d), lambda name, value, reason: choices.update({name: value}), client
    )
    return fetched, choices


class Unsteady:
    """A client of S3 whose downloads of `name` end as `faults` say, one after the other, and then go through."""

    def __init__(self, name: str, *faults: Exception) -> None:
        import boto3

        self._client, self._name, self._faults = boto3.client("s3"), name, list(faults)
        self.fetched: list[str] = []

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._client, verb)

    def download_file(self, bucket: str, key: str, *given: Any, **named: Any) -> None:
        if key.endswith(self._name) and self._faults:
            raise self._faults.pop(0)
        self._client.download_file(bucket, key, *given, **named)
        self.fetched.append(key.rpartition("/")[2])


def test_data_is_fetched_once_by_its_hash_and_the_spec_as_it_was_is_not_changed(bucket: str, tmp_path: Path):
    put(bucket, **{"data__rows.jsonl": ROWS})
    given = training(bucket)

    (first, first_choices), (second, second_choices) = fetch(given, tmp_path), fetch(given, tmp_path)

    location = first["dataset"]["files"][0]["location"]
    assert Path(location).read_bytes() == ROWS and second["dataset"]["files"][0]["location"] == location
    assert (first_choices["data-cache"], second_choices["data-cache"]) == ("0 of 1 files", "1 of 1 files")
    assert given["dataset"]["files"][0]["location"].startswith("s3://")


def test_other_bytes_than_the_run_was_made_with_are_data_changed_and_not_kept(bucket: str, tmp_path: Path):
    put(bucket, **{"data__rows.jsonl": ROWS + b"\n"})

    with pytest.raises(AttemptFailed, match="has changed since the run was made") as caught:
        fetch(training(bucket), tmp_path)

    assert caught.value.code == "data_changed"
    assert list((tmp_path / "entries" / "objects").iterdir()) == []


def test_an_object_that_is_not_there_is_data_unreachable(bucket: str, tmp_path: Path):
    with pytest.raises(AttemptFailed, match="cannot be read") as caught:
        fetch(training(bucket), tmp_path)

    assert caught.value.code == "data_unreachable"


def test_a_base_is_fetched_once_without_its_pickles_and_keeps_its_name(bucket: str, tmp_path: Path):
    names = ("base__config.json", "base__model.safetensors", "base__pytorch_model.bin", "base__sub__other.json", "data__rows.jsonl")
    put(bucket, **dict.fromkeys(names, ROWS))
    given = training(bucket, base={"kind": "path", "path": f"s3://{bucket}/base/"})

    (first, first_choices), (_, second_choices) = fetch(given, tmp_path), fetch(given, tmp_path)

    folder = Path(first["baseModel"]["path"])
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]
    assert first["baseModel"]["origin"] == f"s3://{bucket}/base/"
    assert (first_choices["base-cache"], second_choices["base-cache"]) == ("fetched", "hit")
    put(bucket, **{"base__model.safetensors": b"other"})
    assert fetch(given, tmp_path)[1]["base-cache"] == "fetched", "other bytes are another base"


def test_a_base_of_pickles_and_one_that_is_none_are_refused(bucket: str, tmp_path: Path):
    put(bucket, **{"data__rows.jsonl": ROWS, "pickled__config.json": b"{}", "pickled__pytorch_model.bin": b"x", "none__notes.txt": b"x"})

    codes = []
    for name in ("pickled", "none"):
        with pytest.raises(AttemptFailed) as caught:
            fetch(training(bucket, base={"kind": "path", "path": f"s3://{bucket}/{name}"}), tmp_path)
        codes.append(caught.value.code)

    assert codes == ["unsafe_weights", "model_not_found"]


@pytest.fixture
def base_of_three(bucket: str) -> dict[str, Any]:
    put(bucket, **dict.fromkeys(("base__a.safetensors", "base__b.safetensors", "base__config.json"), ROWS))
    return {"dataset": {"kind": "hub", "id": "x", "commit": None}, "baseModel": {"kind": "path", "path": f"s3://{bucket}/base"}}


def test_a_store_that_is_away_for_a_while_is_asked_again(base_of_three: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from boto3.exceptions import RetriesExceededError
    from botocore.exceptions import ClientError, EndpointConnectionError

    monkeypatch.setattr(inputs, "FIRST_PAUSE_SECONDS", 0.01)
    busy = ClientError({"Error": {"Code": "SlowDown"}, "ResponseMetadata": {"HTTPStatusCode": 503}}, "GetObject")
    client = Unsteady("b.safetensors", EndpointConnectionError(endpoint_url="http://s3"), busy, RetriesExceededError(OSError("reset")))
    said: list[str] = []

    fetched, _ = fetch(base_of_three, tmp_path, client, said)

    assert len(list(Path(fetched["baseModel"]["path"]).iterdir())) == 3
    assert sum("asked again since" in line for line in said) == 3


@pytest.mark.parametrize("error", ["AccessDenied", "NoCredentials", "ENOSPC"])
def test_what_would_be_the_same_again_is_told_at_once(base_of_three: dict[str, Any], tmp_path: Path, error: str):
    from botocore.exceptions import ClientError, NoCredentialsError

    faults = {
        "AccessDenied": ClientError({"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}, "GetObject"),
        "NoCredentials": NoCredentialsError(),
        "ENOSPC": OSError(errno.ENOSPC, "No space left on device"),
    }

    with pytest.raises(AttemptFailed, match=r"b\.safetensors cannot be read") as caught:
        fetch(base_of_three, tmp_path, Unsteady("b.safetensors", faults[error]))

    assert caught.value.code == ("disk_full" if error == "ENOSPC" else "model_not_found")


def test_a_base_that_was_broken_off_goes_on_with_the_files_that_are_missing(base_of_three: dict[str, Any], tmp_path: Path):
    broken = Unsteady("b.safetensors", KeyError("as good as a kill"))
    with pytest.raises(AttemptFailed):
        fetch(base_of_three, tmp_path, broken)
    later = Unsteady("nothing")

    fetched, choices = fetch(base_of_three, tmp_path, later)

    assert (broken.fetched, later.fetched) == (["a.safetensors"], ["b.safetensors", "config.json"])
    assert choices["base-cache"] == "fetched" and len(list(Path(fetched["baseModel"]["path"]).iterdir())) == 3


def test_inputs_are_read_with_the_credentials_of_the_run(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Those are renewed while a large base is fetched; the environment's are not."""
    put(bucket, **{"data__rows.jsonl": ROWS})
    run = S3Run(tmp_path, f"s3://{bucket}/runs/{RUN}/framework=hf")
    run.write(f"attempts/{run.name}/spec.json", json.dumps(run.spec | {"training": run.spec["training"] | training(bucket)}))
    told = {"TUNEPLANE_RUN_FOLDER": run.uri, "TUNEPLANE_RUN_ID": RUN, "TUNEPLANE_ATTEMPT": "1"}
    attempt = read_attempt({**told, "TUNEPLANE_WORK": str(tmp_path / "work"), "TUNEPLANE_CACHE": str(tmp_path / "cache")})
    monkeypatch.setattr(inputs, "make_client", lambda credentials: pytest.fail("another client was made"))

    prepared = prepare(attempt, run.storage, open_books(attempt))

    assert Path(prepared.engine_spec["training"]["dataset"]["files"][0]["location"]).read_bytes() == ROWS


def test_the_transfer_library_of_aws_is_for_aws_alone(s3: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    here = transfer_config().preferred_transfer_client
    monkeypatch.delenv("AWS_ENDPOINT_URL")

    assert (here, transfer_config().preferred_transfer_client) == ("classic", "auto")


def test_what_lies_on_this_machine_needs_no_client(tmp_path: Path):
    given = {"dataset": {"kind": "hub", "id": "x", "commit": None}, "baseModel": {"kind": "tiny-llama"}}

    assert fetch(given, tmp_path)[0] is given


def pinned(bucket: str, sha256: str = hashlib.sha256(ROWS).hexdigest()) -> dict[str, Any]:
    file = {"path": "hypernetwork.safetensors", "sizeBytes": len(ROWS), "sha256": sha256}
    return {"kind": "run", "runId": "run_made", "folder": f"s3://{bucket}/artifacts/run_made/model/", "files": [file]}


def test_a_pinned_hypernetwork_is_fetched_once_by_its_hashes(bucket: str, tmp_path: Path):
    put(bucket, **{"artifacts__run_made__model__hypernetwork.safetensors": ROWS, "artifacts__run_made__model__README.md": b"not pinned"})
    choices: list[str] = []

    both = [
        fetch_hypernetwork(pinned(bucket), MachineCache(tmp_path), lambda d, f: None, lambda name, value, reason: choices.append(value))
        for _ in range(2)
    ]

    folders = [Path(found["folder"]) for found in both if found]
    assert folders[0] == folders[1] and [path.name for path in folders[0].iterdir()] == ["hypernetwork.safetensors"]
    assert choices == ["fetched", "hit"]


@pytest.mark.parametrize(("stored", "said"), [(ROWS + b"x", "has SHA-256"), (None, "cannot be read")])
def test_a_hypernetwork_that_is_not_as_it_was_pinned_is_corrupt(bucket: str, tmp_path: Path, stored: bytes | None, said: str):
    if stored:
        put(bucket, **{"artifacts__run_made__model__hypernetwork.safetensors": stored})

    with pytest.raises(AttemptFailed, match=said) as caught:
        fetch_hypernetwork(pinned(bucket), MachineCache(tmp_path), lambda d, f: None, lambda *_: None)

    assert caught.value.code == "artifacts_corrupt"


# ---------------------------------------------------------------------------------------------------- data check


def check(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = data_check.main(["check", *arguments])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_the_check_tells_rows_format_doubles_and_empty_answers(capsys, tmp_path: Path):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": " "}]
    (tmp_path / "m.jsonl").write_text(json.dumps({"messages": turns}) + "\n" + json.dumps({"messages": turns}) + "\n")

    code, out, _ = check(capsys, str(tmp_path / "m.jsonl"))

    assert code == 0
    assert out.splitlines()[:4] == [
        "rows        2 (1 to train on, 1 to evaluate)",
        "format      messages",
        "doubled     1",
        "empty       2",
    ]
    assert "name the base with --base" in out


def test_a_bad_row_is_told_as_the_engine_tells_it(capsys, tmp_path: Path):
    (tmp_path / "bad.jsonl").write_text('{"instruction": "a", "output": "b"}\n{"instruction": "secret", "output": 3}\n')

    code, out, err = check(capsys, str(tmp_path / "bad.jsonl"))

    assert (code, out) == (1, "")
    assert err.startswith("data_row_invalid: ") and "bad.jsonl line 2: output is a number, not a text" in err
    assert "secret" not in err


def test_preferences_are_checked_as_such(capsys, tmp_path: Path):
    (tmp_path / "p.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n' * 3)

    assert "format      preference, for method dpo" in check(capsys, str(tmp_path / "p.jsonl"))[1]


def test_an_object_of_s3_and_a_file_that_is_not_there(capsys, bucket: str):
    put(bucket, **{"rows.jsonl": ROWS})

    assert check(capsys, f"s3://{bucket}/rows.jsonl")[0] == 0
    assert check(capsys, f"s3://{bucket}/nothing.jsonl")[2].startswith("data_unreachable: ")
    assert check(capsys, "/nowhere.jsonl")[2].startswith("dataset_not_found: /nowhere.jsonl cannot be read")


def test_with_a_base_it_counts_tokens_and_shows_a_row_with_its_loss_mask(engine: Engine, tmp_path: Path):
    def run() -> list[str]:
        import argparse

        told = {"files": [str(EXAMPLES / "alpaca.jsonl")], "base": "tiny-llama", "cache": engine.cache, "max_seq_length": 30}
        return data_check.report(argparse.Namespace(**told, format=None, text_field="text", eval_split=0.1))

    lines = engine.call(run)

    text = "\n".join(lines)
    print(text)
    assert "rows        600 (540 to train on, 60 to evaluate)" in lines
    assert any(line.startswith("cut         ") and not line.startswith("cut         0") for line in lines)
    assert "<= 32" in text and "<|user|>" in text
    assert '«{"device": ' in text, "the loss is taken on the answer alone"
