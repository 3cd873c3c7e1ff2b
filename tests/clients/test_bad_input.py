"""What is wrong is refused with AWS's own code, and nothing of it is stored."""

from typing import Any

import pytest

from harness.errors import assert_refused
from harness.raw import RawS3, object_path
from harness.signing import UNSIGNED
from harness.site import Keys
from harness.wire import exchange

MIB = 1024 * 1024
BODY = b"x" * 100_000


# Who asks.


def test_a_wrong_signature(raw: RawS3, empty_afterwards: str) -> None:
    thief = RawS3(raw.endpoint, Keys(raw.keys.access_key, "not the secret"), raw.region)
    assert_refused(thief.put(empty_afterwards, "k", BODY), 403, "SignatureDoesNotMatch")


def test_an_unknown_key(raw: RawS3, empty_afterwards: str) -> None:
    stranger = RawS3(raw.endpoint, Keys("AKIANOBODYATALL00000", raw.keys.secret_key), raw.region)
    assert_refused(stranger.put(empty_afterwards, "k", BODY), 403, "InvalidAccessKeyId")


def test_nobody(raw: RawS3, empty_afterwards: str) -> None:
    path = object_path(empty_afterwards, "k")
    answer = raw.send("PUT", path, {"Host": raw.host, "Content-Length": str(len(BODY))}, BODY)
    assert_refused(answer, 403, "AccessDenied")
    assert_refused(raw.send("GET", "/", {"Host": raw.host}), 403, "AccessDenied")


@pytest.mark.parametrize("skew_s", [-1000, 1000])
def test_a_skewed_clock(raw: RawS3, empty_afterwards: str, skew_s: float) -> None:
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), body=BODY, skew_s=skew_s)
    assert_refused(answer, 403, "RequestTimeTooSkewed")


@pytest.mark.parametrize("skew_s", [-600, 600])
def test_a_clock_that_is_nearly_right(raw: RawS3, bucket: str, skew_s: float) -> None:
    assert raw.request("PUT", object_path(bucket, "k"), body=BODY, skew_s=skew_s).status == 200


@pytest.mark.parametrize("name", ["x-amz-meta-added", "x-amz-copy-source", "x-amz-acl", "x-amz-storage-class"])
def test_an_amz_header_that_is_not_signed(raw: RawS3, empty_afterwards: str, name: str) -> None:
    value = f"/{empty_afterwards}/k" if name == "x-amz-copy-source" else "private"
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), body=BODY, unsigned={name: value})
    assert_refused(answer, 403, "AccessDenied")


def test_a_changed_request(raw: RawS3, empty_afterwards: str) -> None:
    path = object_path(empty_afterwards, "k")
    headers = raw.signer().headers("PUT", path, [], {"Host": raw.host, "Content-Length": "1"}, UNSIGNED)
    moved = object_path(empty_afterwards, "other")
    assert_refused(raw.send("PUT", moved, headers, b"x"), 403, "SignatureDoesNotMatch")
    assert_refused(raw.send("PUT", f"{path}?partNumber=1&uploadId=x", headers, b"x"), 403, "SignatureDoesNotMatch")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0",
        "Basic eDp5",
        "AWS4-HMAC-SHA256 ,,,=",
    ],
)
def test_a_malformed_authorization(raw: RawS3, empty_afterwards: str, value: str) -> None:
    headers = {"Host": raw.host, "Content-Length": "1", "Authorization": value, "x-amz-content-sha256": UNSIGNED}
    answer = raw.send("PUT", object_path(empty_afterwards, "k"), headers, b"x")
    assert answer.status in (400, 403)
    assert answer.code in ("AuthorizationHeaderMalformed", "AccessDenied", "InvalidArgument", "InvalidRequest")


def test_another_region(raw: RawS3, empty_afterwards: str) -> None:
    elsewhere = RawS3(raw.endpoint, raw.keys, "mars-north-1")
    assert_refused(elsewhere.put(empty_afterwards, "k", BODY), 400, "AuthorizationHeaderMalformed")


# What is asked for.


def test_a_key_of_1024_bytes_is_the_longest(raw: RawS3, empty_afterwards: str) -> None:
    assert_refused(raw.put(empty_afterwards, "k" * 1025, b"x"), 400, "KeyTooLongError")
    assert_refused(raw.put(empty_afterwards, "ü" * 513, b"x"), 400, "KeyTooLongError")
    assert_refused(raw.get(empty_afterwards, "k" * 1025), 400, "KeyTooLongError")


@pytest.mark.parametrize("key", [b"\xff", b"a\xc3", b"\xed\xa0\x80", b"a\x80b"])
def test_a_key_that_is_not_utf8(raw: RawS3, empty_afterwards: str, key: bytes) -> None:
    path = object_path(empty_afterwards, key)
    assert_refused(raw.request("PUT", path, body=b"x"), 400, "InvalidURI")
    assert_refused(raw.request("GET", path), 400, "InvalidURI")


def test_a_broken_escape(raw: RawS3, empty_afterwards: str) -> None:
    path = f"/{empty_afterwards}/a%zzb"
    assert_refused(raw.request("PUT", path, body=b"x"), 400, "InvalidURI")


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "BREW"])
def test_a_method_that_s3_has_not(raw: RawS3, bucket: str, method: str) -> None:
    assert_refused(raw.request(method, object_path(bucket, "k")), 405, "MethodNotAllowed")


# Headers.


def test_too_much_metadata(raw: RawS3, empty_afterwards: str) -> None:
    headers = {f"x-amz-meta-{n}": "v" * 300 for n in range(8)}
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), headers=headers, body=b"x")
    assert_refused(answer, 400, "MetadataTooLarge")


def test_too_large_headers(raw: RawS3, empty_afterwards: str) -> None:
    headers = {f"x-custom-{n}": "v" * 1000 for n in range(12)}
    answer = raw.request("PUT", object_path(empty_afterwards, "k"), headers=headers, body=b"x")
    assert_refused(answer, 400, "RequestHeaderSectionTooLarge")


def test_absurdly_large_headers_end_the_connection_at_most(raw: RawS3, empty_afterwards: str) -> None:
    head = raw.raw_head("PUT", object_path(empty_afterwards, "k"), {"Content-Length": "1"})[:-2]
    many = b"".join(b"x-%d: %s\r\n" % (n, b"v" * 8000) for n in range(250))
    answer = exchange(raw.endpoint, head + many + b"\r\nx", half_close=False)
    assert answer is None or answer.status in (400, 431)
    assert raw.request("HEAD", object_path(empty_afterwards)).status == 200


def test_something_must_say_where_a_body_ends(raw: RawS3, empty_afterwards: str) -> None:
    path = object_path(empty_afterwards, "k")
    assert_refused(exchange(raw.endpoint, raw.raw_head("PUT", path, {}), half_close=False), 411, "MissingContentLength")


def test_more_than_5_gib_at_once(raw: RawS3, empty_afterwards: str) -> None:
    head = raw.raw_head("PUT", object_path(empty_afterwards, "k"), {"Content-Length": str(5 * 1024**3 + 1)})
    assert_refused(exchange(raw.endpoint, head, half_close=False), 400, "EntityTooLarge")


# Bodies.


@pytest.mark.parametrize("sent", [0, 10, 99_999, 3 * MIB])
def test_a_body_that_ends_early(raw: RawS3, empty_afterwards: str, sent: int) -> None:
    answer = raw.put_and_hang_up(empty_afterwards, "k", max(100_000, sent + 5), b"x" * sent)
    if answer is not None:
        assert_refused(answer, 400, "IncompleteBody", "RequestTimeout")


def test_a_part_that_ends_early(raw: RawS3, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    path = object_path(bucket, "k")
    query = [("partNumber", "1"), ("uploadId", upload)]
    headers = {"Host": raw.host, "Content-Length": "100000"}
    signed = raw.signer().headers("PUT", path, query, headers, UNSIGNED)
    lines = [f"PUT {path}?partNumber=1&uploadId={upload} HTTP/1.1", *(f"{n}: {v}" for n, v in signed.items()), "", ""]
    exchange(raw.endpoint, "\r\n".join(lines).encode() + b"x" * 50_000, half_close=True)
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


def test_xml_that_is_too_large(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k1", Body=b"x")
    rows = "".join(f"<Object><Key>k{n}</Key></Object>" for n in range(1001))
    path = object_path(bucket)
    body = f"<Delete>{rows}</Delete>".encode()
    assert_refused(_delete_many(raw, path, body), 400, "MalformedXML")
    body = b"<Delete>" + b" " * (8 * MIB) + b"<Object><Key>k1</Key></Object></Delete>"
    assert_refused(_delete_many(raw, path, body), 400, "MalformedXML", "MaxMessageLengthExceeded", "EntityTooLarge")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<Delete>",
        b"<Delete></Delete>",
        b"<Wrong/>",
        b"{}",
        b"\xff\xfe",
        b"<Delete><Object></Object></Delete>",
        b'<!DOCTYPE x [<!ENTITY a "k">]><Delete><Object><Key>&a;</Key></Object></Delete>',
        b"<Delete><Object><Key>&unknown;</Key></Object></Delete>",
    ],
)
def test_malformed_xml(raw: RawS3, s3: Any, bucket: str, body: bytes) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    answer = _delete_many(raw, object_path(bucket), body)
    assert_refused(answer, 400, "MalformedXML", "MissingRequestBodyError")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 1


def _delete_many(raw: RawS3, path: str, body: bytes) -> Any:
    from harness.checksums import content_md5

    return raw.request("POST", path, [("delete", "")], {"Content-MD5": content_md5(body)}, body)


# Parts.


@pytest.mark.parametrize("number", ["0", "10001", "-1", "x", "", "1.5", "99999999999999999999"])
def test_part_numbers_go_from_1_to_10000(raw: RawS3, s3: Any, bucket: str, number: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    answer = raw.request("PUT", object_path(bucket, "k"), [("partNumber", number), ("uploadId", upload)], body=b"x")
    assert_refused(answer, 400, "InvalidArgument")
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


@pytest.mark.parametrize("upload", ["x", "", "../..", "0" * 64, "ü"])
def test_an_upload_that_never_was(raw: RawS3, empty_afterwards: str, upload: str) -> None:
    answer = raw.request(
        "PUT", object_path(empty_afterwards, "k"), [("partNumber", "1"), ("uploadId", upload)], body=b"x"
    )
    assert_refused(answer, 404, "NoSuchUpload")


def test_complete_with_wrong_parts(raw: RawS3, s3: Any, bucket: str) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    name = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    tags = [s3.upload_part(**name, PartNumber=number, Body=b"x" * 100)["ETag"] for number in (1, 2)]
    wrong = {
        "EntityTooSmall": [(1, tags[0]), (2, tags[1])],
        "InvalidPartOrder": [(2, tags[1]), (1, tags[0])],
        "InvalidPart": [(1, f'"{"0" * 32}"')],
        "InvalidPart ": [(1, tags[0]), (3, tags[0])],
        "MalformedXML": [],
    }
    for code, parts in wrong.items():
        rows = "".join(f"<Part><PartNumber>{n}</PartNumber><ETag>{tag}</ETag></Part>" for n, tag in parts)
        body = f"<CompleteMultipartUpload>{rows}</CompleteMultipartUpload>".encode()
        answer = raw.request("POST", object_path(bucket, "k"), [("uploadId", upload)], body=body)
        assert_refused(answer, 400, code.strip())
    for body in (b"", b"<Complete", b"x"):
        answer = raw.request("POST", object_path(bucket, "k"), [("uploadId", upload)], body=body)
        assert_refused(answer, 400, "MalformedXML", "InvalidRequest", "MissingRequestBodyError")
    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert len(s3.list_parts(**name)["Parts"]) == 2, "a refused complete leaves the upload as it was"
    last = {"Parts": [{"PartNumber": 1, "ETag": tags[0]}]}
    s3.complete_multipart_upload(**name, MultipartUpload=last)
