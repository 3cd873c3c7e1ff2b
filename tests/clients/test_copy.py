"""Copies on the server's side."""

import datetime
import random
from typing import Any

import pytest

from harness.errors import refused
from harness.raw import RawS3, object_path

MIB = 1024 * 1024


@pytest.fixture
def source(s3: Any, bucket: str) -> dict[str, str]:
    s3.put_object(
        Bucket=bucket, Key="source", Body=b"bytes", ContentType="text/x", CacheControl="no-store", Metadata={"a": "1"}
    )
    return {"Bucket": bucket, "Key": "source"}


@pytest.mark.parametrize("size", [0, 100, 2 * MIB + 5, 70 * MIB])
def test_a_copy_has_the_same_bytes(s3: Any, bucket: str, size: int) -> None:
    body = random.Random(size).randbytes(size)
    tag = s3.put_object(Bucket=bucket, Key="a", Body=body)["ETag"]
    copied = s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "a"})
    assert copied["CopyObjectResult"]["ETag"] == tag
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="b")["Body"].read() == body


def test_metadata_comes_along_unless_it_is_replaced(s3: Any, bucket: str, source: dict[str, str]) -> None:
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="same")
    assert (head["ContentType"], head["CacheControl"], head["Metadata"]) == ("text/x", "no-store", {"a": "1"})
    s3.copy_object(
        Bucket=bucket,
        Key="other",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"b": "2"},
        ContentType="text/y",
    )
    head = s3.head_object(Bucket=bucket, Key="other")
    assert (head["ContentType"], head.get("CacheControl"), head["Metadata"]) == ("text/y", None, {"b": "2"})


def test_a_copy_onto_itself_must_change_something(s3: Any, bucket: str, source: dict[str, str]) -> None:
    with refused("InvalidRequest", 400):
        s3.copy_object(Bucket=bucket, Key="source", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="source", CopySource=source, MetadataDirective="REPLACE", Metadata={"new": "1"})
    answer = s3.get_object(Bucket=bucket, Key="source")
    assert answer["Body"].read() == b"bytes" and answer["Metadata"] == {"new": "1"}


def test_conditions_on_the_source(s3: Any, bucket: str, source: dict[str, str]) -> None:
    tag = s3.head_object(**source)["ETag"]
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.timezone.utc)
    good: list[dict[str, Any]] = [
        {"CopySourceIfMatch": tag},
        {"CopySourceIfNoneMatch": '"x"'},
        {"CopySourceIfModifiedSince": now - day},
        {"CopySourceIfUnmodifiedSince": now + day},
    ]
    bad: list[dict[str, Any]] = [
        {"CopySourceIfMatch": '"x"'},
        {"CopySourceIfNoneMatch": tag},
        {"CopySourceIfUnmodifiedSince": now - day},
    ]
    for condition in good:
        s3.copy_object(Bucket=bucket, Key="b", CopySource=source, **condition)
    for condition in bad:
        with refused("PreconditionFailed", 412):
            s3.copy_object(Bucket=bucket, Key="c", CopySource=source, **condition)
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="c")


def test_a_source_that_is_not_there(s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": bucket, "Key": "none"})
    with refused("NoSuchBucket", 404):
        s3.copy_object(Bucket=bucket, Key="b", CopySource={"Bucket": "no-such-bucket-here", "Key": "k"})


@pytest.mark.parametrize("value", ["", "/", "nobucketonly", "%zz/k"])
def test_a_malformed_source_is_refused(raw: RawS3, bucket: str, value: str) -> None:
    answer = raw.request("PUT", object_path(bucket, "b"), headers={"x-amz-copy-source": value})
    assert answer.status in (400, 404) and answer.code in ("InvalidArgument", "NoSuchBucket", "InvalidRequest")
