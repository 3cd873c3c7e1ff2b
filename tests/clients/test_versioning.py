"""Versions: kept, hidden by markers, listed, and taken away one by one."""

import concurrent.futures
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.errors import assert_refused, refused
from harness.raw import RawS3, object_path
from harness.site import Site

# Well-formed, but of no object.
NO_VERSION = "0" * 64


@pytest.fixture
def kept(s3: Any, bucket: str) -> str:
    """A bucket that keeps versions."""
    set_versioning(s3, bucket, "Enabled")
    return bucket


def set_versioning(s3: Any, bucket: str, status: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def put(s3: Any, bucket: str, key: str, body: bytes) -> str | None:
    """Stores an object; the id of the new version, if one is told."""
    return s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")


def read(s3: Any, bucket: str, key: str, **names: str) -> bytes:
    return bytes(s3.get_object(Bucket=bucket, Key=key, **names)["Body"].read())


def rows(s3: Any, bucket: str, **names: Any) -> list[tuple[str, str, bool, bool]]:
    """Key, version, whether it is the latest, whether it is a marker; as S3 orders them."""
    pages: list[tuple[str, str, bool, bool]] = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, **names):
        here = [(row, False) for row in page.get("Versions", [])]
        here += [(row, True) for row in page.get("DeleteMarkers", [])]
        # boto3 tells versions and markers apart, which lie mixed in the answer.
        here.sort(key=lambda pair: pair[0]["LastModified"], reverse=True)
        here.sort(key=lambda pair: not pair[0]["IsLatest"])
        here.sort(key=lambda pair: pair[0]["Key"].encode())
        pages += [(row["Key"], row["VersionId"], row["IsLatest"], marker) for row, marker in here]
    return pages


def test_a_bucket_says_whether_it_keeps_versions(s3: Any, bucket: str) -> None:
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        set_versioning(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status
    for status in ("Off", ""):
        with refused("MalformedXML", 400):
            set_versioning(s3, bucket, status)


def test_without_versioning_nothing_is_said_of_versions(s3: Any, bucket: str) -> None:
    answers = [
        s3.put_object(Bucket=bucket, Key="k", Body=b"x"),
        s3.get_object(Bucket=bucket, Key="k"),
        s3.head_object(Bucket=bucket, Key="k"),
    ]
    assert rows(s3, bucket) == [("k", "null", True, False)]
    assert read(s3, bucket, "k", VersionId="null") == b"x"
    answers.append(s3.delete_object(Bucket=bucket, Key="k"))
    assert not [answer for answer in answers if "VersionId" in answer or "DeleteMarker" in answer]
    assert rows(s3, bucket) == []


def test_every_version_stays(s3: Any, kept: str) -> None:
    ids = [put(s3, kept, "k", b"%d" % n) for n in range(4)]
    assert len({*ids, None}) == 5
    assert read(s3, kept, "k") == b"3"
    for number, version in enumerate(ids):
        answer = s3.get_object(Bucket=kept, Key="k", VersionId=version)
        assert (answer["VersionId"], answer["Body"].read()) == (version, b"%d" % number)
        assert s3.head_object(Bucket=kept, Key="k", VersionId=version)["VersionId"] == version
    assert s3.get_object(Bucket=kept, Key="k")["VersionId"] == ids[3]
    assert [row[1] for row in rows(s3, kept)] == ids[::-1]
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=kept)["Contents"]] == ["k"]


def test_a_deletion_hides_and_a_deletion_of_the_marker_shows_again(s3: Any, kept: str) -> None:
    version = put(s3, kept, "k", b"x")
    deleted = s3.delete_object(Bucket=kept, Key="k")
    marker = deleted["VersionId"]
    assert deleted["DeleteMarker"] and marker not in (version, None)
    with pytest.raises(ClientError) as raised:
        s3.get_object(Bucket=kept, Key="k")
    head = raised.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert raised.value.response["Error"]["Code"] == "NoSuchKey"
    assert (head["x-amz-delete-marker"], head["x-amz-version-id"]) == ("true", marker)
    assert s3.list_objects_v2(Bucket=kept)["KeyCount"] == 0
    assert rows(s3, kept) == [("k", marker, True, True), ("k", version, False, False)]
    assert read(s3, kept, "k", VersionId=str(version)) == b"x"
    gone = s3.delete_object(Bucket=kept, Key="k", VersionId=marker)
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, marker)
    assert read(s3, kept, "k") == b"x"


def test_a_key_without_any_version_has_no_marker(raw: RawS3, kept: str) -> None:
    answer = raw.request("HEAD", object_path(kept, "never-there"))
    assert (answer.status, answer.headers["x-amz-delete-marker"]) == (404, "false")
    assert "x-amz-version-id" not in answer.headers


def test_a_marker_is_no_object(raw: RawS3, s3: Any, kept: str) -> None:
    marker = s3.delete_object(Bucket=kept, Key="never-there")["VersionId"]
    query = [("versionId", marker)]
    answer = raw.request("GET", object_path(kept, "never-there"), query)
    assert_refused(answer, 405, "MethodNotAllowed")
    assert (answer.headers["x-amz-delete-marker"], answer.headers["allow"]) == ("true", "DELETE")
    assert answer.headers["last-modified"]
    head = raw.request("HEAD", object_path(kept, "never-there"), query)
    assert (head.status, head.headers["x-amz-delete-marker"], head.body) == (405, "true", b"")
    with refused("InvalidRequest", 400):
        s3.copy_object(
            Bucket=kept, Key="c", CopySource={"Bucket": kept, "Key": "never-there", "VersionId": marker}
        )
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=kept, Key="c", CopySource={"Bucket": kept, "Key": "never-there"})


def test_a_version_that_is_taken_away_is_gone_and_the_next_is_the_latest(s3: Any, kept: str) -> None:
    ids = [str(put(s3, kept, "k", b"%d" % n)) for n in range(3)]
    gone = s3.delete_object(Bucket=kept, Key="k", VersionId=ids[2])
    assert gone["VersionId"] == ids[2] and "DeleteMarker" not in gone
    assert read(s3, kept, "k") == b"1"
    s3.delete_object(Bucket=kept, Key="k", VersionId=ids[0])
    assert read(s3, kept, "k") == b"1" and rows(s3, kept) == [("k", ids[1], True, False)]
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=kept, Key="k", VersionId=ids[0])
    # Who takes away what is not there has what he wants.
    s3.delete_object(Bucket=kept, Key="k", VersionId=ids[0])
    s3.delete_object(Bucket=kept, Key="k", VersionId=ids[1])
    assert rows(s3, kept) == []
    s3.delete_bucket(Bucket=kept)


@pytest.mark.parametrize("version", ["garbage", "ü", "null\n", "x" * 2000, NO_VERSION[:-1]])
def test_what_is_no_version_is_refused(s3: Any, kept: str, version: str) -> None:
    put(s3, kept, "k", b"x")
    for call in (s3.get_object, s3.delete_object, s3.get_object_tagging, s3.get_object_acl):
        with refused("InvalidArgument", 400):
            call(Bucket=kept, Key="k", VersionId=version)
    assert read(s3, kept, "k") == b"x"


def test_a_version_of_one_key_is_not_one_of_another(s3: Any, kept: str) -> None:
    version = str(put(s3, kept, "a", b"a"))
    put(s3, kept, "b", b"b")
    with refused("NoSuchVersion", 404):
        s3.get_object(Bucket=kept, Key="b", VersionId=version)
    s3.delete_object(Bucket=kept, Key="b", VersionId=version)
    assert (read(s3, kept, "a"), read(s3, kept, "b")) == (b"a", b"b")


def test_while_suspended_there_is_one_null_version(s3: Any, kept: str) -> None:
    first = put(s3, kept, "k", b"first")
    set_versioning(s3, kept, "Suspended")
    # S3 says `null` of what it reads, and nothing of what it writes.
    put(s3, kept, "k", b"second")
    put(s3, kept, "k", b"third")
    assert rows(s3, kept) == [("k", "null", True, False), ("k", first, False, False)]
    assert s3.get_object(Bucket=kept, Key="k")["VersionId"] == "null"
    deleted = s3.delete_object(Bucket=kept, Key="k")
    assert (deleted["DeleteMarker"], deleted["VersionId"]) == (True, "null")
    assert rows(s3, kept) == [("k", "null", True, True), ("k", first, False, False)]
    set_versioning(s3, kept, "Enabled")
    last = put(s3, kept, "k", b"last")
    assert [row[1] for row in rows(s3, kept)] == [last, "null", first]
    s3.delete_object(Bucket=kept, Key="k", VersionId="null")
    assert [row[1] for row in rows(s3, kept)] == [last, first]


def test_what_was_there_before_is_the_null_version(s3: Any, bucket: str) -> None:
    put(s3, bucket, "k", b"before")
    set_versioning(s3, bucket, "Enabled")
    assert s3.head_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    new = put(s3, bucket, "k", b"after")
    assert read(s3, bucket, "k", VersionId="null") == b"before"
    assert [row[1:3] for row in rows(s3, bucket)] == [(new, True), ("null", False)]
    set_versioning(s3, bucket, "Suspended")
    put(s3, bucket, "k", b"over it")
    assert [row[1:3] for row in rows(s3, bucket)] == [("null", True), (new, False)]


def test_copies_and_uploads_make_versions_and_copies_name_them(s3: Any, kept: str) -> None:
    old = str(put(s3, kept, "k", b"old"))
    put(s3, kept, "k", b"new")
    copied = s3.copy_object(Bucket=kept, Key="c", CopySource={"Bucket": kept, "Key": "k", "VersionId": old})
    assert copied["CopySourceVersionId"] == old and copied["VersionId"] not in (old, None)
    assert read(s3, kept, "c", VersionId=copied["VersionId"]) == b"old"
    # The way to bring an old version back.
    s3.copy_object(Bucket=kept, Key="k", CopySource={"Bucket": kept, "Key": "k", "VersionId": old})
    assert read(s3, kept, "k") == b"old" and len(rows(s3, kept, Prefix="k")) == 3
    upload = s3.create_multipart_upload(Bucket=kept, Key="k")["UploadId"]
    of = {"Bucket": kept, "Key": "k", "UploadId": upload}
    part = s3.upload_part_copy(**of, PartNumber=1, CopySource={"Bucket": kept, "Key": "k", "VersionId": old})
    assert part["CopySourceVersionId"] == old
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["CopyPartResult"]["ETag"]}]}
    done = s3.complete_multipart_upload(**of, MultipartUpload=parts)
    assert done["VersionId"] == rows(s3, kept, Prefix="k")[0][1]


def test_settings_are_those_of_a_version(s3: Any, kept: str) -> None:
    old, new = (str(put(s3, kept, "k", body)) for body in (b"old", b"new"))
    tags = {"TagSet": [{"Key": "a", "Value": "old"}]}
    tagged = s3.put_object_tagging(Bucket=kept, Key="k", VersionId=old, Tagging=tags)
    assert tagged["VersionId"] == old
    assert s3.get_object_tagging(Bucket=kept, Key="k", VersionId=old)["TagSet"] == tags["TagSet"]
    assert s3.get_object_tagging(Bucket=kept, Key="k")["TagSet"] == []
    assert s3.head_object(Bucket=kept, Key="k", VersionId=old).get("TagCount") == 1
    told = s3.get_object_attributes(Bucket=kept, Key="k", VersionId=old, ObjectAttributes=["ObjectSize"])
    assert (told["VersionId"], told["ObjectSize"]) == (old, 3)
    s3.delete_object_tagging(Bucket=kept, Key="k", VersionId=old)
    assert s3.get_object_tagging(Bucket=kept, Key="k", VersionId=old)["TagSet"] == []
    assert [row[1] for row in rows(s3, kept)] == [new, old], "a new setting is no new version"


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_versions_are_listed_page_by_page(s3: Any, kept: str, page: int) -> None:
    expected: list[tuple[str, str, bool, bool]] = []
    for key in ("a/1", "a/2", "b", "c/1", "ü"):
        made = [str(put(s3, kept, key, b"%d" % n)) for n in range(3)]
        marked = key in ("a/2", "b")
        if marked:
            made.append(s3.delete_object(Bucket=kept, Key=key)["VersionId"])
        newest = len(made) - 1
        expected += [(key, made[n], n == newest, marked and n == newest) for n in range(newest, -1, -1)]
    assert rows(s3, kept, PaginationConfig={"PageSize": page}) == expected
    of_a = [row for row in expected if row[0].startswith("a/")]
    assert rows(s3, kept, Prefix="a/", PaginationConfig={"PageSize": page}) == of_a
    folded: list[str] = []
    for one in s3.get_paginator("list_object_versions").paginate(
        Bucket=kept, Delimiter="/", PaginationConfig={"PageSize": page}
    ):
        folded += [row["Prefix"] for row in one.get("CommonPrefixes", [])]
        folded += [row["VersionId"] for kind in ("Versions", "DeleteMarkers") for row in one.get(kind, [])]
    plain = [row[1] for row in expected if "/" not in row[0]]
    assert sorted(folded) == sorted(["a/", "c/", *plain])


def test_markers_of_a_listing(s3: Any, kept: str) -> None:
    ids = [str(put(s3, kept, "k", b"%d" % n)) for n in range(3)]
    put(s3, kept, "l", b"x")
    after = s3.list_object_versions(Bucket=kept, KeyMarker="k", VersionIdMarker=ids[1])
    assert [(row["Key"], row["VersionId"]) for row in after["Versions"]][0] == ("k", ids[0])
    assert [row["Key"] for row in s3.list_object_versions(Bucket=kept, KeyMarker="k")["Versions"]] == ["l"]
    page = s3.list_object_versions(Bucket=kept, MaxKeys=1)
    assert (page["IsTruncated"], page["NextKeyMarker"], page["NextVersionIdMarker"]) == (True, "k", ids[2])
    with refused("InvalidArgument", 400):
        s3.list_object_versions(Bucket=kept, VersionIdMarker=ids[1])
    with refused("InvalidArgument", 400):
        s3.list_object_versions(Bucket=kept, KeyMarker="k", VersionIdMarker="garbage")


def test_many_versions_are_deleted_at_once(s3: Any, kept: str) -> None:
    first, second = (str(put(s3, kept, "k", body)) for body in (b"1", b"2"))
    put(s3, kept, "l", b"x")
    objects = [{"Key": "k", "VersionId": first}, {"Key": "l"}, {"Key": "none"}]
    done = s3.delete_objects(Bucket=kept, Delete={"Objects": objects})
    by_key = {row["Key"]: row for row in done["Deleted"]}
    assert by_key["k"] == {"Key": "k", "VersionId": first}
    for key in ("l", "none"):
        assert by_key[key]["DeleteMarker"] and by_key[key]["DeleteMarkerVersionId"], by_key
    marker = by_key["l"]["DeleteMarkerVersionId"]
    done = s3.delete_objects(Bucket=kept, Delete={"Objects": [{"Key": "l", "VersionId": marker}]})
    assert done["Deleted"] == [
        {"Key": "l", "VersionId": marker, "DeleteMarker": True, "DeleteMarkerVersionId": marker}
    ]
    assert read(s3, kept, "l") == b"x" and read(s3, kept, "k", VersionId=second) == b"2"
    done = s3.delete_objects(Bucket=kept, Delete={"Objects": [{"Key": "k", "VersionId": "garbage"}, {"Key": "l"}]})
    assert [row["Code"] for row in done["Errors"]] == ["NoSuchVersion"], done
    assert [row["Key"] for row in done["Deleted"]] == ["l"]
    quiet = s3.delete_objects(Bucket=kept, Delete={"Quiet": True, "Objects": [{"Key": "k", "VersionId": second}]})
    assert "Deleted" not in quiet and "Errors" not in quiet


def test_to_a_condition_a_marker_is_no_object(s3: Any, kept: str) -> None:
    tag = s3.put_object(Bucket=kept, Key="k", Body=b"x")["ETag"]
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=kept, Key="k", Body=b"y", IfNoneMatch="*")
    s3.delete_object(Bucket=kept, Key="k")
    with refused("NoSuchKey", 404):
        s3.put_object(Bucket=kept, Key="k", Body=b"y", IfMatch=tag)
    s3.put_object(Bucket=kept, Key="k", Body=b"y", IfNoneMatch="*")
    assert read(s3, kept, "k") == b"y"
    with refused("PreconditionFailed", 412):
        s3.delete_object(Bucket=kept, Key="k", IfMatch=tag)
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=kept, Key="k", IfMatch=tag)


def test_a_bucket_with_nothing_but_markers_is_not_empty(s3: Any, kept: str) -> None:
    marker = s3.delete_object(Bucket=kept, Key="k")["VersionId"]
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=kept)
    s3.delete_object(Bucket=kept, Key="k", VersionId=marker)
    s3.delete_bucket(Bucket=kept)


@pytest.mark.parametrize("size", [10, 300_000])
def test_versions_of_writers_at_once_are_all_kept(site: Site, s3: Any, kept: str, size: int) -> None:
    def write(number: int) -> tuple[str, bytes]:
        body = bytes([number]) * size
        client = boto3_client(site, number % len(site.endpoints))
        if number % 4 == 3:
            return str(client.delete_object(Bucket=kept, Key="k")["VersionId"]), b""
        return str(client.put_object(Bucket=kept, Key="k", Body=body)["VersionId"]), body

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        written = dict(pool.map(write, range(24)))
    assert len(written) == 24
    listed = rows(s3, kept)
    assert {row[1] for row in listed} == set(written)
    assert sum(row[2] for row in listed) == 1, "one of them is the latest"
    for _, version, _, marker in listed:
        assert marker == (written[version] == b"")
        if not marker:
            assert read(s3, kept, "k", VersionId=version) == written[version]
