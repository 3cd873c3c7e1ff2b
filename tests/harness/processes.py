"""Processes as the kernel shows them."""

import os
import signal
from pathlib import Path

LISTEN = "0A"


def listener(port: int) -> int | None:
    """The process that listens on TCP `port` of this machine."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rsplit(":", 1)[1], 16) == port:
                inodes.add(f"socket:[{fields[9]}]")
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                if any(os.readlink(fd) in inodes for fd in (process / "fd").iterdir()):
                    return int(process.name)
            except OSError:
                continue  # ended meanwhile
    return None


def alive(pid: int) -> bool:
    """Whether it still runs; a zombie does not, once all its threads have ended:
    until then it holds its ports."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return False
    return threads > 1 or stat.rsplit(")", 1)[1].split()[0] not in ("Z", "X")


def kill(pid: int) -> None:
    """SIGKILL; one that is gone already is fine."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _status_kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1])
    return 0


def rss_bytes(pid: int) -> int:
    """Memory of its own: what is mapped from files does not count."""
    return _status_kib(pid, "RssAnon") * 1024


def peak_rss_bytes(pid: int) -> int:
    """The most it has ever had resident, mapped files included."""
    return _status_kib(pid, "VmHWM") * 1024


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
