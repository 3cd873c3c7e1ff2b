"""Requests signed in advance, in their query."""

from typing import Any

import pytest
import requests

from harness.clients import boto3_client
from harness.errors import assert_refused
from harness.http_check import as_response
from harness.programs import aws
from harness.raw import RawS3, object_path
from harness.site import Site


@pytest.mark.parametrize("signature", ["s3v4", None], ids=["version 4", "what boto3 makes unless told otherwise"])
def test_a_link_gives_what_it_names_and_takes_what_it_allows(site: Site, bucket: str, signature: str | None) -> None:
    s3 = boto3_client(site, signature=signature)
    name = {"Bucket": bucket, "Key": "a b/ü+1"}
    link = s3.generate_presigned_url("put_object", Params=name, ExpiresIn=60)
    assert requests.put(link, data=b"by link", timeout=10).status_code == 200
    link = s3.generate_presigned_url("get_object", Params={**name, "ResponseContentType": "text/x"}, ExpiresIn=60)
    answer = requests.get(link, timeout=10)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, b"by link", "text/x")
    assert requests.delete(link, timeout=10).status_code == 403
    link = s3.generate_presigned_url("delete_object", Params=name, ExpiresIn=60)
    assert requests.delete(link, timeout=10).status_code == 204


def test_links_of_version_2_end_and_cannot_be_changed(site: Site, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object(Bucket=bucket, Key="l", Body=b"y")
    name = {"Bucket": bucket, "Key": "k"}
    old = boto3_client(site, signature=None)
    link = old.generate_presigned_url("get_object", Params=name, ExpiresIn=60)
    assert "AWSAccessKeyId=" in link and requests.get(link, timeout=10).content == b"x"
    other = as_response(requests.get(link.replace("/k?", "/l?"), timeout=10))
    assert_refused(other, 403, "SignatureDoesNotMatch")
    link = old.generate_presigned_url("get_object", Params=name, ExpiresIn=-1)
    answer = as_response(requests.get(link, timeout=10))
    assert_refused(answer, 403, "AccessDenied")
    assert b"expired" in answer.body


def test_aws_cli_makes_links_that_work(site: Site, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a b", Body=b"by aws")
    link = aws(site, 0, "s3", "presign", f"s3://{bucket}/a b").strip()
    assert requests.get(link, timeout=10).content == b"by aws"


def _get(raw: RawS3, bucket: str, expires_s: int, skew_s: float = 0, spoil: bool = False) -> Any:
    path = object_path(bucket, "k")
    query = raw.signer(skew_s).presigned("GET", raw.host, path, [], expires_s)
    if spoil:
        query = query[:-4] + ("0000" if query[-4:] != "0000" else "1111")
    return as_response(requests.get(f"{raw.endpoint}{path}?{query}", timeout=10))


def test_a_link_ends(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert _get(raw, bucket, 60, skew_s=-30).status == 200
    answer = _get(raw, bucket, 60, skew_s=-90)
    assert_refused(answer, 403, "AccessDenied")
    assert b"expired" in answer.body


def test_a_link_from_the_future_is_refused(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert_refused(_get(raw, bucket, 60, skew_s=3600), 403, "AccessDenied", "RequestTimeTooSkewed")


def test_a_spoiled_link_is_refused(raw: RawS3, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert_refused(_get(raw, bucket, 60, spoil=True), 403, "SignatureDoesNotMatch")


def test_a_link_lasts_a_week_at_most(raw: RawS3, bucket: str) -> None:
    for expires_s in (604_801, -1):
        assert_refused(_get(raw, bucket, expires_s), 400, "AuthorizationQueryParametersError")


def test_a_link_needs_all_its_parameters(raw: RawS3, bucket: str) -> None:
    path = object_path(bucket, "k")
    query = raw.signer().presigned("GET", raw.host, path, [], 60)
    for name in ("X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"):
        left = "&".join(part for part in query.split("&") if not part.startswith(f"{name}="))
        answer = as_response(requests.get(f"{raw.endpoint}{path}?{left}", timeout=10))
        assert_refused(answer, 400, "AuthorizationQueryParametersError")
