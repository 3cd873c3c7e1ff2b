"""Uploads in parts: begun, listed, copied into, completed, aborted."""

import hashlib
import random
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.errors import refused
from harness.site import Site

MIB = 1024 * 1024
PART = 5 * MIB


class Upload:
    """One upload of a key, with little ceremony."""

    def __init__(self, s3: Any, bucket: str, key: str = "k", **headers: Any):
        self.s3 = s3
        self.name = {"Bucket": bucket, "Key": key}
        self.id = s3.create_multipart_upload(**self.name, **headers)["UploadId"]

    def part(self, number: int, body: bytes, **headers: Any) -> dict[str, Any]:
        answer = self.s3.upload_part(**self.name, UploadId=self.id, PartNumber=number, Body=body, **headers)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def complete(self, parts: list[dict[str, Any]]) -> Any:
        return self.s3.complete_multipart_upload(**self.name, UploadId=self.id, MultipartUpload={"Parts": parts})

    def abort(self) -> None:
        self.s3.abort_multipart_upload(**self.name, UploadId=self.id)

    def listed(self, **how: Any) -> Any:
        return self.s3.list_parts(**self.name, UploadId=self.id, **how)


def body(seed: int, size: int) -> bytes:
    return random.Random(seed).randbytes(size)


def etag_of(parts: list[bytes]) -> str:
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


def test_parts_in_any_order_become_one_object(site: Site, s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, ContentType="text/x", Metadata={"a": "1"})
    bodies = [body(1, PART), body(2, PART + 77_777), body(3, 12)]
    rows = {number: upload.part(number, bodies[number - 1]) for number in (3, 1, 2)}
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")
    assert upload.complete([rows[1], rows[2], rows[3]])["ETag"] == etag_of(bodies)
    for node in range(len(site.endpoints)):
        answer = boto3_client(site, node).get_object(Bucket=bucket, Key="k")
        assert answer["Body"].read() == b"".join(bodies)
        assert (answer["ETag"], answer["ContentType"], answer["Metadata"]) == (etag_of(bodies), "text/x", {"a": "1"})
    border = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={PART - 5}-{PART + 4}")["Body"].read()
    assert border == bodies[0][-5:] + bodies[1][:5]


def test_parts_go_to_different_nodes(site: Site, s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    bodies = [body(n, PART) for n in range(3)]
    rows = []
    for number, part in enumerate(bodies, 1):
        upload.s3 = boto3_client(site, number % len(site.endpoints))
        rows.append(upload.part(number, part))
    upload.complete(rows)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(bodies)


def test_numbers_may_have_gaps_and_parts_may_be_left_out(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    first, last = body(1, PART), body(2, 100)
    rows = [upload.part(7, first), upload.part(10_000, last)]
    upload.part(500, body(3, 100))
    upload.complete(rows)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == first + last


def test_a_part_sent_again_replaces_the_first(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    old = upload.part(1, b"old")
    new = upload.part(1, b"new")
    with refused("InvalidPart", 400):
        upload.complete([old])
    upload.complete([new])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"


def test_an_empty_last_part_reads_as_nothing(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.complete([upload.part(1, body(1, PART)), upload.part(2, b"")])
    answer = s3.get_object(Bucket=bucket, Key="k", PartNumber=2)
    assert (answer["Body"].read(), answer["PartsCount"], answer["ContentLength"]) == (b"", 2, 0)


def test_parts_are_listed_in_pages(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    rows = [upload.part(number, b"x" * number) for number in (2, 4, 6, 8, 10)]
    page = upload.listed(MaxParts=2)
    assert [row["PartNumber"] for row in page["Parts"]] == [2, 4] and page["IsTruncated"]
    assert [row["Size"] for row in page["Parts"]] == [2, 4]
    page = upload.listed(MaxParts=10, PartNumberMarker=page["NextPartNumberMarker"])
    assert [row["ETag"] for row in page["Parts"]] == [row["ETag"] for row in rows[2:]]
    assert not page["IsTruncated"]
    upload.abort()


def test_uploads_are_listed_until_they_end(s3: Any, bucket: str) -> None:
    uploads = [Upload(s3, bucket, key) for key in ("a/1", "a/2", "a/2", "b/1")]
    listed = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [row["Key"] for row in listed] == ["a/1", "a/2", "a/2", "b/1"]
    assert {row["UploadId"] for row in listed} == {upload.id for upload in uploads}
    grouped = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [row["Prefix"] for row in grouped["CommonPrefixes"]] == ["a/", "b/"]
    assert len(s3.list_multipart_uploads(Bucket=bucket, Prefix="a/")["Uploads"]) == 3
    seen: list[str] = []
    more: dict[str, str] = {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **more)
        seen += [row["UploadId"] for row in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        more = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert sorted(seen) == sorted(upload.id for upload in uploads)
    for upload in uploads:
        upload.abort()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_an_aborted_upload_is_gone(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    row = upload.part(1, b"x")
    upload.abort()
    for call in (
        lambda: upload.part(2, b"x"),
        lambda: upload.listed(),
        lambda: upload.complete([row]),
        lambda: upload.abort(),
    ):
        with refused("NoSuchUpload", 404):
            call()
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=bucket, Key="k")


def test_complete_said_twice_gives_the_same_answer(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    rows = [upload.part(1, b"x")]
    assert upload.complete(rows)["ETag"] == upload.complete(rows)["ETag"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    upload.complete(rows)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"newer", "a repeat must not write again"


def test_a_bucket_with_an_open_upload_can_be_removed(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket)
    upload.part(1, b"x")
    upload.abort()
    s3.delete_bucket(Bucket=bucket)


@pytest.mark.parametrize("size", [20, 3 * MIB])
def test_a_part_copied_from_an_object(s3: Any, bucket: str, size: int) -> None:
    source = body(9, PART + size)
    s3.put_object(Bucket=bucket, Key="source/ü 1", Body=source)
    upload = Upload(s3, bucket)
    rows = []
    for number, span in ((1, f"bytes=0-{PART - 1}"), (2, f"bytes={PART}-{PART + size - 1}")):
        answer = s3.upload_part_copy(
            **upload.name,
            UploadId=upload.id,
            PartNumber=number,
            CopySourceRange=span,
            CopySource={"Bucket": bucket, "Key": "source/ü 1"},
        )
        rows.append({"PartNumber": number, "ETag": answer["CopyPartResult"]["ETag"]})
    assert rows[0]["ETag"] == f'"{hashlib.md5(source[:PART]).hexdigest()}"'
    upload.complete(rows)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == source


def test_boto3_uploads_and_downloads_a_large_file(site: Site, s3: Any, bucket: str, folder: Any) -> None:
    there, back = folder / "there", folder / "back"
    there.write_bytes(body(5, 40 * MIB + 1))
    s3.upload_file(str(there), bucket, "k")
    for node in range(len(site.endpoints)):
        boto3_client(site, node).download_file(bucket, "k", str(back))
        assert back.read_bytes() == there.read_bytes()
