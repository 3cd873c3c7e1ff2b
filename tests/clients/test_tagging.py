"""Tags of objects and of buckets."""

from typing import Any

import pytest

from harness.errors import assert_refused, refused
from harness.raw import RawS3, object_path


def tag_set(tags: dict[str, str]) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}


def tags_of(s3: Any, bucket: str, key: str, **names: str) -> dict[str, str]:
    answer = s3.get_object_tagging(Bucket=bucket, Key=key, **names)
    return {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}


@pytest.fixture
def stored(s3: Any, bucket: str) -> str:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    return bucket


def test_tags_are_set_read_and_taken_away(s3: Any, stored: str) -> None:
    before = s3.head_object(Bucket=stored, Key="k")
    assert tags_of(s3, stored, "k") == {}
    for tags in ({"a": "1", "b": ""}, {"ü +/=": "日 : @"}, {}):
        s3.put_object_tagging(Bucket=stored, Key="k", Tagging=tag_set(tags))
        assert tags_of(s3, stored, "k") == tags
        head = s3.head_object(Bucket=stored, Key="k")
        assert head.get("TagCount", 0) == len(tags)
        assert s3.get_object(Bucket=stored, Key="k").get("TagCount", 0) == len(tags)
    assert (head["ETag"], head["LastModified"]) == (before["ETag"], before["LastModified"])
    s3.put_object_tagging(Bucket=stored, Key="k", Tagging=tag_set({"a": "1"}))
    s3.delete_object_tagging(Bucket=stored, Key="k")
    assert tags_of(s3, stored, "k") == {}


def test_tags_come_with_an_object(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1&b=%C3%BC+x&c")
    assert tags_of(s3, bucket, "k") == {"a": "1", "b": "ü x", "c": ""}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert tags_of(s3, bucket, "k") == {}, "a new object has its own tags"
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", Tagging="a=1")["UploadId"]
    part = s3.upload_part(Bucket=bucket, Key="m", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=bucket, Key="m", UploadId=upload, MultipartUpload=parts)
    assert tags_of(s3, bucket, "m") == {"a": "1"}


def test_a_copy_takes_tags_along_unless_they_are_replaced(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="a=1")
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="same", CopySource=source)
    assert tags_of(s3, bucket, "same") == {"a": "1"}
    s3.copy_object(Bucket=bucket, Key="other", CopySource=source, TaggingDirective="REPLACE", Tagging="b=2")
    assert tags_of(s3, bucket, "other") == {"b": "2"}
    s3.copy_object(Bucket=bucket, Key="none", CopySource=source, TaggingDirective="REPLACE")
    assert tags_of(s3, bucket, "none") == {}
    with refused("InvalidArgument", 400):
        s3.copy_object(Bucket=bucket, Key="bad", CopySource=source, TaggingDirective="MOVE")


TOO_MUCH = [
    {f"k{n}": "v" for n in range(11)},
    {"k" * 129: "v"},
    {"k": "v" * 257},
    {"aws:k": "v"},
    {"k": "<&>"},
]


@pytest.mark.parametrize("tags", TOO_MUCH, ids=lambda value: str(value)[:20])
def test_what_are_no_tags_is_refused(s3: Any, stored: str, tags: dict[str, str]) -> None:
    s3.put_object_tagging(Bucket=stored, Key="k", Tagging=tag_set({"kept": "1"}))
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=stored, Key="k", Tagging=tag_set(tags))
    assert tags_of(s3, stored, "k") == {"kept": "1"}


def test_ten_tags_of_full_length_are_taken(s3: Any, stored: str) -> None:
    tags = {f"{n}" + "ü" * 127: "日" * 256 for n in range(10)}
    s3.put_object_tagging(Bucket=stored, Key="k", Tagging=tag_set(tags))
    assert tags_of(s3, stored, "k") == tags


def test_a_key_comes_once(raw: RawS3, s3: Any, stored: str) -> None:
    twice = {"TagSet": [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]}
    with refused("InvalidTag", 400):
        s3.put_object_tagging(Bucket=stored, Key="k", Tagging=twice)
    with refused("InvalidArgument", 400):
        s3.put_object(Bucket=stored, Key="new", Body=b"x", Tagging="a=1&a=2")
    for header in ("&".join(f"k{n}=v" for n in range(11)), "a=%zz", "aws:a=1"):
        answer = raw.request("PUT", object_path(stored, "new"), headers={"x-amz-tagging": header}, body=b"x")
        assert answer.status == 400, header
    assert s3.list_objects_v2(Bucket=stored)["KeyCount"] == 1


def test_what_is_not_there_has_no_tags(s3: Any, bucket: str) -> None:
    for call, more in (
        (s3.get_object_tagging, {}),
        (s3.delete_object_tagging, {}),
        (s3.put_object_tagging, {"Tagging": tag_set({"a": "1"})}),
    ):
        with refused("NoSuchKey", 404):
            call(Bucket=bucket, Key="none", **more)


def test_tags_of_a_bucket(s3: Any, bucket: str) -> None:
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
    tags = {f"k{n}": f"ü {n}" for n in range(50)}
    s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set(tags))
    told = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in told} == tags
    with refused("BadRequest", 400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging=tag_set({f"k{n}": "v" for n in range(51)}))
    s3.delete_bucket_tagging(Bucket=bucket)
    with refused("NoSuchTagSet", 404):
        s3.get_bucket_tagging(Bucket=bucket)
    s3.delete_bucket_tagging(Bucket=bucket)


@pytest.mark.parametrize(
    "body", [b"", b"<Tagging>", b"<Tagging/>", b"<Tags/>", b"<Tagging><TagSet><Tag/></TagSet></Tagging>"]
)
def test_what_is_no_document_of_tags_is_refused(raw: RawS3, stored: str, body: bytes) -> None:
    for path in (object_path(stored), object_path(stored, "k")):
        answer = raw.request("PUT", path, [("tagging", "")], body=body)
        assert_refused(answer, 400, "MalformedXML", "MissingRequestBodyError", "InvalidTag")
