"""A node is killed with -9 while it seals: nothing half-written is left, nothing acknowledged is lost."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import layout
from harness.clients import boto3_client
from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.signing import UNSIGNED, query_string
from harness.site import host_and_port
from harness.waiting import wait_for
from harness.workload import Workload

MIB = 1 << 20
PART = 5 * MIB
BY_SITE = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


def _sealing_bucket(s3: Any, name: str) -> None:
    s3.create_bucket(Bucket=name)
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=BY_SITE)


def _files(demo: Demo) -> list[Path]:
    """All files on the drives."""
    drives = [drive for node in range(demo.nodes) for drive in layout.drives(demo.path(node))]
    return [path for drive in drives for path in drive.rglob("*") if path.is_file()]


def _used_bytes(demo: Demo) -> int:
    total = 0
    for path in _files(demo):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            pass  # removed meanwhile
    return total


def _begin(raw: RawS3, key: str, query: list[tuple[str, str]], declared: int, body: bytes) -> socket.socket:
    """An upload of which less is sent than was declared."""
    path = object_path("sealed", key)
    headers = {"Host": raw.host, "Content-Length": str(declared)}
    signed = raw.signer().headers("PUT", path, query, headers, UNSIGNED)
    target = f"{path}?{query_string(query)}" if query else path
    lines = [f"PUT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in signed.items()), "", ""]
    connection = socket.create_connection(host_and_port(raw.endpoint), timeout=30)
    connection.sendall("\r\n".join(lines).encode() + body)
    return connection


def test_an_upload_that_dies_with_its_node_leaves_nothing(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo()
    site = demo.site()
    first, other = boto3_client(site), boto3_client(site, 1)
    _sealing_bucket(first, "sealed")
    upload = first.create_multipart_upload(Bucket="sealed", Key="parts")["UploadId"]
    kept = os.urandom(PART)
    row = first.upload_part(Bucket="sealed", Key="parts", UploadId=upload, PartNumber=1, Body=kept)
    before = _used_bytes(demo)

    mark = f"<{os.urandom(16).hex()}>".encode()
    body = mark * (40 * MIB // len(mark))
    raw = RawS3.of(site)
    connections = [
        _begin(raw, "whole", [], 200 * MIB, body),
        _begin(raw, "parts", [("partNumber", "2"), ("uploadId", upload)], 200 * MIB, body),
    ]
    wait_for(lambda: _used_bytes(demo) > before + 60 * MIB, 60, "sealed bytes are on the drives")
    demo.kill(0)
    for connection in connections:
        connection.close()
    assert not any(mark in path.read_bytes() for path in _files(demo)), "bytes lie in the clear"

    def answers() -> bool:
        return other.list_objects_v2(Bucket="sealed")["KeyCount"] == 0

    wait_for(answers, 60, "the others show no object")
    parts = other.list_parts(Bucket="sealed", Key="parts", UploadId=upload)["Parts"]
    assert [part["PartNumber"] for part in parts] == [1]
    demo.start_node(0)
    wait_for(lambda: _used_bytes(demo) < before + 2 * MIB, 90, "the space comes back", poll_s=0.5)
    rows = [{"PartNumber": 1, "ETag": row["ETag"]}]
    other.complete_multipart_upload(Bucket="sealed", Key="parts", UploadId=upload, MultipartUpload={"Parts": rows})
    for node in range(demo.nodes):
        assert boto3_client(site, node).get_object(Bucket="sealed", Key="parts")["Body"].read() == kept


def test_no_acknowledged_sealed_write_is_lost(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    _sealing_bucket(boto3_client(demo.site()), "load")
    with workload(demo) as load:
        load.writes_progress(60)
        leader = demo.leader()
        load.avoid(leader)
        demo.kill(leader)
        load.writes_progress(60)
        demo.start_node(leader)
        load.avoid()
        load.writes_progress(30)
        load.stop()
        demo.wait_until_whole()
        load.verify()
    s3 = boto3_client(demo.site())
    keys = [row["Key"] for row in s3.list_objects_v2(Bucket="load").get("Contents", [])]
    assert keys
    assert all(s3.head_object(Bucket="load", Key=key)["ServerSideEncryption"] == "AES256" for key in keys)
