"""Listings, against a model in ten lines."""

import random
import urllib.parse
from typing import Any

import pytest

from harness.errors import refused
from harness.raw import RawS3, object_path

KEYS = sorted(
    [f"a/{n:02}" for n in range(12)]
    + [f"a/b/{n}" for n in range(5)]
    + ["a", "a/", "a b/c", "a+b/c", "b", "b//c", "b/c", "c/ü/1", "c/ü/2", "c/日/1", "d%2Fe", "z", "z/", "é"],
    key=lambda key: key.encode(),
)


@pytest.fixture(scope="module")
def filled(s3: Any) -> str:
    name = f"listing-{random.randrange(10**9)}"
    s3.create_bucket(Bucket=name)
    for key in KEYS:
        s3.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def model(prefix: str, delimiter: str, after: str) -> list[tuple[str, bool]]:
    """Keys and common prefixes in order; true for a prefix."""
    entries: list[tuple[str, bool]] = []
    for key in KEYS:
        if not key.startswith(prefix) or key.encode() <= after.encode():
            continue
        rest = key[len(prefix) :]
        entry = (key, False)
        if delimiter and delimiter in rest:
            entry = (prefix + rest[: rest.index(delimiter) + len(delimiter)], True)
            if entry[0].encode() <= after.encode():
                continue
        if entry not in entries:
            entries.append(entry)
    return entries


def entries_of(page: dict[str, Any]) -> list[tuple[str, bool]]:
    found = [(row["Key"], False) for row in page.get("Contents", [])]
    found += [(row["Prefix"], True) for row in page.get("CommonPrefixes", [])]
    return sorted(found, key=lambda entry: entry[0].encode())


def v2(s3: Any, bucket: str, prefix: str, delimiter: str, after: str, max_keys: int) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    more: dict[str, Any] = {"StartAfter": after} if after else {}
    for _ in range(len(KEYS) + 1):
        page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=max_keys, **more)
        here = entries_of(page)
        assert page["KeyCount"] == len(here) <= max_keys
        found += here
        if not page["IsTruncated"]:
            return found
        assert len(here) == max_keys
        more = {"ContinuationToken": page["NextContinuationToken"]}
    raise AssertionError("the listing never ends")


def v1(s3: Any, bucket: str, prefix: str, delimiter: str, after: str, max_keys: int) -> list[tuple[str, bool]]:
    found: list[tuple[str, bool]] = []
    marker = after
    for _ in range(len(KEYS) + 1):
        page = s3.list_objects(Bucket=bucket, Prefix=prefix, Delimiter=delimiter, MaxKeys=max_keys, Marker=marker)
        here = entries_of(page)
        found += here
        if not page["IsTruncated"]:
            return found
        assert len(here) == max_keys
        assert ("NextMarker" in page) == bool(delimiter), "NextMarker is there with a delimiter only"
        marker = page.get("NextMarker") or here[-1][0]
    raise AssertionError("the listing never ends")


@pytest.mark.parametrize("listing", [v1, v2])
def test_every_listing_is_that_of_the_model(s3: Any, filled: str, listing: Any) -> None:
    chance = random.Random(11)
    prefixes = ["", "a", "a/", "a/b", "b/", "c/", "c/ü/", "none", "a b"]
    for number in range(60):
        prefix = chance.choice(prefixes)
        delimiter = chance.choice(["", "/", "/", "b", "//"])
        after = chance.choice(["", "", *KEYS, "a/03x"]) if number % 3 else ""
        max_keys = chance.choice([1, 2, 3, 7, 1000])
        found = listing(s3, filled, prefix, delimiter, after, max_keys)
        assert found == model(prefix, delimiter, after), (prefix, delimiter, after, max_keys)


def test_rows_say_size_tag_and_time(s3: Any, filled: str) -> None:
    row = s3.list_objects_v2(Bucket=filled, Prefix="c/日")["Contents"][0]
    head = s3.head_object(Bucket=filled, Key="c/日/1")
    assert row["Size"] == len("c/日/1".encode()) and row["ETag"] == head["ETag"]
    assert row["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert row["StorageClass"] == "STANDARD"


def test_the_owner_is_named_where_asked_for(s3: Any, filled: str) -> None:
    assert "Owner" not in s3.list_objects_v2(Bucket=filled, MaxKeys=1)["Contents"][0]
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=1, FetchOwner=True)["Contents"][0]["Owner"]["ID"]
    assert s3.list_objects(Bucket=filled, MaxKeys=1)["Contents"][0]["Owner"]["ID"]


def test_no_keys_asked_for_is_an_empty_page(s3: Any, filled: str) -> None:
    page = s3.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert page["KeyCount"] == 0 and not page["IsTruncated"] and "Contents" not in page


def test_a_page_never_has_more_than_a_thousand(s3: Any, filled: str) -> None:
    assert s3.list_objects_v2(Bucket=filled, MaxKeys=5000)["MaxKeys"] in (1000, 5000)


def test_names_are_encoded_where_asked_for(raw: RawS3, filled: str) -> None:
    query = [("list-type", "2"), ("encoding-type", "url"), ("delimiter", "/"), ("prefix", "c/ü/")]
    body = raw.request("GET", object_path(filled), query).body.decode()
    assert "<EncodingType>url</EncodingType>" in body
    for name, value in (("Prefix", "c/ü/"), ("Key", "c/ü/1")):
        shown = body.partition(f"<{name}>")[2].partition(f"</{name}>")[0]
        assert shown != value and urllib.parse.unquote_plus(shown) == value


def test_wrong_parameters_are_refused(s3: Any, raw: RawS3, filled: str) -> None:
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=filled, MaxKeys=-1)
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=filled, ContinuationToken="made up")
    answer = raw.request("GET", object_path(filled), [("list-type", "2"), ("max-keys", "many")])
    assert (answer.status, answer.code) == (400, "InvalidArgument")
    answer = raw.request("GET", object_path(filled), [("list-type", "2"), ("encoding-type", "hex")])
    assert (answer.status, answer.code) == (400, "InvalidArgument")


def test_a_listing_does_not_depend_on_what_hides_under_a_prefix(s3: Any, bucket: str) -> None:
    for number in range(40):
        s3.put_object(Bucket=bucket, Key=f"many/{number:03}", Body=b"")
    s3.put_object(Bucket=bucket, Key="other/1", Body=b"")
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=1)
    assert entries_of(page) == [("many/", True)] and page["IsTruncated"]
    token = page["NextContinuationToken"]
    page = s3.list_objects_v2(Bucket=bucket, Delimiter="/", MaxKeys=1, ContinuationToken=token)
    assert entries_of(page) == [("other/", True)] and not page["IsTruncated"]
