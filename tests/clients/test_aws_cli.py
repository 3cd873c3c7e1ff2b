"""aws-cli through every node: a large file by multipart, and a tree."""

import os
from pathlib import Path

import pytest

from harness.programs import aws
from harness.site import Site
from harness.trees import MIB, digest_of_file, digests, grow, large_file

FULL = os.environ.get("MUCURA_FULL") == "1"
LARGE_BYTES = (1024 if FULL else 160) * MIB
TREE_FILES = 2000 if FULL else 200
TREE_LARGEST = (64 if FULL else 17) * MIB


def test_a_large_file_goes_up_and_comes_down_the_same(site: Site, bucket: str, folder: Path) -> None:
    there, back = folder / "there", folder / "back"
    large_file(there, LARGE_BYTES + 12_345, seed=1)
    aws(site, 0, "s3", "cp", str(there), f"s3://{bucket}/large")
    for node in range(len(site.endpoints)):
        aws(site, node, "s3", "cp", f"s3://{bucket}/large", str(back))
        assert digest_of_file(back) == digest_of_file(there)
        back.unlink()


def test_a_tree_is_synced_both_ways(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    grow(there, TREE_FILES, TREE_LARGEST, seed=2)
    last = len(site.endpoints) - 1
    aws(site, 0, "s3", "sync", str(there), f"s3://{bucket}/tree")
    aws(site, last, "s3", "sync", f"s3://{bucket}/tree", str(folder / "back"))
    assert digests(folder / "back") == digests(there)
    assert aws(site, last, "s3", "sync", str(there), f"s3://{bucket}/tree") == "", "a second sync has nothing to do"
    removed = next(path for path in sorted(there.rglob("*")) if path.is_file())
    removed.unlink()
    aws(site, last, "s3", "sync", "--delete", str(there), f"s3://{bucket}/tree")
    aws(site, 0, "s3", "sync", "--delete", f"s3://{bucket}/tree", str(folder / "back"))
    assert digests(folder / "back") == digests(there)


def test_everyday_commands(site: Site, bucket: str, folder: Path) -> None:
    file = folder / "file"
    file.write_text("hello")
    aws(site, 0, "s3", "mb", f"s3://{bucket}-more")
    aws(site, 0, "s3", "cp", str(file), f"s3://{bucket}/a/file")
    aws(site, 0, "s3", "mv", f"s3://{bucket}/a/file", f"s3://{bucket}-more/b")
    assert " b\n" in aws(site, 0, "s3", "ls", f"s3://{bucket}-more/")
    assert aws(site, 0, "s3", "cp", f"s3://{bucket}-more/b", "-") == "hello"
    aws(site, 0, "s3", "rb", "--force", f"s3://{bucket}-more")
    assert f"{bucket}-more" not in aws(site, 0, "s3", "ls")


@pytest.mark.full
def test_a_large_file_can_be_copied_on_the_server(site: Site, bucket: str, folder: Path) -> None:
    there, back = folder / "there", folder / "back"
    large_file(there, LARGE_BYTES, seed=3)
    aws(site, 0, "s3", "cp", str(there), f"s3://{bucket}/one")
    aws(site, 0, "s3", "cp", f"s3://{bucket}/one", f"s3://{bucket}/two")
    aws(site, 0, "s3", "cp", f"s3://{bucket}/two", str(back))
    assert digest_of_file(back) == digest_of_file(there)
