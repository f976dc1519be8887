"""How S3 is reached: whose credentials, which endpoint. boto3 is imported when a client is made: runs in folders do not need it.

The credentials are those of the environment (AWS_*, a profile, the machine's role), or come from a callable: the plane's, which hands out
an hour at a time, limited to this attempt. They are asked for again once half of that is over, so that a plane that is away for half an
hour is not noticed; while it is away longer, and those at hand are still good, they are used.
"""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypedDict

CONNECT_SECONDS, READ_SECONDS = 5, 60
ATTEMPTS = 3


class AwsCredentials(TypedDict):
    accessKeyId: str
    secretAccessKey: str
    sessionToken: str
    expiresAt: str
    """ISO 8601"""


Credentials = Callable[[], AwsCredentials]


def split_uri(uri: str) -> tuple[str, str]:
    """(bucket, prefix without slashes at its ends) of s3://bucket/prefix. Raises ValueError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"must be s3://bucket/prefix, got {uri!r}")
    return bucket, prefix.strip("/")


def make_client(credentials: Credentials | None) -> Any:
    """A client of S3 at AWS_ENDPOINT_URL, else at AWS. Raises OSError where boto3 is not installed."""
    try:
        import boto3
        from botocore.config import Config
    except ModuleNotFoundError as error:
        raise OSError(
            f"s3:// needs boto3, which is not installed: uv sync --frozen --project trainer-image --extra s3 ({error})"
        ) from error
    session = boto3.Session()
    if credentials:
        session._session._credentials = _refreshable(credentials)
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=16,
        # Of an endpoint of one's own the bucket is part of the path: there is no DNS for bucket.127.0.0.1.
        s3={"addressing_style": "path"} if has_own_endpoint() else {},
    )
    return session.client("s3", config=config, region_name=session.region_name or "us-east-1")


def transfer_config() -> Any:
    """How whole files are downloaded: at AWS by its own library (CRT) on the machines that boto3 knows it to be faster on, never at an
    endpoint of one's own, whose address CRT does not take (it asks DNS for the bucket)."""
    from boto3.s3.transfer import TransferConfig

    return TransferConfig(preferred_transfer_client="classic" if has_own_endpoint() else "auto")


def has_own_endpoint() -> bool:
    return any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))


def _refreshable(credentials: Credentials) -> Any:
    from botocore.credentials import RefreshableCredentials

    def refresh() -> dict[str, str]:
        given = credentials()
        return {
            "access_key": given["accessKeyId"],
            "secret_key": given["secretAccessKey"],
            "token": given["sessionToken"],
            "expiry_time": given["expiresAt"],
        }

    first = refresh()
    lifetime = (datetime.fromisoformat(first["expiry_time"]) - datetime.now(UTC)).total_seconds()
    return RefreshableCredentials.create_from_metadata(
        first, refresh_using=refresh, method="tuneplane", advisory_timeout=max(1, int(lifetime / 2)), mandatory_timeout=60
    )
