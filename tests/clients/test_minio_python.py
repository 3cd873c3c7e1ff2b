"""The MinIO client library for Python, which checks what servers answer its own way."""

import datetime
import io
import random
from pathlib import Path
from typing import Any

import requests
import urllib3
from minio import Minio
from minio.commonconfig import ENABLED, ComposeSource, CopySource, Tags
from minio.datatypes import PostPolicy
from minio.deleteobjects import DeleteObject
from minio.error import S3Error
from minio.versioningconfig import VersioningConfig

from harness.site import Site, host_and_port
from harness.trees import MIB

PART = 5 * MIB
BODY = random.Random(14).randbytes(2 * PART + 999)


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """Streams, files, listings, copies, links and many deletions."""
    client = minio(site)
    client.put_object(bucket, "a/ü 1+", io.BytesIO(BODY), -1, part_size=PART)
    client.put_object(bucket, "a/2", io.BytesIO(BODY[:1000]), 1000, content_type="text/x", metadata={"colour": "blue"})
    seen = client.stat_object(bucket, "a/2")
    assert (seen.size, seen.content_type) == (1000, "text/x")
    assert seen.metadata is not None and seen.metadata["x-amz-meta-colour"] == "blue"
    client.fget_object(bucket, "a/ü 1+", str(folder / "back"))
    assert (folder / "back").read_bytes() == BODY
    client.fput_object(bucket, "b/3", str(folder / "back"), part_size=PART)
    assert _body(client, bucket, "b/3", offset=PART - 2, length=5) == BODY[PART - 2 : PART + 3]
    assert [row.object_name for row in client.list_objects(bucket)] == ["a/", "b/"]
    rows = [(row.object_name, row.size) for row in client.list_objects(bucket, recursive=True)]
    assert rows == [("a/2", 1000), ("a/ü 1+", len(BODY)), ("b/3", len(BODY))]
    client.copy_object(bucket, "c", CopySource(bucket, "a/ü 1+"))
    client.compose_object(bucket, "d", [ComposeSource(bucket, "a/ü 1+"), ComposeSource(bucket, "a/2")])
    assert _body(client, bucket, "c") == BODY and _body(client, bucket, "d") == BODY + BODY[:1000]
    _links(client, bucket)
    doomed = [DeleteObject(str(row.object_name)) for row in client.list_objects(bucket, recursive=True)]
    assert list(client.remove_objects(bucket, doomed)) == []
    assert list(client.list_objects(bucket, recursive=True)) == []


def test_objects_and_links(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_a_bucket_is_made_and_removed(site: Site, bucket: str) -> None:
    # Without a region, it asks for the bucket's.
    client = minio(site, region=None)
    made = f"{bucket}-made"
    client.make_bucket(made)
    assert client.bucket_exists(made) and made in [row.name for row in client.list_buckets()]
    client.put_object(made, "k", io.BytesIO(b"x"), 1)
    client.remove_object(made, "k")
    client.remove_bucket(made)
    assert not client.bucket_exists(made)


def test_a_form_takes_an_object(site: Site, bucket: str) -> None:
    client = minio(site)
    policy = PostPolicy(bucket, datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=1))
    policy.add_starts_with_condition("key", "in/")
    policy.add_content_length_range_condition(1, 100)
    fields = client.presigned_post_policy(policy) | {"key": "in/k"}
    url = f"{site.endpoints[0]}/{bucket}"
    answer = requests.post(url, data=fields, files={"file": b"by form"}, timeout=10)
    assert answer.status_code == 204, answer.text
    assert _body(client, bucket, "in/k") == b"by form"
    answer = requests.post(url, data=fields, files={"file": b"x" * 101}, timeout=10)
    assert answer.status_code == 400 and "EntityTooLarge" in answer.text


def test_tags_are_set_and_read(site: Site, bucket: str) -> None:
    client = minio(site)
    of_object, of_bucket = Tags(for_object=True), Tags(for_object=False)
    of_object["colour"] = of_bucket["colour"] = "blue"
    client.put_object(bucket, "k", io.BytesIO(b"x"), 1, tags=of_object)
    assert client.get_object_tags(bucket, "k") == of_object
    client.delete_object_tags(bucket, "k")
    assert client.get_object_tags(bucket, "k") is None
    client.set_object_tags(bucket, "k", of_object)
    assert client.get_object_tags(bucket, "k") == of_object
    client.set_bucket_tags(bucket, of_bucket)
    assert client.get_bucket_tags(bucket) == of_bucket


def test_versions_are_kept(site: Site, bucket: str) -> None:
    client = minio(site)
    client.set_bucket_versioning(bucket, VersioningConfig(ENABLED))
    assert client.get_bucket_versioning(bucket).status == ENABLED
    old = client.put_object(bucket, "k", io.BytesIO(b"old"), 3).version_id
    client.put_object(bucket, "k", io.BytesIO(b"new"), 3)
    client.remove_object(bucket, "k")
    assert _body(client, bucket, "k", version_id=old) == b"old"
    rows = list(client.list_objects(bucket, include_version=True))
    # It lists the delete markers behind the versions.
    assert [row.is_delete_marker for row in rows] == [False, False, True]
    client.remove_object(bucket, "k", version_id=rows[2].version_id)
    assert _body(client, bucket, "k") == b"new"


def test_a_bucket_has_no_policy_at_first(site: Site, bucket: str) -> None:
    client = minio(site)
    try:
        client.get_bucket_policy(bucket)
    except S3Error as error:
        if error.code != "NoSuchBucketPolicy":
            raise


def minio(site: Site, region: str | None = "") -> Minio:
    """A client that sends everything once."""
    return Minio(
        "{}:{}".format(*host_and_port(site.endpoints[0])),
        access_key=site.keys.access_key,
        secret_key=site.keys.secret_key,
        secure=False,
        region=site.region if region == "" else region,
        http_client=urllib3.PoolManager(timeout=urllib3.Timeout(connect=5, read=60), retries=False),
    )


def _body(client: Minio, bucket: str, key: str, **options: Any) -> bytes:
    answer = client.get_object(bucket, key, **options)
    try:
        return bytes(answer.read())
    finally:
        answer.close()
        answer.release_conn()


def _links(client: Minio, bucket: str) -> None:
    link = client.presigned_put_object(bucket, "linked +", expires=datetime.timedelta(minutes=1))
    assert requests.put(link, data=b"by link", timeout=10).status_code == 200
    link = client.presigned_get_object(bucket, "linked +", response_headers={"response-content-type": "text/y"})
    answer = requests.get(link, timeout=10)
    assert (answer.content, answer.headers["content-type"]) == (b"by link", "text/y")
