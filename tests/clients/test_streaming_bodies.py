"""aws-chunked bodies in every form, right and wrong."""

import random

import pytest

from harness.checksums import DIGESTS, checksum
from harness.errors import assert_refused
from harness.raw import SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_TRAILER, RawS3, object_path

KIB = 1024
CHUNKS = [random.Random(n).randbytes(size) for n, size in enumerate([64 * KIB, 64 * KIB, 12_345])]
BODY = b"".join(CHUNKS)
MODES = [SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_TRAILER]
TRAILER_MODES = [SIGNED_CHUNKS_TRAILER, UNSIGNED_TRAILER]


def trailer_for(mode: str, body: bytes = BODY, algorithm: str = "crc32") -> tuple[str, str] | None:
    return (f"x-amz-checksum-{algorithm}", checksum(algorithm, body)) if mode in TRAILER_MODES else None


@pytest.mark.parametrize("mode", MODES)
def test_a_chunked_body_arrives_whole(raw: RawS3, bucket: str, mode: str) -> None:
    answer = raw.put_chunked(bucket, "k", CHUNKS, mode, trailer_for(mode))
    assert answer.status == 200, answer
    got = raw.get(bucket, "k")
    assert got.body == BODY
    assert got.headers.get("content-encoding", "") == "", "aws-chunked is not part of the object's encoding"


@pytest.mark.parametrize("mode", MODES)
def test_an_empty_chunked_body_is_an_empty_object(raw: RawS3, bucket: str, mode: str) -> None:
    assert raw.put_chunked(bucket, "k", [], mode, trailer_for(mode, b"")).status == 200
    assert raw.get(bucket, "k").body == b""


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_trailing_checksum_is_kept(raw: RawS3, bucket: str, mode: str, algorithm: str) -> None:
    trailer = trailer_for(mode, algorithm=algorithm)
    assert trailer is not None
    assert raw.put_chunked(bucket, "k", CHUNKS, mode, trailer).status == 200
    shown = raw.request("HEAD", object_path(bucket, "k"), headers={"x-amz-checksum-mode": "ENABLED"})
    assert shown.headers[trailer[0]] == trailer[1]


@pytest.mark.parametrize("mode", TRAILER_MODES)
@pytest.mark.parametrize("algorithm", list(DIGESTS))
def test_a_wrong_trailing_checksum_is_refused(raw: RawS3, empty_afterwards: str, mode: str, algorithm: str) -> None:
    trailer = trailer_for(mode, BODY + b"!", algorithm)
    assert_refused(raw.put_chunked(empty_afterwards, "k", CHUNKS, mode, trailer), 400, "BadDigest")


@pytest.mark.parametrize("mode", [SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER])
@pytest.mark.parametrize("chunk", [0, 1, 3])
def test_a_chunk_with_a_wrong_signature_is_refused(raw: RawS3, empty_afterwards: str, mode: str, chunk: int) -> None:
    answer = raw.put_chunked(empty_afterwards, "k", CHUNKS, mode, trailer_for(mode), spoil_chunk=chunk)
    assert_refused(answer, 403, "SignatureDoesNotMatch")


def test_a_trailer_with_a_wrong_signature_is_refused(raw: RawS3, empty_afterwards: str) -> None:
    mode = SIGNED_CHUNKS_TRAILER
    answer = raw.put_chunked(empty_afterwards, "k", CHUNKS, mode, trailer_for(mode), spoil_trailer=True)
    assert_refused(answer, 403, "SignatureDoesNotMatch")


@pytest.mark.parametrize("mode", MODES)
def test_a_body_without_its_last_chunk_is_refused(raw: RawS3, empty_afterwards: str, mode: str) -> None:
    answer = raw.put_chunked(empty_afterwards, "k", CHUNKS, mode, trailer_for(mode), last_chunk=False)
    assert_refused(answer, 400, "IncompleteBody")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_wrong_decoded_length_is_refused(raw: RawS3, empty_afterwards: str, mode: str, difference: int) -> None:
    length = len(BODY) + difference
    answer = raw.put_chunked(empty_afterwards, "k", CHUNKS, mode, trailer_for(mode), decoded_length=length)
    assert_refused(answer, 400, "IncompleteBody")


def test_a_declared_trailer_must_come(raw: RawS3, empty_afterwards: str) -> None:
    path = object_path(empty_afterwards, "k")
    headers = {
        "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "1",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    answer = raw.request("PUT", path, headers=headers, body=b"1\r\nx\r\n0\r\n\r\n", payload=UNSIGNED_TRAILER)
    assert_refused(answer, 400, "MalformedTrailerError")


@pytest.mark.parametrize(
    "body", [b"zz\r\nx\r\n0\r\n\r\n", b"1\nx\n0\n\n", b"ffffffffffffffffff\r\n", b"1\r\nxy\r\n0\r\n\r\n"]
)
def test_malformed_chunks_are_refused(raw: RawS3, empty_afterwards: str, body: bytes) -> None:
    headers = {"content-encoding": "aws-chunked", "x-amz-decoded-content-length": "1"}
    path = object_path(empty_afterwards, "k")
    answer = raw.request("PUT", path, headers=headers, body=body, payload=UNSIGNED_TRAILER)
    assert_refused(answer, 400, "InvalidRequest", "IncompleteBody", "InvalidChunkSizeError")


def test_the_decoded_length_must_be_declared(raw: RawS3, empty_afterwards: str) -> None:
    headers = {"content-encoding": "aws-chunked"}
    path = object_path(empty_afterwards, "k")
    answer = raw.request("PUT", path, headers=headers, body=b"0\r\n\r\n", payload=UNSIGNED_TRAILER)
    assert_refused(answer, 411, "MissingContentLength")


def test_a_part_can_be_chunked_too(raw: RawS3, s3, bucket: str) -> None:
    other = {"content-encoding": "gzip"}
    assert raw.request("PUT", object_path(bucket, "z"), headers=other, body=b"x").status == 200
    assert raw.get(bucket, "z").headers["content-encoding"] == "gzip"
