"""Users, their keys, and what belongs to whom."""

from collections.abc import Callable
from typing import Any

import pytest

from harness.ctl import CtlFailed
from harness.demo import Demo
from harness.errors import refused
from harness.people import client_of
from harness.site import Site


@pytest.fixture
def new_user(demo: Demo, request: pytest.FixtureRequest) -> Callable[[], dict[str, str]]:
    count = 0

    def make() -> dict[str, str]:
        nonlocal count
        count += 1
        return demo.ctl().create_user(f"u{count}-{abs(hash(request.node.name)) % 10**8}")

    return make


def test_a_new_user_can_work_at_once_through_every_node(site: Site, new_user: Any) -> None:
    user = new_user()
    for node in range(len(site.endpoints)):
        s3 = client_of(site, user, node)
        name = f"own-{user['name']}-{node}"
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="k", Body=b"x")
        assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_a_name_taken_by_another_is_taken(site: Site, bucket: str, new_user: Any) -> None:
    with refused("BucketAlreadyExists", 409):
        client_of(site, new_user()).create_bucket(Bucket=bucket)


def test_a_disabled_key_is_refused_at_once(site: Site, demo: Demo, new_user: Any) -> None:
    user = new_user()
    client_of(site, user).list_buckets()
    demo.ctl().run("key", "disable", user["access_key"])
    for node in range(len(site.endpoints)):
        with refused("InvalidAccessKeyId", 403):
            client_of(site, user, node).list_buckets()


def test_a_user_has_several_keys_until_they_are_deleted(site: Site, demo: Demo, new_user: Any) -> None:
    user = new_user()
    second = demo.ctl().json("key", "create", user["name"])
    assert client_of(site, second).list_buckets()["Owner"]["ID"] == client_of(site, user).list_buckets()["Owner"]["ID"]
    listed = {row["access_key"] for row in demo.ctl().json("key", "list", user["name"])["keys"]}
    assert {user["access_key"], second["access_key"]} <= listed
    assert user["secret_key"] not in demo.ctl().run("key", "list", user["name"], "--json")
    demo.ctl().run("key", "delete", user["access_key"])
    with refused("InvalidAccessKeyId", 403):
        client_of(site, user).list_buckets()
    client_of(site, second).list_buckets()


def test_a_deleted_user_is_gone(site: Site, demo: Demo, new_user: Any) -> None:
    user = new_user()
    assert user["name"] in [row["name"] for row in demo.ctl().json("user", "list")["users"]]
    demo.ctl().run("user", "delete", user["name"])
    assert user["name"] not in [row["name"] for row in demo.ctl().json("user", "list")["users"]]
    with refused("InvalidAccessKeyId", 403):
        client_of(site, user).list_buckets()


def test_a_name_is_given_once_and_a_user_with_buckets_stays(site: Site, demo: Demo, new_user: Any) -> None:
    user = new_user()
    with pytest.raises(CtlFailed, match="there is a user of that name"):
        demo.ctl().create_user(user["name"])
    own = client_of(site, user)
    own.create_bucket(Bucket=f"own-{user['name']}")
    with pytest.raises(CtlFailed, match="owns buckets"):
        demo.ctl().run("user", "delete", user["name"])
    own.delete_bucket(Bucket=f"own-{user['name']}")
    demo.ctl().run("user", "delete", user["name"])
    with refused("InvalidAccessKeyId", 403):
        own.list_buckets()


def test_no_secret_lies_open_on_disk(site: Site, demo: Demo, new_user: Any, s3: Any, bucket: str) -> None:
    user = new_user()
    marker = b"inline body that must be sealed in the log 5f1c"
    s3.put_object(Bucket=bucket, Key="k", Body=marker)
    for node in range(demo.nodes):
        for path in demo.path(node).glob("**/*"):
            if path.is_file():
                data = path.read_bytes()
                assert user["secret_key"].encode() not in data, path
                assert marker not in data, path
