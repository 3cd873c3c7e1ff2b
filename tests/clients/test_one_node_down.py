"""Every client through a site of three nodes of which one is dead: what they do each day
must still work, the first time it is tried."""

from collections.abc import Callable
from pathlib import Path

import pytest

from clients import (
    test_aws_s3api,
    test_boto3_transfers,
    test_davix,
    test_js_sdk,
    test_minio_python,
    test_rclone,
    test_restic,
    test_s3cmd,
    test_s3fs,
    test_s5cmd,
    test_uproot,
)
from harness.clients import boto3_client
from harness.site import Site

EXERCISES = {
    module.__name__.removeprefix("clients.test_"): module.exercise
    for module in (
        test_aws_s3api,
        test_boto3_transfers,
        test_davix,
        test_js_sdk,
        test_minio_python,
        test_rclone,
        test_restic,
        test_s3cmd,
        test_s3fs,
        test_s5cmd,
        test_uproot,
    )
}


@pytest.mark.parametrize("client", EXERCISES)
def test_everything_goes_on_without_a_node(crippled: Site, folder: Path, client: str) -> None:
    bucket = f"down-{client.replace('_', '-')}"
    boto3_client(crippled).create_bucket(Bucket=bucket)
    exercise: Callable[[Site, str, Path], None] = EXERCISES[client]
    exercise(crippled, bucket, folder)
