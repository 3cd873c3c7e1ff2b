"""A key as a register: which values may a read return?

Every key has one writer, which does one thing after another; anyone reads. A
write whose outcome is unknown may take effect at any later time, until a read
has shown it: then it has taken effect, and what is written after replaces it.
"""

import math
import threading
import time
from dataclasses import dataclass, field

from .values import Value
from .waiting import Final


@dataclass
class Write:
    """One write; `value` is none for a delete."""

    value: Value | None
    etag: str | None
    invoked: float
    completed: float = math.inf
    """When it had certainly taken effect: acknowledged, or seen by a read."""
    acknowledged: bool = False

    def __str__(self) -> str:
        what = self.value.name if self.value else "deleted"
        return f"{what} [{self.invoked:.3f}, {self.completed:.3f}]"


class Wrong(Final):
    """A read returned what it must not."""


@dataclass
class Register:
    """The history of one key."""

    key: str
    writes: list[Write] = field(default_factory=list)
    sequence: int = 0
    """The last number given to a write of this key."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.writes.append(Write(None, None, -math.inf, -math.inf, acknowledged=True))

    def invoke(self, value: Value | None, etag: str | None) -> Write:
        """A write begins; call it before the first byte is sent."""
        with self._lock:
            write = Write(value, etag, time.monotonic())
            self.writes.append(write)
            return write

    def acknowledge(self, write: Write) -> None:
        with self._lock:
            write.completed = min(write.completed, time.monotonic())
            write.acknowledged = True

    def observe(self, etag: str | None, began: float, how: str) -> Value | None:
        """A read that began at `began` has just shown the value with `etag`, or
        that there is none. Raises if that cannot be."""
        with self._lock:
            now = time.monotonic()
            # A delete has no name of its own: the oldest possible one is as good as any.
            candidates = [write for write in self.writes if write.etag == etag]
            possible = [write for write in candidates if not self._replaced(write, began)]
            if not possible:
                raise Wrong(self._report(etag, began, now, how))
            if len(possible) == 1:
                possible[0].completed = min(possible[0].completed, now)
            self._forget(began)
            return possible[0].value

    def _replaced(self, write: Write, before: float) -> bool:
        """Whether a later write had certainly replaced it before that time."""
        return any(
            later.invoked > write.completed and later.completed < before for later in self.writes if later is not write
        )

    def _forget(self, before: float) -> None:
        """Drops what no read can show any more; reads may still be under way
        that began a minute ago."""
        if len(self.writes) > 64:
            self.writes = [write for write in self.writes if not self._replaced(write, before - 60)]

    def _report(self, etag: str | None, began: float, now: float, how: str) -> str:
        seen = "no object" if etag is None else f"an object with ETag {etag}"
        history = "\n  ".join(f"{write} {write.etag}" for write in self.writes[-12:])
        return f"{self.key}: {how} in [{began:.3f}, {now:.3f}] showed {seen}; writes:\n  {history}"
