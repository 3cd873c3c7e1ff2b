"""rclone through every node: copy, then check every byte."""

import os
import shutil
from pathlib import Path

import requests

from harness.clients import boto3_client
from harness.mounts import mounted, need_fuse, use_files
from harness.programs import pipe, rclone, rclone_environment
from harness.site import Site
from harness.trees import KIB, MIB, digests, grow

FULL = os.environ.get("MUCURA_FULL") == "1"
FILES = 2000 if FULL else 120
LARGEST = (300 if FULL else 40) * MIB
# A small part size makes the large file go up in parts.
PARTS = ("--s3-upload-cutoff", "8M", "--s3-chunk-size", "8M")


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """A tree is synced both ways, and again after changes."""
    there, back = folder / "there", folder / "back"
    grow(there, 40, 20 * MIB, seed=12)
    rclone(site, "sync", *PARTS, "--fast-list", str(there), f"node0:{bucket}/tree")
    rclone(site, "check", "--download", str(there), f"node0:{bucket}/tree")
    shutil.rmtree(there / "d1")
    grow(there / "new", 3, 64 * KIB, seed=13)
    rclone(site, "sync", "--fast-list", str(there), f"node0:{bucket}/tree")
    rclone(site, "sync", "--fast-list", f"node0:{bucket}/tree", str(back))
    assert digests(back) == digests(there)


def test_a_tree_is_synced(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


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


def test_a_stream_of_unknown_length_goes_up_and_parts_of_it_come_down(site: Site, bucket: str) -> None:
    body = bytes(range(256)) * 30 * KIB
    remotes = rclone_environment(site)
    pipe("rclone", "rcat", "--s3-chunk-size", "5M", f"node0:{bucket}/r", given=body, environment=remotes)
    part = ("cat", "--offset", "6000000", "--count", "100000", f"node0:{bucket}/r")
    assert pipe("rclone", *part, given=b"", environment=remotes) == body[6_000_000:6_100_000]
    rclone(site, "moveto", f"node0:{bucket}/r", f"node0:{bucket}/s t")
    link = rclone(site, "link", "--expire", "60s", f"node0:{bucket}/s t").strip()
    assert requests.get(link, timeout=10).content == body


def test_unfinished_uploads_are_cleaned_up(site: Site, bucket: str) -> None:
    s3 = boto3_client(site)
    s3.create_multipart_upload(Bucket=bucket, Key="k")
    assert '"k"' in rclone(site, "backend", "list-multipart-uploads", f"node0:{bucket}")
    rclone(site, "backend", "cleanup", "-o", "max-age=0s", f"node0:{bucket}")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_a_mounted_bucket_behaves(site: Site, bucket: str, folder: Path) -> None:
    need_fuse()
    options = ("--vfs-cache-mode", "writes", "--vfs-write-back", "0s", "--cache-dir", str(folder / "cache"))
    command = ("rclone", "mount", *options, f"node0:{bucket}", str(folder / "mnt"))
    with mounted(folder, *command, environment=rclone_environment(site)) as mount:
        use_files(mount, folder)
    s3 = boto3_client(site)
    assert s3.get_object(Bucket=bucket, Key="kept/text")["Body"].read() == b"one\ntwo\n"
    assert s3.get_object(Bucket=bucket, Key="kept/large")["Body"].read() == (folder / "large").read_bytes()


def test_old_versions_are_seen(site: Site, bucket: str) -> None:
    rclone(site, "backend", "versioning", f"node0:{bucket}", "Enabled")
    for body in (b"old", b"newer"):
        pipe("rclone", "rcat", f"node0:{bucket}/k", given=body, environment=rclone_environment(site))
    rows = rclone(site, "lsf", "--format", "s", "--s3-versions", f"node0:{bucket}").split()
    assert sorted(rows) == ["3", "5"]
