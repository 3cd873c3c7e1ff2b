"""What belongs to another is out of reach, and asking for it tells nothing: every operation."""

import dataclasses
import datetime
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.demo import Demo
from harness.errors import refused
from harness.operations import APART, Request, Target, requests_of, served
from harness.raw import RawS3, object_path
from harness.signing import query_string
from harness.site import Keys, Site
from harness.wire import Response

TRIED = [name for name in served() if name not in APART]
_TELL_TALES = ("etag", "last-modified", "x-amz-version-id", "x-amz-delete-marker", "x-amz-meta-a", "content-range")


@dataclasses.dataclass
class Scene:
    """A bucket of one user with all there is in one, and the two who try to get at it."""

    owner: Any
    strangers: dict[str, Callable[[Request], Response]]
    there: Target
    missing: Target
    known: list[str]
    """What no answer may say."""


@pytest.fixture(scope="module")
def scene(site: Site, demo: Demo) -> Iterator[Scene]:
    alice, bob = demo.ctl().create_user("denied-alice"), demo.ctl().create_user("denied-bob")
    owner, other = (boto3_client(site, keys=Keys(u["access_key"], u["secret_key"])) for u in (alice, bob))
    raw = RawS3(site.endpoints[0], Keys(bob["access_key"], bob["secret_key"]), site.region)
    version, upload = _furnish(owner, alice["name"])
    other.create_bucket(Bucket="denied-own")
    other.put_bucket_versioning(Bucket="denied-own", VersioningConfiguration={"Status": "Enabled"})
    # Well-formed, and of something else.
    no_version = other.put_object(Bucket="denied-own", Key="mine", Body=b"mine")["VersionId"]
    no_upload = other.create_multipart_upload(Bucket="denied-own", Key="mine")["UploadId"]
    own = {"own_bucket": "denied-own", "own_key": "mine"}
    strangers = {"another user": lambda request: _signed(raw, request), "nobody": lambda r: _unsigned(raw, r)}
    etag = owner.head_object(Bucket="denied", Key="here")["ETag"].strip('"')
    scene = Scene(
        owner,
        strangers,
        Target("denied", "here", version, upload, **own),
        Target("denied", "none", no_version, no_upload, **own),
        [etag, alice["id"], alice["name"], "secret"],
    )
    before = _state(owner), _state(other, "denied-own")
    yield scene
    assert (_state(owner), _state(other, "denied-own")) == before, "what was refused was done"


def _furnish(owner: Any, name: str) -> tuple[str, str]:
    """Fills the bucket; gives an old version and an upload of the key that is there."""
    bucket = {"Bucket": "denied"}
    owner.create_bucket(**bucket, ObjectLockEnabledForBucket=True, ObjectOwnership="ObjectWriter")
    version = owner.put_object(**bucket, Key="here", Body=b"old secret", Metadata={"a": "1"})["VersionId"]
    owner.put_object(**bucket, Key="here", Body=b"secret", Metadata={"a": "1"}, Tagging="colour=secret")
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=1)
    owner.put_object(**bucket, Key="held", Body=b"x", ObjectLockLegalHoldStatus="ON")
    owner.put_object_retention(**bucket, Key="here", Retention={"Mode": "GOVERNANCE", "RetainUntilDate": until})
    upload = owner.create_multipart_upload(**bucket, Key="here")["UploadId"]
    owner.upload_part(**bucket, Key="here", UploadId=upload, PartNumber=1, Body=b"secret part")
    rule = {"ID": "r", "Filter": {"Prefix": "x"}, "Status": "Enabled", "Expiration": {"Days": 900}}
    owner.put_bucket_lifecycle_configuration(**bucket, LifecycleConfiguration={"Rules": [rule]})
    owner.put_bucket_tagging(**bucket, Tagging={"TagSet": [{"Key": "a", "Value": "secret"}]})
    cors = {"CORSRules": [{"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://secret.example"]}]}
    owner.put_bucket_cors(**bucket, CORSConfiguration=cors)
    owner.put_bucket_website(**bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "secret"}})
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    owner.put_bucket_encryption(**bucket, ServerSideEncryptionConfiguration=encryption)
    block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True}
    owner.put_public_access_block(**bucket, PublicAccessBlockConfiguration=block)
    owner.put_bucket_policy(
        **bucket,
        Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",'
        f'"Principal":{{"AWS":"arn:aws:iam:::user/{name}"}},"Resource":"arn:aws:s3:::denied/*"}}]}}',
    )
    return version, upload


def _state(owner: Any, bucket: str = "denied") -> dict[str, Any]:
    """All that its owner can see of a bucket."""
    calls = ["acl", "cors", "encryption", "lifecycle_configuration", "logging", "notification_configuration"]
    calls += ["ownership_controls", "policy", "request_payment", "tagging", "versioning", "website"]
    seen: dict[str, Any] = {call: _seen(getattr(owner, f"get_bucket_{call}"), Bucket=bucket) for call in calls}
    for call in ("get_public_access_block", "get_object_lock_configuration"):
        seen[call] = _seen(getattr(owner, call), Bucket=bucket)
    seen["versions"] = _seen(owner.list_object_versions, Bucket=bucket)
    seen["uploads"] = _seen(owner.list_multipart_uploads, Bucket=bucket)
    for row in seen["uploads"].get("Uploads", []):
        seen[row["UploadId"]] = _seen(owner.list_parts, Bucket=bucket, Key=row["Key"], UploadId=row["UploadId"])
    for row in seen["versions"]["Versions"]:
        of = {"Bucket": bucket, "Key": row["Key"], "VersionId": row["VersionId"]}
        for call in ("acl", "tagging", "retention", "legal_hold"):
            seen[f"{call} {of}"] = _seen(getattr(owner, f"get_object_{call}"), **of)
        seen[f"head {of}"] = _seen(owner.head_object, **of)
        seen[f"body {of}"] = owner.get_object(**of)["Body"].read()
    return seen


def _seen(call: Callable[..., Any], **names: str) -> Any:
    try:
        answer = call(**names)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _signed(raw: RawS3, request: Request) -> Response:
    return raw.request(request.method, request.path, request.query, request.headers, request.body)


def _unsigned(raw: RawS3, request: Request) -> Response:
    target = f"{request.path}?{query_string(request.query)}" if request.query else request.path
    headers = {"Host": raw.host, "Content-Length": str(len(request.body)), **request.headers}
    return raw.send(request.method, target, headers, request.body)


def _told(answer: Response) -> tuple[int, dict[str, str], str]:
    """An answer without what differs each time, and without what was asked for."""
    ours = ("date", "x-amz-request-id", "x-amz-id-2")
    headers = {name: value for name, value in answer.headers.items() if name not in ours}
    body = re.sub(r"<(RequestId|HostId|Resource)>[^<]*</\1>", "", answer.body.decode())
    return answer.status, headers, body


@pytest.mark.parametrize("operation", TRIED)
def test_another_users_bucket_is_out_of_reach(scene: Scene, operation: str) -> None:
    for request, missing in zip(
        requests_of(operation, scene.there), requests_of(operation, scene.missing), strict=True
    ):
        for who, ask in scene.strangers.items():
            answer = ask(request)
            shown = f"{who}: {request.method} {request.path} {request.query}: {answer.status} {answer.body!r}"
            assert answer.status == (200 if _each_key_is_answered(operation, answer) else 403), shown
            assert request.method == "HEAD" or "<Code>AccessDenied</Code>" in answer.body.decode(), shown
            assert not [name for name in _TELL_TALES if name in answer.headers], f"{shown} {answer.headers}"
            told = answer.body.decode() + str(answer.headers)
            assert not [secret for secret in scene.known if secret in told], f"{shown} {answer.headers}"
            of_missing = _told(ask(missing))
            of_there = _told(answer)
            if operation == "DeleteObjects":
                of_missing = (*of_missing[:2], of_missing[2].replace(scene.missing.key, scene.there.key))
            assert of_missing == of_there, f"{shown}: what is not there is told apart"


def _each_key_is_answered(operation: str, answer: Response) -> bool:
    """AWS denies each key of a deletion of many by itself."""
    return operation == "DeleteObjects" and b"<Deleted>" not in answer.body and b"<Error>" in answer.body


def test_links_of_another_user_open_nothing(site: Site, demo: Demo, scene: Scene) -> None:
    raw = RawS3(site.endpoints[0], _keys(demo.ctl().create_user("denied-linker")), site.region)
    path = object_path("denied", "here")
    link = raw.signer().presigned("GET", raw.host, path, [], 60)
    answer = raw.send("GET", f"{path}?{link}", {"Host": raw.host})
    assert (answer.status, answer.code) == (403, "AccessDenied")


def test_forms_of_strangers_put_nothing(site: Site, demo: Demo, scene: Scene) -> None:
    user = demo.ctl().create_user("denied-poster")
    form = boto3_client(site, keys=_keys(user)).generate_presigned_post("denied", "here")
    for fields in (form["fields"], {"key": "here"}):
        answer = requests.post(form["url"], data=fields, files={"file": b"theirs"}, timeout=10)
        assert (answer.status_code, "<Code>AccessDenied</Code>" in answer.text) == (403, True), answer.text


def test_what_names_no_bucket_of_theirs(site: Site, demo: Demo, scene: Scene) -> None:
    raw = RawS3(site.endpoints[0], _keys(demo.ctl().create_user("denied-carol")), site.region)
    assert b"denied" not in raw.request("GET", "/").body.replace(b"denied-carol", b"")
    assert b"<Bucket>" not in _unsigned(raw, Request("GET", "/")).body
    taken = raw.request("PUT", "/denied")
    assert (taken.status, taken.code) == (409, "BucketAlreadyExists")
    for name in ("/denied", "/denied-new"):
        answer = _unsigned(raw, Request("PUT", name))
        assert (answer.status, answer.code) == (403, "AccessDenied")
    # A preflight asks what the owner's rules say, which is no secret, but for other origins.
    for origin, status in (("https://other.example", 403), ("https://secret.example", 200)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "PUT"}
        there = _unsigned(raw, Request("OPTIONS", "/denied/here", headers=asked))
        missing = _unsigned(raw, Request("OPTIONS", "/denied/none", headers=asked))
        assert there.status == status and _told(there) == _told(missing)


def test_a_bucket_that_is_expected_to_be_anothers_is_not_touched(scene: Scene) -> None:
    with refused("AccessDenied", 403):
        scene.owner.get_object(Bucket="denied", Key="here", ExpectedBucketOwner="123456789012")


def _keys(user: dict[str, str]) -> Keys:
    return Keys(user["access_key"], user["secret_key"])
