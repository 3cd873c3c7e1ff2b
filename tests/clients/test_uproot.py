"""uproot: physicists' files, read by branches through links and through s3://."""

from pathlib import Path
from typing import Any

import numpy
import uproot
from uproot.source.http import HTTPSource, MultithreadedHTTPSource

from harness.clients import boto3_client
from harness.site import Site

EVENTS = 100_000
BASKET = 10_000


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """Arrays come back the same, by ranges of a link, by many connections and by s3://."""
    written = _write(folder / "events.root")
    link = _put(site, bucket, folder / "events.root")
    for handler in (HTTPSource, MultithreadedHTTPSource):
        with uproot.open(link, handler=handler) as file:
            _assert_same(file["events"].arrays(library="np"), written)
    with uproot.open(link) as file:  # by fsspec
        _assert_same(file["events"].arrays(["energy"], library="np"), {"energy": written["energy"]})
        assert file.file.source.num_requested_bytes < (folder / "events.root").stat().st_size * 0.8
    with uproot.open(f"s3://{bucket}/events.root", **_storage(site)) as file:
        _assert_same(file["events"].arrays(library="np", entry_start=123, entry_stop=54_321), written, 123, 54_321)


def test_arrays_come_back_the_same(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_several_baskets_come_in_one_answer(site: Site, bucket: str, folder: Path) -> None:
    written = _write(folder / "events.root")
    link = _put(site, bucket, folder / "events.root")
    with uproot.open(link, handler=HTTPSource) as file:
        _assert_same(file["events"].arrays(library="np"), written)
        assert file.file.source.fallback is None, "it asks for one range at a time after a first answer of 200"


def _write(path: Path) -> dict[str, Any]:
    chance = numpy.random.default_rng(15)
    arrays = {
        "energy": chance.exponential(size=EVENTS),
        "hits": chance.integers(0, 1000, EVENTS).astype("int32"),
        "good": chance.integers(0, 2, EVENTS).astype("bool"),
    }
    with uproot.recreate(path) as file:
        tree = file.mktree("events", {name: values.dtype for name, values in arrays.items()})
        for start in range(0, EVENTS, BASKET):
            tree.extend({name: values[start : start + BASKET] for name, values in arrays.items()})
    return arrays


def _put(site: Site, bucket: str, path: Path) -> str:
    s3 = boto3_client(site)
    s3.upload_file(str(path), bucket, "events.root")
    name = {"Bucket": bucket, "Key": "events.root"}
    return str(s3.generate_presigned_url("get_object", Params=name, ExpiresIn=600))


def _storage(site: Site) -> dict[str, Any]:
    where = {"endpoint_url": site.endpoints[0], "region_name": site.region}
    return {"key": site.keys.access_key, "secret": site.keys.secret_key, "client_kwargs": where}


def _assert_same(read: dict[str, Any], written: dict[str, Any], start: int = 0, stop: int | None = None) -> None:
    assert set(read) == set(written)
    for name, values in written.items():
        assert numpy.array_equal(read[name], values[start:stop]), f"{name} is another"
