"""Several users and the world, and what each of them may do."""

from collections.abc import Callable
from typing import Any

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from .clients import boto3_client
from .site import Keys, Site


def client_of(site: Site, user: dict[str, str], node: int = 0) -> Any:
    """A boto3 client of a user as `mucuractl` made it."""
    return boto3_client(site, node, Keys(user["access_key"], user["secret_key"]))


def nobody(site: Site) -> Any:
    """A boto3 client that signs nothing."""
    config = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
    return boto3.session.Session().client(
        "s3", endpoint_url=site.endpoints[0], region_name=site.region, verify=site.ca_certificate, config=config
    )


def may(call: Callable[..., Any], **names: Any) -> bool:
    """Whether a call is allowed; any failure but that it is not is one of the test."""
    try:
        call(**names)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        assert error.response["Error"]["Code"] in ("AccessDenied", "403"), error
        return False
    return True
