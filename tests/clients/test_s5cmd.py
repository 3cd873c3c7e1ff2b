"""s5cmd: many objects at once."""

import json
from pathlib import Path

import requests

from harness.clients import boto3_client
from harness.programs import beside_python, pipe
from harness.site import Site
from harness.trees import KIB, MIB, digests, grow, large_file


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """A tree goes up by wildcard and comes back by sync; streams go in and out."""
    there, back = folder / "there", folder / "back"
    grow(there, 40, 64 * KIB, seed=3)
    s5cmd(site, "cp", f"{there}/*", f"s3://{bucket}/tree/")
    s5cmd(site, "sync", "--delete", f"s3://{bucket}/tree/*", f"{back}/")
    assert digests(back) == digests(there)
    assert s5cmd(site, "sync", "--size-only", f"{there}/", f"s3://{bucket}/tree/") == b""
    rows = [json.loads(row) for row in s5cmd(site, "--json", "ls", f"s3://{bucket}/tree/*").splitlines()]
    sizes = {row["key"].removeprefix(f"s3://{bucket}/tree/"): row.get("size", 0) for row in rows}
    assert sizes == {name: (there / name).stat().st_size for name in digests(there)}
    large_file(folder / "large", 12 * MIB + 1, seed=4)
    body = (folder / "large").read_bytes()
    s5cmd(site, "cp", "--part-size", "5", str(folder / "large"), f"s3://{bucket}/large")
    s5cmd(site, "pipe", "--part-size", "5", f"s3://{bucket}/piped", given=body)
    for key in ("large", "piped"):
        assert s5cmd(site, "cat", "--part-size", "5", f"s3://{bucket}/{key}") == body
        assert json.loads(s5cmd(site, "--json", "head", f"s3://{bucket}/{key}"))["etag"].endswith("-3")
    s5cmd(site, "rm", f"s3://{bucket}/tree/*")
    keys = [row["Key"] for row in boto3_client(site).list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == ["large", "piped"]


def test_trees_and_streams(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_objects_are_copied_and_moved_on_the_server(site: Site, bucket: str) -> None:
    for number in range(6):
        s5cmd(site, "pipe", f"s3://{bucket}/a/ü{number}", given=b"%d" % number)
    s5cmd(site, "cp", f"s3://{bucket}/a/*", f"s3://{bucket}/b/")
    s5cmd(site, "mv", f"s3://{bucket}/b/ü4", f"s3://{bucket}/moved")
    assert s5cmd(site, "cat", f"s3://{bucket}/moved") == b"4"
    assert b" 5 objects" in s5cmd(site, "du", f"s3://{bucket}/b/*")


def test_a_key_with_a_space_is_copied_on_the_server(site: Site, bucket: str) -> None:
    s5cmd(site, "pipe", f"s3://{bucket}/a b", given=b"x")
    s5cmd(site, "cp", f"s3://{bucket}/a b", f"s3://{bucket}/c d")
    assert s5cmd(site, "cat", f"s3://{bucket}/c d") == b"x"


def test_a_bucket_is_made_and_removed(site: Site, bucket: str) -> None:
    made = f"s3://{bucket}-made"
    s5cmd(site, "mb", made)
    assert made.encode() in s5cmd(site, "ls")
    s5cmd(site, "rb", made)
    assert made.encode() not in s5cmd(site, "ls")


def test_a_link_gives_the_object(site: Site, bucket: str) -> None:
    s5cmd(site, "pipe", f"s3://{bucket}/a b", given=b"by link")
    link = s5cmd(site, "presign", f"s3://{bucket}/a b").decode().strip()
    assert requests.get(link, timeout=10).content == b"by link"


def test_all_versions_are_listed(site: Site, bucket: str) -> None:
    s5cmd(site, "bucket-version", "--set", "Enabled", f"s3://{bucket}")
    for body in (b"old", b"new"):
        s5cmd(site, "pipe", f"s3://{bucket}/k", given=body)
    assert len(s5cmd(site, "ls", "--all-versions", f"s3://{bucket}/k").splitlines()) == 2


def s5cmd(site: Site, *arguments: str, given: bytes = b"") -> bytes:
    """s5cmd, which sends everything once."""
    command = (beside_python("s5cmd"), "--endpoint-url", site.endpoints[0], "--retry-count", "0", *arguments)
    return pipe(*command, given=given, environment=site.environment() | {"AWS_REGION": site.region})
