"""Real clients, set up so that they hide nothing: no retries, short time-outs."""

from typing import Any

import boto3
from botocore.config import Config

from .site import Keys, Site

_TIMEOUT_S = 60


def boto3_client(
    site: Site, node: int = 0, keys: Keys | None = None, *, signature: str | None = "s3v4", **s3: Any
) -> Any:
    """A boto3 client of one node; other keyword arguments are its `s3` settings."""
    keys = keys or site.keys
    config = Config(
        signature_version=signature,
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=_TIMEOUT_S,
        s3={"addressing_style": "path", **s3},
    )
    return boto3.session.Session().client(
        "s3",
        endpoint_url=site.endpoints[node],
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        region_name=site.region,
        verify=site.ca_certificate,
        config=config,
    )
