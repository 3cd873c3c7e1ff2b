"""Damage done to files on purpose."""

import random
from pathlib import Path


def flip_bytes(path: Path, count: int, seed: int, start: float = 0.0, end: float = 1.0) -> list[int]:
    """Inverts `count` bytes between two fractions of a file; says where."""
    chance = random.Random(seed)
    size = path.stat().st_size
    places = sorted(
        chance.randrange(int(size * start), max(int(size * end), int(size * start) + 1)) for _ in range(count)
    )
    with path.open("r+b") as file:
        for place in places:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ 0xFF]))
    return places


def used_length(path: Path) -> int:
    """The length of a preallocated file up to its last byte that is not zero."""
    data = path.read_bytes()
    return len(data.rstrip(b"\0"))
