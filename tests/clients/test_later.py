"""What is not served says so: a clear refusal, never a wrong success."""

from typing import Any

import pytest

from harness.errors import assert_refused
from harness.raw import RawS3, object_path

# Each with the methods that it has.
BUCKET_SETTINGS = {
    "abac": "GET PUT",
    "accelerate": "GET PUT",
    "analytics": "GET PUT DELETE",
    "intelligent-tiering": "GET PUT DELETE",
    "inventory": "GET PUT DELETE",
    "metadataConfiguration": "GET POST DELETE",
    "metadataTable": "GET POST DELETE",
    "metrics": "GET PUT DELETE",
    "replication": "GET PUT DELETE",
    "session": "GET",
}
REFUSED = [(name, method) for name, methods in BUCKET_SETTINGS.items() for method in methods.split()]
OBJECT_ACTIONS = [
    ("torrent", "GET"),
    ("restore", "POST"),
    ("select", "POST"),
    ("renameObject", "PUT"),
    ("encryption", "PUT"),
]
HEADERS = [
    ("x-amz-write-offset-bytes", "1"),
    ("x-amz-mfa", "serial 123456"),
    ("x-amz-server-side-encryption", "aws:kms"),
    ("x-amz-server-side-encryption", "aws:kms:dsse"),
]
LOGGING = (
    b"<BucketLoggingStatus><LoggingEnabled><TargetBucket>%s</TargetBucket>"
    b"<TargetPrefix>log/</TargetPrefix></LoggingEnabled></BucketLoggingStatus>"
)


@pytest.mark.parametrize("name, method", REFUSED)
def test_settings_that_are_not_served_are_refused(raw: RawS3, bucket: str, name: str, method: str) -> None:
    body = b"<X/>" if method in ("PUT", "POST") else b""
    for query in ([(name, "")], [(name, ""), ("id", "one")]):
        assert_refused(raw.request(method, object_path(bucket), query, body=body), 501, "NotImplemented")
    assert raw.request("HEAD", object_path(bucket)).status == 200


@pytest.mark.parametrize("name, method", OBJECT_ACTIONS)
def test_actions_that_are_not_served_are_refused(raw: RawS3, bucket: str, name: str, method: str) -> None:
    raw.put(bucket, "k", b"x")
    body = b"<X/>" if method != "GET" else b""
    answer = raw.request(method, object_path(bucket, "k"), [(name, "")], body=body)
    assert_refused(answer, 501, "NotImplemented")
    assert raw.get(bucket, "k").body == b"x"


def test_a_setting_that_nobody_knows_is_not_taken_for_none(raw: RawS3, bucket: str) -> None:
    raw.put(bucket, "k", b"x")
    for method in ("GET", "PUT", "DELETE"):
        for path in (object_path(bucket), object_path(bucket, "k")):
            answer = raw.request(method, path, [("someday", "")], body=b"<X/>" if method == "PUT" else b"")
            assert_refused(answer, 501, "NotImplemented")
    assert raw.get(bucket, "k").body == b"x"


def test_payment_by_the_requester_is_not_turned_on(s3: Any, raw: RawS3, bucket: str) -> None:
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "BucketOwner"})
    body = b"<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>"
    answer = raw.request("PUT", object_path(bucket), [("requestPayment", "")], body=body)
    assert_refused(answer, 501, "NotImplemented")
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"


def test_access_logs_are_not_promised(s3: Any, raw: RawS3, bucket: str) -> None:
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    answer = raw.request("PUT", object_path(bucket), [("logging", "")], body=LOGGING % bucket.encode())
    assert_refused(answer, 501, "NotImplemented")
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


@pytest.mark.parametrize("name, value", HEADERS)
def test_a_promise_that_cannot_be_kept_is_not_made(raw: RawS3, empty_afterwards: str, name: str, value: str) -> None:
    path = object_path(empty_afterwards, "k")
    answer = raw.request("PUT", path, headers={name: value}, body=b"x")
    assert_refused(answer, 501, "NotImplemented")


@pytest.mark.parametrize("value", ["GLACIER", "STANDARD_IA", "NONE", "standard"])
def test_a_class_of_storage_that_there_is_not_is_refused(raw: RawS3, empty_afterwards: str, value: str) -> None:
    path = object_path(empty_afterwards, "k")
    headers = {"x-amz-storage-class": value}
    assert_refused(raw.request("PUT", path, headers=headers, body=b"x"), 400, "InvalidStorageClass")
    assert_refused(raw.request("POST", path, [("uploads", "")], headers), 400, "InvalidStorageClass")
