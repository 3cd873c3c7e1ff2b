"""The checksums that S3 knows, as it writes them: base64 of the big-endian value."""

import base64
import hashlib
import zlib
from collections.abc import Callable


def _table(polynomial: int) -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (polynomial if value & 1 else 0)
        table.append(value)
    return table


def _reflected_crc(data: bytes, table: list[int], width: int, before: int = 0) -> bytes:
    ones = (1 << width) - 1
    crc = ones ^ before
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return (crc ^ ones).to_bytes(width // 8, "big")


_CRC32C = _table(0x82F63B78)
_CRC64NVME = _table(0x9A6C9329AC4BC9B5)

DIGESTS: dict[str, Callable[[bytes], bytes]] = {
    "crc32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "crc32c": lambda data: _reflected_crc(data, _CRC32C, 32),
    "crc64nvme": lambda data: _reflected_crc(data, _CRC64NVME, 64),
    "sha1": lambda data: hashlib.sha1(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
}


def checksum(algorithm: str, data: bytes) -> str:
    return base64.b64encode(DIGESTS[algorithm](data)).decode()


def crc_of_both(algorithm: str, first: str, rest: bytes) -> str:
    """The CRC of bytes whose CRC is `first` and of those that follow."""
    before = int.from_bytes(base64.b64decode(first), "big")
    value = {
        "crc32": lambda: zlib.crc32(rest, before).to_bytes(4, "big"),
        "crc32c": lambda: _reflected_crc(rest, _CRC32C, 32, before),
        "crc64nvme": lambda: _reflected_crc(rest, _CRC64NVME, 64, before),
    }[algorithm]()
    return base64.b64encode(value).decode()


def content_md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data).digest()).decode()


assert DIGESTS["crc32c"](b"123456789").hex() == "e3069283"
assert DIGESTS["crc64nvme"](b"123456789").hex() == "ae8b14860a799888"
