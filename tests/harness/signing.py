"""AWS Signature Version 4, written from its specification, so that a test can
also sign wrongly on purpose."""

import datetime
import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import quote

from .site import Keys

EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
ALGORITHM = "AWS4-HMAC-SHA256"

Query = list[tuple[str, str]]


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def escape(text: str | bytes, safe: str = "") -> str:
    return quote(text, safe=f"{safe}-_.~")


def query_string(query: Query) -> str:
    return "&".join(f"{escape(name)}={escape(value)}" for name, value in sorted(query))


@dataclass(frozen=True)
class Signer:
    """Signs as one user at one moment."""

    keys: Keys
    region: str
    now: datetime.datetime

    @staticmethod
    def at_now(keys: Keys, region: str, skew_s: float = 0) -> "Signer":
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=skew_s)
        return Signer(keys, region, now)

    @property
    def timestamp(self) -> str:
        return self.now.strftime("%Y%m%dT%H%M%SZ")

    @property
    def scope(self) -> str:
        return f"{self.now:%Y%m%d}/{self.region}/s3/aws4_request"

    def _signature(self, text: str) -> str:
        key = _hmac(b"AWS4" + self.keys.secret_key.encode(), f"{self.now:%Y%m%d}")
        for part in (self.region, "s3", "aws4_request"):
            key = _hmac(key, part)
        return _hmac(key, text).hex()

    def _of_request(self, method: str, path: str, query: Query, headers: dict[str, str], payload: str) -> str:
        lower = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
        names = sorted(lower)
        canonical = "\n".join(
            [
                method,
                path,
                query_string(query),
                *(f"{name}:{lower[name]}" for name in names),
                "",
                ";".join(names),
                payload,
            ]
        )
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        return self._signature("\n".join([ALGORITHM, self.timestamp, self.scope, digest]))

    def headers(self, method: str, path: str, query: Query, headers: dict[str, str], payload: str) -> dict[str, str]:
        """`headers` and what authenticates them; `path` is escaped already."""
        signed = {**headers, "x-amz-date": self.timestamp, "x-amz-content-sha256": payload}
        signature = self._of_request(method, path, query, signed, payload)
        names = ";".join(sorted(name.lower() for name in signed))
        credential = f"{self.keys.access_key}/{self.scope}"
        signed["Authorization"] = f"{ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return signed

    def presigned(self, method: str, host: str, path: str, query: Query, expires_s: int) -> str:
        """The query string of a presigned request."""
        full = [
            *query,
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", f"{self.keys.access_key}/{self.scope}"),
            ("X-Amz-Date", self.timestamp),
            ("X-Amz-Expires", str(expires_s)),
            ("X-Amz-SignedHeaders", "host"),
        ]
        signature = self._of_request(method, path, full, {"host": host}, UNSIGNED)
        return f"{query_string(full)}&X-Amz-Signature={signature}"

    def of_chunk(self, previous: str, chunk: bytes) -> str:
        digest = hashlib.sha256(chunk).hexdigest()
        lines = [f"{ALGORITHM}-PAYLOAD", self.timestamp, self.scope, previous, EMPTY_SHA256, digest]
        return self._signature("\n".join(lines))

    def of_trailer(self, previous: str, trailer: bytes) -> str:
        digest = hashlib.sha256(trailer).hexdigest()
        return self._signature("\n".join([f"{ALGORITHM}-TRAILER", self.timestamp, self.scope, previous, digest]))
