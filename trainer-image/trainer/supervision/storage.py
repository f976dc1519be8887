"""The run folder as the supervisor sees it: eight verbs. Here they are done on a file system, in s3_storage.py on S3; one suite tests both.

Keys are relative paths; every write is whole and durable, or did not happen. On a file system:

    put            temporary file, fsync, rename, fsync of the folder
    put_if_absent  the finished temporary file is linked to its name: link(2) has one winner
    store_tree     a folder moves in by rename (copied where it lies on another file system), then every file is fsynced and hashed
"""

import contextlib
import errno
import hashlib
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NotRequired, Protocol, TypedDict

BLOCK_BYTES = 4 << 20
NO_SPACE = (errno.ENOSPC, errno.EDQUOT)


class Parts(TypedDict):
    sizeBytes: int
    sha256: list[str]


class StoredFile(TypedDict):
    path: str
    sizeBytes: int
    sha256: str
    parts: NotRequired[Parts]
    """of a file that S3 keeps in parts: the size of each but the last, and their hashes in order"""


class Storage(Protocol):
    """Whatever fails raises OSError, and may be tried again: a second call goes on where the first stopped."""

    metered: bool
    """each request is paid for"""

    def get(self, key: str) -> bytes | None: ...
    def exists(self, key: str) -> bool: ...
    def keys(self, prefix: str) -> list[str]: ...
    def put(self, key: str, data: bytes) -> None: ...
    def put_if_absent(self, key: str, data: bytes) -> bool: ...
    def store_tree(self, source: Path, key: str, on_bytes: Callable[[int], None]) -> list[StoredFile]: ...
    def local_tree(self, key: str) -> Path: ...
    def remove_tree(self, key: str) -> None: ...


def is_no_space(error: OSError) -> bool:
    return error.errno in NO_SPACE


class FolderStorage:
    metered = False

    def __init__(self, root: Path) -> None:
        self.root = root

    def get(self, key: str) -> bytes | None:
        try:
            return (self.root / key).read_bytes()
        except FileNotFoundError:
            return None

    def exists(self, key: str) -> bool:
        return os.path.lexists(self.root / key)

    def keys(self, prefix: str) -> list[str]:
        """Keys of files in one folder that begin with `prefix`, sorted."""
        folder, _, start = prefix.rpartition("/")
        try:
            names = os.listdir(self.root / folder)
        except FileNotFoundError:
            return []
        return [f"{folder}/{name}" for name in sorted(names) if name.startswith(start) and not name.startswith(".")]

    def put(self, key: str, data: bytes) -> None:
        path = self.root / key
        temporary = self._write_temporary(path, data)
        os.rename(temporary, path)
        _sync_folder(path.parent)

    def put_if_absent(self, key: str, data: bytes) -> bool:
        """False, and nothing written, when the key is taken."""
        path = self.root / key
        if path.exists():
            return False
        temporary = self._write_temporary(path, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            os.unlink(temporary)
        _sync_folder(path.parent)
        return True

    def store_tree(self, source: Path, key: str, on_bytes: Callable[[int], None]) -> list[StoredFile]:
        """Moves the folder `source` to `key`, in place of what is there, and gives its files. Called again after an error it goes on."""
        target = self.root / key
        if source.exists():
            _make_folder(target.parent)
            replaced = target.with_name(f".{target.name}.replaced")
            shutil.rmtree(replaced, ignore_errors=True)
            with contextlib.suppress(FileNotFoundError):
                os.rename(target, replaced)
            _move_folder(source, target)
            shutil.rmtree(replaced, ignore_errors=True)
        files = _seal_tree(target, on_bytes)
        _sync_folder(target.parent)
        return files

    def local_tree(self, key: str) -> Path:
        """Where the files of a stored folder can be read."""
        return self.root / key

    def remove_tree(self, key: str) -> None:
        shutil.rmtree(self.root / key, ignore_errors=True)

    def _write_temporary(self, path: Path, data: bytes) -> Path:
        _make_folder(path.parent)
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_native_id()}.tmp")
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary


def tree_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in files_below(folder))


def _seal_tree(folder: Path, on_bytes: Callable[[int], None]) -> list[StoredFile]:
    """Makes every file below `folder` durable, and gives them by path with size and SHA-256. `on_bytes` may raise to break off."""
    files: list[StoredFile] = []
    for path in files_below(folder):
        files.append({**hash_file(path, on_bytes, sync=True), "path": path.relative_to(folder).as_posix()})
    for inner in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        _sync_folder(inner)
    return files


def hash_file(path: Path, on_bytes: Callable[[int], None], *, sync: bool) -> StoredFile:
    digest, size = hashlib.sha256(), 0
    with open(path, "rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size += len(block)
            on_bytes(len(block))
        if sync:
            os.fsync(file.fileno())
    return {"path": path.name, "sizeBytes": size, "sha256": digest.hexdigest()}


def hash_bytes(data: bytes) -> StoredFile:
    return {"path": "", "sizeBytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def files_below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _move_folder(source: Path, target: Path) -> None:
    try:
        os.rename(source, target)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        shutil.copytree(source, temporary)
    except OSError as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise _first_cause(error) from error
    os.rename(temporary, target)
    done = source.with_name(f".{source.name}.done")  # a half-removed source must never be taken for one to move again
    os.rename(source, done)
    shutil.rmtree(done, ignore_errors=True)


def _first_cause(error: OSError) -> OSError:
    """copytree collects texts and loses the numbers: a full disk must still be told as one."""
    return OSError(errno.ENOSPC, str(error)) if os.strerror(errno.ENOSPC) in str(error) else error


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        _sync_folder(folder.parent)
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
