"""An S3 client that sends exactly what it is told to, right or wrong."""

import hashlib
from collections.abc import Sequence

from .signing import UNSIGNED, Query, Signer, escape, query_string
from .site import Keys, Site, host_and_port
from .wire import Connection, Response, exchange

SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def object_path(bucket: str, key: str | bytes = "") -> str:
    return f"/{bucket}/{escape(key, safe='/')}" if key else f"/{bucket}"


class RawS3:
    """Talks to one endpoint as one user; never retries."""

    def __init__(self, endpoint: str, keys: Keys, region: str, timeout_s: float = 30):
        self.endpoint = endpoint
        self.keys = keys
        self.region = region
        self.host = "{}:{}".format(*host_and_port(endpoint))
        self._connection = Connection(endpoint, timeout_s)

    @staticmethod
    def of(site: Site, node: int = 0, timeout_s: float = 30) -> "RawS3":
        return RawS3(site.endpoints[node], site.keys, site.region, timeout_s)

    def close(self) -> None:
        self._connection.close()

    def signer(self, skew_s: float = 0) -> Signer:
        return Signer.at_now(self.keys, self.region, skew_s)

    def request(
        self,
        method: str,
        path: str,
        query: Query | None = None,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        payload: str | None = None,
        unsigned: dict[str, str] | None = None,
        skew_s: float = 0,
        host: str | None = None,
    ) -> Response:
        """One request; `headers` are signed, `unsigned` are added afterwards."""
        query = query or []
        all_headers = {"Host": host or self.host, **(headers or {})}
        if body or method in ("PUT", "POST"):
            all_headers.setdefault("Content-Length", str(len(body)))
        payload = payload if payload is not None else hashlib.sha256(body).hexdigest()
        signed = self.signer(skew_s).headers(method, path, query, all_headers, payload)
        target = f"{path}?{query_string(query)}" if query else path
        return self._connection.send(method, target, {**signed, **(unsigned or {})}, body)

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Response:
        """Headers as they are, signed by the caller or not at all."""
        return self._connection.send(method, target, headers, body)

    def put(self, bucket: str, key: str, body: bytes, **headers: str) -> Response:
        return self.request("PUT", object_path(bucket, key), headers=headers, body=body, payload=UNSIGNED)

    def get(self, bucket: str, key: str) -> Response:
        return self.request("GET", object_path(bucket, key))

    def delete(self, bucket: str, key: str) -> Response:
        return self.request("DELETE", object_path(bucket, key))

    def raw_head(self, method: str, path: str, headers: dict[str, str], payload: str = UNSIGNED) -> bytes:
        """The bytes of a signed request up to its body."""
        signed = self.signer().headers(method, path, [], {"Host": self.host, **headers}, payload)
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items()), "", ""]
        return "\r\n".join(lines).encode()

    def put_and_hang_up(self, bucket: str, key: str, declared: int, sent: bytes) -> Response | None:
        """Declares `declared` bytes, sends `sent`, and says that no more follow."""
        head = self.raw_head("PUT", object_path(bucket, key), {"Content-Length": str(declared)})
        return exchange(self.endpoint, head + sent, half_close=True)

    def put_chunked(
        self,
        bucket: str,
        key: str,
        chunks: Sequence[bytes],
        mode: str = SIGNED_CHUNKS,
        trailer: tuple[str, str] | None = None,
        decoded_length: int | None = None,
        spoil_chunk: int | None = None,
        last_chunk: bool = True,
        spoil_trailer: bool = False,
    ) -> Response:
        """An aws-chunked upload: right by default, wrong where asked for."""
        path = object_path(bucket, key)
        length = sum(map(len, chunks)) if decoded_length is None else decoded_length
        headers = {"Host": self.host, "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(length)}
        if trailer:
            headers["x-amz-trailer"] = trailer[0]
        signer = self.signer()
        body_length = len(_encode(signer, "0" * 64, chunks, mode, trailer, None, last_chunk, False))
        headers["Content-Length"] = str(body_length)
        signed = signer.headers("PUT", path, [], headers, mode)
        seed = signed["Authorization"].rsplit("Signature=", 1)[1]
        body = _encode(signer, seed, chunks, mode, trailer, spoil_chunk, last_chunk, spoil_trailer)
        return self._connection.send("PUT", path, signed, body)


def _encode(
    signer: Signer,
    seed: str,
    chunks: Sequence[bytes],
    mode: str,
    trailer: tuple[str, str] | None,
    spoil_chunk: int | None,
    last_chunk: bool,
    spoil_trailer: bool,
) -> bytes:
    signed = mode != UNSIGNED_TRAILER
    previous = seed
    out = b""
    for index, chunk in enumerate([*chunks, b""] if last_chunk else chunks):
        extension = ""
        if signed:
            previous = signer.of_chunk(previous, chunk)
            shown = "0" * 64 if index == spoil_chunk else previous
            extension = f";chunk-signature={shown}"
        out += f"{len(chunk):x}{extension}\r\n".encode()
        # The last, empty chunk is followed by the trailer or the empty line.
        out += chunk + b"\r\n" if chunk else b""
    if not last_chunk:
        return out
    if trailer:
        name, value = trailer
        out += f"{name}:{value}\r\n".encode()
        if signed:
            signature = signer.of_trailer(previous, f"{name}:{value}\n".encode())
            out += f"x-amz-trailer-signature:{'0' * 64 if spoil_trailer else signature}\r\n".encode()
    return out + b"\r\n"
