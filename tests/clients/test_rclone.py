"""rclone through every node: copy, then check every byte."""

import os
from pathlib import Path

from harness.programs import rclone
from harness.site import Site
from harness.trees import MIB, digests, grow

FULL = os.environ.get("MUCURA_FULL") == "1"
FILES = 2000 if FULL else 120
LARGEST = (300 if FULL else 40) * MIB
# A small part size makes the large file go up in parts.
PARTS = ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "8M")


def test_copy_and_check(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    grow(there, FILES, LARGEST, seed=4)
    rclone(site, "copy", *PARTS, str(there), f"node0:{bucket}/tree")
    for node in range(len(site.endpoints)):
        rclone(site, "check", "--download", str(there), f"node{node}:{bucket}/tree")
    rclone(site, "copy", f"node{len(site.endpoints) - 1}:{bucket}/tree", str(folder / "back"))
    assert digests(folder / "back") == digests(there)


def test_copy_between_buckets_and_delete(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    grow(there, 30, 2 * MIB, seed=5)
    rclone(site, "copy", str(there), f"node0:{bucket}/tree")
    rclone(site, "copy", f"node0:{bucket}/tree", f"node0:{bucket}-copy/tree")
    rclone(site, "check", "--download", str(there), f"node0:{bucket}-copy/tree")
    rclone(site, "purge", f"node0:{bucket}-copy")
    assert f"{bucket}-copy" not in rclone(site, "lsd", "node0:")


def test_times_are_kept(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    there.mkdir()
    (there / "old").write_text("x")
    os.utime(there / "old", (1_000_000_000, 1_000_000_000))
    rclone(site, "copy", str(there), f"node0:{bucket}/t")
    assert rclone(site, "lsf", "--format", "t", f"node0:{bucket}/t").startswith("2001-09-09")
