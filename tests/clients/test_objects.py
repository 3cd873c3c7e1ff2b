"""Objects: what is put is what is got, with its headers and metadata."""

import datetime
import email.utils
import hashlib
import random
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.errors import refused
from harness.raw import RawS3, object_path
from harness.site import Site

KIB = 1024
MIB = 1024 * KIB
# Around every border: inline, one stripe, cells, chunks.
SIZES = [
    0,
    1,
    8 * KIB - 1,
    8 * KIB,
    8 * KIB + 1,
    64 * KIB + 1,
    MIB - 1,
    MIB,
    MIB + 1,
    3 * MIB + 17,
    9 * MIB,
    65 * MIB + 3,
]
AWKWARD = [
    "a b",
    "a+b",
    "a%41b",
    "a%2Fb",
    "ü",
    "日本/語",
    "a//b",
    "/lead",
    "tail/",
    "quote'\"<>&",
    "💾",
    "*?:|",
    "a\tb",
    "~-_.!()",
    "a=b&c=d",
    "#frag",
    "?query",
    "a\\b",
    "é",
    "e\u0301",
    "x" * 1024,
    "ü" * 512,
]


@pytest.mark.parametrize("size", SIZES)
def test_bytes_come_back_through_every_node(site: Site, s3: Any, bucket: str, size: int) -> None:
    body = random.Random(size).randbytes(size)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body)
    etag = f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ETag"] == etag
    for node in range(len(site.endpoints)):
        got = boto3_client(site, node).get_object(Bucket=bucket, Key="k")
        assert got["Body"].read() == body
        assert (got["ContentLength"], got["ETag"], got["AcceptRanges"]) == (size, etag, "bytes")


@pytest.mark.parametrize("key", AWKWARD)
def test_awkward_keys_are_kept_as_they_are(s3: Any, bucket: str, key: str) -> None:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}]})
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["copy"]


@pytest.mark.parametrize("key", ["a/../b", "./a", "a/./b", "..", "."])
def test_dots_in_keys_mean_nothing(raw: RawS3, bucket: str, key: str) -> None:
    assert raw.put(bucket, key, b"x").status == 200
    assert raw.get(bucket, key).body == b"x"
    assert raw.get(bucket, "b").status == 404


def test_metadata_and_standard_headers_come_back(s3: Any, bucket: str) -> None:
    expires = datetime.datetime(2031, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc)
    headers: dict[str, Any] = {
        "ContentType": "text/x-test; charset=utf-8",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "ContentEncoding": "gzip",
        "ContentLanguage": "fr",
        "CacheControl": "max-age=60",
        "Metadata": {"alpha": "1", "with-dash": "two words"},
    }
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Expires=expires, **headers)
    for answer in (s3.head_object(Bucket=bucket, Key="k"), s3.get_object(Bucket=bucket, Key="k")):
        assert {name: answer[name] for name in headers} == headers
        assert answer["ExpiresString"] == "Mon, 03 Feb 2031 04:05:06 GMT"
        age = datetime.datetime.now(datetime.timezone.utc) - answer["LastModified"]
        assert abs(age.total_seconds()) < 60


def test_the_default_type_is_that_of_s3(raw: RawS3, bucket: str) -> None:
    raw.put(bucket, "k", b"x")
    assert raw.get(bucket, "k").headers["content-type"] == "binary/octet-stream"


def test_answers_can_be_overridden_by_query(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = s3.get_object(
        Bucket=bucket,
        Key="k",
        ResponseContentType="text/plain",
        ResponseContentDisposition="inline",
        ResponseCacheControl="no-cache",
        ResponseContentLanguage="de",
        ResponseContentEncoding="br",
    )
    assert answer["ContentType"] == "text/plain" and answer["ContentDisposition"] == "inline"
    assert answer["CacheControl"] == "no-cache" and answer["ContentLanguage"] == "de"
    assert answer["ContentEncoding"] == "br"


def test_a_put_replaces_bytes_and_metadata(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"old" * 100_000, Metadata={"a": "1"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"new")
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == b"new" and answer["Metadata"] == {}


def test_a_deleted_object_is_gone_at_once_through_every_node(site: Site, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.delete_object(Bucket=bucket, Key="k")["ResponseMetadata"]["HTTPStatusCode"] == 204
    for node in range(len(site.endpoints)):
        other = boto3_client(site, node)
        with refused("NoSuchKey", 404):
            other.get_object(Bucket=bucket, Key="k")
        with refused("404", 404):
            other.head_object(Bucket=bucket, Key="k")
        assert other.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_deleting_what_is_not_there_succeeds(s3: Any, bucket: str) -> None:
    assert s3.delete_object(Bucket=bucket, Key="none")["ResponseMetadata"]["HTTPStatusCode"] == 204


def test_many_are_deleted_with_one_request(s3: Any, bucket: str) -> None:
    for number in range(12):
        s3.put_object(Bucket=bucket, Key=f"k{number}", Body=b"x")
    keys = [f"k{number}" for number in range(10)] + ["never-there"]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in keys]})
    assert sorted(row["Key"] for row in answer["Deleted"]) == sorted(keys)
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k10", "k11"]
    quiet = {"Objects": [{"Key": "k10"}], "Quiet": True}
    assert "Deleted" not in s3.delete_objects(Bucket=bucket, Delete=quiet)


def test_every_answer_has_a_request_id_of_its_own(raw: RawS3, bucket: str) -> None:
    ids = {raw.request("HEAD", object_path(bucket)).headers["x-amz-request-id"] for _ in range(5)}
    assert len(ids) == 5


def test_every_answer_says_who_gave_it_and_no_more(raw: RawS3, bucket: str) -> None:
    put = raw.put(bucket, "k", b"x")
    answers = [put, raw.get(bucket, "k"), raw.get(bucket, "none"), raw.delete(bucket, "k")]
    answers += [raw.request("PATCH", object_path(bucket, "k")), raw.send("GET", "/", {"Host": raw.host})]
    assert [answer.status for answer in answers] == [200, 200, 404, 204, 405, 403]
    for answer in answers:
        assert answer.headers["server"] == "Mucura"
        assert answer.headers["x-amz-request-id"] and answer.headers["x-amz-id-2"]
        assert email.utils.parsedate_to_datetime(answer.headers["date"])


def test_head_of_a_missing_key_has_no_body(raw: RawS3, bucket: str) -> None:
    answer = raw.request("HEAD", object_path(bucket, "none"))
    assert (answer.status, answer.body) == (404, b"")


def test_a_folder_marker_is_an_empty_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="folder/")
    assert s3.get_object(Bucket=bucket, Key="folder/")["Body"].read() == b""


def test_a_bucket_can_be_named_by_the_host(site: Site, s3: Any, raw: RawS3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a/b c", Body=b"virtual")
    port = raw.host.rsplit(":", 1)[1]
    answer = raw.request("GET", "/a/b%20c", host=f"{bucket}.localhost:{port}")
    assert (answer.status, answer.body) == (200, b"virtual"), answer
    listed = raw.request("GET", "/", [("list-type", "2")], host=f"{bucket}.localhost:{port}")
    assert listed.status == 200 and b"<Key>a/b c</Key>" in listed.body
