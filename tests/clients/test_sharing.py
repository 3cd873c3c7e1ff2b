"""Each way of letting others in: lists, policies, links, and the switches against them."""

import datetime
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from harness.demo import Demo
from harness.errors import assert_refused, refused
from harness.people import client_of, may, nobody
from harness.raw import RawS3, object_path
from harness.signing import UNSIGNED
from harness.site import Keys, Site
from harness.wire import exchange_stream

_numbers = itertools.count()
PUBLIC = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"


@dataclass
class People:
    """The owner of what is shared, two others, and who does not sign."""

    alice: Any
    bob: Any
    carol: Any
    nobody: Any
    users: dict[str, dict[str, str]]

    def each(self) -> dict[str, Any]:
        return {"bob": self.bob, "carol": self.carol, "nobody": self.nobody}

    def who_may(self, method: str, **names: Any) -> set[str]:
        return {who for who, client in self.each().items() if may(getattr(client, method), **names)}


@pytest.fixture(scope="module")
def people(site: Site, demo: Demo) -> People:
    users = {name: demo.ctl().create_user(f"sharing-{name}") for name in ("alice", "bob", "carol")}
    return People(*(client_of(site, user) for user in users.values()), nobody(site), users)


@pytest.fixture
def shared(people: People) -> str:
    """A bucket of Alice's with two objects."""
    name = f"shared-{next(_numbers)}"
    people.alice.create_bucket(Bucket=name)
    for key in ("in/k", "k"):
        people.alice.put_object(Bucket=name, Key=key, Body=key.encode())
    return name


def allow(action: str | list[str], resource: str, principal: Any = "*", **more: Any) -> dict[str, Any]:
    arn = f"arn:aws:s3:::{resource}"
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": arn, **more}


def put_policy(people: People, bucket: str, *statements: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Statement": statements})
    people.alice.put_bucket_policy(Bucket=bucket, Policy=text)


# Lists.


@pytest.mark.parametrize(
    "canned, listing, writing",
    [
        ("private", set(), set()),
        ("public-read", {"bob", "carol", "nobody"}, set()),
        ("public-read-write", {"bob", "carol", "nobody"}, {"bob", "carol", "nobody"}),
        ("authenticated-read", {"bob", "carol"}, set()),
    ],
)
def test_canned_lists_of_buckets(
    people: People, shared: str, canned: str, listing: set[str], writing: set[str]
) -> None:
    people.alice.put_bucket_acl(Bucket=shared, ACL=canned)
    assert people.who_may("list_objects_v2", Bucket=shared) == listing
    assert people.who_may("put_object", Bucket=shared, Key="new", Body=b"x") == writing
    assert people.who_may("delete_object", Bucket=shared, Key="new") == writing
    # What is in a bucket is another matter, and so are its settings.
    assert people.who_may("get_object", Bucket=shared, Key="k") == set()
    assert people.who_may("get_bucket_acl", Bucket=shared) == set()
    assert people.who_may("get_bucket_versioning", Bucket=shared) == set()


@pytest.mark.parametrize(
    "canned, reading",
    [
        ("private", set()),
        ("public-read", {"bob", "carol", "nobody"}),
        ("public-read-write", {"bob", "carol", "nobody"}),
        ("authenticated-read", {"bob", "carol"}),
        ("bucket-owner-read", set()),
        ("bucket-owner-full-control", set()),
    ],
)
def test_canned_lists_of_objects(people: People, shared: str, canned: str, reading: set[str]) -> None:
    people.alice.put_object_acl(Bucket=shared, Key="k", ACL=canned)
    people.alice.put_object(Bucket=shared, Key="new", Body=b"x", ACL=canned)
    for key in ("k", "new"):
        assert people.who_may("get_object", Bucket=shared, Key=key) == reading
        assert people.who_may("head_object", Bucket=shared, Key=key) == reading
        assert people.who_may("put_object", Bucket=shared, Key=key, Body=b"x") == set()
        assert people.who_may("get_object_acl", Bucket=shared, Key=key) == set()
        assert people.who_may("get_object_tagging", Bucket=shared, Key=key) == set()


@pytest.mark.parametrize("by", ["ID", "EmailAddress"])
@pytest.mark.parametrize(
    "permission, rights",
    [
        ("READ", {"list"}),
        ("WRITE", {"write"}),
        ("READ_ACP", {"read list"}),
        ("WRITE_ACP", {"write list"}),
        ("FULL_CONTROL", {"list", "write", "read list", "write list"}),
    ],
)
def test_a_grant_on_a_bucket_gives_one_user_one_right(
    people: People, shared: str, by: str, permission: str, rights: set[str]
) -> None:
    _grant(people, people.alice.get_bucket_acl, people.alice.put_bucket_acl, permission, by, Bucket=shared)
    same = _list_of(people.alice.get_bucket_acl(Bucket=shared))
    for client, expected in ((people.bob, rights), (people.carol, set())):
        asked = {
            "list": may(client.list_objects_v2, Bucket=shared),
            "write": may(client.put_object, Bucket=shared, Key="new", Body=b"x"),
            "read list": may(client.get_bucket_acl, Bucket=shared),
            "write list": may(client.put_bucket_acl, Bucket=shared, AccessControlPolicy=same),
        }
        assert {name for name, allowed in asked.items() if allowed} == expected


@pytest.mark.parametrize("by", ["ID", "EmailAddress"])
@pytest.mark.parametrize(
    "permission, rights",
    [
        ("READ", {"read"}),
        ("READ_ACP", {"read list"}),
        ("WRITE_ACP", {"write list"}),
        ("FULL_CONTROL", {"read", "read list", "write list"}),
    ],
)
def test_a_grant_on_an_object_gives_one_user_one_right(
    people: People, shared: str, by: str, permission: str, rights: set[str]
) -> None:
    of = {"Bucket": shared, "Key": "k"}
    _grant(people, people.alice.get_object_acl, people.alice.put_object_acl, permission, by, **of)
    same = _list_of(people.alice.get_object_acl(**of))
    for client, expected in ((people.bob, rights), (people.carol, set())):
        asked = {
            "read": may(client.get_object, **of),
            "write": may(client.put_object, **of, Body=b"x"),
            "delete": may(client.delete_object, **of),
            "read list": may(client.get_object_acl, **of),
            "write list": may(client.put_object_acl, **of, AccessControlPolicy=same),
        }
        assert {name for name, allowed in asked.items() if allowed} == expected


def test_grants_come_with_a_request_too(people: People, shared: str) -> None:
    bob = people.users["bob"]
    people.alice.put_object(Bucket=shared, Key="a", Body=b"x", GrantRead=f'id="{bob["id"]}"')
    people.alice.copy_object(
        Bucket=shared, Key="b", CopySource={"Bucket": shared, "Key": "k"}, GrantRead=f'emailaddress="{bob["email"]}"'
    )
    upload = people.alice.create_multipart_upload(Bucket=shared, Key="c", GrantRead=f'uri="{SIGNED}"')["UploadId"]
    part = people.alice.upload_part(Bucket=shared, Key="c", UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": part}]}
    people.alice.complete_multipart_upload(Bucket=shared, Key="c", UploadId=upload, MultipartUpload=parts)
    for key, reading in (("a", {"bob"}), ("b", {"bob"}), ("c", {"bob", "carol"})):
        assert people.who_may("get_object", Bucket=shared, Key=key) == reading, key


def test_a_list_goes_with_its_object_only(people: People, shared: str) -> None:
    people.alice.put_object_acl(Bucket=shared, Key="k", ACL="public-read")
    people.alice.copy_object(Bucket=shared, Key="copy", CopySource={"Bucket": shared, "Key": "k"})
    assert people.who_may("get_object", Bucket=shared, Key="copy") == set()
    people.alice.put_object(Bucket=shared, Key="k", Body=b"again")
    assert people.who_may("get_object", Bucket=shared, Key="k") == set()


def test_a_version_has_a_list_of_its_own(people: People, shared: str) -> None:
    people.alice.put_bucket_versioning(Bucket=shared, VersioningConfiguration={"Status": "Enabled"})
    old = people.alice.put_object(Bucket=shared, Key="v", Body=b"old", ACL="public-read")["VersionId"]
    people.alice.put_object(Bucket=shared, Key="v", Body=b"new")
    assert people.who_may("get_object", Bucket=shared, Key="v") == set()
    everybody = {"bob", "carol", "nobody"}
    assert people.who_may("get_object", Bucket=shared, Key="v", VersionId=old) == everybody
    people.alice.put_object_acl(Bucket=shared, Key="v", VersionId=old, ACL="private")
    assert people.who_may("get_object", Bucket=shared, Key="v", VersionId=old) == set()


def test_whom_nobody_knows_is_granted_nothing(people: People, shared: str) -> None:
    with refused("InvalidArgument", 400):
        people.alice.put_object_acl(Bucket=shared, Key="k", GrantRead='id="ffffffffffffffff"')
    with refused("UnresolvableGrantByEmailAddress", 400):
        people.alice.put_object_acl(Bucket=shared, Key="k", GrantRead='emailaddress="none@example.org"')


# Who owns what others put.


def test_what_another_put_is_his_unless_the_bucket_says_otherwise(people: People, shared: str) -> None:
    people.alice.put_bucket_acl(Bucket=shared, ACL="public-read-write")
    for ownership, canned, alices in (
        ("ObjectWriter", "private", False),
        ("ObjectWriter", "bucket-owner-read", True),
        ("ObjectWriter", "bucket-owner-full-control", True),
        ("BucketOwnerPreferred", "private", False),
        ("BucketOwnerPreferred", "bucket-owner-full-control", True),
    ):
        _own(people, shared, ownership)
        people.bob.put_object(Bucket=shared, Key="bobs", Body=b"x", ACL=canned)
        assert may(people.alice.get_object, Bucket=shared, Key="bobs") == alices, (ownership, canned)
        owner = "alice" if (ownership, canned) == ("BucketOwnerPreferred", "bucket-owner-full-control") else "bob"
        listed = people.alice.list_objects_v2(Bucket=shared, Prefix="bobs", FetchOwner=True)["Contents"][0]
        assert listed["Owner"]["ID"] == people.users[owner]["id"], (ownership, canned)
        assert may(people.bob.get_object, Bucket=shared, Key="bobs") == (owner == "bob")
        # Whoever owns the bucket may clear it out.
        people.alice.delete_object(Bucket=shared, Key="bobs")


def test_where_the_bucket_owner_is_enforced_lists_do_not_count(people: People, shared: str) -> None:
    people.alice.put_object_acl(Bucket=shared, Key="k", ACL="public-read")
    put_policy(people, shared, allow("s3:PutObject", f"{shared}/*", {"AWS": _arn(people, "bob")}))
    _own(people, shared, "BucketOwnerEnforced")
    assert people.who_may("get_object", Bucket=shared, Key="k") == set()
    with refused("AccessControlListNotSupported", 400):
        people.alice.put_object_acl(Bucket=shared, Key="k", ACL="public-read")
    with refused("AccessControlListNotSupported", 400):
        people.alice.put_object(Bucket=shared, Key="new", Body=b"x", ACL="public-read")
    people.bob.put_object(Bucket=shared, Key="bobs", Body=b"x")
    people.bob.put_object(Bucket=shared, Key="bobs-too", Body=b"x", ACL="bucket-owner-full-control")
    assert not may(people.bob.get_object, Bucket=shared, Key="bobs")
    assert may(people.alice.get_object, Bucket=shared, Key="bobs")
    people.alice.delete_bucket_ownership_controls(Bucket=shared)
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob", "carol", "nobody"}


def test_a_list_in_the_body_is_refused_where_lists_do_not_count(people: People, shared: str) -> None:
    _own(people, shared, "BucketOwnerEnforced")
    of_object = people.alice.get_object_acl, people.alice.put_object_acl, {"Bucket": shared, "Key": "k"}
    of_bucket = people.alice.get_bucket_acl, people.alice.put_bucket_acl, {"Bucket": shared}
    for get, put, of in (of_object, of_bucket):
        own = _list_of(get(**of))
        put(**of, AccessControlPolicy=own)
        for grantee in ({"Type": "Group", "URI": PUBLIC}, {"Type": "CanonicalUser", "ID": people.users["bob"]["id"]}):
            more = own["Grants"] + [{"Grantee": grantee, "Permission": "READ"}]
            with refused("AccessControlListNotSupported", 400):
                put(**of, AccessControlPolicy=own | {"Grants": more})
        with refused("AccessControlListNotSupported", 400):
            put(**of, AccessControlPolicy=own | {"Grants": []})
        assert _list_of(get(**of)) == own


def test_an_address_of_several_is_granted_nothing(people: People, demo: Demo, shared: str) -> None:
    email = "sharing-both@example.org"
    for name in ("sharing-first", "sharing-second"):
        demo.ctl().json("user", "create", name, "--email", email)
    with refused("AmbiguousGrantByEmailAddress", 400):
        people.alice.put_object(Bucket=shared, Key="both", Body=b"x", GrantRead=f'emailaddress="{email}"')
    with refused("AmbiguousGrantByEmailAddress", 400):
        people.alice.put_object_acl(Bucket=shared, Key="k", GrantRead=f'emailaddress="{email.upper()}"')


def test_a_bucket_shared_by_its_list_must_be_closed_before_ownership_is_enforced(people: People, shared: str) -> None:
    people.alice.put_bucket_acl(Bucket=shared, ACL="public-read")
    with refused("InvalidBucketAclWithObjectOwnership", 400):
        _own(people, shared, "BucketOwnerEnforced")
    people.alice.put_bucket_acl(Bucket=shared, ACL="private")
    _own(people, shared, "BucketOwnerEnforced")


# Policies.


def test_a_policy_names_who_may_do_what(people: People, shared: str) -> None:
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/in/*", {"AWS": _arn(people, "bob")}))
    assert people.who_may("get_object", Bucket=shared, Key="in/k") == {"bob"}
    assert people.who_may("get_object", Bucket=shared, Key="k") == set()
    assert people.who_may("put_object", Bucket=shared, Key="in/k", Body=b"x") == set()
    assert people.who_may("list_objects_v2", Bucket=shared) == set()
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*"))
    assert people.who_may("get_object", Bucket=shared, Key="in/k") == {"bob", "carol", "nobody"}
    people.alice.delete_bucket_policy(Bucket=shared)
    assert people.who_may("get_object", Bucket=shared, Key="in/k") == set()


def test_what_a_policy_forbids_no_list_allows(people: People, shared: str) -> None:
    people.alice.put_object_acl(Bucket=shared, Key="k", ACL="public-read")
    forbid = allow("s3:GetObject", f"{shared}/k", {"AWS": _arn(people, "bob")}) | {"Effect": "Deny"}
    put_policy(people, shared, forbid, allow("s3:*", f"{shared}/*", {"AWS": _arn(people, "bob")}))
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"carol", "nobody"}
    # The owner is under it as well, but keeps the policy itself.
    put_policy(people, shared, allow("s3:*", shared) | {"Effect": "Deny"})
    assert not may(people.alice.list_objects_v2, Bucket=shared)
    people.alice.delete_bucket_policy(Bucket=shared)
    assert may(people.alice.list_objects_v2, Bucket=shared)


def test_listing_may_be_bound_to_a_prefix(people: People, shared: str) -> None:
    condition = {"StringLike": {"s3:prefix": "in/*"}}
    put_policy(people, shared, allow("s3:ListBucket", shared, {"AWS": _arn(people, "bob")}, Condition=condition))
    assert may(people.bob.list_objects_v2, Bucket=shared, Prefix="in/")
    assert may(people.bob.list_objects, Bucket=shared, Prefix="in/k")
    for prefix in ("", "i", "other/"):
        assert not may(people.bob.list_objects_v2, Bucket=shared, Prefix=prefix), prefix
    assert not may(people.bob.list_objects_v2, Bucket=shared)
    # Who may list there is told what is missing there, and only there.
    with refused("AccessDenied", 403):
        people.bob.get_object(Bucket=shared, Key="in/k")
    with refused("AccessDenied", 403):
        people.bob.get_object(Bucket=shared, Key="none")


@pytest.mark.parametrize(
    "condition, holds",
    [
        ({"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}, True),
        ({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "127.0.0.1/32"]}}, True),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, False),
        ({"NotIpAddress": {"aws:SourceIp": "127.0.0.1"}}, False),
        ({"Bool": {"aws:SecureTransport": "true"}}, False),
        ({"Bool": {"aws:SecureTransport": "false"}}, True),
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, False),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, True),
        ({"StringEquals": {"s3:ExistingObjectTag/colour": "blue"}}, True),
        ({"StringEquals": {"s3:ExistingObjectTag/colour": "red"}}, False),
        ({"StringEquals": {"s3:ExistingObjectTag/shape": "blue"}}, False),
        ({"StringNotEquals": {"s3:ExistingObjectTag/colour": "blue"}}, False),
        ({"Null": {"s3:ExistingObjectTag/colour": "false"}}, True),
        ({"StringLike": {"aws:UserAgent": "*oto*"}}, True),
        ({"StringEquals": {"aws:Referer": "https://example.org/"}}, False),
    ],
    ids=str,
)
def test_conditions_of_a_policy(people: People, shared: str, condition: dict[str, Any], holds: bool) -> None:
    tags = {"TagSet": [{"Key": "colour", "Value": "blue"}]}
    people.alice.put_object_tagging(Bucket=shared, Key="k", Tagging=tags)
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*", Condition=condition))
    allowed = people.who_may("get_object", Bucket=shared, Key="k")
    assert allowed == ({"bob", "carol", "nobody"} if holds else set())


def test_conditions_on_what_is_put(people: People, shared: str) -> None:
    tagged = {"StringEquals": {"s3:RequestObjectTag/colour": "blue"}}
    listed = {"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}
    bob = {"AWS": _arn(people, "bob")}
    put_policy(
        people,
        shared,
        allow(["s3:PutObject", "s3:PutObjectTagging"], f"{shared}/tagged/*", bob, Condition=tagged),
        allow(["s3:PutObject", "s3:PutObjectAcl"], f"{shared}/listed/*", bob, Condition=listed),
    )
    name = {"Bucket": shared, "Key": "tagged/k", "Body": b"x"}
    assert may(people.bob.put_object, **name, Tagging="colour=blue")
    assert not may(people.bob.put_object, **name, Tagging="colour=red")
    assert not may(people.bob.put_object, **name)
    name["Key"] = "listed/k"
    assert may(people.bob.put_object, **name, ACL="bucket-owner-full-control")
    assert not may(people.bob.put_object, **name, ACL="public-read")
    assert not may(people.bob.put_object, **name)


def test_conditions_on_tags_and_locks_see_what_a_body_says(people: People) -> None:
    name = f"locked-{next(_numbers)}"
    people.alice.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    people.alice.put_object(Bucket=name, Key="k", Body=b"x")
    bob = {"AWS": _arn(people, "bob")}
    blue = {"StringEquals": {"s3:RequestObjectTag/colour": "blue"}}
    on = {"StringEquals": {"s3:object-lock-legal-hold": "ON"}}
    compliance = {"StringEquals": {"s3:object-lock-mode": "COMPLIANCE"}}
    put_policy(
        people,
        name,
        allow("s3:PutObjectTagging", f"{name}/*", bob, Condition=blue),
        allow(["s3:PutObjectRetention", "s3:PutObjectLegalHold"], f"{name}/*", bob),
        allow("s3:PutObjectLegalHold", f"{name}/*", bob, Condition=on) | {"Effect": "Deny"},
        allow("s3:PutObjectRetention", f"{name}/*", bob, Condition=compliance) | {"Effect": "Deny"},
    )
    of = {"Bucket": name, "Key": "k"}

    def tagged(value: str) -> bool:
        tags = {"TagSet": [{"Key": "colour", "Value": value}]}
        return may(people.bob.put_object_tagging, **of, Tagging=tags)

    def held(status: str) -> bool:
        return may(people.bob.put_object_legal_hold, **of, LegalHold={"Status": status})

    def retained(mode: str) -> bool:
        until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=5)
        return may(people.bob.put_object_retention, **of, Retention={"Mode": mode, "RetainUntilDate": until})

    assert (tagged("blue"), tagged("red")) == (True, False)
    assert (held("OFF"), held("ON")) == (True, False)
    assert (retained("GOVERNANCE"), retained("COMPLIANCE")) == (True, False)


def test_who_may_only_delete_does_not_learn_tags(people: People, shared: str) -> None:
    tag = people.alice.head_object(Bucket=shared, Key="k")["ETag"]
    put_policy(people, shared, allow("s3:DeleteObject", f"{shared}/*", {"AWS": _arn(people, "bob")}))
    for said in (tag, '"00000000000000000000000000000000"'):
        with refused("AccessDenied", 403):
            people.bob.delete_object(Bucket=shared, Key="k", IfMatch=said)
        wanted = {"Objects": [{"Key": "k", "ETag": said}]}
        errors = people.bob.delete_objects(Bucket=shared, Delete=wanted)["Errors"]
        assert [error["Code"] for error in errors] == ["AccessDenied"]
    people.bob.delete_object(Bucket=shared, Key="k", IfMatch="*")


def test_a_condition_on_a_version_is_about_the_one_that_is_read_or_deleted(people: People, shared: str) -> None:
    people.alice.put_bucket_versioning(Bucket=shared, VersioningConfiguration={"Status": "Enabled"})
    old, new = (people.alice.put_object(Bucket=shared, Key="v", Body=body)["VersionId"] for body in (b"1", b"2"))
    bob = {"AWS": _arn(people, "bob")}
    that = {"StringEquals": {"s3:VersionId": old}}
    put_policy(
        people,
        shared,
        allow(["s3:GetObjectVersion", "s3:DeleteObjectVersion"], f"{shared}/*", bob, Condition=that),
        allow("s3:PutObject", f"{shared}/*", bob),
    )

    def copied(version: str) -> bool:
        source = {"Bucket": shared, "Key": "v", "VersionId": version}
        return may(people.bob.copy_object, Bucket=shared, Key="copy", CopySource=source)

    def deleted(version: str) -> str:
        wanted = {"Objects": [{"Key": "v", "VersionId": version}]}
        answer = people.bob.delete_objects(Bucket=shared, Delete=wanted)
        return "no" if answer.get("Errors") else "yes"

    assert (copied(old), copied(new)) == (True, False)
    assert (deleted(new), deleted(old)) == ("no", "yes")


def test_no_version_can_be_said_of_what_is_put(people: People, site: Site, shared: str) -> None:
    raw = _raw(people, site, "alice")
    for method in ("PUT", "POST"):
        query = [("versionId", "null")] + ([("uploads", "")] if method == "POST" else [])
        answer = raw.request(method, object_path(shared, "v"), query=query, body=b"x" if method == "PUT" else b"")
        assert_refused(answer, 400, "InvalidArgument")


def test_what_a_condition_takes_from_the_query_is_done(people: People, site: Site, shared: str) -> None:
    sealed = {"StringEquals": {"s3:x-amz-server-side-encryption": "AES256"}}
    bob = {"AWS": _arn(people, "bob")}
    put_policy(people, shared, allow("s3:PutObject", f"{shared}/*", bob, Condition=sealed))
    raw = _raw(people, site, "bob")
    path = object_path(shared, "by-query")
    for said, status in (([("x-amz-server-side-encryption", "AES256")], 200), ([], 403)):
        query = raw.signer().presigned("PUT", raw.host, path, said, 60)
        assert requests.put(f"{raw.endpoint}{path}?{query}", data=b"x", timeout=10).status_code == status
    head = people.bob.head_object(Bucket=shared, Key="by-query")
    assert head["ServerSideEncryption"] == "AES256"


def test_lists_and_tags_of_what_is_put_need_rights_of_their_own(people: People, shared: str) -> None:
    bob, key = {"AWS": _arn(people, "bob")}, {"Bucket": shared, "Key": "new", "Body": b"x"}
    _own(people, shared, "BucketOwnerPreferred")
    write = allow("s3:PutObject", f"{shared}/*")
    put_policy(people, shared, write)
    # Who signs nothing leaves it to the owner of the bucket, who has not said that it may be open or tagged.
    assert people.who_may("put_object", **key) == {"bob", "carol", "nobody"}
    assert people.who_may("put_object", **key, ACL="public-read") == {"bob", "carol"}
    assert people.who_may("put_object", **key, Tagging="a=b") == {"bob", "carol"}
    for action, said in (("s3:PutObjectAcl", {"ACL": "public-read"}), ("s3:PutObjectTagging", {"Tagging": "a=b"})):
        put_policy(people, shared, write, allow(action, f"{shared}/*"))
        assert people.who_may("put_object", **key, **said) == {"bob", "carol", "nobody"}, action
        put_policy(people, shared, write, allow(action, f"{shared}/*", bob) | {"Effect": "Deny"})
        assert not may(people.bob.put_object, **key, **said), action
        assert not may(people.bob.create_multipart_upload, Bucket=shared, Key="new", **said), action
        assert may(people.bob.put_object, **key), action


def test_who_may_write_by_a_list_may_say_what_he_writes(people: People, shared: str) -> None:
    said = {"ACL": "public-read", "Tagging": "a=b"}
    people.alice.put_bucket_acl(Bucket=shared, ACL="public-read-write")
    assert people.who_may("put_object", Bucket=shared, Key="new", Body=b"x", **said) == {"bob", "carol", "nobody"}
    put_policy(people, shared, allow("s3:PutObjectAcl", f"{shared}/*") | {"Effect": "Deny"})
    assert people.who_may("put_object", Bucket=shared, Key="new", Body=b"x", **said) == set()
    assert people.who_may("put_object", Bucket=shared, Key="new", Body=b"x") == {"bob", "carol", "nobody"}


def test_tags_are_copied_by_who_may_read_them(people: People, shared: str) -> None:
    people.alice.put_object(Bucket=shared, Key="k", Body=b"x", Tagging="a=b")
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*"))
    own, source = {"Bucket": f"{shared}-bobs", "Key": "k"}, {"Bucket": shared, "Key": "k"}
    people.bob.create_bucket(Bucket=own["Bucket"])
    assert not may(people.bob.copy_object, **own, CopySource=source)
    assert may(people.bob.copy_object, **own, CopySource=source, TaggingDirective="REPLACE")
    put_policy(people, shared, allow(["s3:GetObject", "s3:GetObjectTagging"], f"{shared}/*"))
    assert may(people.bob.copy_object, **own, CopySource=source)
    assert people.bob.get_object_tagging(**own)["TagSet"] == [{"Key": "a", "Value": "b"}]


def test_how_many_tags_there_are_is_told_to_who_may_read_them(people: People, shared: str) -> None:
    people.alice.put_object(Bucket=shared, Key="k", Body=b"x", Tagging="a=b")
    read, of = allow("s3:GetObject", f"{shared}/*"), {"Bucket": shared, "Key": "k"}
    for statements, shown in (([read], False), ([read, allow("s3:GetObjectTagging", f"{shared}/*")], True)):
        put_policy(people, shared, *statements)
        for who, client in people.each().items():
            assert ("TagCount" in client.get_object(**of)) == shown, who
            assert ("TagCount" in client.head_object(**of)) == shown, who
    assert people.alice.head_object(**of)["TagCount"] == 1


def test_who_may_only_write_learns_no_tag(people: People, shared: str) -> None:
    etag = people.alice.head_object(Bucket=shared, Key="k")["ETag"]
    put_policy(people, shared, allow("s3:PutObject", f"{shared}/*"))
    own, of = f"{shared}-bobs", {"Bucket": shared, "Key": "k"}
    people.bob.create_bucket(Bucket=own)
    people.bob.put_object(Bucket=own, Key="k", Body=b"x")
    for how in ({"IfMatch": etag}, {"IfMatch": '"other"'}, {"IfNoneMatch": etag}):
        for key in ("k", "missing"):
            there = of | {"Key": key}
            assert not may(people.bob.put_object, **there, Body=b"x", **how), (key, how)
            assert not may(people.bob.copy_object, **there, CopySource={"Bucket": own, "Key": "k"}, **how), (key, how)
            upload = _upload(people.bob, **there)
            assert not may(people.bob.complete_multipart_upload, **upload, **how), (key, how)
    # Whether there is something is told to who may write, as they could find out.
    with refused("PreconditionFailed", 412):
        people.bob.put_object(**of, Body=b"x", IfNoneMatch="*")
    put_policy(people, shared, allow(["s3:PutObject", "s3:GetObject"], f"{shared}/*"))
    with refused("PreconditionFailed", 412):
        people.bob.put_object(**of, Body=b"x", IfMatch='"other"')
    people.bob.put_object(**of, Body=b"x", IfMatch=etag)


def test_an_upload_is_gone_on_with_by_who_began_it(people: People, shared: str) -> None:
    put_policy(people, shared, allow(["s3:PutObject", "s3:GetObject"], f"{shared}/*"))
    of = {"Bucket": shared, "Key": "parts"}
    begun = _upload(people.bob, **of)
    part = of | {"UploadId": begun["UploadId"], "PartNumber": 1}
    for other in (people.carol, people.nobody):
        assert not may(other.upload_part, **part, Body=b"y")
        assert not may(other.upload_part_copy, **part, CopySource={"Bucket": shared, "Key": "k"})
        assert not may(other.complete_multipart_upload, **begun)
    # The owner of the bucket may, as they may do away with it.
    people.alice.upload_part(**part, Body=b"x")
    people.bob.complete_multipart_upload(**begun)
    assert people.bob.get_object(**of)["Body"].read() == b"x"


def test_whether_a_bucket_is_public_is_told(people: People, shared: str) -> None:
    def public() -> bool:
        return bool(people.alice.get_bucket_policy_status(Bucket=shared)["PolicyStatus"]["IsPublic"])

    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*", {"AWS": _arn(people, "bob")}))
    assert not public()
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*"))
    assert public()
    condition = {"IpAddress": {"aws:SourceIp": "10.1.2.0/24"}}
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*", Condition=condition))
    assert not public()


# Links.


def test_a_link_gives_what_its_maker_may_have(people: People, shared: str) -> None:
    def get(maker: Any, key: str) -> int:
        link = maker.generate_presigned_url("get_object", Params={"Bucket": shared, "Key": key}, ExpiresIn=60)
        return requests.get(link, timeout=10).status_code

    assert (get(people.alice, "k"), get(people.bob, "k")) == (200, 403)
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/k", {"AWS": _arn(people, "bob")}))
    assert (get(people.bob, "k"), get(people.bob, "in/k"), get(people.carol, "k")) == (200, 403, 403)
    people.alice.delete_bucket_policy(Bucket=shared)
    assert get(people.bob, "k") == 403


# The switches against the public.


def test_block_public_acls_refuses_new_public_lists(people: People, shared: str) -> None:
    people.alice.put_object_acl(Bucket=shared, Key="in/k", ACL="public-read")
    _block(people, shared, "BlockPublicAcls")
    of = {"Bucket": shared, "Key": "k"}
    for canned in ("public-read", "public-read-write", "authenticated-read"):
        assert not may(people.alice.put_object_acl, **of, ACL=canned), canned
        assert not may(people.alice.put_object, **of, Body=b"other", ACL=canned), canned
        assert not may(people.alice.put_bucket_acl, Bucket=shared, ACL=canned), canned
        assert not may(people.alice.create_multipart_upload, **of, ACL=canned), canned
    assert not may(people.alice.put_object_acl, **of, GrantRead=f'uri="{PUBLIC}"')
    assert not may(people.alice.copy_object, Bucket=shared, Key="c", CopySource=of, ACL="public-read")
    assert people.alice.get_object(**of)["Body"].read() == b"k"
    assert may(people.alice.put_object_acl, **of, ACL="private")
    assert may(people.alice.put_object_acl, **of, GrantRead=f'id="{people.users["bob"]["id"]}"')
    # What is public already stays so.
    assert people.who_may("get_object", Bucket=shared, Key="in/k") == {"bob", "carol", "nobody"}


def test_ignore_public_acls_takes_away_what_lists_gave_the_public(people: People, shared: str) -> None:
    people.alice.put_bucket_acl(Bucket=shared, ACL="public-read-write")
    grants = f'id="{people.users["bob"]["id"]}", uri="{PUBLIC}"'
    people.alice.put_object_acl(Bucket=shared, Key="k", GrantRead=grants)
    _block(people, shared, "IgnorePublicAcls")
    assert people.who_may("list_objects_v2", Bucket=shared) == set()
    assert people.who_may("put_object", Bucket=shared, Key="new", Body=b"x") == set()
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob"}
    assert may(people.alice.put_object_acl, Bucket=shared, Key="k", ACL="public-read")
    people.alice.delete_public_access_block(Bucket=shared)
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob", "carol", "nobody"}


def test_block_public_policy_refuses_new_public_policies(people: People, shared: str) -> None:
    _block(people, shared, "BlockPublicPolicy")
    with refused("AccessDenied", 403):
        put_policy(people, shared, allow("s3:GetObject", f"{shared}/*"))
    put_policy(people, shared, allow("s3:GetObject", f"{shared}/*", {"AWS": _arn(people, "bob")}))
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob"}


def test_restrict_public_buckets_leaves_a_public_policy_to_the_owner(people: People, shared: str) -> None:
    put_policy(people, shared, allow(["s3:GetObject", "s3:ListBucket"], f"{shared}*"))
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob", "carol", "nobody"}
    _block(people, shared, "RestrictPublicBuckets")
    assert people.who_may("get_object", Bucket=shared, Key="k") == set()
    assert may(people.alice.get_object, Bucket=shared, Key="k")
    # The switch is about policies, not about lists.
    people.alice.put_object_acl(Bucket=shared, Key="k", ACL="public-read")
    assert people.who_may("get_object", Bucket=shared, Key="k") == {"bob", "carol", "nobody"}


def test_a_slow_request_for_something_else_undoes_no_switch(people: People, site: Site, shared: str) -> None:
    body = b"<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>"
    raw = _raw(people, site, "alice")
    headers = {"Host": raw.host, "Content-Length": str(len(body))}
    signed = raw.signer().headers("PUT", f"/{shared}", [("requestPayment", "")], headers, UNSIGNED)
    lines = [f"PUT /{shared}?requestPayment= HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items())]

    def pieces() -> Iterator[bytes]:
        yield body[:10]
        time.sleep(1)  # by now the site has looked at the bucket
        _block(people, shared, "BlockPublicPolicy")
        yield body[10:]

    head = "\r\n".join([*lines, "", ""]).encode()
    assert exchange_stream(raw.endpoint, head, pieces(), 20).status == 200
    told = people.alice.get_public_access_block(Bucket=shared)["PublicAccessBlockConfiguration"]
    assert told["BlockPublicPolicy"]


def _raw(people: People, site: Site, name: str) -> RawS3:
    user = people.users[name]
    return RawS3(site.endpoints[0], Keys(user["access_key"], user["secret_key"]), site.region)


def _arn(people: People, name: str) -> str:
    return f"arn:aws:iam:::user/{people.users[name]['name']}"


def _upload(client: Any, **of: str) -> dict[str, Any]:
    """An upload of one part, with what completes it."""
    upload = client.create_multipart_upload(**of)["UploadId"]
    etag = client.upload_part(**of, UploadId=upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return of | {"UploadId": upload, "MultipartUpload": parts}


def _own(people: People, bucket: str, ownership: str) -> None:
    controls = {"Rules": [{"ObjectOwnership": ownership}]}
    people.alice.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)


def _block(people: People, bucket: str, switch: str) -> None:
    people.alice.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={switch: True})


def _list_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {"Owner": answer["Owner"], "Grants": answer["Grants"]}


def _grant(people: People, get: Any, put: Any, permission: str, by: str, **of: str) -> None:
    """Adds a grant for Bob to a list."""
    bob = people.users["bob"]
    how = {"ID": ("CanonicalUser", bob["id"]), "EmailAddress": ("AmazonCustomerByEmail", bob["email"])}[by]
    grantee = {"Type": how[0], by: how[1]}
    acl = _list_of(get(**of))
    acl["Grants"].append({"Grantee": grantee, "Permission": permission})
    put(**of, AccessControlPolicy=acl)
