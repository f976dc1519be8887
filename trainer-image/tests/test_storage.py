"""The eight verbs of a run folder, the same suite for a file system and for S3 (moto on loopback), and what only S3 has."""

import hashlib
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from s3_server import new_bucket, s3_server
from trainer.supervision import s3_credentials
from trainer.supervision.open_storage import open_storage
from trainer.supervision.s3_storage import S3Storage
from trainer.supervision.storage import FolderStorage, Storage

TRAINER_IMAGE = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, str]]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with s3_server() as environment:
        yield environment


@pytest.fixture(params=["folder", "s3"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return FolderStorage(tmp_path / "folder")
    request.getfixturevalue("s3")
    return S3Storage(f"s3://{new_bucket()}/runs/run_1/framework=hf", tmp_path / "scratch")


def tree(folder: Path, **files: bytes) -> Path:
    for name, data in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def ignore(size: int) -> None:
    pass


class TestBothStorages:
    def test_what_was_put_is_got_and_put_again_is_replaced(self, storage: Storage) -> None:
        storage.put("attempts/a/progress.json", b"1")
        storage.put("attempts/a/progress.json", b"22")

        assert storage.get("attempts/a/progress.json") == b"22"
        assert storage.get("attempts/a/nothing.json") is None

    def test_put_if_absent_has_one_winner(self, storage: Storage) -> None:
        gate, won = threading.Barrier(6), []

        def contend(number: int) -> None:
            gate.wait()
            if storage.put_if_absent("attempts/a/claim.json", b"%d" % number):
                won.append(b"%d" % number)

        threads = [threading.Thread(target=contend, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert [storage.get("attempts/a/claim.json")] == won
        assert storage.put_if_absent("attempts/a/claim.json", b"late") is False
        assert [storage.get("attempts/a/claim.json")] == won

    def test_keys_are_the_files_of_one_folder_that_begin_with_a_prefix(self, storage: Storage) -> None:
        for key in ("metrics/a-2.jsonl", "metrics/a-1.jsonl", "metrics/b-1.jsonl", "metrics/deep/a-3.jsonl", "logs/a-1.jsonl"):
            storage.put(key, b"x")

        assert storage.keys("metrics/a-") == ["metrics/a-1.jsonl", "metrics/a-2.jsonl"]
        assert storage.keys("nowhere/") == []

    def test_a_folder_and_a_file_exist_and_a_longer_name_does_not_make_them(self, storage: Storage) -> None:
        storage.put("checkpoints/step-000100.0002/weights", b"w")
        storage.put("checkpoints/step-000100.json", b"{}")

        assert not storage.exists("checkpoints/step-000100")
        assert storage.exists("checkpoints/step-000100.0002")
        assert storage.exists("checkpoints/step-000100.json")

    def test_a_stored_tree_has_every_file_with_size_and_hash_and_is_gone_from_where_it_was(self, storage: Storage, tmp_path: Path) -> None:
        counted: list[int] = []
        source = tree(tmp_path / "made", weights=b"w" * 5_000_000, deep__config=b"{}", empty=b"")

        files = storage.store_tree(source, "checkpoints/step-000100", counted.append)

        assert [(file["path"], file["sizeBytes"]) for file in files] == [("deep/config", 2), ("empty", 0), ("weights", 5_000_000)]
        assert files[2]["sha256"] == hashlib.sha256(b"w" * 5_000_000).hexdigest()
        assert sum(counted) == 5_000_002
        assert not source.exists()

    def test_a_tree_takes_the_place_of_what_was_there(self, storage: Storage, tmp_path: Path) -> None:
        storage.store_tree(tree(tmp_path / "first", old=b"1", both=b"1"), "artifacts/run/adapter", ignore)

        again = S3Storage(storage.uri, tmp_path / "other") if isinstance(storage, S3Storage) else storage
        again.store_tree(tree(tmp_path / "second", both=b"2"), "artifacts/run/adapter", ignore)

        found = again.local_tree("artifacts/run/adapter")
        assert sorted(path.name for path in found.iterdir()) == ["both"]
        assert (found / "both").read_bytes() == b"2"

    def test_a_stored_tree_can_be_read_where_local_tree_says(self, storage: Storage, tmp_path: Path) -> None:
        storage.store_tree(tree(tmp_path / "made", deep__weights=b"w" * 100), "checkpoints/step-000001", ignore)
        storage.put("checkpoints/step-000001.json", b"{}")

        folder = storage.local_tree("checkpoints/step-000001")

        assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == {
            "deep/weights": b"w" * 100
        }

    def test_store_tree_called_again_after_an_error_goes_on(self, storage: Storage, tmp_path: Path) -> None:
        source = tree(tmp_path / "made", a=b"a" * 10, b=b"b" * 10)

        def break_off(size: int) -> None:
            raise InterruptedError("the caller wants no more")

        with pytest.raises(InterruptedError):
            storage.store_tree(source, "checkpoints/step-000002", break_off)
        files = storage.store_tree(source, "checkpoints/step-000002", ignore)

        assert [file["path"] for file in files] == ["a", "b"]
        assert storage.store_tree(source, "checkpoints/step-000002", ignore) == files, "also once it is stored"

    def test_a_removed_tree_is_gone_and_its_neighbour_is_not(self, storage: Storage, tmp_path: Path) -> None:
        storage.store_tree(tree(tmp_path / "made", a=b"a"), "checkpoints/step-000001", ignore)
        storage.put("checkpoints/step-000001.json", b"{}")

        storage.remove_tree("checkpoints/step-000001")

        assert not storage.exists("checkpoints/step-000001")
        assert storage.get("checkpoints/step-000001.json") == b"{}"


class TestS3:
    @pytest.fixture
    def uri(self, s3: dict[str, str]) -> str:
        return f"s3://{new_bucket()}/runs/run_1"

    def test_what_is_too_large_for_one_put_goes_in_parts_whose_hashes_are_told(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch", one_put_bytes=6 << 20, part_bytes=5 << 20)
        data = os.urandom((11 << 20) + 7)

        [file] = storage.store_tree(tree(tmp_path / "made", weights=data), "checkpoints/step-000001", ignore)

        pieces = [data[at : at + (5 << 20)] for at in range(0, len(data), 5 << 20)]
        assert file["sha256"] == hashlib.sha256(data).hexdigest()
        assert file["parts"] == {"sizeBytes": 5 << 20, "sha256": [hashlib.sha256(piece).hexdigest() for piece in pieces]}
        stored = storage.client.head_object(
            Bucket=storage._bucket, Key="runs/run_1/checkpoints/step-000001/weights", ChecksumMode="ENABLED"
        )
        composite = hashlib.sha256(b"".join(hashlib.sha256(piece).digest() for piece in pieces)).digest()
        assert stored["ChecksumSHA256"].partition("-")[0] == s3_base64(composite)
        assert (storage.local_tree("checkpoints/step-000001") / "weights").read_bytes() == data

    def test_parts_that_were_sent_are_not_sent_again(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch", one_put_bytes=6 << 20, part_bytes=5 << 20)
        source = tree(tmp_path / "made", weights=os.urandom(12 << 20))
        sent = fail_once(storage, "upload_part", at=3)

        with pytest.raises(OSError, match="connection lost"):
            storage.store_tree(source, "checkpoints/step-000001", ignore)
        [file] = storage.store_tree(source, "checkpoints/step-000001", ignore)

        assert [fields["PartNumber"] for fields in sent] == [1, 2, 3, 3]
        data = (storage.local_tree("checkpoints/step-000001") / "weights").read_bytes()
        assert hashlib.sha256(data).hexdigest() == file["sha256"]

    def test_files_that_were_stored_are_not_sent_again(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch")
        source = tree(tmp_path / "made", **{name: name.encode() for name in "abcdef"})
        sent = fail_once(storage, "put_object", at=4)

        with pytest.raises(OSError, match="connection lost"):
            storage.store_tree(source, "checkpoints/step-000001", ignore)
        storage.store_tree(source, "checkpoints/step-000001", ignore)

        assert len(sent) == 7, "six files, and the one that failed"

    def test_other_bytes_than_ours_in_the_answer_are_a_fault(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch")
        true_put = storage.client.put_object
        storage.client.put_object = lambda **fields: {**true_put(**fields), "ChecksumSHA256": s3_base64(hashlib.sha256(b"other").digest())}

        with pytest.raises(OSError, match="S3 stored other bytes than were read here"):
            storage.store_tree(tree(tmp_path / "made", a=b"a"), "checkpoints/step-000001", ignore)

    def test_every_put_asks_for_a_sha256_that_s3_keeps(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch")

        storage.put("attempts/a/manifest.json", b"{}")

        found = storage.client.get_object_attributes(
            Bucket=storage._bucket, Key="runs/run_1/attempts/a/manifest.json", ObjectAttributes=["Checksum"]
        )
        assert found["Checksum"]["ChecksumSHA256"] == s3_base64(hashlib.sha256(b"{}").digest())

    def test_a_download_that_broke_off_goes_on_with_what_is_missing(self, uri: str, tmp_path: Path) -> None:
        storage = S3Storage(uri, tmp_path / "scratch")
        storage.store_tree(tree(tmp_path / "made", a=b"aaa", b=b"bbb"), "checkpoints/step-000001", ignore)
        fetched = fail_once(storage, "download_file", at=2)

        with pytest.raises(OSError, match="connection lost"):
            storage.local_tree("checkpoints/step-000001")
        folder = storage.local_tree("checkpoints/step-000001")

        assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"aaa", b"bbb"]
        assert len(fetched) == 3

    def test_a_server_that_is_not_there_is_an_os_error(self, s3: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setattr(s3_credentials, "ATTEMPTS", 1)
        storage = S3Storage("s3://bucket/run", tmp_path)

        for act in (
            lambda: storage.get("a"),
            lambda: storage.put("a", b""),
            lambda: storage.put_if_absent("a", b""),
            lambda: storage.exists("a"),
        ):
            with pytest.raises(OSError):
                act()

    def test_a_bucket_that_is_not_there_is_a_fault_and_not_an_absent_key(self, s3: dict[str, str], tmp_path: Path) -> None:
        with pytest.raises(OSError, match="NoSuchBucket"):
            S3Storage("s3://no-such-bucket-here/run", tmp_path).get("claim.json")

    def test_a_conditional_put_in_flight_elsewhere_is_waited_for(self, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from botocore.exceptions import ClientError

        monkeypatch.setattr("trainer.supervision.s3_storage.CONFLICT_SECONDS", 0.0)
        storage = S3Storage(uri, tmp_path)
        conflict = {"Error": {"Code": "ConditionalRequestConflict"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
        fail_once(storage, "put_object", at=1, error=ClientError(conflict, "PutObject"))

        assert storage.put_if_absent("claim.json", b"1") is True


class TestCredentials:
    def test_credentials_that_are_handed_out_are_used_and_renewed_at_half_of_their_time(self, s3: dict[str, str], tmp_path: Path) -> None:
        uri, handed = f"s3://{new_bucket()}/run", []

        def hand_out(lifetime: timedelta = timedelta(hours=1)) -> s3_credentials.AwsCredentials:
            handed.append(f"KEY{len(handed)}")
            expires = (datetime.now(UTC) + lifetime).isoformat()
            return {"accessKeyId": handed[-1], "secretAccessKey": "s", "sessionToken": "t", "expiresAt": expires}

        storage = S3Storage(uri, tmp_path, hand_out)
        storage.put("a", b"1")
        assert handed == ["KEY0"]
        signed: list[str] = []
        storage.client.meta.events.register(
            "before-send.s3.*", lambda request, **_: signed.append(request.headers["Authorization"].decode())
        )
        credentials = storage.client._request_signer._credentials

        credentials._expiry_time = datetime.now(UTC) + timedelta(minutes=29)
        storage.put("a", b"2")

        assert handed == ["KEY0", "KEY1"]
        assert "Credential=KEY1/" in signed[-1]

    def test_those_at_hand_are_used_while_nobody_hands_out_new_ones(self, s3: dict[str, str], tmp_path: Path) -> None:
        uri, asked = f"s3://{new_bucket()}/run", []

        def hand_out() -> s3_credentials.AwsCredentials:
            asked.append(1)
            if len(asked) > 1:
                raise ConnectionError("the plane is away")
            expires = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
            return {"accessKeyId": "K", "secretAccessKey": "s", "sessionToken": "t", "expiresAt": expires}

        storage = S3Storage(uri, tmp_path, hand_out)
        storage.client._request_signer._credentials._expiry_time = datetime.now(UTC) + timedelta(minutes=20)

        storage.put("a", b"1")

        assert (storage.get("a"), len(asked) > 1) == (b"1", True)
        storage.client._request_signer._credentials._expiry_time = datetime.now(UTC) - timedelta(seconds=1)
        with pytest.raises(OSError, match="the plane is away"):
            storage.put("a", b"2")


class TestWithoutBoto3:
    def test_a_path_needs_neither_boto3_nor_torch_and_s3_says_what_to_install(self) -> None:
        code = """
import sys
sys.modules["boto3"] = sys.modules["botocore"] = sys.modules["torch"] = None
import trainer.supervisor
from pathlib import Path
from trainer.supervision.open_storage import open_storage
print(type(open_storage("/tmp/run", Path("/tmp"))).__name__)
try:
    open_storage("s3://bucket/run", Path("/tmp"))
except OSError as error:
    print(error)
"""
        ran = subprocess.run([sys.executable, "-c", code], cwd=TRAINER_IMAGE, capture_output=True, text=True, check=True)

        first, second = ran.stdout.splitlines()
        assert first == "FolderStorage"
        assert second.startswith("s3:// needs boto3, which is not installed: uv sync --frozen --project trainer-image --extra s3")

    @pytest.mark.parametrize("location", ["s3://", "s3:///run", "gs://bucket/run"])
    def test_a_location_that_is_no_bucket_is_refused(self, location: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="must be s3://bucket/prefix"):
            s3_credentials.split_uri(location)

    def test_a_path_is_a_folder(self, tmp_path: Path) -> None:
        assert isinstance(open_storage(str(tmp_path), tmp_path), FolderStorage)


def s3_base64(digest: bytes) -> str:
    import base64

    return base64.b64encode(digest).decode()


def fail_once(storage: S3Storage, verb: str, at: int, error: Exception | None = None) -> list[dict[str, Any]]:
    """The `at`-th call of the client's verb fails; gives what every call was told."""
    true_call: Callable[..., Any] = getattr(storage.client, verb)
    calls: list[dict[str, Any]] = []
    lock = threading.Lock()

    def call(*arguments: Any, **fields: Any) -> Any:
        with lock:
            calls.append(fields)
            number = len(calls)
        if number == at:
            raise error or ConnectionError("connection lost")
        return true_call(*arguments, **fields)

    setattr(storage.client, verb, call)
    return calls
