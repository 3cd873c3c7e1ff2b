"""Listings while others write: what stays is seen, once and in order."""

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.site import Site

PREFIXES = 20
# Of each prefix: those that stay, and those that come and go between them.
STAY = [f"p{prefix:02}/{number:02}" for prefix in range(PREFIXES) for number in range(0, 50)]
PASS = [f"p{prefix:02}/{number:02}+" for prefix in range(PREFIXES) for number in range(0, 50, 5)]
WRITERS = 3


@pytest.fixture(scope="module")
def filled(site: Site, s3: Any) -> str:
    name = f"under-load-{random.randrange(10**9)}"
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    clients = [boto3_client(site, node) for node in range(len(site.endpoints))]

    def put(number: int) -> None:
        clients[number % len(clients)].put_object(Bucket=name, Key=STAY[number], Body=b"")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(len(STAY))))
    return name


@contextmanager
def others_at_work(site: Site, bucket: str) -> Iterator[Callable[[], int]]:
    """Others create, overwrite and delete between what stays; gives how much they have done."""
    over = threading.Event()
    done = [0] * WRITERS

    def work(writer: int) -> None:
        client, chance = boto3_client(site, writer % len(site.endpoints)), random.Random(writer)
        mine = PASS[writer::WRITERS]
        while not over.is_set():
            key = chance.choice(mine)
            if chance.random() < 0.4:
                client.delete_object(Bucket=bucket, Key=key)
            else:
                client.put_object(Bucket=bucket, Key=key, Body=b"x")
            # What stays is overwritten too: it is still there.
            client.put_object(Bucket=bucket, Key=chance.choice(STAY[writer::WRITERS]), Body=b"y")
            done[writer] += 1

    with ThreadPoolExecutor(WRITERS) as pool:
        workers = [pool.submit(work, writer) for writer in range(WRITERS)]
        try:
            yield lambda: sum(done)
        finally:
            over.set()
        for worker in workers:
            worker.result()


def by_v1(s3: Any, bucket: str, page: int) -> list[str]:
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": page})
    return [row["Key"] for one in pages for row in one.get("Contents", [])]


def by_v2(s3: Any, bucket: str, page: int) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": page})
    return [row["Key"] for one in pages for row in one.get("Contents", [])]


def by_versions(s3: Any, bucket: str, page: int) -> list[str]:
    """The keys of versions, each once; a version comes once itself, and the newest first."""
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": page})
    seen: list[tuple[str, str]] = []
    for one in pages:
        rows = [row for kind in ("Versions", "DeleteMarkers") for row in one.get(kind, [])]
        seen += [(row["Key"], row["VersionId"]) for row in sorted(rows, key=lambda row: row["Key"].encode())]
    assert len(set(seen)) == len(seen), "a version came twice"
    assert [key for key, _ in seen] == sorted((key for key, _ in seen), key=str.encode)
    return list(dict.fromkeys(key for key, _ in seen))


def by_prefixes(s3: Any, bucket: str, page: int) -> list[str]:
    """Folded by a delimiter, then each prefix by itself."""
    prefixes: list[str] = []
    for one in s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 7}
    ):
        assert "Contents" not in one
        prefixes += [row["Prefix"] for row in one["CommonPrefixes"]]
    assert prefixes == [f"p{number:02}/" for number in range(PREFIXES)]
    found: list[str] = []
    for prefix in prefixes:
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/", PaginationConfig={"PageSize": page}
        )
        found += [row["Key"] for one in pages for row in one.get("Contents", [])]
    return found


@pytest.mark.parametrize("page", [37, 1000])
@pytest.mark.parametrize("listing", [by_v1, by_v2, by_versions, by_prefixes])
def test_what_stays_is_listed_once_and_in_order(
    site: Site, s3: Any, filled: str, listing: Callable[[Any, str, int], list[str]], page: int
) -> None:
    known = set(STAY) | set(PASS)
    with others_at_work(site, filled) as done:
        for number in range(2):
            client = boto3_client(site, number % len(site.endpoints))
            found = listing(client, filled, page)
            assert found == sorted(set(found), key=str.encode), "twice, or out of order"
            missing = set(STAY) - set(found)
            assert not missing, f"{len(missing)} keys that stay are not listed, such as {sorted(missing)[:5]}"
            assert set(found) <= known
        assert done() > 0, "nobody wrote"
