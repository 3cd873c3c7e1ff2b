"""davix, as the grid uses it. What it knows of `Range` it tells as a header of the user's."""

from pathlib import Path

import pytest

from harness.clients import boto3_client
from harness.programs import pipe
from harness.site import Site, host_and_port
from harness.trees import MIB, large_file

SIZE = 20 * MIB + 7


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """A file goes up, comes back whole and in parts, is listed and removed."""
    there = folder / "there"
    large_file(there, SIZE, seed=8)
    body = there.read_bytes()
    davix(site, "put", str(there), _url(site, bucket, "run1/large"))
    s3 = boto3_client(site)
    assert s3.get_object(Bucket=bucket, Key="run1/large")["Body"].read() == body
    assert davix(site, "get", _url(site, bucket, "run1/large")) == body
    part = davix(site, "get", "-H", f"Range: bytes={MIB - 5}-{9 * MIB}", _url(site, bucket, "run1/large"))
    assert part == body[MIB - 5 : 9 * MIB + 1]
    davix(site, "mkdir", _url(site, bucket, "made"))
    assert davix(site, "ls", _url(site, bucket, "")).decode().splitlines() == ["made", "run1"]
    row = davix(site, "ls", "--long-list", _url(site, bucket, "run1/")).decode().split()
    assert str(SIZE) in row and row[-1] == "large"
    davix(site, "rm", _url(site, bucket, "run1/large"))
    assert [row["Key"] for row in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["made/"]


def test_files_go_up_and_come_back(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_a_key_with_a_space_goes_up_and_comes_back(site: Site, bucket: str, folder: Path) -> None:
    (folder / "small").write_bytes(b"spaced")
    davix(site, "put", str(folder / "small"), _url(site, bucket, "a%20b/%C3%BC"))
    assert boto3_client(site).get_object(Bucket=bucket, Key="a b/ü")["Body"].read() == b"spaced"
    assert davix(site, "get", _url(site, bucket, "a%20b/%C3%BC")) == b"spaced"


def test_several_ranges_give_no_more_than_was_asked_for(site: Site, bucket: str) -> None:
    boto3_client(site).put_object(Bucket=bucket, Key="k", Body=bytes(MIB))
    answer = davix(site, "get", "-H", "Range: bytes=0-9,100-109", _url(site, bucket, "k"))
    assert len(answer) < 1000


@pytest.mark.xfail(
    raises=AssertionError,
    strict=True,
    reason="davix moves it, but signs a look at the source meanwhile without any key, and fails for that",
)
def test_an_object_is_moved(site: Site, bucket: str) -> None:
    boto3_client(site).put_object(Bucket=bucket, Key="a", Body=b"x")
    davix(site, "mv", _url(site, bucket, "a"), _url(site, bucket, "b"))


def davix(site: Site, command: str, *arguments: str) -> bytes:
    """One of davix's programs, which sends everything once."""
    keys = ("--s3accesskey", site.keys.access_key, "--s3secretkey", site.keys.secret_key)
    # A region asks for version 4, and the other for buckets in the path.
    style = ("--s3region", site.region, "--s3alternate", "--retry", "0")
    return pipe(f"davix-{command}", *keys, *style, *arguments, given=b"", environment={})


def _url(site: Site, bucket: str, path: str) -> str:
    return "s3://{}:{}/{}/{}".format(*host_and_port(site.endpoints[0]), bucket, path)
