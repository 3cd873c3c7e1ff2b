"""Bodies that say which write they come from, so that a read proves what it read."""

import hashlib
import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Value:
    """What one write stores: made from its name alone, no two alike."""

    run: int
    key: str
    sequence: int
    length: int

    @property
    def name(self) -> str:
        return f"{self.run}/{self.key}/{self.sequence}/{self.length}"

    def body(self) -> bytes:
        """The name, then a stream that follows from it, cut to the length."""
        head = f"{self.name}\n".encode()
        stream = random.Random(self.name).randbytes(max(0, self.length - len(head)))
        return (head + stream)[: self.length]

    def md5(self) -> str:
        return hashlib.md5(self.body(), usedforsecurity=False).hexdigest()
