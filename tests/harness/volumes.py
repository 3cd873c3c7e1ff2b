"""File systems of their own for nodes, and a way to cut their power.

A volume is ext4 in an image file on a loop device. The power is cut with ext4's
shutdown ioctl, told not to write its journal out: from that moment every access
gives an error, and after the next mount only what was synced is there.
"""

import fcntl
import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .waiting import wait_for

# _IOR('X', 125, __u32)
EXT4_IOC_SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
EXT4_GOING_FLAGS_NOLOGFLUSH = 2


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"{' '.join(command)}: {done.returncode} {done.stderr.strip()}")


@dataclass(frozen=True)
class Volume:
    """One image file and the folder on which it is mounted."""

    image: Path
    folder: Path

    @staticmethod
    def create(image: Path, folder: Path, size_mib: int) -> "Volume":
        """Makes and mounts an empty volume; what is in the folder moves onto it."""
        _run("truncate", "-s", f"{size_mib}M", str(image))
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0", str(image))
        kept = folder.with_name(f"{folder.name}.moving")
        if folder.exists():
            folder.rename(kept)
        folder.mkdir(parents=True)
        volume = Volume(image, folder)
        volume.mount()
        (folder / "lost+found").rmdir()
        if kept.exists():
            shutil.copytree(kept, folder, dirs_exist_ok=True)
            shutil.rmtree(kept)
        os.sync()
        return volume

    def mount(self) -> None:
        """Replays the journal, as at the start after a power cut."""
        _run("mount", "-o", "loop", str(self.image), str(self.folder))

    def unmount(self) -> None:
        """Waits until nobody has files open there any more."""

        def gone() -> bool:
            _run("umount", str(self.folder))
            return True

        wait_for(gone, 30, f"{self.folder} is unmounted")

    def cut_power(self) -> None:
        """From now on nothing reaches the disk."""
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            fcntl.ioctl(folder, EXT4_IOC_SHUTDOWN, struct.pack("I", EXT4_GOING_FLAGS_NOLOGFLUSH))
        finally:
            os.close(folder)

    @property
    def mounted(self) -> bool:
        return os.path.ismount(self.folder)
