"""A receiver of events, as those who are told run one."""

import hashlib
import hmac
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Receiver:
    """Listens on a port of its own, and keeps every message that it took over."""

    def __init__(self, secret: str | None = None, papers: tuple[Path, Path] | None = None):
        """With `papers`, a certificate and its key, it is called by https."""
        self._secret = secret
        self._tls: ssl.SSLContext | None = None
        if papers is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(*papers)
        self._lock = threading.Lock()
        self._messages: list[dict[str, Any]] = []
        self._refuse = 0
        self._refused = 0
        self._pause_s = 0.0
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.start()

    def start(self) -> None:
        """Listens, on the port that it had if it had one."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                time.sleep(receiver._pause_s)
                status = receiver._take(body, self.headers.get("X-Mucura-Signature"))
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.send_header("Connection", "close")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Nobody listens any more."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def refuse(self, count: int) -> None:
        """Answers the next `count` messages with 503."""
        with self._lock:
            self._refuse = count

    def pause(self, seconds: float) -> None:
        """Takes so long over every message from now on."""
        self._pause_s = seconds

    def _take(self, body: bytes, signature: str | None) -> int:
        with self._lock:
            if self._refuse:
                self._refuse -= 1
                self._refused += 1
                return 503
            expected = None
            if self._secret is not None:
                expected = "sha256=" + hmac.new(self._secret.encode(), body, hashlib.sha256).hexdigest()
            if signature != expected:
                return 403
            self._messages.append(json.loads(body))
            return 204

    @property
    def url(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}/events"

    @property
    def refused(self) -> int:
        with self._lock:
            return self._refused

    def messages(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._messages)

    def records(self) -> list[dict[str, Any]]:
        """The records of all messages, as they came."""
        return [record for message in self.messages() for record in message.get("Records", [])]
