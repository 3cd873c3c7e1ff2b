"""Buckets as folders: a FUSE program in the foreground, and what any program does to files."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .programs import environment_for
from .trees import KIB, MIB, digests, grow, large_file
from .waiting import Final, wait_for

MOUNTED_S = 20.0
UNMOUNTED_S = 60.0


def need_fuse() -> None:
    """Skips the test where nothing can be mounted."""
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("needs root and /dev/fuse")


@contextmanager
def mounted(folder: Path, *command: str, environment: dict[str, str] | None = None) -> Iterator[Path]:
    """The folder `mnt` while `command`, which names it and stays in the foreground, serves
    it. What was written is stored when the block ends."""
    mount = folder / "mnt"
    mount.mkdir()
    with (folder / "mount.log").open("ab") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment_for(environment or {})
        )
    try:
        wait_for(lambda: _is_up(mount, server, folder), MOUNTED_S, f"{command[0]} has mounted")
        yield mount
        subprocess.run(["umount", str(mount)], check=True, timeout=UNMOUNTED_S)
        server.wait(UNMOUNTED_S)
    finally:
        if server.poll() is None:
            server.kill()
            server.wait(10)
            subprocess.run(["umount", "--lazy", str(mount)], check=False, capture_output=True)


def _is_up(mount: Path, server: "subprocess.Popen[bytes]", folder: Path) -> bool:
    if server.poll() is not None:
        raise Final(f"ended with {server.returncode}: {(folder / 'mount.log').read_text()[-2000:]}")
    return os.path.ismount(mount)


def use_files(mount: Path, folder: Path) -> None:
    """Writes, appends, cuts, renames, copies a tree and removes it. `kept/` stays: `text`
    says `one\\ntwo\\n`, and `large` has the bytes of `folder/large`."""
    text = mount / "text"
    text.write_text("one\n")
    with text.open("a") as file:
        file.write("two\nthree\n")
    assert text.read_text() == "one\ntwo\nthree\n"
    with text.open("r+") as file:
        file.truncate(8)
    assert text.read_text() == "one\ntwo\n"
    large_file(folder / "large", 12 * MIB + 3, seed=9)
    (mount / "made").mkdir()
    shutil.copyfile(folder / "large", mount / "made" / "large")
    with (mount / "made" / "large").open("rb") as file:
        file.seek(7 * MIB - 3)
        part = file.read(100)
    assert part == (folder / "large").read_bytes()[7 * MIB - 3 :][:100]
    text.rename(mount / "made" / "text")
    (mount / "made").rename(mount / "kept")
    assert sorted(path.name for path in (mount / "kept").iterdir()) == ["large", "text"]
    _copy_a_tree(mount, folder)
    assert [path.name for path in mount.iterdir()] == ["kept"]


def _copy_a_tree(mount: Path, folder: Path) -> None:
    grow(folder / "tree", 15, 64 * KIB, seed=10)
    shutil.copytree(folder / "tree", mount / "tree", copy_function=shutil.copyfile)
    assert digests(mount / "tree") == digests(folder / "tree")
    shutil.rmtree(mount / "tree")
