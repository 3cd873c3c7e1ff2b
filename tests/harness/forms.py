"""Forms as browsers send them (RFC 7578), right or wrong."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .site import host_and_port
from .wire import Response, exchange


@dataclass
class Form:
    """The fields of a form in their order, and the file behind them."""

    fields: list[tuple[str, str]]
    file: bytes = b"the file"
    file_name: str | None = "a.txt"
    after: list[tuple[str, str]] = field(default_factory=list)
    """Fields behind the file."""
    boundary: str = field(default_factory=lambda: f"----Boundary{secrets.token_hex(8)}")

    @property
    def content_type(self) -> str:
        return f"multipart/form-data; boundary={self.boundary}"

    def before_file(self) -> bytes:
        named = "" if self.file_name is None else f'; filename="{self.file_name}"'
        file_head = f'--{self.boundary}\r\nContent-Disposition: form-data; name="file"{named}\r\n\r\n'
        return self._parts(self.fields) + file_head.encode()

    def after_file(self) -> bytes:
        rest = self._parts(self.after)
        return b"\r\n" + rest + f"--{self.boundary}--\r\n".encode()

    def body(self) -> bytes:
        return self.before_file() + self.file + self.after_file()

    def _parts(self, fields: Iterable[tuple[str, str]]) -> bytes:
        return b"".join(
            f'--{self.boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields
        )


def post(
    endpoint: str, bucket: str, form: Form, headers: Mapping[str, str] | None = None, query: str = ""
) -> Response | None:
    """Sends a form on a connection of its own."""
    body = form.body()
    return exchange(endpoint, head(endpoint, bucket, form, len(body), headers, query) + body, False, timeout_s=60)


def head(
    endpoint: str,
    bucket: str,
    form: Form,
    length: int,
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> bytes:
    """The head of the request that brings a form whose body has `length` bytes."""
    host, port = host_and_port(endpoint)
    all_headers = {
        "Host": f"{host}:{port}",
        "Content-Type": form.content_type,
        "Content-Length": str(length),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"POST /{bucket}{query} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def signed(
    s3: Any,
    bucket: str,
    key: str,
    fields: Mapping[str, str] | None = None,
    conditions: Iterable[Any] | None = None,
    expires_s: int = 600,
) -> list[tuple[str, str]]:
    """The fields of a form that boto3 signs. Each field gets a condition of its own, save where
    `conditions` says all that there are."""
    fields = dict(fields or {})
    said = [{name: value} for name, value in fields.items()] if conditions is None else list(conditions)
    made = s3.generate_presigned_post(bucket, key, Fields=fields, Conditions=said, ExpiresIn=expires_s)
    return list(made["fields"].items())
