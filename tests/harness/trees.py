"""Trees of files to copy around, and proof that two are the same."""

import hashlib
import os
import random
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB
OLD_S = 1_600_000_000


def grow(root: Path, files: int, largest: int, seed: int) -> None:
    """Files of mixed sizes from nothing to `largest`, most of them small, with
    some awkward names."""
    chance = random.Random(seed)
    stems = ["plain", "with space", "plus+sign", "ümlaut", "日本", "per%20cent", "quote'", "#hash", "a=b&c"]
    for number in range(files):
        folder = root / f"d{number % 17}" / chance.choice(["", "deep/er", "e f"])
        folder.mkdir(parents=True, exist_ok=True)
        kind = chance.random()
        if number == 0:
            size = largest
        elif number == 1:
            size = 0
        elif kind < 0.7:
            size = chance.randrange(8 * KIB)
        elif kind < 0.97:
            size = chance.randrange(256 * KIB)
        else:
            size = chance.randrange(min(2 * MIB, largest + 1))
        file = folder / f"{chance.choice(stems)} {number}"
        if size > 16 * MIB:
            large_file(file, size, seed)
        else:
            file.write_bytes(chance.randbytes(size))
        # Older than any upload: clients compare times to the second.
        os.utime(file, (OLD_S + number, OLD_S + number))


def digest_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digests(root: Path) -> dict[str, str]:
    """Every file below `root` with the hash of its bytes."""
    return {str(path.relative_to(root)): digest_of_file(path) for path in root.rglob("*") if path.is_file()}


def large_file(path: Path, size: int, seed: int) -> None:
    chance = random.Random(seed)
    with path.open("wb") as file:
        for start in range(0, size, MIB):
            file.write(chance.randbytes(min(MIB, size - start)))
