"""restic: backups that check out and can be restored."""

import os
from pathlib import Path

from harness.programs import finished
from harness.site import Site
from harness.trees import KIB, MIB, digests, grow

FULL = os.environ.get("MUCURA_FULL") == "1"
FILES = 2000 if FULL else 40
LARGEST = (300 if FULL else 8) * MIB


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """What was backed up is whole and comes back."""
    there = folder / "there"
    grow(there, 30, 6 * MIB, seed=5)
    restic(site, bucket, folder, "init")
    restic(site, bucket, folder, "backup", ".", within=there)
    restic(site, bucket, folder, "check", "--read-data")
    restic(site, bucket, folder, "restore", "latest", "--target", str(folder / "back"))
    assert digests(folder / "back") == digests(there)


def test_a_backup_is_whole_and_comes_back(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_old_snapshots_are_forgotten_and_the_last_one_stays_whole(site: Site, bucket: str, folder: Path) -> None:
    there = folder / "there"
    grow(there, FILES, LARGEST, seed=6)
    restic(site, bucket, folder, "init")
    restic(site, bucket, folder, "backup", ".", within=there)
    for file in sorted(path for path in there.rglob("*") if path.is_file())[::2]:
        file.unlink()
    grow(there / "new", 5, 64 * KIB, seed=7)
    restic(site, bucket, folder, "backup", ".", within=there)
    assert "2 snapshots" in restic(site, bucket, folder, "snapshots")
    restic(site, bucket, folder, "forget", "--keep-last", "1", "--prune")
    restic(site, bucket, folder, "check", "--read-data")
    restic(site, bucket, folder, "restore", "latest", "--target", str(folder / "back"))
    assert digests(folder / "back") == digests(there)


def restic(site: Site, bucket: str, folder: Path, *arguments: str, within: Path | None = None) -> str:
    """restic with its repository in the bucket. Its S3 library tries once; restic itself tries
    again, and says so."""
    environment = {
        **site.environment(),
        "RESTIC_REPOSITORY": f"s3:{site.endpoints[0]}/{bucket}/backups",
        "RESTIC_PASSWORD": "secret",
        "RESTIC_CACHE_DIR": str(folder / "cache"),
    }
    done = finished("restic", "--option", "s3.retries=1", *arguments, environment=environment, within=within)
    assert b"retrying" not in done.stderr, done.stderr
    return done.stdout.decode()
