"""A client that goes away half-way leaves nothing, and its space comes back."""

import socket
from pathlib import Path
from typing import Any

from harness import layout
from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.site import host_and_port
from harness.waiting import wait_for

MIB = 1024 * 1024


def used_bytes(demo: Demo) -> int:
    """What the files on all drives take."""
    return sum(
        _allocated(path)
        for node in range(demo.nodes)
        for drive in layout.drives(demo.path(node))
        for path in drive.rglob("*")
    )


def _allocated(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512 if path.is_file() else 0
    except FileNotFoundError:  # removed meanwhile
        return 0


def _begin(raw: RawS3, bucket: str, key: str, declared: int, sent: int) -> socket.socket:
    head = raw.raw_head("PUT", object_path(bucket, key), {"Content-Length": str(declared)})
    connection = socket.create_connection(host_and_port(raw.endpoint), timeout=30)
    connection.sendall(head)
    piece = b"p" * MIB
    for _ in range(sent // MIB):
        connection.sendall(piece)
    return connection


def test_an_upload_that_is_cut_off_leaves_nothing(demo: Demo, raw: RawS3, s3: Any, bucket: str) -> None:
    before = used_bytes(demo)
    connections = [_begin(raw, bucket, f"k{n}", 200 * MIB, 40 * MIB) for n in range(3)]
    wait_for(lambda: used_bytes(demo) > before + 60 * MIB, 60, "the uploads' bytes are on the drives")
    for connection in connections:
        connection.close()
    wait_for(lambda: used_bytes(demo) < before + 2 * MIB, 60, "the space comes back", poll_s=0.5)
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_aborted_upload_gives_its_space_back(demo: Demo, s3: Any, bucket: str) -> None:
    before = used_bytes(demo)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    for number in (1, 2):
        s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=number, Body=bytes(20 * MIB))
    assert used_bytes(demo) > before + 40 * MIB
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    wait_for(lambda: used_bytes(demo) < before + 2 * MIB, 60, "the space comes back", poll_s=0.5)


def test_a_reader_that_goes_away_does_no_harm(raw: RawS3, s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * (40 * MIB // 256)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    head = raw.raw_head("GET", object_path(bucket, "k"), {})
    for _ in range(20):
        with socket.create_connection(host_and_port(raw.endpoint), timeout=30) as connection:
            connection.sendall(head)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert raw.get(bucket, "k").body == body
