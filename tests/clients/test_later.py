"""What comes later says so: 501, never a wrong success."""

from typing import Any

import pytest

from harness.errors import assert_refused
from harness.raw import RawS3, object_path

BUCKET_READS = [
    "acl",
    "policy",
    "tagging",
    "versioning",
    "versions",
    "cors",
    "lifecycle",
    "website",
    "logging",
    "notification",
    "encryption",
    "object-lock",
    "replication",
    "ownershipControls",
    "publicAccessBlock",
    "policyStatus",
    "requestPayment",
    "accelerate",
    "inventory",
    "analytics",
    "metrics",
    "intelligent-tiering",
]
BUCKET_WRITES = [
    "acl",
    "policy",
    "tagging",
    "versioning",
    "cors",
    "lifecycle",
    "website",
    "logging",
    "notification",
    "encryption",
    "object-lock",
    "replication",
    "ownershipControls",
    "publicAccessBlock",
]
OBJECT_READS = ["acl", "tagging", "retention", "legal-hold", "torrent", "attributes"]
HEADERS = [
    ("x-amz-acl", "public-read"),
    ("x-amz-grant-read", 'id="x"'),
    ("x-amz-tagging", "a=b"),
    ("x-amz-server-side-encryption", "AES256"),
    ("x-amz-server-side-encryption-customer-algorithm", "AES256"),
    ("x-amz-object-lock-mode", "COMPLIANCE"),
    ("x-amz-object-lock-legal-hold", "ON"),
    ("x-amz-website-redirect-location", "/x"),
]


@pytest.mark.parametrize("name", BUCKET_READS)
def test_bucket_settings_are_not_read(raw: RawS3, bucket: str, name: str) -> None:
    assert_refused(raw.request("GET", object_path(bucket), [(name, "")]), 501, "NotImplemented")


@pytest.mark.parametrize("name", BUCKET_WRITES)
def test_bucket_settings_are_not_written(raw: RawS3, bucket: str, name: str) -> None:
    answer = raw.request("PUT", object_path(bucket), [(name, "")], body=b"<X/>")
    assert_refused(answer, 501, "NotImplemented")


@pytest.mark.parametrize("name", ["policy", "tagging", "cors", "lifecycle", "website", "encryption"])
def test_deleting_a_setting_does_not_delete_the_bucket(raw: RawS3, bucket: str, name: str) -> None:
    assert_refused(raw.request("DELETE", object_path(bucket), [(name, "")]), 501, "NotImplemented")
    assert raw.request("HEAD", object_path(bucket)).status == 200


@pytest.mark.parametrize("name", OBJECT_READS)
def test_object_settings_are_not_read(raw: RawS3, s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert_refused(raw.request("GET", object_path(bucket, "k"), [(name, "")]), 501, "NotImplemented")


@pytest.mark.parametrize("name", ["acl", "tagging", "retention", "legal-hold"])
def test_object_settings_are_not_taken_for_objects(raw: RawS3, s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = raw.request("PUT", object_path(bucket, "k"), [(name, "")], body=b"<X/>")
    assert_refused(answer, 501, "NotImplemented")
    assert raw.get(bucket, "k").body == b"x"


@pytest.mark.parametrize("name", ["restore", "select"])
def test_object_actions_are_not_there(raw: RawS3, s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = raw.request("POST", object_path(bucket, "k"), [(name, "")], body=b"<X/>")
    assert_refused(answer, 501, "NotImplemented")


def test_deleting_tags_does_not_delete_the_object(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert_refused(raw.request("DELETE", object_path(bucket, "k"), [("tagging", "")]), 501, "NotImplemented")
    assert raw.get(bucket, "k").body == b"x"


@pytest.mark.parametrize("name, value", HEADERS)
def test_a_promise_that_cannot_be_kept_is_not_made(raw: RawS3, empty_afterwards: str, name: str, value: str) -> None:
    path = object_path(empty_afterwards, "k")
    assert_refused(raw.request("PUT", path, headers={name: value}, body=b"x"), 501, "NotImplemented")
    assert_refused(raw.request("POST", path, [("uploads", "")], {name: value}), 501, "NotImplemented")


def test_the_acl_that_there_is_may_be_asked_for(raw: RawS3, bucket: str) -> None:
    headers = {"x-amz-acl": "private"}
    assert raw.request("PUT", object_path(bucket, "k"), headers=headers, body=b"x").status == 200
