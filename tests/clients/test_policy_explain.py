"""`mucuractl policy explain` says what requests then meet, in every situation that we could think of."""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.ctl import Ctl, CtlFailed
from harness.demo import Demo
from harness.site import Keys, Site

ANYONE = {"AWS": "*"}


@dataclasses.dataclass
class Scene:
    """A bucket of ann's, with an object of hers and one of bob's, who is another user."""

    site: Site
    ctl: Ctl
    users: dict[str, dict[str, str]]
    bucket: str

    def client(self, who: str) -> Any:
        if who == "anonymous":
            return boto3_client(self.site, signature=UNSIGNED)
        if who == "root":
            return boto3_client(self.site)
        keys = Keys(self.users[who]["access_key"], self.users[who]["secret_key"])
        return boto3_client(self.site, keys=keys)

    def name(self, who: str) -> str:
        return self.users[who]["name"] if who in self.users else who

    def policy(self, *statements: dict[str, Any]) -> None:
        self.ann.put_bucket_policy(
            Bucket=self.bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        )

    def statement(self, action: str, who: str = "", effect: str = "Allow", **more: Any) -> dict[str, Any]:
        arn = f"arn:aws:s3:::{self.bucket}"
        principal = {"CanonicalUser": self.users[who]["id"]} if who else ANYONE
        said = {"Effect": effect, "Principal": principal, "Action": action, "Resource": [arn, f"{arn}/*"]}
        return {**said, **more}

    @property
    def ann(self) -> Any:
        return self.client("ann")


@pytest.fixture
def scene(demo: Demo, site: Site, bucket: str) -> Scene:
    users = {who: demo.ctl().create_user(f"{who}-{bucket}") for who in ("ann", "bob", "cid")}
    scene = Scene(site, demo.ctl(), users, f"{bucket}-ann")
    scene.ann.create_bucket(Bucket=scene.bucket)
    scene.ann.put_bucket_acl(Bucket=scene.bucket, ACL="public-read-write")
    scene.ann.put_object(Bucket=scene.bucket, Key="hers", Body=b"x")
    scene.client("bob").put_object(Bucket=scene.bucket, Key="his", Body=b"x")
    scene.ann.put_bucket_acl(Bucket=scene.bucket, ACL="private")
    return scene


def nothing(scene: Scene) -> None:
    pass


def open_to_cid(scene: Scene) -> None:
    scene.policy(scene.statement("s3:GetObject", "cid"))


def open_but_not_to_bob(scene: Scene) -> None:
    scene.policy(scene.statement("s3:GetObject"), scene.statement("s3:GetObject", "bob", "Deny", Sid="NotBob"))


def owner_shut_out(scene: Scene) -> None:
    scene.policy(scene.statement("s3:*", effect="Deny"))


def public_acl(scene: Scene) -> None:
    scene.ann.put_object_acl(Bucket=scene.bucket, Key="hers", ACL="public-read")


def public_acl_ignored(scene: Scene) -> None:
    public_acl(scene)
    scene.ann.put_public_access_block(
        Bucket=scene.bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True}
    )


def public_policy_restricted(scene: Scene) -> None:
    scene.policy(scene.statement("s3:GetObject"))
    scene.ann.put_public_access_block(
        Bucket=scene.bucket, PublicAccessBlockConfiguration={"RestrictPublicBuckets": True}
    )


def owner_enforced(scene: Scene) -> None:
    scene.ann.put_bucket_ownership_controls(
        Bucket=scene.bucket, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )


def open_to_all(scene: Scene) -> None:
    scene.policy(scene.statement("s3:GetObject"))


def listing_of_home(scene: Scene) -> None:
    prefix = {"StringLike": {"s3:prefix": "home/*"}}
    scene.policy(scene.statement("s3:ListBucket", "cid", Condition=prefix))


def from_here(scene: Scene) -> None:
    scene.policy(scene.statement("s3:GetObject", Condition={"IpAddress": {"aws:SourceIp": "127.0.0.0/8"}}))


def over_tls(scene: Scene) -> None:
    insecure = {"Bool": {"aws:SecureTransport": "false"}}
    scene.policy(scene.statement("s3:GetObject"), scene.statement("s3:*", effect="Deny", Condition=insecure))


def only_private_uploads(scene: Scene) -> None:
    private = {"StringEquals": {"s3:x-amz-acl": "private"}}
    scene.policy(scene.statement("s3:PutObject", "cid", Condition=private))


def listing_open(scene: Scene) -> None:
    scene.ann.put_bucket_acl(Bucket=scene.bucket, ACL="public-read")


def get(key: str) -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:GetObject", f"/{key}", lambda client, bucket: client.get_object(Bucket=bucket, Key=key)


def put(**more: str) -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:PutObject", "/new", lambda client, bucket: client.put_object(Bucket=bucket, Key="new", **more)


def delete(key: str) -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:DeleteObject", f"/{key}", lambda client, bucket: client.delete_object(Bucket=bucket, Key=key)


def get_acl(key: str) -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:GetObjectAcl", f"/{key}", lambda client, bucket: client.get_object_acl(Bucket=bucket, Key=key)


def list_keys(prefix: str) -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:ListBucket", "", lambda client, bucket: client.list_objects_v2(Bucket=bucket, Prefix=prefix)


def get_policy() -> tuple[str, str, Callable[[Any, str], Any]]:
    return "s3:GetBucketPolicy", "", lambda client, bucket: client.get_bucket_policy(Bucket=bucket)


HERE = ("--source-ip", "127.0.0.1")
PRIVATE = ("--header", "x-amz-acl=private")

SITUATIONS = [
    (nothing, "ann", get("hers"), (), True, "owns the object"),
    (nothing, "ann", get("his"), (), False, "no policy, ACL or ownership"),
    (nothing, "bob", get("his"), (), True, "owns the object"),
    (nothing, "bob", get("hers"), (), False, "no policy, ACL or ownership"),
    (nothing, "root", get("his"), (), True, "operator"),
    (nothing, "anonymous", get("hers"), (), False, "no policy, ACL or ownership"),
    (nothing, "cid", get("none"), (), False, "no policy, ACL or ownership"),
    (nothing, "ann", delete("his"), (), True, "owns the bucket"),
    (nothing, "bob", delete("his"), (), False, "no policy, ACL or ownership"),
    (nothing, "bob", get_acl("his"), (), True, "owns the object"),
    (listing_open, "cid", get("none"), (), True, "grants READ to all users"),
    (open_to_cid, "cid", get("hers"), (), True, "names the caller"),
    (open_to_cid, "bob", get("hers"), (), False, "no policy, ACL or ownership"),
    (open_but_not_to_bob, "bob", get("hers"), (), False, '"NotBob"'),
    (open_but_not_to_bob, "anonymous", get("hers"), (), True, "speaks of everyone"),
    (owner_shut_out, "ann", get("hers"), (), False, "denied by statement 1"),
    (owner_shut_out, "ann", get_policy(), (), True, "keeps its policy"),
    (open_to_all, "cid", get("his"), (), False, "not the bucket owner's"),
    (public_acl, "anonymous", get("hers"), (), True, "grants READ to all users"),
    (public_acl_ignored, "anonymous", get("hers"), (), False, "IgnorePublicAcls"),
    (public_policy_restricted, "cid", get("hers"), (), False, "RestrictPublicBuckets"),
    (owner_enforced, "ann", get("his"), (), True, "owns the object"),
    (owner_enforced, "bob", get("his"), (), False, "BucketOwnerEnforced"),
    (listing_of_home, "cid", list_keys("home/cid/"), ("--prefix", "home/cid/"), True, "names the caller"),
    (listing_of_home, "cid", list_keys(""), (), False, "no policy, ACL or ownership"),
    (from_here, "cid", get("hers"), HERE, True, "speaks of everyone"),
    (over_tls, "cid", get("hers"), (), False, "denied by statement 2"),
    (only_private_uploads, "cid", put(ACL="private"), PRIVATE, True, "names the caller"),
    (only_private_uploads, "cid", put(), (), False, "no policy, ACL or ownership"),
]


@pytest.mark.parametrize(
    ("prepare", "who", "what", "more", "allowed", "why"),
    SITUATIONS,
    ids=[f"{prepare.__name__}-{who}-{what[0][3:]}-{what[1][1:]}" for prepare, who, what, *_ in SITUATIONS],
)
def test_what_is_explained_is_what_happens(
    scene: Scene,
    prepare: Callable[[Scene], None],
    who: str,
    what: tuple[str, str, Callable[[Any, str], Any]],
    more: tuple[str, ...],
    allowed: bool,
    why: str,
) -> None:
    prepare(scene)
    action, path, request = what
    answer = scene.ctl.explain(scene.name(who), action, f"arn:aws:s3:::{scene.bucket}{path}", *more)
    assert why in answer["reason"], answer
    assert (answer["allowed"], happens(request, scene, who)) == (allowed, allowed), answer
    assert answer["bucket_owner"] == {"id": scene.users["ann"]["id"], "name": scene.users["ann"]["name"]}


def happens(request: Callable[[Any, str], Any], scene: Scene, who: str) -> bool:
    try:
        request(scene.client(who), scene.bucket)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        assert code in ("AccessDenied", "NoSuchKey", "NoSuchBucketPolicy"), code
        return bool(code != "AccessDenied")
    return True


def test_conditions_are_told_by_what_is_given(scene: Scene) -> None:
    of = (scene.name("cid"), "s3:GetObject", f"{scene.bucket}/hers")
    over_tls(scene)
    assert scene.ctl.explain(*of, "--secure")["allowed"]
    from_here(scene)
    assert not scene.ctl.explain(*of, "--source-ip", "192.0.2.7")["allowed"]
    assert not scene.ctl.explain(*of)["allowed"], "where nobody says from comes from nowhere"


def test_what_counted_is_shown(scene: Scene) -> None:
    public_acl_ignored(scene)
    answer = scene.ctl.explain("anonymous", "s3:getobject", f"{scene.bucket}/hers")
    assert (answer["action"], answer["resource"]) == ("s3:GetObject", f"arn:aws:s3:::{scene.bucket}/hers")
    assert (answer["object"], answer["object_owner"]["id"]) == ("found", scene.users["ann"]["id"])
    assert answer["object_ownership"] == "ObjectWriter"
    assert answer["public_access_block"] == ["IgnorePublicAcls"]
    assert answer["acl_grants"] == ["the object's ACL grants READ to all users"]
    assert answer["policy"] == "none"
    missing = scene.ctl.explain(scene.users["bob"]["id"], "s3:GetObject", f"{scene.bucket}/none")
    assert (missing["object"], missing["object_owner"]) == ("missing", None)
    asked = ("--user", "anonymous", "--action", "s3:ListBucket", "--resource", scene.bucket)
    with pytest.raises(CtlFailed, match=r": 3\nDENIED: no policy, ACL or ownership allows it\n") as shown:
        scene.ctl.run("policy", "explain", *asked)
    assert "public access block  IgnorePublicAcls" in str(shown.value)


def test_questions_without_sense_are_refused(scene: Scene) -> None:
    for user, action, resource, told in [
        ("nobody-of-that-name", "s3:GetObject", f"{scene.bucket}/k", "there is no user"),
        ("anonymous", "s3:GetObject", "no-such-bucket-here/k", "there is no bucket no-such-bucket-here"),
        ("anonymous", "s3:GetObject", scene.bucket, "name a key"),
        ("anonymous", "s3:ListBucket", f"{scene.bucket}/k", "name no key"),
        ("anonymous", "s3:Fly", scene.bucket, "is no action"),
        ("anonymous", "s3:CreateBucket", scene.bucket, "every user may"),
    ]:
        with pytest.raises(CtlFailed, match=told):
            scene.ctl.explain(user, action, resource)
