"""A load that checks every answer: writers, readers and a lister, without retries."""

import hashlib
import random
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .raw import RawS3, object_path
from .register import Register, Wrong
from .signing import UNSIGNED
from .site import Site
from .values import Value
from .waiting import wait_for
from .wire import Response

KIB = 1024
MIB = 1024 * KIB
# Inline, one small stripe, one stripe, several stripes: mostly small.
SIZES = [(200, 8 * KIB)] * 6 + [(8 * KIB + 1, MIB)] * 3 + [(MIB + 1, 5 * MIB)]
PART_BYTES = 5 * MIB
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"

Loop = Callable[[random.Random, int, RawS3], None]


class Refused(Exception):
    """An answer other than success."""


@dataclass(frozen=True)
class Failure:
    """One operation that did not succeed."""

    at: float
    node: int
    operation: str
    what: str

    def __str__(self) -> str:
        return f"{self.at:.2f} node {self.node} {self.operation}: {self.what}"


class Workload:
    """Use as a context manager: it stops, and raises what it found wrong, at the end."""

    def __init__(
        self,
        site: Site,
        bucket: str,
        seed: int,
        writers: int = 3,
        readers: int = 2,
        keys_each: int = 12,
        timeout_s: float = 10,
        largest: int = 6 * MIB,
    ):
        self.site = site
        self.bucket = bucket
        self.seed = seed
        self._timeout_s = timeout_s
        self._largest = largest
        self._keys = [[f"w{writer}/k{key:03}" for key in range(keys_each)] for writer in range(writers)]
        self.registers = {key: Register(key) for keys in self._keys for key in keys}
        self._nodes = list(range(len(site.endpoints)))
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._go = threading.Event()
        self._go.set()
        self._busy = 0
        self._successes: list[float] = []
        self._acked_writes = 0
        self.failures: list[Failure] = []
        self.wrong: list[str] = []
        loops: list[tuple[Loop, str]] = []
        loops += [(self._writer(index), f"writer-{index}") for index in range(writers)]
        loops += [(self._read_any, f"reader-{index}") for index in range(readers)]
        loops += [(self._list_some, "lister")]
        self._threads = [
            threading.Thread(target=self._run, args=(loop, name), name=name, daemon=True) for loop, name in loops
        ]

    def __enter__(self) -> "Workload":
        RawS3.of(self.site).request("PUT", object_path(self.bucket))
        for thread in self._threads:
            thread.start()
        self.progress(10)
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self.stop()
        if kind is None:
            self.check()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(self._timeout_s * 3)
        assert not any(thread.is_alive() for thread in self._threads), "a worker hangs"

    # What tests ask of it.

    def avoid(self, *nodes: int) -> None:
        """From now on leaves these nodes alone."""
        with self._lock:
            self._nodes = [node for node in range(len(self.site.endpoints)) if node not in nodes]

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Inside, no operation is under way and none begins."""
        self._go.clear()
        try:
            wait_for(lambda: self._busy == 0, self._timeout_s * 4, "operations under way come to an end")
            yield
        finally:
            self._go.set()

    def check(self) -> None:
        """Raises if any answer was wrong so far."""
        with self._lock:
            if self.wrong:
                raise Wrong(f"seed {self.seed}: {len(self.wrong)} wrong answers, the first:\n{self.wrong[0]}")

    @property
    def acknowledged(self) -> int:
        with self._lock:
            return self._acked_writes

    def progress(self, successes: int, deadline_s: float = 60) -> None:
        """Waits until so many more operations have succeeded."""
        since = time.monotonic()

        def done() -> bool:
            self.check()
            with self._lock:
                return sum(1 for at in self._successes if at >= since) >= successes

        try:
            wait_for(done, deadline_s, f"{successes} more operations succeed")
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self.report()}") from late

    def writes_progress(self, writes: int, deadline_s: float = 60) -> None:
        """Waits until so many more writes are acknowledged."""
        goal = self.acknowledged + writes

        def done() -> bool:
            self.check()
            return self.acknowledged >= goal

        wait_for(done, deadline_s, f"{writes} more writes are acknowledged")

    def assert_errors_stop(self, since: float, within_s: float, then_clean_s: float = 5) -> float:
        """Holds that no operation fails later than `within_s` after `since`, while
        plenty succeed. Returns how long the errors lasted."""
        end = since + within_s + then_clean_s
        wait_for(lambda: time.monotonic() >= end, within_s + then_clean_s + 1, "the time of observation is over")
        self.progress(50)
        with self._lock:
            after = [failure for failure in self.failures if failure.at > since]
        late = [failure for failure in after if failure.at > since + within_s]
        assert not late, f"errors {late[0].at - since:.1f} s after the fault:\n" + "\n".join(map(str, late[:10]))
        return max((failure.at - since for failure in after), default=0.0)

    def verify(self, nodes: Iterable[int] | None = None) -> None:
        """Reads every key, and the listing, through each of the nodes; anything
        but an answer is wrong too. Call it when nothing else is going on."""
        for node in nodes if nodes is not None else range(len(self.site.endpoints)):
            client = RawS3.of(self.site, node, timeout_s=30)
            for key in self.registers:
                self._read(client, key, f"last read through node {node}")
            self._list(client, "w", max_keys=1000)
            client.close()

    def report(self) -> str:
        with self._lock:
            last = "\n  ".join(map(str, self.failures[-10:]))
            return f"{self._acked_writes} writes acknowledged, {len(self.failures)} operations failed\n  {last}"

    # The workers.

    def _run(self, loop: Loop, name: str) -> None:
        chance = random.Random(f"{self.seed}/{name}")
        clients = {node: RawS3.of(self.site, node, self._timeout_s) for node in range(len(self.site.endpoints))}
        while not self._stop.is_set():
            if not self._go.wait(0.1):
                continue
            with self._lock:
                if not self._go.is_set():
                    continue
                self._busy += 1
                node = chance.choice(self._nodes)
            try:
                loop(chance, node, clients[node])
                with self._lock:
                    self._successes.append(time.monotonic())
                    del self._successes[:-5000]
            except Wrong as wrong:
                with self._lock:
                    self.wrong.append(str(wrong))
            except Exception as error:  # a failed operation, whatever the reason
                failure = Failure(time.monotonic(), node, name, repr(error))
                with self._lock:
                    self.failures.append(failure)
                # Not to wait for something, but not to hammer what is down.
                self._stop.wait(0.05)
            finally:
                with self._lock:
                    self._busy -= 1

    def _writer(self, index: int) -> Loop:
        keys = self._keys[index]

        def write(chance: random.Random, node: int, client: RawS3) -> None:
            register = self.registers[chance.choice(keys)]
            kind = chance.random()
            if kind < 0.15:
                self._delete(client, register)
            elif kind < 0.18 and self._largest >= PART_BYTES:
                self._put_parts(client, register, chance)
            else:
                self._put(client, register, chance)
            with self._lock:
                self._acked_writes += 1

        return write

    def _value(self, register: Register, length: int) -> Value:
        register.sequence += 1
        return Value(self.seed, register.key, register.sequence, length)

    def _put(self, client: RawS3, register: Register, chance: random.Random) -> None:
        low, high = chance.choice(SIZES)
        value = self._value(register, min(chance.randint(low, high), self._largest))
        body = value.body()
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        write = register.invoke(value, etag)
        answer = _accepted(client.put(self.bucket, register.key, body), "PUT")
        if answer.headers.get("etag", "").strip('"') != etag:
            raise Wrong(f"{register.key}: PUT answered ETag {answer.headers.get('etag')}, not {etag}")
        register.acknowledge(write)

    def _put_parts(self, client: RawS3, register: Register, chance: random.Random) -> None:
        value = self._value(register, PART_BYTES + chance.randint(1, PART_BYTES // 4))
        body = value.body()
        parts = [body[:PART_BYTES], body[PART_BYTES:]]
        path = object_path(self.bucket, register.key)
        begun = _accepted(client.request("POST", path, [("uploads", "")]), "create upload")
        upload = _text(ElementTree.fromstring(begun.body), "UploadId")
        etags = []
        for number, part in enumerate(parts, 1):
            query = [("partNumber", str(number)), ("uploadId", upload)]
            answer = _accepted(client.request("PUT", path, query, body=part, payload=UNSIGNED), "part")
            etags.append(answer.headers["etag"].strip('"'))
        digest = hashlib.md5(b"".join(bytes.fromhex(etag) for etag in etags), usedforsecurity=False).hexdigest()
        write = register.invoke(value, f"{digest}-{len(parts)}")
        listed = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>&quot;{etag}&quot;</ETag></Part>"
            for number, etag in enumerate(etags, 1)
        )
        xml = f"<CompleteMultipartUpload>{listed}</CompleteMultipartUpload>".encode()
        done = _accepted(client.request("POST", path, [("uploadId", upload)], body=xml), "complete")
        if done.code:  # an error may follow a status of 200
            raise Refused(f"complete: {done.code}")
        register.acknowledge(write)

    def _delete(self, client: RawS3, register: Register) -> None:
        register.sequence += 1
        write = register.invoke(None, None)
        _accepted(client.delete(self.bucket, register.key), "DELETE")
        register.acknowledge(write)

    def _read_any(self, chance: random.Random, node: int, client: RawS3) -> None:
        self._read(client, chance.choice(list(self.registers)), f"read through node {node}")

    def _read(self, client: RawS3, key: str, how: str) -> None:
        began = time.monotonic()
        answer = client.get(self.bucket, key)
        if answer.status == 404 and answer.code == "NoSuchKey":
            self.registers[key].observe(None, began, how)
            return
        _accepted(answer, how)
        etag = answer.headers.get("etag", "").strip('"')
        value = self.registers[key].observe(etag, began, how)
        if value is None or answer.body != value.body():
            raise Wrong(f"{key}: {how} gave {len(answer.body)} bytes that are not those of {value}")

    def _list_some(self, chance: random.Random, node: int, client: RawS3) -> None:
        writer = chance.randrange(len(self._keys))
        self._list(client, f"w{writer}/", max_keys=chance.choice([3, 1000]))

    def _list(self, client: RawS3, prefix: str, max_keys: int) -> None:
        """Each page is one read of all keys that it covers."""
        token = ""
        after = ""
        while True:
            query = [("list-type", "2"), ("prefix", prefix), ("max-keys", str(max_keys))]
            if token:
                query.append(("continuation-token", token))
            began = time.monotonic()
            answer = _accepted(client.request("GET", object_path(self.bucket), query), "LIST")
            page = ElementTree.fromstring(answer.body)
            found = {_text(row, "Key"): _text(row, "ETag").strip('"') for row in page.findall(f"{NAMESPACE}Contents")}
            if list(found) != sorted(found):
                raise Wrong(f"listing of {prefix} is not in order: {list(found)}")
            truncated = _text(page, "IsTruncated") == "true"
            last = max(found, default="") if truncated else "\uffff"
            for key in sorted(self.registers):
                if key.startswith(prefix) and after < key <= last:
                    self.registers[key].observe(found.pop(key, None), began, "listing")
            if found:
                raise Wrong(f"listing of {prefix} shows keys out of place: {list(found)}")
            if not truncated:
                return
            token, after = _text(page, "NextContinuationToken"), last


def _accepted(answer: Response, operation: str) -> Response:
    if not 200 <= answer.status < 300:
        raise Refused(f"{operation}: {answer.status} {answer.code}")
    return answer


def _text(element: ElementTree.Element, name: str) -> str:
    found = element.find(f"{NAMESPACE}{name}")
    if found is None:
        found = element.find(name)
    if found is None:
        raise Wrong(f"the answer has no {name}: {ElementTree.tostring(element)[:300]!r}")
    return found.text or ""
