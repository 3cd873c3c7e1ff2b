"""Content-MD5 and the checksums: kept, shown, and never believed."""

import hashlib
from typing import Any

import pytest

from harness.checksums import DIGESTS, checksum, content_md5
from harness.errors import assert_refused
from harness.raw import RawS3, object_path

BODY = b"some bytes " * 3_000


@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_right_checksum_is_kept_and_shown(raw: RawS3, bucket: str, algorithm: str) -> None:
    name, value = f"x-amz-checksum-{algorithm}", checksum(algorithm, BODY)
    put = raw.request("PUT", object_path(bucket, "k"), headers={name: value}, body=BODY)
    assert put.status == 200 and put.headers[name] == value
    for method in ("GET", "HEAD"):
        shown = raw.request(method, object_path(bucket, "k"), headers={"x-amz-checksum-mode": "ENABLED"})
        assert shown.headers[name] == value and shown.headers["x-amz-checksum-type"] == "FULL_OBJECT"
        assert name not in raw.request(method, object_path(bucket, "k")).headers


@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_wrong_checksum_is_refused(raw: RawS3, empty_afterwards: str, algorithm: str) -> None:
    headers = {f"x-amz-checksum-{algorithm}": checksum(algorithm, BODY + b"!")}
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), headers=headers, body=BODY)
    assert_refused(answer, 400, "BadDigest")


@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_malformed_checksum_is_refused(raw: RawS3, empty_afterwards: str, algorithm: str) -> None:
    for value in ("abc", "", "AAAA", "!" * 8):
        headers = {f"x-amz-checksum-{algorithm}": value}
        answer = raw.request("PUT", object_path(empty_afterwards, "k"), headers=headers, body=BODY)
        assert_refused(answer, 400, "InvalidRequest")


def test_two_checksums_are_one_too_many(raw: RawS3, empty_afterwards: str) -> None:
    headers = {f"x-amz-checksum-{name}": checksum(name, BODY) for name in ("crc32", "sha256")}
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), headers=headers, body=BODY)
    assert_refused(answer, 400, "InvalidRequest")


def test_content_md5(raw: RawS3, empty_afterwards: str) -> None:
    path = object_path(empty_afterwards, "k")
    for value, code in (
        (content_md5(b"other"), "BadDigest"),
        ("not base64", "InvalidDigest"),
        ("AAAA", "InvalidDigest"),
    ):
        answer = raw.request("PUT", path, headers={"Content-MD5": value}, body=BODY)
        assert_refused(answer, 400, code)
    assert raw.request("PUT", path, headers={"Content-MD5": content_md5(BODY)}, body=BODY).status == 200
    assert raw.delete(empty_afterwards, "k").status == 204


def test_the_hash_of_a_signed_payload_is_checked(raw: RawS3, empty_afterwards: str) -> None:
    wrong = hashlib.sha256(b"other").hexdigest()
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), body=BODY, payload=wrong)
    assert_refused(answer, 400, "XAmzContentSHA256Mismatch")


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_boto3_sends_and_checks_checksums(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm=algorithm)
    field = f"Checksum{algorithm}"
    assert put[field] == checksum(algorithm.lower(), BODY)
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got[field] == put[field] and got["Body"].read() == BODY


@pytest.mark.parametrize("algorithm", ["crc32", "sha256"])
def test_parts_are_checked_too(raw: RawS3, s3: Any, bucket: str, algorithm: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm.upper())["UploadId"]
    query = [("partNumber", "1"), ("uploadId", upload)]
    headers = {f"x-amz-checksum-{algorithm}": checksum(algorithm, b"other")}
    answer = raw.request("PUT", object_path(bucket, "k"), query, headers, BODY)
    assert_refused(answer, 400, "BadDigest")
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)
    part = s3.upload_part(
        Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=BODY, ChecksumAlgorithm=algorithm.upper()
    )
    field = f"Checksum{algorithm.upper()}"
    row = {"PartNumber": 1, "ETag": part["ETag"], field: part[field]}
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": [row]})
    composite = checksum(algorithm, DIGESTS[algorithm](BODY)) + "-1"
    assert done[field] == composite
    assert s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")[field] == composite


@pytest.mark.parametrize("kind", [None, "crc32"])
def test_delete_many_needs_a_digest_that_is_right(raw: RawS3, s3: Any, bucket: str, kind: str | None) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    name = f"x-amz-checksum-{kind}" if kind else "Content-MD5"
    digest = (lambda data: checksum(kind, data)) if kind else content_md5
    answer = raw.request("POST", object_path(bucket), [("delete", "")], {name: digest(b"other")}, body)
    assert_refused(answer, 400, "BadDigest")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    assert raw.request("POST", object_path(bucket), [("delete", "")], {name: digest(body)}, body).status == 200
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
