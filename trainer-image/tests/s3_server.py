"""An S3 of this process on loopback: moto. It keeps the rules of `If-None-Match` and stores checksums; a wrong checksum it does not
refuse, as S3 does, and it knows no credentials. What depends on either is tested against answers made by hand."""

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLES = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@contextmanager
def s3_server() -> Iterator[dict[str, str]]:
    """The environment in which boto3 finds it, set in this process as well."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    told = {**VARIABLES, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield told
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        server.stop()


def new_bucket() -> str:
    import boto3

    name = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=name)
    return name
