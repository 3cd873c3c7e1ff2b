"""What is told of an object without its bytes, and heads that a request may ask for."""

import random
from typing import Any

import pytest
import requests

from harness.checksums import checksum
from harness.errors import assert_refused, refused
from harness.raw import RawS3, object_path

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
PART = 5 * 1024 * 1024


def told(s3: Any, bucket: str, *names: str, **more: Any) -> dict[str, Any]:
    answer = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=list(names), **more)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_attributes_of_a_simple_object(s3: Any, bucket: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"bytes", ChecksumAlgorithm="SHA256")
    answer = told(s3, bucket, *ALL)
    assert answer.pop("LastModified") == s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    assert answer == {
        "ETag": put["ETag"].strip('"'),
        "Checksum": {"ChecksumSHA256": checksum("sha256", b"bytes"), "ChecksumType": "FULL_OBJECT"},
        "StorageClass": "STANDARD",
        "ObjectSize": 5,
    }


@pytest.mark.parametrize("name", ALL)
def test_only_what_was_asked_for_is_told(s3: Any, bucket: str, name: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"bytes", ChecksumAlgorithm="CRC32")
    assert set(told(s3, bucket, name)) - {"LastModified"} == ({name} - {"ObjectParts"})


def test_attributes_of_parts(s3: Any, bucket: str) -> None:
    chance = random.Random(9)
    bodies = [chance.randbytes(PART), chance.randbytes(PART), b"last"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="SHA1")["UploadId"]
    rows = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(
            Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA1"
        )
        rows.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumSHA1": part["ChecksumSHA1"]})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={"Parts": rows})
    answer = told(s3, bucket, *ALL)
    assert (answer["ETag"], answer["ObjectSize"]) == (done["ETag"].strip('"'), 2 * PART + 4)
    assert answer["Checksum"] == {"ChecksumSHA1": done["ChecksumSHA1"], "ChecksumType": "COMPOSITE"}
    parts = answer["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"]) == (3, False)
    expected = [
        {"PartNumber": n, "Size": len(body), "ChecksumSHA1": checksum("sha1", body)}
        for n, body in enumerate(bodies, 1)
    ]
    assert parts["Parts"] == expected
    first = told(s3, bucket, "ObjectParts", MaxParts=2)["ObjectParts"]
    assert (first["Parts"], first["IsTruncated"], first["NextPartNumberMarker"]) == (expected[:2], True, 2)
    rest = told(s3, bucket, "ObjectParts", MaxParts=2, PartNumberMarker=2)["ObjectParts"]
    assert (rest["Parts"], rest["IsTruncated"]) == (expected[2:], False)


def test_what_is_asked_for_must_be_there(raw: RawS3, s3: Any, bucket: str) -> None:
    with refused("NoSuchKey", 404):
        told(s3, bucket, "ETag")
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for headers in ({}, {"x-amz-object-attributes": ""}, {"x-amz-object-attributes": "Colour"}):
        answer = raw.request("GET", object_path(bucket, "k"), [("attributes", "")], headers)
        assert_refused(answer, 400, "InvalidArgument", "InvalidRequest")


# Heads that a request may ask for.

OVERRIDES = {
    "response-content-type": "text/x; charset=utf-8",
    "response-content-language": "fr",
    "response-expires": "Thu, 01 Dec 2050 16:00:00 GMT",
    "response-cache-control": "no-store",
    "response-content-disposition": 'attachment; filename="a b.txt"',
    "response-content-encoding": "identity",
}


def test_heads_of_an_answer_are_those_asked_for(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentType="text/y", CacheControl="max-age=1")
    for method in ("GET", "HEAD"):
        answer = raw.request(method, object_path(bucket, "k"), list(OVERRIDES.items()))
        assert answer.status == 200
        for name, value in OVERRIDES.items():
            assert answer.headers[name.removeprefix("response-")] == value, (method, name)
    plain = raw.request("GET", object_path(bucket, "k")).headers
    assert (plain["content-type"], plain["cache-control"]) == ("text/y", "max-age=1")


def test_a_link_may_ask_for_heads_and_nobody_else_for_them(s3: Any, raw: RawS3, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    name = {"Bucket": bucket, "Key": "k", "ResponseContentDisposition": 'attachment; filename="ü"'}
    link = s3.generate_presigned_url("get_object", Params=name, ExpiresIn=60)
    assert "attachment" in requests.get(link, timeout=10).headers["content-disposition"]
    answer = raw.send("GET", f"/{bucket}/k?response-content-type=text/html", {"Host": raw.host})
    assert_refused(answer, 400, "InvalidRequest")
    assert raw.send("GET", f"/{bucket}/k", {"Host": raw.host}).body == b"x"


def test_heads_cannot_be_smuggled_in(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    for value in ("text/x\r\nx-evil: 1", "text/x\nx-evil: 1", "a\0b"):
        answer = raw.request("GET", object_path(bucket, "k"), [("response-content-type", value)])
        assert "x-evil" not in answer.headers and answer.status in (200, 400)


# Where a website sends those who ask for an object.


@pytest.mark.parametrize("where", ["/other", "https://example.org/x", "http://example.org/a%20b"])
def test_the_place_to_go_instead_is_kept(raw: RawS3, s3: Any, bucket: str, where: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", WebsiteRedirectLocation=where)
    answer = raw.get(bucket, "k")
    # S3 tells it, and answers with the object all the same.
    assert (answer.status, answer.body) == (200, b"x")
    assert answer.headers["x-amz-website-redirect-location"] == where
    assert s3.head_object(Bucket=bucket, Key="k")["WebsiteRedirectLocation"] == where
    s3.copy_object(Bucket=bucket, Key="c", CopySource={"Bucket": bucket, "Key": "k"})
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="c"), "it is not copied"


@pytest.mark.parametrize("where", ["other", "ftp://example.org/", "/" + "x" * 2048])
def test_what_is_no_place_to_go_is_refused(s3: Any, bucket: str, where: str) -> None:
    with refused("InvalidRedirectLocation", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", WebsiteRedirectLocation=where)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
