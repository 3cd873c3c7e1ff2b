"""Ranged reads, against Python's own slices."""

import email
import random
from email.policy import HTTP
from typing import Any

import pytest

from harness.errors import assert_refused, refused
from harness.raw import RawS3, object_path

MIB = 1024 * 1024
SIZE = 5 * MIB + 123
BODY = random.Random(7).randbytes(SIZE)


@pytest.fixture
def stored(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    return bucket


def _some_ranges() -> list[tuple[int, int]]:
    chance = random.Random(3)
    borders = [0, 1, 65_535, 65_536, MIB - 1, MIB, MIB + 1, 4 * MIB, SIZE - 2, SIZE - 1]
    pairs = [(start, end) for start in borders for end in borders if start <= end]
    return chance.sample(pairs, 20) + [tuple(sorted(chance.choices(range(SIZE), k=2))) for _ in range(20)]


def test_any_range_gives_its_bytes(s3: Any, stored: str) -> None:
    for start, end in _some_ranges():
        answer = s3.get_object(Bucket=stored, Key="k", Range=f"bytes={start}-{end}")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert answer["ContentRange"] == f"bytes {start}-{end}/{SIZE}"
        assert answer["Body"].read() == BODY[start : end + 1], (start, end)


@pytest.mark.parametrize(
    "asked, start, end",
    [
        ("bytes=100-", 100, SIZE - 1),
        ("bytes=-100", SIZE - 100, SIZE - 1),
        (f"bytes=-{SIZE + 5}", 0, SIZE - 1),
        (f"bytes=10-{SIZE * 2}", 10, SIZE - 1),
    ],
)
def test_open_ranges(s3: Any, stored: str, asked: str, start: int, end: int) -> None:
    answer = s3.get_object(Bucket=stored, Key="k", Range=asked)
    assert answer["ContentRange"] == f"bytes {start}-{end}/{SIZE}"
    assert answer["Body"].read() == BODY[start : end + 1]


def test_head_knows_ranges(s3: Any, stored: str) -> None:
    answer = s3.head_object(Bucket=stored, Key="k", Range="bytes=5-9")
    assert answer["ContentLength"] == 5


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", f"bytes={SIZE}-{SIZE + 9}", "bytes=-0"])
def test_a_range_behind_the_end_is_416(raw: RawS3, stored: str, asked: str) -> None:
    answer = raw.request("GET", object_path(stored, "k"), headers={"Range": asked})
    assert_refused(answer, 416, "InvalidRange")


def test_a_range_of_an_empty_object_is_416(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    with refused("InvalidRange", 416):
        s3.get_object(Bucket=bucket, Key="empty", Range="bytes=0-0")


@pytest.mark.parametrize("asked", ["bytes=5-4", "bytes=x-y", "lines=1-2", "bytes"])
def test_what_is_no_range_is_ignored(raw: RawS3, stored: str, asked: str) -> None:
    answer = raw.request("GET", object_path(stored, "k"), headers={"Range": asked})
    assert answer.status == 200 and answer.body == BODY


def several(raw: RawS3, bucket: str, asked: str) -> list[tuple[str, bytes]]:
    """The parts of an answer to several ranges: what each is said to be, and its bytes."""
    answer = raw.request("GET", object_path(bucket, "k"), headers={"Range": asked})
    assert answer.status == 206, answer.body[:300]
    kind = answer.headers["content-type"]
    assert kind.startswith("multipart/byteranges; boundary=") and "content-range" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.body)
    message = email.message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + answer.body, policy=HTTP)
    assert not message.defects, message.defects
    parts = list(message.iter_parts())
    assert all(part.get_content_type() == "binary/octet-stream" for part in parts)
    return [(str(part["Content-Range"]), part.get_payload(decode=True)) for part in parts]


def assert_parts(found: list[tuple[str, bytes]], expected: list[tuple[int, int]]) -> None:
    assert [where for where, _ in found] == [f"bytes {start}-{last}/{SIZE}" for start, last in expected]
    for (_, data), (start, last) in zip(found, expected, strict=True):
        assert data == BODY[start : last + 1], (start, last)


@pytest.mark.parametrize(
    "asked, expected",
    [
        ("0-9,100-109", [(0, 9), (100, 109)]),
        ("100-109, 0-9", [(100, 109), (0, 9)]),
        ("0-99,50-149,50-149", [(0, 99), (50, 149), (50, 149)]),
        ("-7,0-0", [(SIZE - 7, SIZE - 1), (0, 0)]),
        (f"{MIB - 5}-{MIB + 5},{4 * MIB - 1}-{4 * MIB}", [(MIB - 5, MIB + 5), (4 * MIB - 1, 4 * MIB)]),
        (f"0-9,{SIZE}-,20-29", [(0, 9), (20, 29)]),
        (f"0-9,20-{SIZE * 9 // 10}", [(0, 9), (20, SIZE * 9 // 10)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_several_ranges_come_in_one_answer(
    raw: RawS3, stored: str, asked: str, expected: list[tuple[int, int]]
) -> None:
    assert_parts(several(raw, stored, f"bytes={asked}"), expected)


def test_a_hundred_ranges_come_in_one_answer(raw: RawS3, stored: str) -> None:
    chance = random.Random(5)
    starts = [chance.randrange(SIZE - 1000) for _ in range(100)]
    expected = [(start, start + chance.randrange(1000)) for start in starts]
    asked = ",".join(f"{start}-{last}" for start, last in expected)
    assert_parts(several(raw, stored, f"bytes={asked}"), expected)


def test_one_range_that_is_left_of_several_is_answered_plainly(raw: RawS3, stored: str) -> None:
    headers = {"Range": f"bytes={SIZE}-{SIZE + 5},10-19"}
    answer = raw.request("GET", object_path(stored, "k"), headers=headers)
    assert (answer.status, answer.headers["content-range"]) == (206, f"bytes 10-19/{SIZE}")
    assert answer.body == BODY[10:20]


def test_several_ranges_behind_the_end_are_416(raw: RawS3, stored: str) -> None:
    headers = {"Range": f"bytes={SIZE}-,{SIZE + 5}-{SIZE + 9}"}
    assert_refused(raw.request("GET", object_path(stored, "k"), headers=headers), 416, "InvalidRange")


@pytest.mark.parametrize(
    "asked",
    [",".join(["0-"] * 50), ",".join(["0-0"] * 1_025), "0-1,5-4", "0-1,x", "0-1;2-3"],
    ids=lambda asked: asked[:12],
)
def test_ranges_that_ask_for_too_much_or_are_none_are_ignored(raw: RawS3, stored: str, asked: str) -> None:
    answer = raw.request("GET", object_path(stored, "k"), headers={"Range": f"bytes={asked}"})
    assert answer.status == 200 and answer.body == BODY


def test_head_of_several_ranges_has_no_body(raw: RawS3, stored: str) -> None:
    answer = raw.request("HEAD", object_path(stored, "k"), headers={"Range": "bytes=0-9,100-109"})
    assert answer.status == 206 and answer.body == b""
    assert raw.request("HEAD", object_path(stored, "k")).status == 200


def test_a_range_is_answered_only_of_what_the_client_knows(raw: RawS3, s3: Any, stored: str) -> None:
    tag = s3.head_object(Bucket=stored, Key="k")["ETag"]
    path = object_path(stored, "k")
    assert raw.request("GET", path, headers={"Range": "bytes=0-9", "If-Match": tag}).body == BODY[:10]
    answer = raw.request("GET", path, headers={"Range": "bytes=0-9", "If-Match": '"other"'})
    assert_refused(answer, 412, "PreconditionFailed")
    assert raw.request("GET", path, headers={"Range": "bytes=0-9", "If-None-Match": tag}).status == 304
