"""Encryption keys of a site: rotated, removed, spoilt, under nodes that run."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.ctl import CtlFailed
from harness.demo import Demo
from harness.errors import refused
from harness.site_keys import KeyFile, SiteKey
from harness.waiting import wait_for

MIB = 1 << 20
BUCKET = "sealed"
SITE = {"ServerSideEncryption": "AES256"}
# A look every 2 s, and what has changed must stand still.
TAKEN_S = 20


@pytest.fixture
def first() -> SiteKey:
    return SiteKey.random(1)


@pytest.fixture
def second() -> SiteKey:
    return SiteKey.random(2)


@pytest.fixture
def key_file(folder: Path, first: SiteKey) -> KeyFile:
    return KeyFile(folder / "site.keys", first)


@pytest.fixture
def demo(new_demo: Callable[..., Demo], key_file: KeyFile) -> Demo:
    made = new_demo(environment={"MUCURA_ENCRYPTION_KEY_FILE": str(key_file.path)})
    boto3_client(made.site()).create_bucket(Bucket=BUCKET)
    return made


def rings(demo: Demo) -> list[Any]:
    return [node["encryption"] for node in demo.status()["nodes"]]


def wait_for_keys(demo: Demo, active: int, numbers: list[int]) -> None:
    def all_have() -> bool:
        shown = rings(demo)
        return all(
            ring and ring["active"] == active and [key["number"] for key in ring["keys"]] == [0, *numbers]
            for ring in shown
        )

    wait_for(all_have, TAKEN_S, f"all nodes have the keys {numbers} and use {active}")
    assert all(ring == rings(demo)[0] for ring in rings(demo)), "the fingerprints agree"


def put(demo: Demo, name: str, **sealed: Any) -> dict[str, bytes]:
    """Small and large objects, one of them in parts."""
    s3 = boto3_client(demo.site())
    bodies = {f"{name}-{size}": os.urandom(size) for size in (0, 200, 70_000, 3 * MIB)}
    for key, body in bodies.items():
        s3.put_object(Bucket=BUCKET, Key=key, Body=body, **sealed)
    key, body = f"{name}-parts", os.urandom(5 * MIB)
    of_part = {field: value for field, value in sealed.items() if field.startswith("SSECustomer")}
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **sealed)["UploadId"]
    place = {"Bucket": BUCKET, "Key": key, "UploadId": upload}
    tag = s3.upload_part(**place, PartNumber=1, Body=body, **of_part)["ETag"]
    s3.complete_multipart_upload(**place, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]}, **of_part)
    return bodies | {key: body}


def read_all(demo: Demo, bodies: dict[str, bytes], **headers: Any) -> None:
    for node in range(demo.nodes):
        s3 = boto3_client(demo.site(), node)
        for key, body in bodies.items():
            assert s3.get_object(Bucket=BUCKET, Key=key, **headers)["Body"].read() == body, (node, key)


def log_lines(demo: Demo, *parts: str) -> list[str]:
    log = demo.path(0) / "log" / "node.log"
    return [line for line in log.read_text().splitlines() if all(part in line for part in parts)]


def test_a_site_goes_over_to_a_new_key_while_it_runs(
    demo: Demo, key_file: KeyFile, first: SiteKey, second: SiteKey
) -> None:
    wait_for_keys(demo, 1, [1])
    old = put(demo, "old", **SITE)
    key_file.write(first, second)
    wait_for_keys(demo, 1, [1, 2])
    key_file.write(second, first)
    wait_for_keys(demo, 2, [1, 2])
    new = put(demo, "new", **SITE)
    read_all(demo, old | new)
    # The first key goes too early: what it sealed is refused, and nothing else.
    key_file.write(second)
    wait_for_keys(demo, 2, [2])
    read_all(demo, new)
    s3 = boto3_client(demo.site())
    for key in old:
        with refused("ServiceUnavailable", 503):
            s3.get_object(Bucket=BUCKET, Key=key)
    assert log_lines(demo, "ERROR", "site encryption key with the number 1"), "the operator is told which key"
    key_file.write(second, first)
    wait_for_keys(demo, 2, [1, 2])
    read_all(demo, old | new)
    assert not log_lines(demo, first.text[:20]) and not log_lines(demo, second.text[:20])


def test_rewrapped_objects_need_the_old_keys_no_more(
    demo: Demo, key_file: KeyFile, first: SiteKey, second: SiteKey
) -> None:
    own = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}
    old, plain, of_customer = put(demo, "old", **SITE), put(demo, "plain"), put(demo, "own", **own)
    s3 = boto3_client(demo.site())
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    versions = {}
    for number in range(300):
        body = os.urandom(50)
        versions[s3.put_object(Bucket=BUCKET, Key=f"many-{number % 7}", Body=body, **SITE)["VersionId"]] = body
    s3.delete_object(Bucket=BUCKET, Key="many-0")
    begun, body = {"Bucket": BUCKET, "Key": "begun"}, os.urandom(70_000)
    begun["UploadId"] = s3.create_multipart_upload(**begun, **SITE)["UploadId"]
    tag = s3.upload_part(**begun, PartNumber=1, Body=body)["ETag"]
    before = s3.head_object(Bucket=BUCKET, Key="old-200")

    key_file.write(second, first)
    wait_for_keys(demo, 2, [1, 2])
    assert demo.ctl().json("encryption", "rewrap", "--from", "9")["rewrapped"] == 0
    done = demo.ctl().json("encryption", "rewrap", timeout_s=120)
    sealed = len(old) + len(versions) + 1
    assert (done["seen"], done["rewrapped"], done["left"]) == (sealed, sealed, 0), done
    again = demo.ctl().json("encryption", "rewrap", timeout_s=120)
    assert (again["seen"], again["rewrapped"], again["left"]) == (sealed, 0, 0), again

    key_file.write(second)
    wait_for_keys(demo, 2, [2])
    read_all(demo, old | plain)
    read_all(demo, of_customer, **own)
    after = s3.head_object(Bucket=BUCKET, Key="old-200")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    for key in (f"many-{number}" for number in range(7)):
        rows = s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]
        for row in rows:
            place = {"Bucket": BUCKET, "Key": key, "VersionId": row["VersionId"]}
            assert s3.get_object(**place)["Body"].read() == versions[row["VersionId"]]
    s3.complete_multipart_upload(**begun, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": tag}]})
    read_all(demo, {"begun": body})


def test_rewrapping_goes_on_under_another_leader_and_tells_what_it_cannot_open(
    demo: Demo, key_file: KeyFile, first: SiteKey, second: SiteKey
) -> None:
    old = put(demo, "old", **SITE)
    third = SiteKey.random(3)
    key_file.write(second)
    wait_for_keys(demo, 2, [2])
    with pytest.raises(CtlFailed, match="Do not remove a key yet"):
        demo.ctl().run("encryption", "rewrap", timeout_s=120)
    key_file.write(third, second, first)
    wait_for_keys(demo, 3, [1, 2, 3])
    leader = demo.leader()
    demo.kill(leader)
    other = (leader + 1) % demo.nodes
    done = wait_for(lambda: _rewrapped(demo, other), 60, "another leader does it")
    assert done["left"] == 0
    demo.start_node(leader)
    key_file.write(third)
    wait_for_keys(demo, 3, [3])
    read_all(demo, old)


def _rewrapped(demo: Demo, node: int) -> Any:
    try:
        return demo.ctl(node).json("encryption", "rewrap", timeout_s=120)
    except CtlFailed:
        return None  # nobody leads yet


def test_what_the_site_sealed_by_its_own_key_stays_readable(
    new_demo: Callable[..., Demo], key_file: KeyFile
) -> None:
    demo = new_demo()
    boto3_client(demo.site()).create_bucket(Bucket=BUCKET)
    old = put(demo, "old", **SITE)
    demo.stop()
    demo.environment["MUCURA_ENCRYPTION_KEY_FILE"] = str(key_file.path)
    demo.start()
    wait_for_keys(demo, 1, [1])
    read_all(demo, old | put(demo, "new", **SITE))


def test_a_file_that_cannot_be_used_changes_nothing(demo: Demo, key_file: KeyFile, first: SiteKey) -> None:
    bodies = put(demo, "k", **SITE)
    wait_for_keys(demo, 1, [1])
    spoilt = [
        ("nonsense\n", 0o600, "line 1"),
        (f"1:{first.text} active\n", 0o640, "chmod 600"),
        (f"1:{SiteKey.random(1).text} active\n", 0o600, "a new key needs a new number"),
    ]
    for told, (text, mode, reason) in enumerate(spoilt):
        key_file.write_text(text, mode)
        wait_for(lambda told=told: len(log_lines(demo, "WARN", "keys")) > told, TAKEN_S, "the node says what is wrong")
        assert reason in log_lines(demo, "WARN", "keys")[-1]
        wait_for_keys(demo, 1, [1])
        bodies |= put(demo, f"meanwhile-{told}", **SITE)
    read_all(demo, bodies)
    key_file.write(first)
    wait_for(lambda: log_lines(demo, "read anew are in use"), TAKEN_S, "a good file is taken")
    assert len(log_lines(demo, "WARN", "keys")) == len(spoilt), "each is told once"
    assert not log_lines(demo, "nonsense") and not log_lines(demo, first.text[:20])


def test_a_node_does_not_start_without_usable_keys(demo: Demo, key_file: KeyFile, first: SiteKey) -> None:
    demo.terminate(0)
    key_file.write_text(f"1:{first.text} active\n", 0o644)
    demo.launch_node(0)
    wait_for(lambda: log_lines(demo, "ERROR", f"chmod 600 {key_file.path}"), 30, "the node says what to do")
    assert demo.pid(0) is None
    key_file.write(first)
    demo.start_node(0)


def test_keys_of_a_command_are_read_when_the_node_is_told_to(
    new_demo: Callable[..., Demo], key_file: KeyFile, first: SiteKey, second: SiteKey
) -> None:
    demo = new_demo(nodes=1, environment={"MUCURA_ENCRYPTION_KEY_COMMAND": f"cat '{key_file.path}'"})
    boto3_client(demo.site()).create_bucket(Bucket=BUCKET)
    wait_for_keys(demo, 1, [1])
    old = put(demo, "old", **SITE)
    key_file.write(second, first)
    pid = demo.pid(0)
    assert pid is not None
    os.kill(pid, signal.SIGHUP)
    wait_for_keys(demo, 2, [1, 2])
    read_all(demo, old | put(demo, "new", **SITE))


def test_nodes_with_different_keys_are_told(
    demo: Demo, key_file: KeyFile, folder: Path, first: SiteKey, second: SiteKey
) -> None:
    wait_for_keys(demo, 1, [1])
    assert "same encryption keys" not in demo.ctl().run("status")
    demo.terminate(2)
    alone = KeyFile(folder / "other.keys", second, first)
    demo.environment["MUCURA_ENCRYPTION_KEY_FILE"] = str(alone.path)
    demo.start_node(2)
    for command in (["status"], ["encryption", "status"]):
        wait_for(lambda command=command: "same encryption keys" in demo.ctl(0).run(*command), 20, "the nodes differ")
    with pytest.raises(CtlFailed, match="same encryption keys"):
        demo.ctl(0).run("encryption", "rewrap")
    boto3_client(demo.site(), 2).put_object(Bucket=BUCKET, Key="k", Body=b"x", **SITE)
    with pytest.raises(ClientError):
        boto3_client(demo.site(), 0).get_object(Bucket=BUCKET, Key="k")
    assert boto3_client(demo.site(), 2).get_object(Bucket=BUCKET, Key="k")["Body"].read() == b"x"
