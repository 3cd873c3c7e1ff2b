"""boto3's transfer manager with its threads, and its resources."""

import io
import random
from pathlib import Path
from typing import Any

import boto3
import pytest
from boto3.s3.transfer import TransferConfig
from botocore.config import Config

from harness.clients import boto3_client
from harness.site import Site
from harness.trees import MIB

PARTS = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=8)
BODY = random.Random(16).randbytes(33 * MIB + 7)


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """Files, streams and copies by eight threads; resources list, wait and delete."""
    s3 = boto3_client(site)
    (folder / "there").write_bytes(BODY)
    s3.upload_file(str(folder / "there"), bucket, "file", Config=PARTS, ExtraArgs={"Metadata": {"n": "1"}})
    s3.upload_fileobj(_Unseekable(BODY), bucket, "stream", Config=PARTS)
    s3.copy({"Bucket": bucket, "Key": "file"}, bucket, "copy", Config=PARTS)
    for key in ("file", "stream", "copy"):
        back = io.BytesIO()
        s3.download_fileobj(bucket, key, back, Config=PARTS)
        assert back.getvalue() == BODY, f"{key} is another"
        assert s3.head_object(Bucket=bucket, Key=key)["ETag"].endswith('-7"')
    assert s3.head_object(Bucket=bucket, Key="file")["Metadata"] == {"n": "1"}
    _resources(site, bucket)


def test_transfers_and_resources(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_an_upload_that_breaks_off_leaves_nothing(site: Site, bucket: str) -> None:
    s3 = boto3_client(site)
    with pytest.raises(OSError, match="broken"):
        s3.upload_fileobj(_Unseekable(BODY, broken_at=20 * MIB), bucket, "k", Config=PARTS)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_the_owner_of_a_bucket_has_full_control(site: Site, bucket: str) -> None:
    grants = _resource(site).BucketAcl(bucket).grants
    assert [grant["Permission"] for grant in grants] == ["FULL_CONTROL"]


def test_the_parts_of_an_object_are_told(site: Site, bucket: str) -> None:
    s3 = boto3_client(site)
    s3.upload_fileobj(io.BytesIO(BODY), bucket, "k", Config=PARTS)
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize", "ObjectParts", "Checksum"])
    assert told["ObjectSize"] == len(BODY) and told["ObjectParts"]["TotalPartsCount"] == 7


def test_versions_of_a_bucket_are_deleted(site: Site, bucket: str) -> None:
    made = _resource(site).Bucket(bucket)
    made.Versioning().enable()
    for body in (b"old", b"new"):
        made.put_object(Key="k", Body=body)
    assert len(list(made.object_versions.all())) == 2
    made.object_versions.delete()
    assert list(made.object_versions.all()) == []


class _Unseekable(io.RawIOBase):
    """A stream that knows neither its length nor its place."""

    def __init__(self, body: bytes, broken_at: int | None = None):
        self._inner = io.BytesIO(body)
        self._broken_at = broken_at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        if self._broken_at is not None and self._inner.tell() >= self._broken_at:
            raise OSError("broken")
        return self._inner.read(size)


def _resources(site: Site, bucket: str) -> None:
    resource = _resource(site)
    made = resource.create_bucket(Bucket=f"{bucket}-made")
    made.wait_until_exists()
    for number in range(5):
        made.Object(f"a/{number}").put(Body=b"%d" % number)
    made.Object("b").copy_from(CopySource={"Bucket": made.name, "Key": "a/3"})
    assert made.Object("b").get()["Body"].read() == b"3"
    assert [row.key for row in made.objects.filter(Prefix="a/", MaxKeys=2)] == [f"a/{n}" for n in range(5)]
    assert made.name in [row.name for row in resource.buckets.all()]
    made.objects.all().delete()
    assert list(made.objects.all()) == []
    made.delete()
    made.wait_until_not_exists()


def _resource(site: Site) -> Any:
    return boto3.resource(
        "s3",
        endpoint_url=site.endpoints[0],
        aws_access_key_id=site.keys.access_key,
        aws_secret_access_key=site.keys.secret_key,
        region_name=site.region,
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )
