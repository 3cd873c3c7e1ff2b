"""aws-cli: `s3api` for everything that is served, and streams through `s3 cp`."""

import json
from pathlib import Path
from typing import Any

import pytest

from harness.programs import aws, aws_pipe
from harness.site import Site
from harness.trees import KIB, MIB, digests, grow

PART = 5 * MIB


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """A stream and a tree go up and come down."""
    body = bytes(range(256)) * 40 * KIB
    aws_pipe(site, 0, "s3", "cp", "-", f"s3://{bucket}/stream", given=body)
    assert aws_pipe(site, 0, "s3", "cp", f"s3://{bucket}/stream", "-", given=b"") == body
    there, back = folder / "there", folder / "back"
    grow(there, 20, 64 * KIB, seed=17)
    aws(site, 0, "s3", "sync", str(there), f"s3://{bucket}/tree")
    next(path for path in sorted(there.rglob("*")) if path.is_file()).unlink()
    aws(site, 0, "s3", "sync", "--delete", str(there), f"s3://{bucket}/tree")
    aws(site, 0, "s3", "sync", f"s3://{bucket}/tree", str(back))
    assert digests(back) == digests(there)


def test_streams_and_trees(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


@pytest.mark.full
def test_buckets(site: Site, bucket: str) -> None:
    made = ("--bucket", f"{bucket}-made")
    s3api(site, "create-bucket", *made)
    s3api(site, "wait", "bucket-exists", *made)
    assert f"{bucket}-made" in [row["Name"] for row in s3api(site, "list-buckets")["Buckets"]]
    assert s3api(site, "get-bucket-location", *made)["LocationConstraint"] is None
    s3api(site, "delete-bucket", *made)
    s3api(site, "wait", "bucket-not-exists", *made)


def test_objects(site: Site, bucket: str, folder: Path) -> None:
    named = ("--bucket", bucket, "--key", "a b/ü")
    file = folder / "file"
    file.write_bytes(b"some bytes")
    described = ("--metadata", "colour=blue", "--content-type", "text/x", "--checksum-algorithm", "SHA256")
    put = s3api(site, "put-object", *named, "--body", str(file), *described)
    head = s3api(site, "head-object", *named, "--checksum-mode", "ENABLED")
    assert (head["Metadata"], head["ContentType"], head["ChecksumSHA256"]) == (
        {"colour": "blue"},
        "text/x",
        put["ChecksumSHA256"],
    )
    got = s3api(site, "get-object", *named, "--range", "bytes=5-7", str(folder / "part"))
    assert got["ContentRange"] == "bytes 5-7/10" and (folder / "part").read_bytes() == b"byt"
    s3api(site, "copy-object", "--bucket", bucket, "--key", "copy", "--copy-source", f"{bucket}/a b/ü")
    rows = s3api(site, "list-objects", "--bucket", bucket)["Contents"]
    assert [(row["Key"], row["Size"]) for row in rows] == [("a b/ü", 10), ("copy", 10)]
    pages = s3api(site, "list-objects-v2", "--bucket", bucket, "--page-size", "1")["Contents"]
    assert [row["Key"] for row in pages] == ["a b/ü", "copy"]
    s3api(site, "delete-object", "--bucket", bucket, "--key", "copy")
    doomed = json.dumps({"Objects": [{"Key": "a b/ü"}, {"Key": "never was"}]})
    assert len(s3api(site, "delete-objects", "--bucket", bucket, "--delete", doomed)["Deleted"]) == 2
    s3api(site, "wait", "object-not-exists", *named)


@pytest.mark.full
def test_parts(site: Site, s3: Any, bucket: str, folder: Path) -> None:
    named = ("--bucket", bucket, "--key", "parts")
    s3.put_object(Bucket=bucket, Key="source", Body=b"s" * (PART + 5))
    first, last = folder / "first", folder / "last"
    first.write_bytes(b"1" * PART)
    last.write_bytes(b"2" * 1000)
    upload = ("--upload-id", s3api(site, "create-multipart-upload", *named)["UploadId"])
    s3api(site, "upload-part", *named, *upload, "--part-number", "1", "--body", str(first))
    source = ("--copy-source", f"{bucket}/source", "--copy-source-range", f"bytes=0-{PART - 1}")
    s3api(site, "upload-part-copy", *named, *upload, "--part-number", "2", *source)
    s3api(site, "upload-part", *named, *upload, "--part-number", "3", "--body", str(last))
    rows = s3api(site, "list-parts", *named, *upload)["Parts"]
    assert [row["Size"] for row in rows] == [PART, PART, 1000]
    uploads = s3api(site, "list-multipart-uploads", "--bucket", bucket)["Uploads"]
    assert [row["UploadId"] for row in uploads] == [upload[1]]
    parts = json.dumps({"Parts": [{"PartNumber": row["PartNumber"], "ETag": row["ETag"]} for row in rows]})
    s3api(site, "complete-multipart-upload", *named, *upload, "--multipart-upload", parts)
    whole = s3.get_object(Bucket=bucket, Key="parts")["Body"].read()
    assert whole == b"1" * PART + b"s" * PART + b"2" * 1000
    upload = ("--upload-id", s3api(site, "create-multipart-upload", *named)["UploadId"])
    s3api(site, "abort-multipart-upload", *named, *upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def s3api(site: Site, *arguments: str) -> Any:
    """One call, and its answer."""
    said = aws(site, 0, "s3api", *arguments)
    return json.loads(said) if said.strip() else None
