"""HTTP without help: what is asked for is what is sent."""

import http.client
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .site import host_and_port


@dataclass(frozen=True)
class Response:
    status: int
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def code(self) -> str:
        """The S3 error code in the body; empty if there is none."""
        _, _, rest = self.body.partition(b"<Code>")
        return rest.partition(b"</Code>")[0].decode() if rest else ""


def _response(answer: http.client.HTTPResponse) -> Response:
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Response(answer.status, headers, answer.read())


def get(url: str, timeout_s: float) -> Response:
    """One unsigned GET on a connection of its own."""
    host, port = host_and_port(url)
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", urlsplit(url).path or "/")
        return _response(connection.getresponse())
    finally:
        connection.close()


# A server may close a connection that is idle, at any time.
_IDLE_S = 10.0


class Connection:
    """A kept connection to one endpoint. After any failure, and when it was idle, it is made anew."""

    def __init__(self, endpoint: str, timeout_s: float):
        self._address = host_and_port(endpoint)
        self._timeout_s = timeout_s
        self._connection: http.client.HTTPConnection | None = None
        self._used_at = 0.0

    def send(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Response:
        """Sends exactly these headers (and `Host`, if it is among them)."""
        if time.monotonic() - self._used_at > _IDLE_S:
            self.close()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(*self._address, timeout=self._timeout_s)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._connection
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            response = _response(connection.getresponse())
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        self._used_at = time.monotonic()
        if response.headers.get("connection", "").lower() == "close":
            self.close()
        return response

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def exchange(endpoint: str, sent: bytes, half_close: bool, timeout_s: float = 10) -> Response | None:
    """Sends raw bytes, perhaps says that no more follow, and reads the answer,
    if the other side gives one at all."""
    with socket.create_connection(host_and_port(endpoint), timeout=timeout_s) as raw:
        try:
            raw.sendall(sent)
            if half_close:
                raw.shutdown(socket.SHUT_WR)
            answer = http.client.HTTPResponse(raw)
            answer.begin()
            return _response(answer)
        except (ConnectionError, http.client.HTTPException):
            return None


def exchange_stream(endpoint: str, head: bytes, pieces: Iterable[bytes], timeout_s: float) -> Response:
    """Sends a body piece by piece on a connection of its own."""
    with socket.create_connection(host_and_port(endpoint), timeout=timeout_s) as raw:
        raw.sendall(head)
        for piece in pieces:
            raw.sendall(piece)
        answer = http.client.HTTPResponse(raw)
        answer.begin()
        return _response(answer)
