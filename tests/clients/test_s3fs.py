"""s3fs: a bucket as a folder, with modes, times and links."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.clients import boto3_client
from harness.mounts import mounted, need_fuse, use_files
from harness.site import Site
from harness.trees import KIB, digest_of_file, digests, grow


@pytest.fixture(autouse=True)
def _fuse() -> None:
    need_fuse()


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """Files behave, and are objects with the same bytes."""
    need_fuse()
    with s3fs(site, bucket, folder) as mount:
        use_files(mount, folder)
    s3 = boto3_client(site)
    assert s3.get_object(Bucket=bucket, Key="kept/text")["Body"].read() == b"one\ntwo\n"
    assert s3.get_object(Bucket=bucket, Key="kept/large")["Body"].read() == (folder / "large").read_bytes()


def test_files_behave(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_modes_times_and_links_are_there_after_a_new_mount(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    grow(there, 15, 64 * KIB, seed=11)
    os.chmod(there / "d0", 0o750)
    first = next(path for path in sorted(there.rglob("*")) if path.is_file())
    first.chmod(0o640)
    (there / "link").symlink_to(first.relative_to(there))
    with s3fs(site, bucket, folder) as mount:
        subprocess.run(["cp", "-a", str(there), str(mount / "copy")], check=True, timeout=60)
        os.chown(mount / "copy" / "link", 1000, 1000, follow_symlinks=False)
    (folder / "mnt").rmdir()
    with s3fs(site, bucket, folder) as mount:
        copy = mount / "copy"
        assert digests(copy) == digests(there)
        assert digest_of_file(copy / "link") == digest_of_file(first)
        assert os.readlink(copy / "link") == os.readlink(there / "link")
        assert _modes_and_times(copy) == _modes_and_times(there)


def test_what_others_put_is_seen(site: Site, bucket: str, folder: Path) -> None:
    boto3_client(site).put_object(Bucket=bucket, Key="a/b", Body=b"by boto3")
    with s3fs(site, bucket, folder) as mount:
        assert (mount / "a" / "b").read_bytes() == b"by boto3"
        assert [path.name for path in mount.iterdir()] == ["a"]


@contextmanager
def s3fs(site: Site, bucket: str, folder: Path) -> Iterator[Path]:
    """The bucket as a folder. s3fs wants one retry at least."""
    keys = folder / "keys"
    keys.write_text(f"{site.keys.access_key}:{site.keys.secret_key}")
    keys.chmod(0o600)
    options = (
        f"passwd_file={keys},url={site.endpoints[0]},endpoint={site.region},use_path_request_style,sigv4,retries=1"
    )
    with mounted(folder, "s3fs", bucket, str(folder / "mnt"), "-f", "-o", options) as mount:
        yield mount


def _modes_and_times(root: Path) -> dict[str, tuple[int, int]]:
    files = (path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(root)): (path.stat().st_mode, int(path.stat().st_mtime)) for path in files}
