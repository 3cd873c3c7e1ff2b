"""What a refused request must say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from .wire import Response


@contextmanager
def refused(code: str, status: int | None = None) -> Iterator[None]:
    """Holds that boto3's call inside is refused with this code (and status)."""
    try:
        yield
    except ClientError as error:
        answer: Any = error.response
        seen = answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]
        assert seen[0] == code and (status is None or seen[1] == status), f"{seen}, not {code} {status or ''}"
        return
    raise AssertionError(f"succeeded instead of {code}")


def assert_refused(answer: Response | None, status: int, *codes: str) -> None:
    """Holds that a raw answer is this error, in full S3 form."""
    assert answer is not None, f"no answer instead of {codes}"
    assert (answer.status, answer.code) in {(status, code) for code in codes}, (
        f"{answer.status} {answer.code or answer.body[:300]!r}, not {status} {codes}"
    )
    assert answer.headers.get("content-type", "").startswith("application/xml"), answer.headers
    request_id = answer.headers.get("x-amz-request-id", "")
    assert request_id, "no x-amz-request-id"
    assert f"<RequestId>{request_id}</RequestId>".encode() in answer.body, answer.body
    for part in (b"<Error>", b"<Message>"):
        assert part in answer.body, answer.body
