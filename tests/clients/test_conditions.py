"""Conditional requests: decided on what is really there."""

import concurrent.futures
import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.errors import refused
from harness.raw import RawS3, object_path
from harness.site import Site

DAY = datetime.timedelta(days=1)


@pytest.fixture
def etag(s3: Any, bucket: str) -> str:
    return str(s3.put_object(Bucket=bucket, Key="k", Body=b"first")["ETag"])


def test_reads_with_if_match(s3: Any, bucket: str, etag: str) -> None:
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"first"
    assert s3.head_object(Bucket=bucket, Key="k", IfMatch="*")["ETag"] == etag
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"other"')
    with refused("412", 412):
        s3.head_object(Bucket=bucket, Key="k", IfMatch='"other"')


def test_reads_with_if_none_match(raw: RawS3, bucket: str, etag: str) -> None:
    path = object_path(bucket, "k")
    for value in (etag, "*", f'"x", {etag}', f"W/{etag}"):
        for method in ("GET", "HEAD"):
            answer = raw.request(method, path, headers={"If-None-Match": value})
            assert (answer.status, answer.body, answer.headers.get("etag")) == (304, b"", etag), value
    assert raw.request("GET", path, headers={"If-None-Match": '"other"'}).status == 200


def test_reads_with_dates(s3: Any, bucket: str, etag: str) -> None:
    now = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=now - DAY)["ETag"] == etag
    assert s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=now + DAY)["ETag"] == etag
    assert s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=now)["ETag"] == etag
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfModifiedSince=now)
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=bucket, Key="k", IfUnmodifiedSince=now - DAY)


def test_tags_count_more_than_dates(s3: Any, bucket: str, etag: str) -> None:
    now = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag, IfUnmodifiedSince=now - DAY)["ETag"] == etag
    with refused("304", 304):
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag, IfModifiedSince=now - DAY)


def test_put_only_if_there_is_none(s3: Any, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")
    s3.delete_object(Bucket=bucket, Key="new")
    s3.put_object(Bucket=bucket, Key="new", Body=b"x", IfNoneMatch="*")


def test_put_only_if_it_is_that_one(s3: Any, bucket: str, etag: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfMatch=etag)
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"third", IfMatch=etag)
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=bucket, Key="none", Body=b"x", IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


def test_put_only_if_it_is_not_that_one(s3: Any, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    s3.put_object(Bucket=bucket, Key="k", Body=b"second", IfNoneMatch='"other"')
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second"


@pytest.mark.parametrize("size", [10, 300_000])
def test_exactly_one_of_many_conditional_writers_wins(site: Site, bucket: str, size: int) -> None:
    def attempt(number: int) -> bool:
        client = boto3_client(site, number % len(site.endpoints))
        body = bytes([number]) * size
        try:
            client.put_object(Bucket=bucket, Key=f"race-{size}", Body=body, IfNoneMatch="*")
        except ClientError as error:
            # AWS may answer 409 while another writer is at work.
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    stored = boto3_client(site).get_object(Bucket=bucket, Key=f"race-{size}")["Body"].read()
    assert stored == bytes([won.index(True)]) * size


def test_complete_of_an_upload_only_if_there_is_none(s3: Any, bucket: str, etag: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload=parts, IfNoneMatch="*")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"


def test_a_copy_only_if_the_source_is_as_expected(s3: Any, bucket: str, etag: str) -> None:
    source = {"Bucket": bucket, "Key": "k"}
    now = s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    for how in (
        {"CopySourceIfMatch": etag},
        {"CopySourceIfNoneMatch": '"other"'},
        {"CopySourceIfModifiedSince": now - DAY},
        {"CopySourceIfUnmodifiedSince": now + DAY},
        {"CopySourceIfMatch": etag, "CopySourceIfUnmodifiedSince": now - DAY},
    ):
        s3.copy_object(Bucket=bucket, Key="c", CopySource=source, **how)
        s3.delete_object(Bucket=bucket, Key="c")
    for how in (
        {"CopySourceIfMatch": '"other"'},
        {"CopySourceIfNoneMatch": etag},
        {"CopySourceIfModifiedSince": now},
        {"CopySourceIfUnmodifiedSince": now - DAY},
        {"CopySourceIfNoneMatch": etag, "CopySourceIfModifiedSince": now - DAY},
    ):
        with refused("PreconditionFailed", 412):
            s3.copy_object(Bucket=bucket, Key="c", CopySource=source, **how)
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


def test_a_copy_only_if_the_destination_is_as_expected(s3: Any, bucket: str, etag: str) -> None:
    other = s3.put_object(Bucket=bucket, Key="d", Body=b"destination")["ETag"]
    copy = {"Bucket": bucket, "Key": "d", "CopySource": {"Bucket": bucket, "Key": "k"}}
    with refused("PreconditionFailed", 412):
        s3.copy_object(**copy, IfNoneMatch="*")
    with refused("PreconditionFailed", 412):
        s3.copy_object(**copy, IfMatch=etag)
    s3.copy_object(**copy, IfMatch=other)
    assert s3.get_object(Bucket=bucket, Key="d")["Body"].read() == b"first"
    s3.copy_object(**{**copy, "Key": "new"}, IfNoneMatch="*")


def test_a_part_only_if_the_source_is_as_expected(s3: Any, bucket: str, etag: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="u")["UploadId"]
    part = {"Bucket": bucket, "Key": "u", "UploadId": upload, "PartNumber": 1}
    source = {"Bucket": bucket, "Key": "k"}
    for how in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}):
        with refused("PreconditionFailed", 412):
            s3.upload_part_copy(**part, CopySource=source, **how)
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="u", UploadId=upload)
    s3.upload_part_copy(**part, CopySource=source, CopySourceIfMatch=etag)


def test_complete_of_an_upload_only_if_it_is_that_one(s3: Any, bucket: str, etag: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    of = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**of, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    with refused("PreconditionFailed", 412):
        s3.complete_multipart_upload(**of, MultipartUpload=parts, IfMatch='"other"')
    # The upload is still there, and can be completed.
    s3.complete_multipart_upload(**of, MultipartUpload=parts, IfMatch=etag)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


def test_deletion_only_if_it_is_that_one(s3: Any, bucket: str, etag: str) -> None:
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=bucket, Key="k", IfMatch='"other"')
    many = {"Objects": [{"Key": "k", "ETag": '"other"'}]}
    answer = s3.delete_objects(Bucket=bucket, Delete=many)
    assert [row["Code"] for row in answer["Errors"]] == ["PreconditionFailed"], answer
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_exactly_one_of_many_who_replace_the_same_wins(site: Site, s3: Any, bucket: str, etag: str) -> None:
    def attempt(number: int) -> bool:
        client = boto3_client(site, number % len(site.endpoints))
        try:
            client.put_object(Bucket=bucket, Key="k", Body=bytes([number]), IfMatch=etag)
        except ClientError as error:
            assert error.response["Error"]["Code"] in ("PreconditionFailed", "ConditionalRequestConflict")
            return False
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = list(pool.map(attempt, range(8)))
    assert won.count(True) == 1
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == bytes([won.index(True)])
