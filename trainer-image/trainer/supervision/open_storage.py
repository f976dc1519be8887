"""Which storage a location means."""

from pathlib import Path

from trainer.supervision.s3_credentials import Credentials
from trainer.supervision.storage import FolderStorage, Storage


def open_storage(location: str, scratch: Path, credentials: Credentials | None = None) -> Storage:
    """`location`: an absolute path, or s3://bucket/prefix, whose downloads go to `scratch`. Raises OSError where boto3 is not installed."""
    if not location.startswith("s3://"):
        return FolderStorage(Path(location))
    from trainer.supervision.s3_storage import S3Storage

    return S3Storage(location, scratch, credentials)
