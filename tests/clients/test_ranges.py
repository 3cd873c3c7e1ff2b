"""Ranged reads, against Python's own slices."""

import random
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


def test_several_ranges_give_all_their_bytes(raw: RawS3, stored: str) -> None:
    answer = raw.request("GET", object_path(stored, "k"), headers={"Range": "bytes=0-9,100-109"})
    if answer.status == 200:  # AWS ignores several ranges
        assert answer.body == BODY
        return
    assert answer.status == 206
    assert answer.headers["content-type"].startswith("multipart/byteranges; boundary=")
    for start in (0, 100):
        assert BODY[start : start + 10] in answer.body
        assert f"bytes {start}-{start + 9}/{SIZE}".encode() in answer.body
