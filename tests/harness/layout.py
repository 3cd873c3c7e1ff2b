"""Where a demo keeps things. The one place to change when the layout does."""

from pathlib import Path

FIRST_NODE = 1


def node_dir(root: Path, node: int) -> Path:
    """The folder of node number `node`, counted from 0 as in the demo's arrays."""
    return root / f"node{node + FIRST_NODE}"


def drives(node: Path) -> list[Path]:
    """The drives of a node, in order."""
    found = sorted(node.glob("drive*"))
    assert found, f"{node} has no drives"
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def shards(drive: Path) -> list[Path]:
    return _files(drive / "shards")


def log_segments(node: Path) -> list[Path]:
    """Segments of the write-ahead log, oldest first."""
    return sorted((node / "meta" / "wal").glob("*.wal"))


def snapshots(node: Path) -> list[Path]:
    """Finished snapshots, oldest first."""
    return sorted((node / "meta" / "snapshots").rglob("*.snap"), key=lambda path: path.stat().st_mtime)


def state_files(node: Path) -> list[Path]:
    """sled's own files."""
    return sorted((node / "meta" / "state").glob("sled-*/db"))
