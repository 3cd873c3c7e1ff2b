"""Lifecycle rules are carried out, told in headers, and delete nothing that they do not cover.

A day of the rules is two seconds here. What stays is looked at when a canary is gone that
came last, sorts last and was due last: by then everything else was looked at too.
"""

import datetime
import itertools
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.demo import Demo
from harness.errors import refused
from harness.waiting import wait_for

DAY_S = 2
DONE_S = 60
CANARY = "~canary"
MIB = 1024 * 1024

_numbers = itertools.count()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    environment = {"MUCURA_LIFECYCLE_DAY_S": str(DAY_S), "MUCURA_S3_STORAGE_CLASSES": "WARM,COLD"}
    with tempfile.TemporaryDirectory(prefix="mucura-lifecycle-") as folder:
        made = Demo(Path(folder), nodes=1, drives=1, environment=environment)
        try:
            yield made.start()
        finally:
            made.kill_all()


@pytest.fixture(scope="module")
def s3(demo: Demo) -> Any:
    return boto3_client(demo.site())


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"lifecycle-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


def _rule(name: str, filter_: dict[str, Any], **actions: Any) -> dict[str, Any]:
    return {"ID": name, "Status": "Enabled", "Filter": filter_, **actions}


def _set(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    canary = _rule("canary", {"Prefix": CANARY}, Expiration={"Days": 3})
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [*rules, canary]})


def _keys(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def _versions(s3: Any, bucket: str) -> list[tuple[str, str]]:
    """Ids of all versions and markers, without the canary's."""
    page = s3.list_object_versions(Bucket=bucket)
    found = [("version", item) for item in page.get("Versions", [])]
    found += [("marker", item) for item in page.get("DeleteMarkers", [])]
    return [(kind, item["VersionId"]) for kind, item in found if item["Key"] != CANARY]


def _after_the_canary(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key=CANARY)
    wait_for(lambda: CANARY not in _keys(s3, bucket), DONE_S, "the canary expires")


def _keep_versions(s3: Any, bucket: str, status: str = "Enabled") -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def test_objects_that_a_rule_covers_expire_and_no_others(s3: Any, bucket: str) -> None:
    for key, size, tags in [
        ("big", 2000, ""),
        ("date/past", 1, ""),
        ("date/to-come", 1, ""),
        ("days/a", 1, ""),
        ("days/b", MIB, ""),
        ("disabled/a", 1, ""),
        ("plain", 1, ""),
        ("small", 1000, ""),
        ("tagged", 1, "a=1&b=2"),
        ("tagged-half", 1, "a=1"),
    ]:
        s3.put_object(Bucket=bucket, Key=key, Body=bytes(size), Tagging=tags)
    past, to_come = datetime.datetime(2015, 1, 1), datetime.datetime(2100, 1, 1)
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    size = {"And": {"ObjectSizeGreaterThan": 1500, "ObjectSizeLessThan": 5000}}
    _set(
        s3,
        bucket,
        _rule("days", {"Prefix": "days/"}, Expiration={"Days": 1}),
        _rule("past", {"Prefix": "date/past"}, Expiration={"Date": past}),
        _rule("to-come", {"Prefix": "date/to-come"}, Expiration={"Date": to_come}),
        _rule("tags", {"And": {"Tags": tags}}, Expiration={"Days": 1}),
        _rule("size", size, Expiration={"Days": 1}),
        {**_rule("disabled", {"Prefix": "disabled/"}, Expiration={"Days": 1}), "Status": "Disabled"},
    )
    _after_the_canary(s3, bucket)
    assert _keys(s3, bucket) == ["date/to-come", "disabled/a", "plain", "small", "tagged-half"]


def test_where_versions_are_kept_an_expired_object_is_hidden_and_can_be_restored(s3: Any, bucket: str) -> None:
    _keep_versions(s3, bucket)
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"kept")["VersionId"]
    _set(s3, bucket, _rule("r", {"Prefix": "k"}, Expiration={"Days": 1}))
    wait_for(lambda: "k" not in _keys(s3, bucket), DONE_S, "the object expires")
    _after_the_canary(s3, bucket)
    [(_, marker)] = [entry for entry in _versions(s3, bucket) if entry[0] == "marker"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=version)["Body"].read() == b"kept"


def test_of_old_versions_the_newest_are_kept_as_asked(s3: Any, bucket: str) -> None:
    _keep_versions(s3, bucket)
    versions = [s3.put_object(Bucket=bucket, Key="k", Body=b"%d" % n)["VersionId"] for n in range(8)]
    expire = {"NoncurrentDays": 1, "NewerNoncurrentVersions": 3}
    _set(s3, bucket, _rule("r", {}, NoncurrentVersionExpiration=expire))
    _after_the_canary(s3, bucket)
    assert _versions(s3, bucket) == [("version", version) for version in reversed(versions[4:])]


def test_a_delete_marker_goes_when_nothing_is_behind_it_any_more(s3: Any, bucket: str) -> None:
    _keep_versions(s3, bucket)
    for key in ("alone/a", "other/a"):
        s3.put_object(Bucket=bucket, Key=key)
        s3.delete_object(Bucket=bucket, Key=key)
    _set(
        s3,
        bucket,
        _rule(
            "r",
            {"Prefix": "alone/"},
            NoncurrentVersionExpiration={"NoncurrentDays": 1},
            Expiration={"ExpiredObjectDeleteMarker": True},
        ),
    )
    wait_for(lambda: len(_versions(s3, bucket)) == 2, DONE_S, "version and marker go")
    _after_the_canary(s3, bucket)
    assert [kind for kind, _ in _versions(s3, bucket)] == ["version", "marker"]


def test_locked_versions_stay_until_they_are_released(s3: Any) -> None:
    bucket = f"lifecycle-{next(_numbers)}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    held = s3.put_object(Bucket=bucket, Key="k", ObjectLockLegalHoldStatus="ON")["VersionId"]
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    lock = {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": until}
    retained = s3.put_object(Bucket=bucket, Key="k", **lock)["VersionId"]
    s3.put_object(Bucket=bucket, Key="k")
    current = s3.put_object(Bucket=bucket, Key="k")["VersionId"]
    _set(s3, bucket, _rule("r", {}, NoncurrentVersionExpiration={"NoncurrentDays": 1}))
    _after_the_canary(s3, bucket)
    assert [version for _, version in _versions(s3, bucket)] == [current, retained, held]
    s3.put_object_legal_hold(Bucket=bucket, Key="k", VersionId=held, LegalHold={"Status": "OFF"})
    wait_for(lambda: len(_versions(s3, bucket)) == 2, DONE_S, "what is held no more goes")


def test_uploads_that_nobody_ends_are_aborted_and_told_so(s3: Any, bucket: str) -> None:
    abort = {"DaysAfterInitiation": 1}
    _set(s3, bucket, _rule("r 1", {"Prefix": "a/"}, AbortIncompleteMultipartUpload=abort))
    upload = s3.create_multipart_upload(Bucket=bucket, Key="a/k")
    assert upload["AbortRuleId"] == "r%201"
    days = (upload["AbortDate"] - datetime.datetime.now(datetime.UTC)).total_seconds() / 86_400
    assert 1 <= days <= 2, upload["AbortDate"]
    other = s3.create_multipart_upload(Bucket=bucket, Key="b/k")
    assert "AbortDate" not in other
    s3.upload_part(Bucket=bucket, Key="a/k", UploadId=upload["UploadId"], PartNumber=1, Body=bytes(MIB))
    parts = s3.list_parts(Bucket=bucket, Key="a/k", UploadId=upload["UploadId"])
    assert (parts["AbortRuleId"], parts["AbortDate"]) == (upload["AbortRuleId"], upload["AbortDate"])
    _after_the_canary(s3, bucket)
    left = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert [item["UploadId"] for item in left] == [other["UploadId"]]


def test_answers_tell_when_an_object_expires(s3: Any, bucket: str) -> None:
    _set(
        s3,
        bucket,
        _rule("late", {"Prefix": "a"}, Expiration={"Days": 700}),
        _rule("soon", {"Tag": {"Key": "t", "Value": "1"}}, Expiration={"Days": 500}),
    )
    assert 'rule-id="late"' in s3.put_object(Bucket=bucket, Key="a")["Expiration"]
    assert 'rule-id="soon"' in s3.put_object(Bucket=bucket, Key="ab", Tagging="t=1")["Expiration"]
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="b")
    told = s3.head_object(Bucket=bucket, Key="ab")["Expiration"]
    assert told.startswith('expiry-date="') and " 00:00:00 GMT" in told
    assert s3.get_object(Bucket=bucket, Key="ab")["Expiration"] == told
    source = {"Bucket": bucket, "Key": "ab"}
    assert 'rule-id="soon"' in s3.copy_object(Bucket=bucket, Key="c", CopySource=source)["Expiration"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="am")["UploadId"]
    at = {"Bucket": bucket, "Key": "am", "UploadId": upload}
    etag = s3.upload_part(**at, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    assert 'rule-id="late"' in s3.complete_multipart_upload(**at, MultipartUpload=parts)["Expiration"]


def _classes(s3: Any, bucket: str) -> dict[str, str]:
    return {item["Key"]: item["StorageClass"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])}


def test_a_storage_class_is_kept_shown_and_changed_by_a_copy(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", StorageClass="COLD")
    s3.put_object(Bucket=bucket, Key="plain", StorageClass="STANDARD")
    upload = s3.create_multipart_upload(Bucket=bucket, Key="m", StorageClass="WARM")["UploadId"]
    at = {"Bucket": bucket, "Key": "m", "UploadId": upload}
    assert s3.list_parts(**at)["StorageClass"] == "WARM"
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["StorageClass"] == "WARM"
    etag = s3.upload_part(**at, PartNumber=1, Body=b"x")["ETag"]
    s3.complete_multipart_upload(**at, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})
    assert _classes(s3, bucket) == {"k": "COLD", "m": "WARM", "plain": "STANDARD"}
    assert s3.head_object(Bucket=bucket, Key="k")["StorageClass"] == "COLD"
    assert "StorageClass" not in s3.head_object(Bucket=bucket, Key="plain")
    attributes = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["StorageClass"])
    assert attributes["StorageClass"] == "COLD"
    # A copy is of the standard class, unless it asks for another.
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="k", CopySource=source, StorageClass="WARM")
    classes = _classes(s3, bucket)
    assert (classes["copy"], classes["k"]) == ("STANDARD", "WARM")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"


def test_a_storage_class_that_there_is_not_is_refused(s3: Any, bucket: str) -> None:
    with refused("InvalidStorageClass", 400):
        s3.put_object(Bucket=bucket, Key="k", StorageClass="GLACIER")
    with refused("InvalidStorageClass", 400):
        _set(s3, bucket, _rule("r", {}, Transitions=[{"Days": 1, "StorageClass": "GLACIER"}]))
    assert _keys(s3, bucket) == []


def test_versions_move_from_class_to_class_and_keep_their_bytes(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="old", Body=b"0")
    _keep_versions(s3, bucket)
    s3.put_object(Bucket=bucket, Key="old", Body=b"1")
    s3.put_object(Bucket=bucket, Key="stays", Body=b"2")
    body = bytes(range(256)) * 4096
    modified = s3.put_object(Bucket=bucket, Key="moves", Body=body)
    before = s3.head_object(Bucket=bucket, Key="moves")["LastModified"]
    moves = [{"Days": 1, "StorageClass": "WARM"}, {"Days": 2, "StorageClass": "COLD"}]
    noncurrent = [{"NoncurrentDays": 1, "StorageClass": "COLD"}]
    _set(
        s3,
        bucket,
        _rule("r", {"Prefix": "moves"}, Transitions=moves),
        _rule("n", {"Prefix": "old"}, NoncurrentVersionTransitions=noncurrent),
    )
    wait_for(lambda: _classes(s3, bucket)["moves"] == "COLD", DONE_S, "the object moves")
    _after_the_canary(s3, bucket)
    page = s3.list_object_versions(Bucket=bucket, Prefix="old")["Versions"]
    assert [item["StorageClass"] for item in page] == ["STANDARD", "COLD"]
    assert _classes(s3, bucket) == {"moves": "COLD", "old": "STANDARD", "stays": "STANDARD"}
    moved = s3.get_object(Bucket=bucket, Key="moves")
    assert moved["Body"].read() == body
    assert (moved["VersionId"], moved["LastModified"]) == (modified["VersionId"], before)


def test_what_was_done_is_counted(demo: Demo, s3: Any, bucket: str) -> None:
    _set(s3, bucket)
    _after_the_canary(s3, bucket)
    with urllib.request.urlopen(f"{demo.admin[0]}/metrics", timeout=10) as answer:
        lines = dict(line.rsplit(" ", 1) for line in answer.read().decode().splitlines() if line[0] != "#")
    assert int(lines['mucura_lifecycle_actions_total{action="expire_object"}']) > 0
    assert int(lines["mucura_lifecycle_pass_age_seconds"]) <= DONE_S
