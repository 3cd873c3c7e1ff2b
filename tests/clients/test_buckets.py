"""Buckets: made, seen, listed and removed."""

from typing import Any

import pytest

from harness.clients import boto3_client
from harness.errors import assert_refused, refused
from harness.raw import RawS3
from harness.site import Site


def test_a_new_bucket_is_seen_through_every_node(site: Site, bucket: str) -> None:
    for node in range(len(site.endpoints)):
        s3 = boto3_client(site, node)
        assert s3.head_bucket(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
        assert bucket in [row["Name"] for row in s3.list_buckets()["Buckets"]]


def test_the_list_of_buckets_names_owner_and_time(s3: Any, bucket: str) -> None:
    answer = s3.list_buckets()
    assert answer["Owner"]["ID"]
    names = [row["Name"] for row in answer["Buckets"]]
    assert names == sorted(names)
    assert all(row["CreationDate"].year >= 2024 for row in answer["Buckets"])


def test_the_location_of_a_bucket_is_the_region(s3: Any, site: Site, bucket: str) -> None:
    location = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
    assert location == (None if site.region == "us-east-1" else site.region)


def test_head_of_a_missing_bucket_is_404(s3: Any) -> None:
    with refused("404", 404):
        s3.head_bucket(Bucket="no-such-bucket-here")


def test_what_needs_a_bucket_says_that_there_is_none(s3: Any) -> None:
    missing = "no-such-bucket-here"
    for call in (
        lambda: s3.list_objects_v2(Bucket=missing),
        lambda: s3.list_objects(Bucket=missing),
        lambda: s3.put_object(Bucket=missing, Key="k", Body=b"x"),
        lambda: s3.get_object(Bucket=missing, Key="k"),
        lambda: s3.delete_object(Bucket=missing, Key="k"),
        lambda: s3.delete_bucket(Bucket=missing),
        lambda: s3.get_bucket_location(Bucket=missing),
        lambda: s3.create_multipart_upload(Bucket=missing, Key="k"),
        lambda: s3.list_multipart_uploads(Bucket=missing),
    ):
        with refused("NoSuchBucket", 404):
            call()


def test_a_bucket_with_objects_is_not_removed(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")
    s3.delete_bucket(Bucket=bucket)
    with refused("404", 404):
        s3.head_bucket(Bucket=bucket)


def test_a_removed_bucket_can_be_made_again_and_is_empty(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"x")
    s3.delete_object(Bucket=bucket, Key="old")
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_making_ones_own_bucket_again_changes_nothing(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    try:
        s3.create_bucket(Bucket=bucket)  # AWS says yes in its oldest region, and refuses elsewhere
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"


@pytest.mark.parametrize("name", ["ab", "Upper", "a..b", "-a-b", "a_b_c", "a" * 64, "192.168.1.1", "a.-b", "xn--abc"])
def test_an_invalid_name_is_refused(raw: RawS3, name: str) -> None:
    assert_refused(raw.request("PUT", f"/{name}"), 400, "InvalidBucketName")


def test_a_location_that_is_not_this_one_is_refused(raw: RawS3) -> None:
    body = (
        b"<CreateBucketConfiguration><LocationConstraint>mars-north-1</LocationConstraint></CreateBucketConfiguration>"
    )
    codes = ("InvalidLocationConstraint", "IllegalLocationConstraintException")
    assert_refused(raw.request("PUT", "/bucket-on-mars", body=body), 400, *codes)


def test_malformed_configuration_is_refused(raw: RawS3) -> None:
    assert_refused(raw.request("PUT", "/bucket-malformed", body=b"<Create"), 400, "MalformedXML")
