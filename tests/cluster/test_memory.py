"""Memory of a node stays bounded while many clients upload."""

import os
import threading
from collections.abc import Callable, Iterator

from harness import processes
from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.signing import UNSIGNED
from harness.wire import Response, exchange_stream

MIB = 1024 * 1024
FULL = os.environ.get("MUCURA_FULL") == "1"
CLIENTS = 16
UPLOAD_BYTES = (1024 if FULL else 48) * MIB
LIMIT_BYTES = 400 * MIB


def _pieces() -> Iterator[bytes]:
    """A body that takes no memory here."""
    piece = os.urandom(MIB)
    for _ in range(UPLOAD_BYTES // MIB):
        yield piece


def _upload(raw: RawS3, key: str) -> Response:
    head = raw.raw_head("PUT", object_path("memory", key), {"Content-Length": str(UPLOAD_BYTES)}, UNSIGNED)
    return exchange_stream(raw.endpoint, head, _pieces(), timeout_s=600)


def test_sixteen_uploads_at_once_fit_into_400_mib(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo()
    site = demo.site()
    RawS3.of(site).request("PUT", object_path("memory"))
    answers: list[Response] = []

    def client(number: int) -> None:
        answers.append(_upload(RawS3.of(site, number % demo.nodes), f"k{number}"))

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(1800)
    assert [answer.status for answer in answers] == [200] * CLIENTS, answers
    peaks = [processes.peak_rss_bytes(pid) for pid in map(demo.pid, range(demo.nodes)) if pid is not None]
    print("peak memory, MiB:", [peak // MIB for peak in peaks])
    assert len(peaks) == demo.nodes and max(peaks) < LIMIT_BYTES, peaks
