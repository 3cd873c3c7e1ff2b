"""Files of encryption keys, as an operator keeps them."""

import base64
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SiteKey:
    number: int
    key: bytes

    @staticmethod
    def random(number: int) -> "SiteKey":
        return SiteKey(number, os.urandom(32))

    @property
    def text(self) -> str:
        return base64.b64encode(self.key).decode()


class KeyFile:
    """A key file; the first key is the active one."""

    def __init__(self, path: Path, *keys: SiteKey):
        self.path = path
        self.write(*keys)

    def write(self, *keys: SiteKey) -> None:
        lines = [f"{key.number}:{key.text}{' active' if key is keys[0] else ''}\n" for key in keys]
        self.write_text("".join(lines))

    def write_text(self, text: str, mode: int = 0o600) -> None:
        fresh = self.path.with_suffix(".fresh")
        fresh.write_text(text)
        fresh.chmod(mode)
        fresh.replace(self.path)

    @staticmethod
    def read(path: Path) -> SiteKey:
        """The first key of a file."""
        number, key = path.read_text().split()[0].split(":")
        return SiteKey(int(number), base64.b64decode(key))
