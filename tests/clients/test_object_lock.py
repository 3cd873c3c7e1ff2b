"""What is locked stays, whoever asks."""

import datetime
import time
from typing import Any

import pytest

from harness.checksums import content_md5
from harness.errors import assert_refused, refused
from harness.raw import RawS3, object_path

DAY = datetime.timedelta(days=1)


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC).replace(microsecond=0)


@pytest.fixture
def locked(s3: Any, bucket: str) -> str:
    """A bucket whose versions can be locked."""
    name = f"{bucket}-locked"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(s3: Any, bucket: str, **how: Any) -> str:
    return str(s3.put_object(Bucket=bucket, Key="k", Body=b"x", **how)["VersionId"])


def retain(s3: Any, bucket: str, mode: str, until: datetime.datetime, **how: Any) -> None:
    retention = {"Mode": mode, "RetainUntilDate": until}
    s3.put_object_retention(Bucket=bucket, Key="k", Retention=retention, **how)


def retention(s3: Any, bucket: str, **names: str) -> Any:
    return s3.get_object_retention(Bucket=bucket, Key="k", **names)["Retention"]


def test_a_bucket_with_locks_keeps_versions_for_good(s3: Any, locked: str) -> None:
    assert s3.get_bucket_versioning(Bucket=locked)["Status"] == "Enabled"
    told = s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"]
    assert told == {"ObjectLockEnabled": "Enabled"}
    with refused("InvalidBucketState", 409):
        s3.put_bucket_versioning(Bucket=locked, VersioningConfiguration={"Status": "Suspended"})


def test_without_locks_there_is_nothing_to_lock(s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    with refused("ObjectLockConfigurationNotFoundError", 404):
        s3.get_object_lock_configuration(Bucket=bucket)
    with refused("InvalidRequest", 400):
        retain(s3, bucket, "GOVERNANCE", now() + DAY)
    with refused("InvalidRequest", 400):
        s3.put_object_legal_hold(Bucket=bucket, Key="k", LegalHold={"Status": "ON"})
    for call in (s3.get_object_retention, s3.get_object_legal_hold):
        with refused("InvalidRequest", 400):
            call(Bucket=bucket, Key="k")
    with refused("InvalidRequest", 400):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockLegalHoldStatus="ON")
    configuration = {"ObjectLockEnabled": "Enabled"}
    with refused("InvalidBucketState", 409):
        s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=configuration)
    retain(s3, bucket, "GOVERNANCE", now() + DAY)


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
def test_a_retained_version_stays_and_its_key_goes_on(s3: Any, locked: str, mode: str) -> None:
    until = now() + DAY
    version = put(s3, locked, ObjectLockMode=mode, ObjectLockRetainUntilDate=until)
    assert retention(s3, locked) == {"Mode": mode, "RetainUntilDate": until}
    head = s3.head_object(Bucket=locked, Key="k")
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == (mode, until)
    with refused("AccessDenied", 403):
        s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    many = s3.delete_objects(Bucket=locked, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert [row["Code"] for row in many["Errors"]] == ["AccessDenied"] and "Deleted" not in many
    assert put(s3, locked) != version
    assert s3.delete_object(Bucket=locked, Key="k")["DeleteMarker"]
    assert s3.get_object(Bucket=locked, Key="k", VersionId=version)["Body"].read() == b"x"
    with refused("BucketNotEmpty", 409):
        s3.delete_bucket(Bucket=locked)


def test_governance_gives_way_to_who_may_bypass_it(s3: Any, locked: str) -> None:
    until = now() + 2 * DAY
    version = put(s3, locked, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=until)
    retain(s3, locked, "GOVERNANCE", until + DAY)
    with refused("AccessDenied", 403):
        retain(s3, locked, "GOVERNANCE", until)
    retain(s3, locked, "GOVERNANCE", until, BypassGovernanceRetention=True)
    assert retention(s3, locked)["RetainUntilDate"] == until
    with refused("AccessDenied", 403):
        s3.put_object_retention(Bucket=locked, Key="k", Retention={})
    s3.put_object_retention(Bucket=locked, Key="k", Retention={}, BypassGovernanceRetention=True)
    with refused("NoSuchObjectLockConfiguration", 404):
        retention(s3, locked)
    retain(s3, locked, "GOVERNANCE", until)
    s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)


def test_compliance_gives_way_to_nobody(s3: Any, locked: str) -> None:
    until = now() + DAY
    version = put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    for mode, when in (("COMPLIANCE", until - datetime.timedelta(hours=1)), ("GOVERNANCE", until)):
        with refused("AccessDenied", 403):
            retain(s3, locked, mode, when, BypassGovernanceRetention=True)
    with refused("AccessDenied", 403):
        s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
    retain(s3, locked, "COMPLIANCE", until + DAY)
    assert retention(s3, locked)["RetainUntilDate"] == until + DAY


def test_a_hold_holds_until_it_is_taken_off(s3: Any, locked: str) -> None:
    version = put(s3, locked, ObjectLockLegalHoldStatus="ON")
    assert s3.get_object_legal_hold(Bucket=locked, Key="k")["LegalHold"]["Status"] == "ON"
    assert s3.head_object(Bucket=locked, Key="k")["ObjectLockLegalHoldStatus"] == "ON"
    with refused("AccessDenied", 403):
        s3.delete_object(Bucket=locked, Key="k", VersionId=version, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(Bucket=locked, Key="k", LegalHold={"Status": "OFF"})
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)


def test_a_retention_that_is_over_holds_no_more(s3: Any, locked: str) -> None:
    soon = now() + datetime.timedelta(seconds=2)
    version = put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)
    with refused("AccessDenied", 403):
        s3.delete_object(Bucket=locked, Key="k", VersionId=version)
    while now() <= soon:
        time.sleep(0.2)
    s3.delete_object(Bucket=locked, Key="k", VersionId=version)


@pytest.mark.parametrize("period", [{"Days": 1}, {"Years": 1}], ids=str)
def test_a_bucket_may_lock_whatever_comes(s3: Any, locked: str, period: dict[str, int]) -> None:
    rule = {"DefaultRetention": {"Mode": "GOVERNANCE", **period}}
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=configuration)
    assert s3.get_object_lock_configuration(Bucket=locked)["ObjectLockConfiguration"] == configuration
    put(s3, locked)
    told = retention(s3, locked)
    days = (told["RetainUntilDate"] - now()).total_seconds() / 86_400
    expected = period.get("Days", 0) + 365 * period.get("Years", 0)
    assert told["Mode"] == "GOVERNANCE" and expected - 0.1 < days < expected + 1.1
    until = now() + 30 * DAY
    put(s3, locked, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=until)
    assert retention(s3, locked) == {"Mode": "COMPLIANCE", "RetainUntilDate": until}
    upload = s3.create_multipart_upload(Bucket=locked, Key="k")["UploadId"]
    part = s3.upload_part(Bucket=locked, Key="k", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    s3.complete_multipart_upload(Bucket=locked, Key="k", UploadId=upload, MultipartUpload=parts)
    assert retention(s3, locked)["Mode"] == "GOVERNANCE"
    s3.copy_object(Bucket=locked, Key="c", CopySource={"Bucket": locked, "Key": "k"})
    assert s3.head_object(Bucket=locked, Key="c")["ObjectLockMode"] == "GOVERNANCE"


@pytest.mark.parametrize(
    "rule",
    [
        {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1, "Years": 1}},
        {"DefaultRetention": {"Mode": "GOVERNANCE"}},
        {"DefaultRetention": {"Mode": "governance", "Days": 1}},
        {"DefaultRetention": {"Days": 1}},
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused(s3: Any, locked: str, rule: dict[str, Any]) -> None:
    configuration = {"ObjectLockEnabled": "Enabled", "Rule": rule}
    with refused("MalformedXML", 400):
        s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=configuration)


@pytest.mark.parametrize("days", [0, -1])
def test_a_rule_lasts_a_day_at_least(s3: Any, locked: str, days: int) -> None:
    configuration = {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": days}},
    }
    with refused("InvalidRetentionPeriod", 400):
        s3.put_object_lock_configuration(Bucket=locked, ObjectLockConfiguration=configuration)


def test_headers_of_a_lock_belong_together(raw: RawS3, s3: Any, locked: str) -> None:
    until = (now() + DAY).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = object_path(locked, "k")
    mode, date = "x-amz-object-lock-mode", "x-amz-object-lock-retain-until-date"
    for headers, code in (
        ({mode: "GOVERNANCE"}, "InvalidArgument"),
        ({date: until}, "InvalidArgument"),
        ({mode: "governance", date: until}, "InvalidArgument"),
        ({mode: "GOVERNANCE", date: "tomorrow"}, "InvalidArgument"),
        ({mode: "GOVERNANCE", date: "2020-01-01T00:00:00Z"}, "InvalidArgument"),
        ({"x-amz-object-lock-legal-hold": "on"}, "InvalidArgument"),
    ):
        sent = {**headers, "Content-MD5": content_md5(b"x")}
        assert_refused(raw.request("PUT", path, headers=sent, body=b"x"), 400, code)
    assert "Versions" not in s3.list_object_versions(Bucket=locked)


def test_a_date_in_the_past_is_refused(s3: Any, locked: str) -> None:
    put(s3, locked)
    with refused("InvalidArgument", 400):
        retain(s3, locked, "GOVERNANCE", now() - DAY)
    with refused("MalformedXML", 400):
        retain(s3, locked, "abc", now() + DAY)


def test_locks_are_of_versions(s3: Any, locked: str) -> None:
    old = put(s3, locked, ObjectLockLegalHoldStatus="ON")
    new = put(s3, locked)
    with refused("NoSuchObjectLockConfiguration", 404):
        retention(s3, locked, VersionId=new)
    assert s3.get_object_legal_hold(Bucket=locked, Key="k", VersionId=old)["LegalHold"]["Status"] == "ON"
    s3.delete_object(Bucket=locked, Key="k", VersionId=new)
    assert s3.head_object(Bucket=locked, Key="k")["VersionId"] == old
    s3.copy_object(Bucket=locked, Key="c", CopySource={"Bucket": locked, "Key": "k"})
    assert "ObjectLockLegalHoldStatus" not in s3.head_object(Bucket=locked, Key="c"), "a lock is not copied"
