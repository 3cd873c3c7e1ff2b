"""Where a demo keeps things. The one place to change when the layout does."""

from collections.abc import Iterator
from pathlib import Path

FIRST_NODE = 1


def node_dir(root: Path, node: int) -> Path:
    """The folder of node number `node`, counted from 0 as in the demo's arrays."""
    name = node + FIRST_NODE
    for candidate in (f"node-{name}", f"node{name}", f"n{name}"):
        if (root / candidate).is_dir():
            return root / candidate
    raise FileNotFoundError(f"{root} has no folder for node {name}: {sorted(p.name for p in root.iterdir())}")


def drives(node: Path) -> list[Path]:
    """The drives of a node, in order."""
    found = sorted(path for path in node.glob("**/drive*") if path.is_dir() and "meta" not in path.parts)
    if not found:
        raise FileNotFoundError(f"{node} has no drives")
    return found


def _files(folder: Path, smallest: int) -> Iterator[Path]:
    for path in sorted(folder.glob("**/*")):
        if path.is_file() and path.stat().st_size >= smallest:
            yield path


def shards(drive: Path, smallest: int = 1024) -> list[Path]:
    """Shard files of a drive, by far the most numerous files there."""
    return [path for path in _files(drive, smallest) if "quarantine" not in path.parts and path.name != "id"]


def quarantined(drive: Path) -> list[Path]:
    return [path for path in _files(drive, 0) if "quarantine" in path.parts]


def _under(node: Path, names: tuple[str, ...], smallest: int = 1) -> list[Path]:
    return [
        path
        for path in _files(node, smallest)
        if any(name in part.lower() for part in path.relative_to(node).parts for name in names)
    ]


def log_segments(node: Path) -> list[Path]:
    """Segments of the write-ahead log, oldest first."""
    return sorted(_under(node, ("wal", "segment")), key=lambda path: path.name)


def snapshots(node: Path) -> list[Path]:
    return sorted(_under(node, ("snap",)), key=lambda path: path.stat().st_mtime)


def state_files(node: Path) -> list[Path]:
    """sled's own files."""
    return [path for path in _under(node, ("sled", "state")) if path.name == "db"]
