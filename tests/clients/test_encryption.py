"""Encryption at rest: by the site's keys, by the customer's own, and by names of a key service."""

import base64
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.demo import Demo
from harness.errors import assert_refused
from harness.raw import RawS3, object_path
from harness.site_keys import KeyFile, SiteKey

MIB = 1 << 20
PART = 5 * MIB
BUCKET = "sealed"
SITE = {"ServerSideEncryption": "AES256"}
SIZES = [0, 1, 100, 65_536, 65_537, 3 * MIB + 5]

Headers = dict[str, Any]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("encryption")
    keys = KeyFile(folder / "site.keys", SiteKey.random(1))
    made = Demo(
        folder / "site",
        environment={"MUCURA_ENCRYPTION_KEY_FILE": str(keys.path), "MUCURA_ENCRYPTION_KMS_KEYS": "one,arn:aws:kms:two"},
    )
    try:
        made.start()
        boto3_client(made.site()).create_bucket(Bucket=BUCKET)
        yield made
    finally:
        made.kill_all()


@pytest.fixture(scope="module")
def s3(demo: Demo) -> Any:
    return boto3_client(demo.site())


@pytest.fixture(scope="module")
def raw(demo: Demo) -> RawS3:
    return RawS3.of(demo.site())


def customer() -> Headers:
    """A customer's key, as boto3 takes it."""
    return {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": os.urandom(32)}


def of_source(key: Headers) -> Headers:
    """The same key, for the source of a copy."""
    return {f"CopySource{name}": value for name, value in key.items()}


def get(s3: Any, key: str, **headers: Any) -> bytes:
    return bytes(s3.get_object(Bucket=BUCKET, Key=key, **headers)["Body"].read())


def upload(s3: Any, key: str, bodies: list[bytes], sealed: Headers) -> dict[str, Any]:
    """A multipart upload; what a customer's key needs goes with every step."""
    of_parts = {name: value for name, value in sealed.items() if name.startswith("SSECustomer")}
    made = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **sealed)
    rows = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(
            Bucket=BUCKET, Key=key, UploadId=made["UploadId"], PartNumber=number, Body=body, **of_parts
        )
        rows.append({"PartNumber": number, "ETag": part["ETag"]})
    return dict(
        s3.complete_multipart_upload(
            Bucket=BUCKET, Key=key, UploadId=made["UploadId"], MultipartUpload={"Parts": rows}, **of_parts
        )
    )


def refusal(call: Callable[[], Any]) -> tuple[int, str]:
    with pytest.raises(Exception) as caught:
        call()
    answer = caught.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


@pytest.mark.parametrize("size", SIZES)
def test_what_the_site_seals_reads_back_everywhere(demo: Demo, s3: Any, size: int) -> None:
    body, key = os.urandom(size), f"site-{size}"
    assert s3.put_object(Bucket=BUCKET, Key=key, Body=body, **SITE)["ServerSideEncryption"] == "AES256"
    for node in range(demo.nodes):
        answer = boto3_client(demo.site(), node).get_object(Bucket=BUCKET, Key=key)
        assert answer["Body"].read() == body
        assert (answer["ServerSideEncryption"], answer["ContentLength"]) == ("AES256", size)
    head = s3.head_object(Bucket=BUCKET, Key=key)
    assert (head["ServerSideEncryption"], head["ContentLength"]) == ("AES256", size)


@pytest.mark.parametrize("sealed", [SITE, customer(), {}], ids=["site", "customer", "plain"])
def test_ranges_are_those_of_the_plaintext(s3: Any, sealed: Headers) -> None:
    opens = {} if "ServerSideEncryption" in sealed else sealed
    body = os.urandom(3 * MIB + 5)
    s3.put_object(Bucket=BUCKET, Key="ranges", Body=body, **sealed)
    for first, last in [(0, 0), (65_535, 65_536), (65_536, 131_071), (1, 3 * MIB), (3 * MIB + 4, 3 * MIB + 4)]:
        assert get(s3, "ranges", Range=f"bytes={first}-{last}", **opens) == body[first : last + 1]
    assert get(s3, "ranges", Range="bytes=-7", **opens) == body[-7:]
    code = refusal(lambda: get(s3, "ranges", Range=f"bytes={len(body)}-", **opens))
    assert code == (416, "InvalidRange")


def test_a_buckets_default_seals_what_says_nothing(demo: Demo, s3: Any) -> None:
    name = "by-default"
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="before", Body=b"x")
    rule = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration=rule)
    assert s3.put_object(Bucket=name, Key="after", Body=b"y")["ServerSideEncryption"] == "AES256"
    made = s3.create_multipart_upload(Bucket=name, Key="parts")
    assert made["ServerSideEncryption"] == "AES256"
    s3.abort_multipart_upload(Bucket=name, Key="parts", UploadId=made["UploadId"])
    copied = s3.copy_object(Bucket=name, Key="copy", CopySource={"Bucket": name, "Key": "before"})
    assert copied["ServerSideEncryption"] == "AES256"
    own = customer()
    said = s3.put_object(Bucket=name, Key="own", Body=b"z", **own)
    assert "ServerSideEncryption" not in said and said["SSECustomerAlgorithm"] == "AES256"
    for key, body in [("before", b"x"), ("after", b"y"), ("copy", b"x")]:
        assert s3.get_object(Bucket=name, Key=key)["Body"].read() == body
    assert s3.get_object(Bucket=name, Key="own", **own)["Body"].read() == b"z"
    s3.delete_bucket_encryption(Bucket=name)


@pytest.mark.parametrize("size", SIZES)
def test_only_the_customers_key_opens_his_object(s3: Any, raw: RawS3, size: int) -> None:
    own, body, key = customer(), os.urandom(size), f"customer-{size}"
    said = s3.put_object(Bucket=BUCKET, Key=key, Body=body, **own)
    assert said["SSECustomerAlgorithm"] == "AES256" and said["SSECustomerKeyMD5"]
    assert get(s3, key, **own) == body
    head = s3.head_object(Bucket=BUCKET, Key=key, **own)
    assert (head["ContentLength"], head["SSECustomerKeyMD5"]) == (size, said["SSECustomerKeyMD5"])
    assert refusal(lambda: get(s3, key)) == (400, "InvalidRequest")
    assert refusal(lambda: get(s3, key, **customer()))[0] in (400, 403)
    for headers in ({}, customer()):
        assert refusal(lambda headers=headers: s3.head_object(Bucket=BUCKET, Key=key, **headers))[0] in (400, 403)
    assert_refused(raw.get(BUCKET, key), 400, "InvalidRequest")


@pytest.mark.parametrize("sealed", [{}, SITE], ids=["plain", "site"])
def test_a_key_for_an_object_that_has_none_is_refused(s3: Any, sealed: Headers) -> None:
    s3.put_object(Bucket=BUCKET, Key="no-key", Body=b"x", **sealed)
    assert refusal(lambda: get(s3, "no-key", **customer())) == (400, "InvalidRequest")
    assert refusal(lambda: s3.head_object(Bucket=BUCKET, Key="no-key", **customer()))[0] == 400


@pytest.mark.parametrize("sealed", [SITE, customer(), {}], ids=["site", "customer", "plain"])
def test_parts_are_sealed_as_their_upload_says(demo: Demo, s3: Any, sealed: Headers) -> None:
    opens = {} if "ServerSideEncryption" in sealed else sealed
    bodies = [os.urandom(PART), os.urandom(PART + 3), os.urandom(17)]
    done = upload(s3, "parts", bodies, sealed)
    assert done["ETag"].endswith('-3"')
    whole = b"".join(bodies)
    for node in range(demo.nodes):
        client = boto3_client(demo.site(), node)
        assert get(client, "parts", **opens) == whole
    edge = PART - 2
    assert get(s3, "parts", Range=f"bytes={edge}-{edge + 5}", **opens) == whole[edge : edge + 6]
    assert s3.head_object(Bucket=BUCKET, Key="parts", PartNumber=2, **opens)["ContentLength"] == PART + 3


def test_a_part_needs_the_key_of_its_upload(s3: Any) -> None:
    own = customer()
    made = s3.create_multipart_upload(Bucket=BUCKET, Key="part-key", **own)["UploadId"]

    def part(**headers: Any) -> Any:
        return s3.upload_part(Bucket=BUCKET, Key="part-key", UploadId=made, PartNumber=1, Body=b"x", **headers)

    assert refusal(part) == (400, "InvalidRequest")
    assert refusal(lambda: part(**customer())) == (400, "InvalidRequest")
    assert s3.list_parts(Bucket=BUCKET, Key="part-key", UploadId=made).get("Parts", []) == []
    part(**own)
    s3.abort_multipart_upload(Bucket=BUCKET, Key="part-key", UploadId=made)


@pytest.mark.parametrize("checksum", [{}, {"ChecksumAlgorithm": "CRC32"}], ids=["no checksum", "checksum"])
def test_an_upload_ends_with_the_customers_key_or_without_one_if_it_has_no_checksum(
    s3: Any, checksum: Headers
) -> None:
    def begun(sealed: Headers) -> Headers:
        place = {"Bucket": BUCKET, "Key": "end-key"}
        place["UploadId"] = s3.create_multipart_upload(**place, **sealed, **checksum)["UploadId"]
        tag = s3.upload_part(**place, PartNumber=1, Body=b"x", **sealed)["ETag"]
        return place | {"MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": tag}]}}

    own = customer()
    place = begun(own)
    assert refusal(lambda: s3.complete_multipart_upload(**place, **customer())) == (400, "InvalidRequest")
    if checksum:
        assert refusal(lambda: s3.complete_multipart_upload(**place)) == (400, "InvalidRequest")
        s3.complete_multipart_upload(**place, **own)
    else:
        s3.complete_multipart_upload(**place)
    assert get(s3, "end-key", **own) == b"x"
    place = begun({})
    assert refusal(lambda: s3.complete_multipart_upload(**place, **own)) == (400, "InvalidRequest")
    s3.complete_multipart_upload(**place)


KINDS = ["plain", "site", "customer", "kms"]


def _kind(name: str) -> tuple[Headers, Headers]:
    """What an object is written with, and what it is read with."""
    own = customer()
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "one"}
    return {"plain": ({}, {}), "site": (SITE, {}), "customer": (own, own), "kms": (kms, {})}[name]


@pytest.mark.parametrize(("source", "target"), list(itertools.product(KINDS, KINDS)))
def test_every_kind_is_copied_to_every_other(s3: Any, source: str, target: str) -> None:
    (writes, reads), (made, opens) = _kind(source), _kind(target)
    body = os.urandom(PART + 70_001)
    s3.put_object(Bucket=BUCKET, Key="source", Body=body, **writes)
    place = {"Bucket": BUCKET, "Key": "source"}
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource=place, **made, **of_source(reads))
    assert get(s3, "copy", **opens) == body

    of_parts = {name: value for name, value in made.items() if name.startswith("SSECustomer")}
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="parts-copy", **made)["UploadId"]
    rows = []
    for number, (first, last) in enumerate([(0, PART - 1), (PART, len(body) - 1)], 1):
        done = s3.upload_part_copy(
            Bucket=BUCKET,
            Key="parts-copy",
            UploadId=upload,
            PartNumber=number,
            CopySource=place,
            CopySourceRange=f"bytes={first}-{last}",
            **of_parts,
            **of_source(reads),
        )
        rows.append({"PartNumber": number, "ETag": done["CopyPartResult"]["ETag"]})
    s3.complete_multipart_upload(
        Bucket=BUCKET, Key="parts-copy", UploadId=upload, MultipartUpload={"Parts": rows}, **of_parts
    )
    assert get(s3, "parts-copy", **opens) == body

    wrong = {} if source == "customer" else customer()
    for headers in (wrong, customer()):
        told = refusal(
            lambda headers=headers: s3.copy_object(
                Bucket=BUCKET, Key="refused", CopySource=place, **made, **of_source(headers)
            )
        )
        assert told[0] in (400, 403), told
    assert refusal(lambda: get(s3, "refused"))[0] == 404


def test_names_of_a_key_service_are_kept_and_shown(s3: Any) -> None:
    def put(**headers: Any) -> Any:
        return s3.put_object(Bucket=BUCKET, Key="kms", Body=b"x" * 100_000, ServerSideEncryption="aws:kms", **headers)

    assert put()["SSEKMSKeyId"] == "one"
    assert put(SSEKMSKeyId="arn:aws:kms:two")["SSEKMSKeyId"] == "arn:aws:kms:two"
    head = s3.head_object(Bucket=BUCKET, Key="kms")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "arn:aws:kms:two")
    assert get(s3, "kms") == b"x" * 100_000
    assert refusal(lambda: put(SSEKMSKeyId="three")) == (400, "KMS.NotFoundException")
    context = base64.b64encode(b'{"a":"b"}').decode()
    assert refusal(lambda: put(SSEKMSEncryptionContext=context)) == (501, "NotImplemented")


def test_without_names_a_key_service_is_refused(shared_demo: Demo) -> None:
    raw = RawS3.of(shared_demo.site())
    assert raw.request("PUT", object_path("no-kms")).status == 200
    answer = raw.put("no-kms", "k", b"x", **{"x-amz-server-side-encryption": "aws:kms"})
    assert_refused(answer, 501, "NotImplemented")
    assert b"AES256" in answer.body, "it says what there is instead"


def _is_in_files(folder: Path, parts: dict[str, bytes]) -> dict[str, set[str]]:
    """By name of a text, the places of a demo that it lies in: `drive1`, `meta` and so on."""
    found: dict[str, set[str]] = {name: set() for name in parts}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            for name, part in parts.items():
                if part in data:
                    found[name].add(path.relative_to(folder).parts[1])
    return found


def test_no_disk_holds_what_was_sealed_nor_a_key(demo: Demo, s3: Any) -> None:
    own = customer()
    kms = {"ServerSideEncryption": "aws:kms"}
    marks: dict[str, bytes] = {}

    def put(name: str, size: int, **headers: Any) -> None:
        marks[name] = f"<{name} {os.urandom(12).hex()}>".encode()
        s3.put_object(Bucket=BUCKET, Key=name, Body=(marks[name] * (size // len(marks[name]) + 1)), **headers)

    for size, length in (("small", 200), ("large", 2 * MIB)):
        put(f"plain {size}", length)
        put(f"site {size}", length, **SITE)
        put(f"kms {size}", length, **kms)
        put(f"customer {size}", length, **own)
    marks["parts"] = f"<parts {os.urandom(12).hex()}>".encode()
    upload(s3, "sealed parts", [marks["parts"] * (PART // len(marks["parts"]) + 1), marks["parts"]], own)
    site_key = KeyFile.read(Path(demo.environment["MUCURA_ENCRYPTION_KEY_FILE"]))
    marks |= {"customer's key": own["SSECustomerKey"], "site key": site_key.key, "its text": site_key.text.encode()}

    found = _is_in_files(demo.root, marks)
    control = found.pop("plain large")
    assert any(place.startswith("drive") for place in control), "the control lies in the clear on drives"
    assert not any(found.values()), found
