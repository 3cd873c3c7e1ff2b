"""Rules for scripts of other origins, and what browsers are told."""

from typing import Any

import pytest
import requests

from harness.errors import assert_refused, refused
from harness.http_check import as_response
from harness.raw import RawS3, object_path
from harness.site import Site
from harness.wire import Response

RULES = [
    {
        "ID": "one site",
        "AllowedOrigins": ["https://app.example", "https://*.lab.example"],
        "AllowedMethods": ["GET", "PUT"],
        "AllowedHeaders": ["x-amz-*", "content-type"],
        "ExposeHeaders": ["ETag", "x-amz-version-id"],
        "MaxAgeSeconds": 600,
    },
    {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "HEAD"]},
]


@pytest.fixture
def shared(s3: Any, bucket: str) -> str:
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    return bucket


def preflight(site: Site, bucket: str, origin: str, method: str, headers: str | None = None) -> Response:
    asked = {"Origin": origin, "Access-Control-Request-Method": method}
    if headers is not None:
        asked["Access-Control-Request-Headers"] = headers
    return as_response(requests.options(f"{site.endpoints[0]}/{bucket}/k", headers=asked, timeout=10))


def test_rules_are_kept_as_they_are(s3: Any, bucket: str) -> None:
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": RULES})
    assert s3.get_bucket_cors(Bucket=bucket)["CORSRules"] == RULES
    s3.delete_bucket_cors(Bucket=bucket)
    with refused("NoSuchCORSConfiguration", 404):
        s3.get_bucket_cors(Bucket=bucket)


@pytest.mark.parametrize("origin", ["https://app.example", "https://x.lab.example"])
def test_a_preflight_is_told_what_a_rule_allows(site: Site, shared: str, origin: str) -> None:
    answer = preflight(site, shared, origin, "PUT", "X-Amz-Date, content-type")
    assert answer.status == 200 and answer.body == b""
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["access-control-allow-methods"].replace(" ", "") == "GET,PUT"
    allowed = answer.headers["access-control-allow-headers"].lower().replace(" ", "").split(",")
    assert set(allowed) == {"x-amz-date", "content-type"}
    assert answer.headers["access-control-expose-headers"].replace(" ", "") == "ETag,x-amz-version-id"
    assert answer.headers["access-control-max-age"] == "600"
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in answer.headers["vary"]


def test_a_rule_for_everybody_names_nobody(site: Site, shared: str) -> None:
    answer = preflight(site, shared, "https://other.example", "GET")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "*")
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin, method, headers",
    [
        ("https://other.example", "PUT", None),
        ("http://app.example", "PUT", None),
        ("https://app.example.evil.example", "PUT", None),
        ("https://app.example", "DELETE", None),
        ("https://app.example", "PUT", "x-amz-date, x-other"),
        ("https://other.example", "GET", "content-type"),
        ("null", "PUT", None),
    ],
)
def test_what_no_rule_allows_is_refused(
    site: Site, shared: str, origin: str, method: str, headers: str | None
) -> None:
    answer = preflight(site, shared, origin, method, headers)
    assert_refused(answer, 403, "AccessForbidden")
    assert "access-control-allow-origin" not in answer.headers


def test_a_preflight_says_what_it_is_about(site: Site, s3: Any, bucket: str, shared: str) -> None:
    url = f"{site.endpoints[0]}/{shared}/k"
    answer = as_response(requests.options(url, headers={"Origin": "https://app.example"}, timeout=10))
    assert_refused(answer, 400, "BadRequest")
    answer = as_response(requests.options(url, timeout=10))
    assert_refused(answer, 400, "BadRequest")
    s3.delete_bucket_cors(Bucket=shared)
    assert_refused(preflight(site, shared, "https://app.example", "GET"), 403, "AccessForbidden")


@pytest.mark.parametrize("key, status", [("k", 200), ("none", 403)])
def test_a_request_gets_the_heads_however_it_ends(site: Site, shared: str, key: str, status: int) -> None:
    url = f"{site.endpoints[0]}/{shared}/{key}"
    answer = requests.get(url, headers={"Origin": "https://app.example"}, timeout=10)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert answer.headers["access-control-expose-headers"].replace(" ", "") == "ETag,x-amz-version-id"
    plain = requests.get(url, timeout=10)
    assert "access-control-allow-origin" not in plain.headers
    elsewhere = requests.get(url, headers={"Origin": "https://other.example"}, timeout=10)
    assert elsewhere.headers["access-control-allow-origin"] == "*"
    written = requests.put(url, headers={"Origin": "https://other.example"}, timeout=10)
    assert written.status_code == 403 and "access-control-allow-origin" not in written.headers


def test_a_signed_request_gets_them_too(raw: RawS3, shared: str) -> None:
    headers = {"Origin": "https://app.example"}
    answer = raw.request("PUT", object_path(shared, "new"), headers=headers, body=b"x")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")


@pytest.mark.parametrize(
    "rule",
    [
        {"AllowedOrigins": ["*"], "AllowedMethods": ["PATCH"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["get"]},
        {"AllowedOrigins": ["https://*.a.*"], "AllowedMethods": ["GET"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": ["x-*-*"]},
        {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "ExposeHeaders": ["x-*"]},
    ],
    ids=str,
)
def test_a_rule_that_makes_no_sense_is_refused(s3: Any, bucket: str, rule: dict[str, Any]) -> None:
    with refused("InvalidRequest", 400):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})


def test_a_hundred_rules_are_the_most(s3: Any, bucket: str) -> None:
    rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule] * 100})
    with refused("InvalidRequest", 400):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule] * 101})
    with refused("MalformedXML", 400):
        s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": []})
