"""HTTPS: clients that trust the site's authority, and certificates that change under them."""

import http.client
import os
import shutil
import signal
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import layout
from harness.clients import boto3_client
from harness.demo import Demo
from harness.programs import aws, rclone
from harness.site import host_and_port
from harness.waiting import wait_for
from harness.webhook import Receiver
from harness.wire import exchange

BUCKET = "bucket"
MIB = 1024 * 1024
PART = 5 * MIB
# A node looks at its files every 2 s, and acts when they stood still for one look.
TAKEN_S = 30


@pytest.fixture
def demo(new_demo: Callable[..., Demo]) -> Demo:
    """Of its own, for its certificates change. The second node is there for its certificate."""
    made: Demo = new_demo(nodes=2, drives=1, options=["--tls"])
    return made


@pytest.fixture
def s3(demo: Demo) -> Any:
    client = boto3_client(demo.site())
    client.create_bucket(Bucket=BUCKET)
    return client


class Kept:
    """A connection that is kept, and what its server showed."""

    def __init__(self, demo: Demo, node: int = 0):
        context = ssl.create_default_context(cafile=demo.described["ca_certificate"])
        self.connection = http.client.HTTPSConnection(*host_and_port(demo.endpoints[node]), timeout=20, context=context)
        self.connection.connect()
        self.socket: ssl.SSLSocket = self.connection.sock
        self.version = self.socket.version()
        self.certificate = ssl.DER_cert_to_PEM_cert(self.socket.getpeercert(binary_form=True) or b"")

    def works(self) -> bool:
        """Whether a request is answered on this very connection."""
        self.connection.request("GET", "/")
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status == 403 and b"AccessDenied" in body and self.connection.sock is self.socket


@pytest.fixture
def keep(demo: Demo) -> Iterator[Callable[..., Kept]]:
    made: list[Kept] = []

    def connect(node: int = 0) -> Kept:
        made.append(Kept(demo, node))
        return made[-1]

    yield connect
    for kept in made:
        kept.connection.close()


def papers(demo: Demo, node: int) -> tuple[Path, Path]:
    """Certificate and key of a node."""
    return demo.path(node) / "s3.pem", demo.path(node) / "s3.key"


def give(demo: Demo, certificate: Path, key: Path) -> None:
    """Replaces those of the first node, one after the other, as tools do."""
    for new, old in zip((certificate, key), papers(demo, 0), strict=True):
        shutil.copyfile(new, old.with_suffix(".fresh"))
        old.with_suffix(".fresh").replace(old)


def log_lines(demo: Demo, part: str) -> list[str]:
    log = demo.path(0) / "log" / "node.log"
    return [line for line in log.read_text().splitlines() if part in line]


def warnings(demo: Demo) -> list[str]:
    """What the first node said of certificates that it cannot use."""
    return [line for line in log_lines(demo, "WARN") if "certificate" in line]


def test_clients_that_trust_the_authority_are_served(demo: Demo, s3: Any, folder: Path) -> None:
    site = demo.site()
    assert all(endpoint.startswith("https://") for endpoint in site.endpoints)
    body = os.urandom(3 * MIB)
    s3.put_object(Bucket=BUCKET, Key="k", Body=body)
    for node in range(len(site.endpoints)):
        assert boto3_client(site, node).get_object(Bucket=BUCKET, Key="k")["Body"].read() == body
    assert s3.get_object(Bucket=BUCKET, Key="k", Range="bytes=70000-90000")["Body"].read() == body[70000:90001]

    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
    bodies = [os.urandom(PART), os.urandom(77)]
    rows = [
        {
            "PartNumber": number,
            "ETag": s3.upload_part(Bucket=BUCKET, Key="parts", UploadId=upload, PartNumber=number, Body=part)["ETag"],
        }
        for number, part in enumerate(bodies, 1)
    ]
    done = s3.complete_multipart_upload(Bucket=BUCKET, Key="parts", UploadId=upload, MultipartUpload={"Parts": rows})
    assert done["Location"] == f"{site.endpoints[0]}/{BUCKET}/parts"
    assert s3.get_object(Bucket=BUCKET, Key="parts")["Body"].read() == b"".join(bodies)

    file = folder / "file"
    file.write_bytes(body)
    aws(site, 1, "s3", "cp", str(file), f"s3://{BUCKET}/by-aws")
    rclone(site, "copyto", f"node0:{BUCKET}/by-aws", str(folder / "back"))
    assert (folder / "back").read_bytes() == body


def test_who_does_not_trust_or_does_not_speak_tls_is_refused_cleanly(demo: Demo) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        http.client.HTTPSConnection(*host_and_port(demo.endpoints[0]), timeout=20).connect()
    answer = exchange(demo.endpoints[0], b"GET /b/k HTTP/1.1\r\nHost: x\r\n\r\n", half_close=False)
    assert answer is not None and (answer.status, answer.code) == (400, "InvalidRequest")
    assert b"HTTPS" in answer.body


def test_a_new_certificate_is_for_new_connections(demo: Demo, keep: Callable[..., Kept]) -> None:
    old, other = (papers(demo, node)[0].read_text() for node in (0, 1))
    before = keep()
    assert before.works() and before.certificate == old != other and before.version == "TLSv1.3"
    give(demo, *papers(demo, 1))
    wait_for(lambda: keep().certificate == other, TAKEN_S, "new connections see the new certificate")
    assert before.works(), "the old connection goes on"
    assert keep().works()


def test_a_broken_file_changes_nothing(demo: Demo, s3: Any, folder: Path, keep: Callable[..., Kept]) -> None:
    first, key = (path.read_text() for path in papers(demo, 0))
    broken, good = folder / "broken", folder / "good"
    for text in ("nothing", first[: len(first) // 2], papers(demo, 1)[0].read_text()):
        told = len(warnings(demo))
        broken.write_text(text)
        good.write_text(key)
        give(demo, broken, good)
        wait_for(lambda told=told: len(warnings(demo)) > told, TAKEN_S, "the node says what is wrong")
        assert len(warnings(demo)) == told + 1
        assert any(name in warnings(demo)[-1] for name in ("s3.pem", "s3.key"))
        assert keep().certificate == first
        assert keep().works()
    told = len(warnings(demo))
    good.write_text(papers(demo, 1)[1].read_text())
    give(demo, papers(demo, 1)[0], good)
    wait_for(lambda: keep().certificate != first, TAKEN_S, "a good one is taken again")
    assert len(warnings(demo)) == told == 3, "each is told once"
    assert not log_lines(demo, "ERROR")
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")


def test_a_hang_up_signal_has_the_files_read_at_once(demo: Demo, keep: Callable[..., Kept]) -> None:
    pid = demo.pid(0)
    assert pid is not None
    assert not log_lines(demo, "read anew")
    os.kill(pid, signal.SIGHUP)
    # Unchanged files are never taken for another reason.
    wait_for(lambda: log_lines(demo, "read anew"), TAKEN_S, "the node does as it was told")
    other = papers(demo, 1)[0].read_text()
    give(demo, *papers(demo, 1))
    os.kill(pid, signal.SIGHUP)
    wait_for(lambda: keep().certificate == other, TAKEN_S, "new connections see the new certificate")
    assert demo.pid(0) == pid


def test_a_webhook_by_https_is_called_once_its_authority_is_trusted(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo(nodes=1, options=["--tls"])
    receiver = Receiver(papers=papers(demo, 0))
    arn = demo.ctl().json("webhook", "add", "hook", receiver.url)["arn"]
    s3 = boto3_client(demo.site())
    s3.create_bucket(Bucket=BUCKET)
    told = {"TopicConfigurations": [{"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=told)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    wait_for(lambda: log_lines(demo, "invalid peer certificate"), 30, "the operator is told why it is not called")
    assert receiver.messages() == []
    demo.stop()
    demo.environment["SSL_CERT_FILE"] = demo.described["ca_certificate"]
    demo.start()
    wait_for(receiver.records, 30, "what waited was told")
    assert receiver.records()[0]["s3"]["object"]["key"] == "k"
    receiver.stop()
