"""Uploads by forms: who may, what is stored, and how it is answered."""

import base64
import dataclasses
import hashlib
import json
import socket
import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import quote

import pytest
import requests

from harness import processes
from harness.clients import boto3_client
from harness.demo import Demo
from harness.errors import assert_refused
from harness.forms import Form, head, post, signed
from harness.raw import RawS3, object_path
from harness.signing import UNSIGNED
from harness.site import Keys, Site, host_and_port
from harness.wire import Response, exchange

MIB = 1024 * 1024


def _stored(s3: Any, bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def _post(raw: RawS3, bucket: str, form: Form, **headers: str) -> Response:
    answer = post(raw.endpoint, bucket, form, headers)
    assert answer is not None
    return answer


@pytest.fixture
def open_bucket(s3: Any, bucket: str) -> str:
    """One that everybody may write to."""
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    return bucket


# Who sends it.


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_signed_by_boto3_and_sent_by_requests(site: Site, s3: Any, bucket: str, version: str) -> None:
    signer = boto3_client(site, signature=version)
    form = signer.generate_presigned_post(bucket, "k")
    answer = requests.post(form["url"], data=form["fields"], files={"file": ("a.txt", b"bytes")}, timeout=30)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"bytes").hexdigest()}"'
    assert _stored(s3, bucket, "k") == b"bytes"


def test_nobody_may_where_everybody_may(raw: RawS3, s3: Any, open_bucket: str) -> None:
    assert _post(raw, open_bucket, Form([("key", "k")])).status == 204
    assert _stored(s3, open_bucket, "k") == b"the file"


def test_nobody_may_not_elsewhere(raw: RawS3, empty_afterwards: str) -> None:
    assert_refused(_post(raw, empty_afterwards, Form([("key", "k")])), 403, "AccessDenied")


def test_there_must_be_a_bucket(raw: RawS3, s3: Any) -> None:
    assert_refused(_post(raw, "no-such-bucket", Form(signed(s3, "no-such-bucket", "k"))), 404, "NoSuchBucket")


def test_a_wrong_secret_and_an_unknown_key(site: Site, raw: RawS3, empty_afterwards: str) -> None:
    keys = site.keys
    for wrong, code in [
        (Keys(keys.access_key, "not the secret"), "SignatureDoesNotMatch"),
        (Keys("AKIANOBODYATALL00000", keys.secret_key), "InvalidAccessKeyId"),
    ]:
        for version in ("s3", "s3v4"):
            thief = boto3_client(dataclasses.replace(site, keys=wrong), signature=version)
            answer = _post(raw, empty_afterwards, Form(signed(thief, empty_afterwards, "k")))
            assert_refused(answer, 403, code)


def test_a_changed_policy_is_not_what_was_signed(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    fields = dict(signed(s3, empty_afterwards, "k"))
    policy = json.loads(base64.b64decode(fields["policy"]))
    policy["expiration"] = "2999-01-01T00:00:00Z"
    fields["policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
    answer = _post(raw, empty_afterwards, Form(list(fields.items())))
    assert_refused(answer, 403, "SignatureDoesNotMatch")


def test_a_policy_without_its_signature(raw: RawS3, s3: Any, open_bucket: str) -> None:
    fields = [(name, value) for name, value in signed(s3, open_bucket, "k") if name in ("key", "policy")]
    assert_refused(_post(raw, open_bucket, Form(fields)), 400, "InvalidArgument")
    assert s3.list_objects_v2(Bucket=open_bucket)["KeyCount"] == 0


def test_a_form_is_not_signed_in_its_head(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    form = Form(signed(s3, empty_afterwards, "k"))
    path = object_path(empty_afterwards)
    headers = {"Content-Type": form.content_type}
    answer = raw.request("POST", path, headers=headers, body=form.body(), payload=UNSIGNED)
    assert_refused(answer, 400, "InvalidArgument")
    query = "?AWSAccessKeyId=a&Signature=b&Expires=9999999999"
    assert_refused(post(raw.endpoint, empty_afterwards, form, query=query), 400, "InvalidArgument")


def test_what_is_no_form_is_refused(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    answer = raw.request("POST", object_path(empty_afterwards), body=b"key=k", payload=UNSIGNED)
    assert_refused(answer, 412, "PreconditionFailed")
    form = Form(signed(s3, empty_afterwards, "k"))
    for body in [b"", b"junk", form.before_file()[:-30], form.before_file() + b"x", form.body()[:-4]]:
        sent = head(raw.endpoint, empty_afterwards, form, len(body)) + body
        assert_refused(exchange(raw.endpoint, sent, half_close=False), 400, "MalformedPOSTRequest")


# What the policy allows.


def test_every_condition_must_hold(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    bucket = empty_afterwards

    def refuse(fields: list[tuple[str, str]], code: str = "AccessDenied", status: int = 403, to: str = bucket) -> None:
        assert_refused(_post(raw, to, Form(fields)), status, code)

    def changed(name: str, value: str, conditions: Any = None) -> list[tuple[str, str]]:
        fields = dict(signed(s3, bucket, "user/${filename}", {"acl": "private"}, conditions))
        return list({**fields, name: value}.items())

    refuse(changed("key", "other/a.txt"))
    refuse(changed("acl", "public-read"))
    refuse(changed("x-amz-meta-extra", "1"))
    refuse(changed("acl", "private", conditions=[]))
    refuse(changed("acl", "private", conditions=[["starts-with", "$acl", "public"]]))
    refuse(changed("acl", "private", conditions=[["like", "$acl", "private"]]), "InvalidPolicyDocument", 400)
    refuse(signed(s3, "another-bucket", "k"))
    refuse(signed(s3, bucket, "k", expires_s=-10))


def test_the_length_of_the_file_must_be_in_range(raw: RawS3, s3: Any, bucket: str) -> None:
    condition = ["content-length-range", 10, 20]
    for length, status, code in [
        (9, 400, "EntityTooSmall"),
        (10, 204, ""),
        (20, 204, ""),
        (21, 400, "EntityTooLarge"),
        (0, 400, "EntityTooSmall"),
        (5 * MIB, 400, "EntityTooLarge"),
    ]:
        answer = _post(raw, bucket, Form(signed(s3, bucket, f"k{length}", conditions=[condition]), b"x" * length))
        assert (answer.status, answer.code) == (status, code), length
    keys = {found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]}
    assert keys == {"k10", "k20"}


def test_a_long_file_that_is_too_short_leaves_nothing(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    fields = signed(s3, empty_afterwards, "k", conditions=[["content-length-range", 9 * MIB, 10 * MIB]])
    assert_refused(_post(raw, empty_afterwards, Form(fields, b"x" * (9 * MIB - 1))), 400, "EntityTooSmall")


# How it is answered.


def test_the_form_says_how_it_is_answered(raw: RawS3, s3: Any, bucket: str) -> None:
    url = f"{raw.endpoint}/{bucket}/dir%2Fa%20key"
    etag = hashlib.md5(b"the file").hexdigest()
    for asked, status in [(None, 204), ("204", 204), ("200", 200), ("201", 201), ("404", 204)]:
        fields = {"success_action_status": asked} if asked else {}
        answer = _post(raw, bucket, Form(signed(s3, bucket, "dir/a key", fields)))
        assert answer.status == status, asked
        assert (answer.headers["etag"], answer.headers["location"]) == (f'"{etag}"', url)
        if status != 201:
            assert answer.body == b""
            continue
        document = {part.tag: part.text for part in ElementTree.fromstring(answer.body)}
        assert document == {"Location": url, "Bucket": bucket, "Key": "dir/a key", "ETag": f'"{etag}"'}


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
def test_a_form_may_send_its_browser_elsewhere(raw: RawS3, s3: Any, bucket: str, field: str) -> None:
    fields = {field: "http://example.com/done?a=b", "success_action_status": "201"}
    answer = _post(raw, bucket, Form(signed(s3, bucket, "dir/k", fields)))
    etag = quote(f'"{hashlib.md5(b"the file").hexdigest()}"')
    assert answer.status == 303
    assert answer.headers["location"] == f"http://example.com/done?a=b&bucket={bucket}&key=dir%2Fk&etag={etag}"


def test_pages_of_other_origins_see_the_answer(raw: RawS3, s3: Any, bucket: str) -> None:
    rule = {"AllowedMethods": ["POST"], "AllowedOrigins": ["http://page"], "ExposeHeaders": ["ETag"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    form = Form(signed(s3, bucket, "k"))
    for origin, allowed in [("http://page", "http://page"), ("http://other", None)]:
        answer = _post(raw, bucket, form, Origin=origin)
        assert (answer.status, answer.headers.get("access-control-allow-origin")) == (204, allowed)
    answer = _post(raw, bucket, Form([("key", "k")]), Origin="http://page")
    assert_refused(answer, 403, "AccessDenied")
    assert answer.headers["access-control-allow-origin"] == "http://page"


# What is stored.


def test_fields_are_to_the_object_what_headers_are(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1+2</Value></Tag></TagSet></Tagging>"
    fields = {
        "Content-Type": "image/png",
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="x"',
        "x-amz-meta-Some": "thing",
        "x-amz-meta-uni": "größe",
        "x-amz-website-redirect-location": "/elsewhere",
        "acl": "public-read",
        "tagging": tags,
    }
    answer = _post(raw, bucket, Form(signed(s3, bucket, "k", fields)))
    assert answer.status == 204, answer
    found = s3.head_object(Bucket=bucket, Key="k")
    assert found["VersionId"] == answer.headers["x-amz-version-id"]
    assert (found["ContentType"], found["CacheControl"]) == ("image/png", "no-store")
    assert found["ContentDisposition"] == 'attachment; filename="x"'
    assert found["WebsiteRedirectLocation"] == "/elsewhere"
    assert found["Metadata"]["some"] == "thing"
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a b", "Value": "1+2"}]
    anonymous = requests.get(f"{raw.endpoint}/{bucket}/k", timeout=30)
    assert anonymous.content == b"the file"


@pytest.mark.parametrize("size", [0, 1000, 64 * 1024, 9 * MIB + 1])
def test_a_file_is_encrypted_as_the_form_or_the_bucket_says(raw: RawS3, s3: Any, bucket: str, size: int) -> None:
    file = b"0123456789abcdef" * (size // 16) + b"x" * (size % 16)
    asked = {"x-amz-server-side-encryption": "AES256"}
    for fields in (asked, {}):
        answer = _post(raw, bucket, Form(signed(s3, bucket, "k", fields), file))
        assert (answer.status, answer.headers.get("x-amz-server-side-encryption")) == (204, "AES256")
        assert s3.head_object(Bucket=bucket, Key="k")["ServerSideEncryption"] == "AES256"
        assert _stored(s3, bucket, "k") == file
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})


def test_wrong_tags_are_refused(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    for tags in ["junk", "<Tagging/>", "<Tagging><TagSet><Tag><Key></Key><Value/></Tag></TagSet></Tagging>"]:
        answer = _post(raw, empty_afterwards, Form(signed(s3, empty_afterwards, "k", {"tagging": tags})))
        assert answer.status == 400 and answer.code in ("MalformedXML", "InvalidTag"), answer


def test_the_file_is_held_against_its_digests(raw: RawS3, s3: Any, bucket: str) -> None:
    file = b"x" * 100_000
    sha256 = base64.b64encode(hashlib.sha256(file).digest()).decode()
    md5 = base64.b64encode(hashlib.md5(file).digest()).decode()
    other = base64.b64encode(hashlib.sha256(b"other").digest()).decode()

    def send(key: str, fields: dict[str, str]) -> Response:
        return _post(raw, bucket, Form(signed(s3, bucket, key, fields), file))

    assert send("right", {"x-amz-checksum-sha256": sha256, "Content-MD5": md5}).status == 204
    found = s3.head_object(Bucket=bucket, Key="right", ChecksumMode="ENABLED")
    assert found["ChecksumSHA256"] == sha256
    assert_refused(send("wrong", {"x-amz-checksum-sha256": other}), 400, "BadDigest", "InvalidRequest")
    assert_refused(send("wrong", {"Content-MD5": base64.b64encode(bytes(16)).decode()}), 400, "BadDigest")
    assert_refused(send("wrong", {"Content-MD5": "junk"}), 400, "InvalidDigest")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@pytest.mark.parametrize(
    ("key", "file_name", "stored"),
    [
        ("a b+c%20&d=e?#", "x", "a b+c%20&d=e?#"),
        ("größe/日本/\U0001f600", "x", "größe/日本/\U0001f600"),
        ("up/${filename}", "C:\\dir\\größe 1.txt", "up/größe 1.txt"),
        ("up/${filename}", "../../etc/passwd", "up/passwd"),
        ("up/${filename}", 'a\\"b%22;c', 'up/a"b%22;c'),
        ("up/${filename}${filename}", "${filename}", "up/${filename}${filename}"),
        ("up/${filename}", None, "up/"),
        ("<a>&amp;'", "x", "<a>&amp;'"),
        ("k" * 1024, "x", "k" * 1024),
    ],
)
def test_awkward_names(raw: RawS3, s3: Any, bucket: str, key: str, file_name: str | None, stored: str) -> None:
    fields = signed(s3, bucket, key, {"success_action_status": "201"}) if "${" in key else None
    if fields is None:
        fields = signed(s3, bucket, "${filename}", {"success_action_status": "201"})
        fields = [(name, key if name == "key" else value) for name, value in fields]
    answer = _post(raw, bucket, Form(fields, file_name=file_name))
    assert answer.status == 201, answer
    assert ElementTree.fromstring(answer.body).findtext("Key") == stored
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [stored]
    assert _stored(s3, bucket, stored) == b"the file"


@pytest.mark.parametrize(
    "file", [b"", b"\r\n", b"\r\n--", b"\r\n------Boundary", b"--x--\r\n" * 1000, bytes(range(256)) * 300]
)
def test_any_bytes_are_a_file(raw: RawS3, s3: Any, bucket: str, file: bytes) -> None:
    form = Form(signed(s3, bucket, "k"), file, after=[("submit", "Upload")])
    assert _post(raw, bucket, form).status == 204
    assert _stored(s3, bucket, "k") == file


def test_a_form_may_come_in_any_pieces(raw: RawS3, s3: Any, bucket: str) -> None:
    form = Form(signed(s3, bucket, "k"), b"\r\n--\r\n", after=[("submit", "Upload")])
    body = form.body()
    with socket.create_connection(host_and_port(raw.endpoint), timeout=30) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head(raw.endpoint, bucket, form, len(body)))
        for byte in body:
            connection.sendall(bytes([byte]))
        assert connection.recv(100).startswith(b"HTTP/1.1 204")
    assert _stored(s3, bucket, "k") == b"\r\n--\r\n"


def test_fields_are_bounded(raw: RawS3, s3: Any, empty_afterwards: str) -> None:
    for fields in [[("key", "k"), ("x-ignore-a", "x" * 30_000)], [(f"x-ignore-{n}", "") for n in range(300)]]:
        answer = _post(raw, empty_afterwards, Form(fields))
        assert_refused(answer, 400, "MaxPostPreDataLengthExceeded")
    twice = Form([("key", "k"), *signed(s3, empty_afterwards, "other")])
    assert_refused(_post(raw, empty_afterwards, twice), 400, "MalformedPOSTRequest")


# How the bytes come.


def test_a_long_file_streams(demo: Demo, raw: RawS3, s3: Any, bucket: str) -> None:
    """Far more than a node may hold in memory, were it to keep any of it."""
    form = Form(signed(s3, bucket, "k"))
    begin, end, piece, pieces = form.before_file(), form.after_file(), bytes(range(256)) * 4096, 200
    pids = [pid for pid in map(demo.pid, range(demo.nodes)) if pid is not None]
    before = [processes.peak_rss_bytes(pid) for pid in pids]
    digest = hashlib.md5()
    with socket.create_connection(host_and_port(raw.endpoint), timeout=60) as connection:
        length = len(begin) + pieces * len(piece) + len(end)
        connection.sendall(head(raw.endpoint, bucket, form, length) + begin)
        for _ in range(pieces):
            connection.sendall(piece)
            digest.update(piece)
        connection.sendall(end)
        answer = connection.recv(10_000)
    assert answer.startswith(b"HTTP/1.1 204"), answer
    grown = [processes.peak_rss_bytes(pid) - was for pid, was in zip(pids, before, strict=True)]
    assert max(grown) < 100 * MIB, grown
    stored = s3.get_object(Bucket=bucket, Key="k")
    assert (stored["ContentLength"], stored["ETag"]) == (pieces * len(piece), f'"{digest.hexdigest()}"')
    read = hashlib.md5()
    for found in stored["Body"].iter_chunks(MIB):
        read.update(found)
    assert read.digest() == digest.digest()
    at = 70 * MIB + 100
    part = s3.get_object(Bucket=bucket, Key="k", Range=f"bytes={at}-{at + 299}")["Body"].read()
    assert part == (piece * 2)[at % MIB : at % MIB + 300]


@pytest.mark.parametrize("sent", [0, 1000, 9 * MIB])
def test_a_form_that_is_cut_off_leaves_nothing(raw: RawS3, s3: Any, empty_afterwards: str, sent: int) -> None:
    form = Form(signed(s3, empty_afterwards, "k"), b"x" * 10 * MIB)
    body = form.body()
    for cut in [len(form.before_file()) + sent, len(body) - 3]:
        request = head(raw.endpoint, empty_afterwards, form, len(body)) + body[:cut]
        answer = exchange(raw.endpoint, request, half_close=True)
        assert answer is None or answer.status == 400, answer


@pytest.mark.parametrize("size", [0, 1, 8 * 1024, 8 * 1024 + 1, 5 * MIB + 1])
def test_a_put_may_leave_its_length_to_http(raw: RawS3, s3: Any, bucket: str, size: int) -> None:
    path = object_path(bucket, "k")
    body = b"0123456789" * (size // 10) + b"x" * (size % 10)
    chunks = [body[at : at + 100_000] for at in range(0, size, 100_000)]
    framed = b"".join(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
    request = raw.raw_head("PUT", path, {"Transfer-Encoding": "chunked"})
    answer = exchange(raw.endpoint, request + framed, half_close=False)
    assert answer is not None and answer.status == 200, answer
    assert answer.headers["etag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert _stored(s3, bucket, "k") == body


def test_a_put_whose_last_chunk_is_missing_leaves_nothing(raw: RawS3, empty_afterwards: str) -> None:
    request = raw.raw_head("PUT", object_path(empty_afterwards, "k"), {"Transfer-Encoding": "chunked"})
    answer = exchange(raw.endpoint, request + b"5\r\n01234\r\n", half_close=True)
    assert answer is None or answer.status == 400, answer
