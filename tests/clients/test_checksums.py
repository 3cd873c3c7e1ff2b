"""Content-MD5 and the checksums: kept, shown, and never believed."""

import base64
import functools
import hashlib
import random
from typing import Any

import pytest

from harness.checksums import DIGESTS, checksum, content_md5, crc_of_both
from harness.errors import assert_refused, refused
from harness.raw import SIGNED_CHUNKS_TRAILER, UNSIGNED_TRAILER, RawS3, object_path

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
        assert_refused(answer, 400, "BadDigest")


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


PART = 5 * 1024 * 1024


@pytest.mark.parametrize("mode", [SIGNED_CHUNKS_TRAILER, UNSIGNED_TRAILER], ids=["signed", "unsigned"])
@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_checksum_behind_the_body_is_checked_kept_and_shown(
    raw: RawS3, bucket: str, algorithm: str, mode: str
) -> None:
    name, value = f"x-amz-checksum-{algorithm}", checksum(algorithm, BODY)
    chunks = [BODY[:16_384], BODY[16_384:]]
    put = raw.put_chunked(bucket, "k", chunks, mode, (name, value))
    assert (put.status, put.headers[name]) == (200, value)
    shown = raw.request("HEAD", object_path(bucket, "k"), headers={"x-amz-checksum-mode": "ENABLED"})
    assert shown.headers[name] == value
    wrong = raw.put_chunked(bucket, "wrong", chunks, mode, (name, checksum(algorithm, b"other")))
    assert_refused(wrong, 400, "BadDigest")
    assert raw.get(bucket, "wrong").status == 404


@functools.cache
def checksum_once(algorithm: str, body: bytes) -> str:
    # The newer CRCs of a part take seconds in Python's own loops.
    return checksum(algorithm, body)


class Parts:
    """An upload of two parts with a checksum each."""

    def __init__(self, raw: RawS3, bucket: str, algorithm: str, kind: str):
        self.raw, self.path, self.name = raw, object_path(bucket, "k"), f"x-amz-checksum-{algorithm}"
        self.algorithm, self.kind = algorithm, kind
        self.bodies = [random.Random(12).randbytes(PART), b"the last one"]
        headers = {"x-amz-checksum-algorithm": algorithm.upper(), "x-amz-checksum-type": kind}
        begun = raw.request("POST", self.path, [("uploads", "")], headers)
        assert begun.status == 200, begun.body
        assert begun.headers["x-amz-checksum-algorithm"] == algorithm.upper()
        self.upload = begun.body.decode().partition("<UploadId>")[2].partition("<")[0]
        self.rows = "".join(self._put(number, body) for number, body in enumerate(self.bodies, 1))

    def _put(self, number: int, body: bytes) -> str:
        query = [("partNumber", str(number)), ("uploadId", self.upload)]
        value = checksum_once(self.algorithm, body)
        put = self.raw.request("PUT", self.path, query, {self.name: value}, body)
        assert (put.status, put.headers[self.name]) == (200, value)
        field = f"Checksum{self.algorithm.upper()}"
        row = f"<PartNumber>{number}</PartNumber><ETag>{put.headers['etag']}</ETag><{field}>{value}</{field}>"
        return f"<Part>{row}</Part>"

    def complete(self, expected: str | None = None) -> Any:
        headers = {"x-amz-checksum-type": self.kind} | ({self.name: expected} if expected else {})
        body = f"<CompleteMultipartUpload>{self.rows}</CompleteMultipartUpload>".encode()
        return self.raw.request("POST", self.path, [("uploadId", self.upload)], headers, body)

    def whole(self) -> str:
        if self.kind == "FULL_OBJECT":
            return crc_of_both(self.algorithm, checksum_once(self.algorithm, self.bodies[0]), self.bodies[1])
        digests = b"".join(base64.b64decode(checksum_once(self.algorithm, body)) for body in self.bodies)
        return f"{checksum(self.algorithm, digests)}-2"


@pytest.mark.parametrize(
    "algorithm, kind",
    [
        ("crc32", "COMPOSITE"),
        ("crc32c", "COMPOSITE"),
        ("sha1", "COMPOSITE"),
        ("sha256", "COMPOSITE"),
        ("crc32", "FULL_OBJECT"),
        ("crc32c", "FULL_OBJECT"),
        ("crc64nvme", "FULL_OBJECT"),
    ],
)
def test_the_checksum_of_parts_is_that_of_the_object(raw: RawS3, bucket: str, algorithm: str, kind: str) -> None:
    parts = Parts(raw, bucket, algorithm, kind)
    if kind == "FULL_OBJECT":
        assert_refused(parts.complete(checksum(algorithm, b"other")), 400, "BadDigest")
    done = parts.complete(parts.whole() if kind == "FULL_OBJECT" else None)
    field = f"Checksum{algorithm.upper()}"
    assert done.status == 200 and f"<{field}>{parts.whole()}</{field}>".encode() in done.body, done.body
    asked = {"x-amz-checksum-mode": "ENABLED"}
    for method in ("GET", "HEAD"):
        answer = raw.request(method, parts.path, headers=asked)
        assert (answer.headers[parts.name], answer.headers["x-amz-checksum-type"]) == (parts.whole(), kind)
    for number, body in enumerate(parts.bodies, 1):
        answer = raw.request("GET", parts.path, [("partNumber", str(number))], asked)
        assert answer.status == 206 and answer.body == body
        assert answer.headers["x-amz-mp-parts-count"] == "2"
        # A composite object keeps the checksums of its parts.
        if kind == "COMPOSITE":
            assert answer.headers[parts.name] == checksum_once(algorithm, body)


@pytest.mark.parametrize(
    "algorithm, kind", [("sha1", "FULL_OBJECT"), ("sha256", "FULL_OBJECT"), ("crc64nvme", "COMPOSITE")]
)
def test_not_every_algorithm_has_both_kinds(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    with refused("InvalidRequest", 400):
        s3.create_multipart_upload(
            Bucket=bucket, Key="k", ChecksumAlgorithm=algorithm.upper(), ChecksumType=kind
        )


@pytest.mark.parametrize("algorithm", ["crc32", "crc64nvme", "sha256"])
def test_a_copy_has_the_checksum_of_its_source_or_the_one_asked_for(s3: Any, bucket: str, algorithm: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="SHA1")
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    head = s3.head_object(Bucket=bucket, Key="same", ChecksumMode="ENABLED")
    assert head["ChecksumSHA1"] == checksum("sha1", BODY)
    copied = s3.copy_object(Bucket=bucket, Key="other", CopySource=source, ChecksumAlgorithm=algorithm.upper())
    field = f"Checksum{algorithm.upper()}"
    assert copied["CopyObjectResult"][field] == checksum(algorithm, BODY)
    head = s3.head_object(Bucket=bucket, Key="other", ChecksumMode="ENABLED")
    assert head[field] == checksum(algorithm, BODY) and "ChecksumSHA1" not in head


def test_listings_say_which_checksum_there_is(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY, ChecksumAlgorithm="SHA256")
    row = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert (row["ChecksumAlgorithm"], row["ChecksumType"]) == (["SHA256"], "FULL_OBJECT")
