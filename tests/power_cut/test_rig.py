"""The rig itself: a cut loses exactly what was not synced."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.volumes import Volume


@pytest.fixture
def volume(folder: Path) -> Iterator[Volume]:
    made = Volume.create(folder / "image", folder / "mounted", size_mib=64)
    yield made
    if made.mounted:
        made.unmount()


def _write(path: Path, data: bytes, sync: bool) -> None:
    file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.write(file, data)
    if sync:
        os.fsync(file)
    os.close(file)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _cut_and_return(volume: Volume) -> None:
    volume.cut_power()
    volume.unmount()
    volume.mount()


def test_synced_bytes_survive_and_unsynced_bytes_do_not(volume: Volume) -> None:
    file = volume.folder / "log"
    _write(file, b"synced" * 1000, sync=True)
    _sync_folder(volume.folder)
    _write(file, b"lost" * 1000, sync=False)
    _cut_and_return(volume)
    assert file.read_bytes() == b"synced" * 1000


def test_a_file_whose_folder_was_not_synced_may_vanish(volume: Volume) -> None:
    _write(volume.folder / "kept", b"x", sync=True)
    _sync_folder(volume.folder)
    _write(volume.folder / "lost", b"x", sync=False)
    os.rename(volume.folder / "kept", volume.folder / "renamed")
    _cut_and_return(volume)
    assert sorted(path.name for path in volume.folder.iterdir()) == ["kept"]


def test_nothing_can_be_written_after_the_cut(volume: Volume) -> None:
    volume.cut_power()
    with pytest.raises(OSError):
        _write(volume.folder / "late", b"x", sync=True)
    volume.unmount()
    volume.mount()
    assert list(volume.folder.iterdir()) == []
