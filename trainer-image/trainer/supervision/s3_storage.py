"""A run folder in S3: the twin of FolderStorage (storage.py), verb by verb. boto3 is imported here and nowhere else, and only for s3://.

    put            one PUT: whole or not at all, and read by everybody from then on (S3 is strongly consistent since December 2020)
    put_if_absent  PUT with `If-None-Match: *`: 412 where the key is taken, 409 where another such PUT is in flight
    store_tree     each file read once: uploaded and hashed in the same pass. What is stored is remembered, so a second call goes on
    local_tree     downloads into the scratch folder, in place of nothing: a file that is there with its size is not fetched again

Integrity: every PUT carries a SHA-256 checksum, which S3 verifies before it answers, and the answer's is compared with our own hash. One
PUT takes up to 4 GiB (S3's own limit is 5 GiB); what is larger goes in parts of 512 MiB, whose hashes stand in the manifest beside the
file's, because S3 then keeps the hash of the parts' hashes ("COMPOSITE") and not the file's.
Every fault is an OSError: the callers try those again. An upload in parts that was begun and never ended costs until the bucket's
lifecycle rule (AbortIncompleteMultipartUpload) removes it; nothing here can tell it from one that still goes on.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html and .../checking-object-integrity-upload.html
"""

import base64
import errno
import hashlib
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from trainer.supervision.s3_credentials import Credentials, make_client, split_uri, transfer_config
from trainer.supervision.storage import BLOCK_BYTES, StoredFile, files_below

ONE_PUT_BYTES = 4 << 30
PART_BYTES = 512 << 20
UPLOADS = DOWNLOADS = 4
CONFLICT_SECONDS = 0.2
CONFLICTS = 50
"""Another conditional PUT of the same key is in flight for as long as its few hundred bytes take: 50 looks are 10 s."""


class S3Storage:
    """`uri`: s3://bucket/prefix. `scratch`: where downloads go. `credentials`: those of the environment, or a callable that renews them."""

    metered = True

    def __init__(
        self,
        uri: str,
        scratch: Path,
        credentials: Credentials | None = None,
        *,
        one_put_bytes: int = ONE_PUT_BYTES,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self.uri = uri.rstrip("/")
        self._bucket, self._prefix = split_uri(self.uri)
        self._scratch = scratch
        self.client = make_client(credentials)
        """with the run's own credentials: what else it may read in S3 is read with it too"""
        self._one_put_bytes, self._part_bytes = one_put_bytes, part_bytes
        self._stored: dict[str, dict[str, StoredFile]] = {}
        self._parts: dict[str, list[dict[str, Any]]] = {}
        self._uploads: dict[str, str] = {}

    def get(self, key: str) -> bytes | None:
        try:
            return self._call("get_object", key)["Body"].read()
        except FileNotFoundError:
            return None
        except Exception as error:  # the connection broke while the body came
            raise _as_os_error(error, key) from error

    def exists(self, key: str) -> bool:
        """Also of a folder, which S3 knows only by what is below it."""
        if self._list(f"{key}/", 1):
            return True
        try:
            self._call("head_object", key)
            return True
        except FileNotFoundError:
            return False

    def keys(self, prefix: str) -> list[str]:
        """Keys of files in one folder that begin with `prefix`, sorted."""
        folder = prefix.rpartition("/")[0]
        found = [item["key"] for item in self._list(prefix) if "/" not in item["key"][len(folder) + 1 :]]
        return sorted(key for key in found if not key.rpartition("/")[2].startswith("."))

    def put(self, key: str, data: bytes) -> None:
        self._call("put_object", key, Body=data, ChecksumAlgorithm="SHA256")

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """False, and nothing written, when the key is taken: also when by an answer of ours that was lost. The caller compares."""
        for _ in range(CONFLICTS):
            try:
                self._call("put_object", key, Body=data, ChecksumAlgorithm="SHA256", IfNoneMatch="*")
                return True
            except FileExistsError:
                return False
            except BlockingIOError:
                time.sleep(CONFLICT_SECONDS)
        raise OSError(errno.EBUSY, f"another writes {key} for more than {CONFLICTS * CONFLICT_SECONDS:.0f} s")

    def store_tree(self, source: Path, key: str, on_bytes: Callable[[int], None]) -> list[StoredFile]:
        """Uploads the folder `source` to `key`, in place of what is there, gives its files, and removes `source`.

        Called again after an error it goes on: files that are stored are not sent again, nor parts of a large one.
        """
        stored = self._stored.setdefault(key, {})
        if source.exists():
            paths = {path.relative_to(source).as_posix(): path for path in files_below(source)}
            for name in stored.keys() & paths.keys():
                on_bytes(stored[name]["sizeBytes"])
            with ThreadPoolExecutor(UPLOADS, "upload") as pool:
                jobs = [pool.submit(self._store_file, path, key, name, on_bytes) for name, path in paths.items() if name not in stored]
                _all_of(jobs)
            for item in self._list(f"{key}/"):
                if item["key"].removeprefix(f"{key}/") not in stored:
                    self._call("delete_object", item["key"])
            shutil.rmtree(source)
        return [stored[name] for name in sorted(stored)]

    def local_tree(self, key: str) -> Path:
        """Downloads a stored folder and gives where it lies. Raises OSError; what was fetched whole is not fetched again."""
        folder = self._scratch / key
        folder.mkdir(parents=True, exist_ok=True)
        with ThreadPoolExecutor(DOWNLOADS, "download") as pool:
            wanted = [(item, folder / item["key"].removeprefix(f"{key}/")) for item in self._list(f"{key}/")]
            _all_of([pool.submit(self._fetch, item, path) for item, path in wanted])
        return folder

    def remove_tree(self, key: str) -> None:
        for item in self._list(f"{key}/"):
            self._call("delete_object", item["key"])

    def _store_file(self, path: Path, folder: str, name: str, on_bytes: Callable[[int], None]) -> None:
        size = path.stat().st_size
        key = f"{folder}/{name}"
        if size <= self._one_put_bytes:
            with HashedFile(path, 0, size, on_bytes) as body:
                answer = self._call("put_object", key, Body=body, ChecksumAlgorithm="SHA256")
                digest = body.finish()
            _compare(answer, digest, key)
            stored: StoredFile = {"path": name, "sizeBytes": size, "sha256": digest.hex()}
        else:
            stored = self._store_parts(path, key, name, size, on_bytes)
        self._stored[folder][name] = stored

    def _store_parts(self, path: Path, key: str, name: str, size: int, on_bytes: Callable[[int], None]) -> StoredFile:
        """The hash of the whole needs every byte in order; parts that were sent by an earlier call are read again for it, not sent."""
        done = self._parts.setdefault(key, [])
        if key not in self._uploads:
            self._uploads[key] = self._call("create_multipart_upload", key, ChecksumAlgorithm="SHA256")["UploadId"]
        upload, whole = self._uploads[key], hashlib.sha256()
        for number, start in enumerate(range(0, size, self._part_bytes), start=1):
            length = min(self._part_bytes, size - start)
            with HashedFile(path, start, length, on_bytes, whole) as body:
                if number > len(done):
                    answer = self._call("upload_part", key, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
                    digest = body.finish()
                    _compare(answer, digest, f"part {number} of {key}")
                    done.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": base64.b64encode(digest).decode()})
                else:
                    body.finish()
        answer = self._call("complete_multipart_upload", key, UploadId=upload, MultipartUpload={"Parts": done})
        hashes = [base64.b64decode(part["ChecksumSHA256"]) for part in done]
        told = answer.get("ChecksumSHA256", "").partition("-")[0]
        if told and base64.b64decode(told) != hashlib.sha256(b"".join(hashes)).digest():
            raise OSError(errno.EIO, f"{key}: S3's checksum of the parts is not ours")
        del self._uploads[key], self._parts[key]
        parts = {"sizeBytes": self._part_bytes, "sha256": [part.hex() for part in hashes]}
        return {"path": name, "sizeBytes": size, "sha256": whole.hexdigest(), "parts": parts}

    def _fetch(self, item: dict[str, Any], path: Path) -> None:
        if path.is_file() and path.stat().st_size == item["size"]:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.part")
        try:
            self.client.download_file(self._bucket, self._name(item["key"]), str(temporary), Config=transfer_config())
        except OSError:
            raise
        except Exception as error:
            raise _as_os_error(error, item["key"]) from error
        os.replace(temporary, path)

    def _list(self, prefix: str, most: int | None = None) -> list[dict[str, Any]]:
        """{key, size} of the objects below the run folder whose key begins with `prefix`, sorted by S3."""
        found: list[dict[str, Any]] = []
        token: dict[str, str] = {}
        while True:
            page = self._call("list_objects_v2", None, Prefix=self._name(prefix), MaxKeys=most or 1_000, **token)
            found += [{"key": item["Key"].removeprefix(self._name("")), "size": item["Size"]} for item in page.get("Contents", [])]
            if most is not None or not page.get("IsTruncated"):
                return found
            token = {"ContinuationToken": page["NextContinuationToken"]}

    def _name(self, key: str) -> str:
        return f"{self._prefix}/{key}" if self._prefix else key

    def _call(self, verb: str, key: str | None, **fields: Any) -> Any:
        place = {"Key": self._name(key)} if key is not None else {}
        try:
            return getattr(self.client, verb)(Bucket=self._bucket, **place, **fields)
        except Exception as error:
            body = fields.get("Body")
            if isinstance(body, HashedFile) and body.fault:
                raise body.fault from None  # ours: the caller breaks off
            raise _as_os_error(error, key or self.uri) from error


class HashedFile:
    """A stretch of a file as the body of a request: hashed as it is read, and counted once however often botocore reads it again."""

    def __init__(self, path: Path, start: int, length: int, on_bytes: Callable[[int], None], also: Any = None) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 (closed by __exit__)
        self._start, self._length, self._on_bytes, self._also = start, length, on_bytes, also
        self._digest, self._hashed, self._at = hashlib.sha256(), 0, 0
        self.fault: Exception | None = None
        self._lock = threading.Lock()
        self.seek(0)

    def __enter__(self) -> "HashedFile":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __len__(self) -> int:
        return self._length

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._length}[whence]
        self._file.seek(self._start + self._at)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = self._length - self._at
        data = self._file.read(left if size is None or size < 0 else min(size, left))
        new = data[max(0, self._hashed - self._at) :] if self._at <= self._hashed else b""
        self._at += len(data)
        if new:
            self._hashed += len(new)
            self._digest.update(new)
            if self._also:
                self._also.update(new)
            try:
                self._on_bytes(len(new))
            except Exception as error:
                self.fault = error
                raise
        return data

    def finish(self) -> bytes:
        """The SHA-256 of the stretch; reads what nobody read."""
        self.seek(self._hashed)
        while self.read(BLOCK_BYTES):
            pass
        return self._digest.digest()


def _compare(answer: dict[str, Any], digest: bytes, what: str) -> None:
    told = answer.get("ChecksumSHA256")
    if told and base64.b64decode(told) != digest:
        raise OSError(errno.EIO, f"{what}: S3 stored other bytes than were read here")


def _all_of(jobs: list[Any]) -> None:
    """Waits for all, then raises the first fault: nothing goes on behind the caller's back."""
    faults = [fault for job in jobs if (fault := job.exception())]
    if faults:
        raise faults[0]


def _as_os_error(error: Exception, key: str) -> OSError:
    """404: FileNotFoundError, 412: FileExistsError, 409: BlockingIOError; whatever else the network or S3 says: OSError, tried again."""
    if isinstance(error, OSError):
        return error
    response = getattr(error, "response", None) or {}
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    code = response.get("Error", {}).get("Code", type(error).__name__)
    said = f"{key}: {code}: {' '.join(str(error).split())[:300]}"
    if code in ("NoSuchKey", "404") or (status == 404 and code not in ("NoSuchBucket", "NoSuchUpload")):
        return FileNotFoundError(errno.ENOENT, said)
    if status == 412:
        return FileExistsError(errno.EEXIST, said)
    if status == 409:
        return BlockingIOError(errno.EAGAIN, said)
    return OSError(errno.EIO, said)
