"""Web sites of buckets, as a browser meets them: raw HTTP, a host, no signature."""

import json
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.site import Keys, Site
from harness.wire import Response

DOMAIN = "web.localhost"
INDEX = {"IndexDocument": {"Suffix": "index.html"}}
ERROR = {"ErrorDocument": {"Key": "errors/oops.html"}}
PAGES = {
    "index.html": b"<h1>home</h1>",
    "docs/index.html": b"<h1>docs</h1>",
    "docs/a b.html": b"<h1>a b</h1>",
    "errors/oops.html": b"<h1>oops</h1>",
}
PRIVATE = b"nobody may read this"


class Browser:
    def __init__(self, raw: RawS3, bucket: str):
        self._raw = raw
        self.host = f"{bucket}.{DOMAIN}:{raw.host.rsplit(':', 1)[1]}"

    def get(self, target: str, method: str = "GET", **headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._raw.send(method, target, {"Host": self.host, **named})


@pytest.fixture
def browser(demo: Demo, s3: Any, raw: RawS3, bucket: str) -> Browser:
    """A visitor of a site whose pages everybody may read, and nobody list."""
    for key, body in PAGES.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html")
    let_read(s3, bucket)
    configure(s3, bucket, INDEX)
    return Browser(raw, bucket)


def let_read(s3: Any, bucket: str) -> None:
    read = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [read]}))


def configure(s3: Any, bucket: str, *parts: dict[str, Any]) -> None:
    document = {name: value for part in parts for name, value in part.items()}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=document)


def assert_page(answer: Response, status: int, code: str) -> None:
    """Holds that this is the error, as a page for people."""
    assert (answer.status, answer.headers.get("x-amz-error-code")) == (status, code), answer
    assert answer.headers["content-type"].startswith("text/html"), answer
    for part in (f"<h1>{status} ", f"<li>Code: {code}</li>", f"RequestId: {answer.headers['x-amz-request-id']}"):
        assert part.encode() in answer.body, answer.body


def assert_sent(answer: Response, status: int, location: str) -> None:
    assert (answer.status, answer.headers.get("location"), answer.body) == (status, location, b""), answer


def test_folders_show_their_index(browser: Browser) -> None:
    for target, key in [
        ("/", "index.html"),
        ("/index.html", "index.html"),
        ("/docs/", "docs/index.html"),
        ("/docs/a%20b.html", "docs/a b.html"),
    ]:
        answer = browser.get(target)
        assert (answer.status, answer.body) == (200, PAGES[key]), target
        assert answer.headers["content-type"] == "text/html"
        head = browser.get(target, method="HEAD")
        assert (head.status, head.body) == (200, b"")
        assert (head.headers["content-length"], head.headers["etag"]) == (str(len(PAGES[key])), answer.headers["etag"])
    assert_sent(browser.get("/docs"), 302, "/docs/")
    assert_sent(browser.get("/docs", method="HEAD"), 302, "/docs/")
    assert browser.get("/errors").status == 403, "a folder without an index is none"


def test_a_folder_cannot_send_visitors_to_another_host(browser: Browser, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="/evil.example/index.html", Body=b"x")
    assert_sent(browser.get("//evil.example"), 302, "/%2Fevil.example/")
    assert browser.get("/%2Fevil.example/").body == b"x"


def test_ranges_and_conditions_count(browser: Browser) -> None:
    part = browser.get("/", Range="bytes=4-7")
    assert (part.status, part.body, part.headers["content-range"]) == (206, b"home", "bytes 4-7/13")
    assert browser.get("/", If_None_Match=browser.get("/").headers["etag"]).status == 304
    assert_page(browser.get("/", If_Match='"other"'), 412, "PreconditionFailed")
    assert_page(browser.get("/", Range="bytes=99-"), 416, "InvalidRange")


def test_the_sites_own_page_is_shown_with_the_errors_status(browser: Browser, s3: Any, bucket: str) -> None:
    assert_page(browser.get("/none"), 403, "AccessDenied")
    configure(s3, bucket, INDEX, ERROR)
    answer = browser.get("/none", Range="bytes=0-1", If_None_Match="*")
    assert (answer.status, answer.body) == (403, PAGES["errors/oops.html"])
    assert answer.headers["x-amz-error-code"] == "AccessDenied"
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    answer = browser.get("/none")
    assert (answer.status, answer.body) == (404, PAGES["errors/oops.html"]), "who may list may know"
    head = browser.get("/none", method="HEAD")
    assert (head.status, head.body, head.headers["x-amz-error-code"]) == (404, b"", "NoSuchKey")
    s3.delete_object(Bucket=bucket, Key="errors/oops.html")
    assert_page(browser.get("/none"), 404, "NoSuchKey")
    assert b"<li>Key: errors/oops.html</li>" in browser.get("/none").body


def test_an_error_page_runs_nothing_of_the_request(browser: Browser, s3: Any, bucket: str) -> None:
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    answer = browser.get("/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert_page(answer, 404, "NoSuchKey")
    assert b"<script" not in answer.body and b"&lt;script&gt;" in answer.body


def test_a_private_object_of_another_user_cannot_be_told_from_none(
    browser: Browser, demo: Demo, site: Site, s3: Any, bucket: str
) -> None:
    configure(s3, bucket, INDEX, ERROR)
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    user = demo.ctl().create_user(f"writer-{bucket}")
    other = boto3_client(site, keys=Keys(user["access_key"], user["secret_key"]))
    other.put_object(Bucket=bucket, Key="theirs", Body=PRIVATE)
    other.put_object(Bucket=bucket, Key="folder/index.html", Body=PRIVATE)
    # The bucket's policy opens only what is its owner's.
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    missing = browser.get("/none")
    assert (missing.status, missing.body) == (403, PAGES["errors/oops.html"])
    for target in ("/theirs", "/folder", "/folder/"):
        for headers in ({}, {"Range": "bytes=0-3"}, {"If_None_Match": "*"}, {"If_Match": '"x"'}):
            answer = browser.get(target, **headers)
            assert (answer.status, answer.body) == (missing.status, missing.body), (target, headers)
            own = {"date", "x-amz-request-id"}
            told = [{n: v for n, v in a.headers.items() if n not in own} for a in (answer, missing)]
            assert told[0] == told[1], (target, headers)
    other.put_object_acl(Bucket=bucket, Key="theirs", ACL="public-read")
    assert browser.get("/theirs").body == PRIVATE


def test_visitors_are_nobody_whatever_they_sign(browser: Browser, raw: RawS3, s3: Any, bucket: str) -> None:
    s3.delete_bucket_policy(Bucket=bucket)
    signed = raw.request("GET", "/index.html", host=browser.host)
    assert_page(signed, 403, "AccessDenied")
    wrong = browser.get("/index.html", Authorization="AWS4-HMAC-SHA256 nonsense")
    assert_page(wrong, 403, "AccessDenied")
    let_read(s3, bucket)
    wrong = browser.get("/index.html", Authorization="AWS4-HMAC-SHA256 nonsense")
    assert (wrong.status, wrong.body) == (200, PAGES["index.html"])


def test_the_query_and_headers_of_s3_mean_nothing(browser: Browser, s3: Any, bucket: str) -> None:
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read")
    for target in ("/?list-type=2", "/?policy", "/?versionId=none", "/?X-Amz-Signature=0", "/?%zz"):
        answer = browser.get(target, x_amz_expected_bucket_owner="nobody")
        assert (answer.status, answer.body) == (200, PAGES["index.html"]), target


def test_a_site_is_read_only(browser: Browser, s3: Any, bucket: str) -> None:
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    for method in ("PUT", "POST", "DELETE", "PATCH", "OPTIONS"):
        answer = browser.get("/index.html", method=method, Content_Length="0")
        assert_page(answer, 405, "MethodNotAllowed")
        assert answer.headers["allow"] == "GET, HEAD"
    assert s3.get_object(Bucket=bucket, Key="index.html")["Body"].read() == PAGES["index.html"]


def test_rules_send_visitors_elsewhere(browser: Browser, s3: Any, bucket: str) -> None:
    rules = [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "docs/"}},
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "403", "KeyPrefixEquals": "gone/"},
            "Redirect": {"HostName": "www.example.org", "Protocol": "https", "HttpRedirectCode": "307"},
        },
    ]
    configure(s3, bucket, INDEX, ERROR, {"RoutingRules": rules})
    assert_sent(browser.get("/old/a%20b.html"), 301, f"http://{browser.host}/docs/a%20b.html")
    assert_sent(browser.get("/gone/x"), 307, "https://www.example.org/gone/x")
    assert browser.get("/other").body == PAGES["errors/oops.html"]
    s3.put_object(Bucket=bucket, Key="gone/x", Body=b"back")
    assert browser.get("/gone/x").body == b"back"
    configure(s3, bucket, {"RedirectAllRequestsTo": {"HostName": "www.example.org"}})
    assert_sent(browser.get("/docs/?q=1"), 301, "http://www.example.org/docs/")


def test_an_object_sends_visitors_elsewhere_and_clients_not(browser: Browser, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="moved", Body=b"here", WebsiteRedirectLocation="/docs/")
    assert_sent(browser.get("/moved"), 301, "/docs/")
    got = s3.get_object(Bucket=bucket, Key="moved")
    assert (got["Body"].read(), got["WebsiteRedirectLocation"]) == (b"here", "/docs/")
    assert s3.head_object(Bucket=bucket, Key="moved")["WebsiteRedirectLocation"] == "/docs/"


def test_only_a_bucket_that_is_a_site_has_one(browser: Browser, raw: RawS3, s3: Any, bucket: str) -> None:
    s3.delete_bucket_website(Bucket=bucket)
    assert_page(browser.get("/"), 404, "NoSuchWebsiteConfiguration")
    assert_page(Browser(raw, "no-such-bucket-here").get("/"), 404, "NoSuchBucket")
    port = raw.host.rsplit(":", 1)[1]
    assert_page(raw.send("GET", f"/{bucket}/index.html", {"Host": f"{DOMAIN}:{port}"}), 404, "NoSuchBucket")
    as_s3 = raw.request("GET", "/index.html", host=f"{bucket}.localhost:{port}")
    assert (as_s3.status, as_s3.body) == (200, PAGES["index.html"])
    assert raw.request("GET", object_path(bucket, "index.html")).status == 200


def test_pages_of_other_origins_follow_the_buckets_rules(browser: Browser, s3: Any, bucket: str) -> None:
    rule = {"AllowedOrigins": ["https://a.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket=bucket, CORSConfiguration={"CORSRules": [rule]})
    answer = browser.get("/", Origin="https://a.example")
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "access-control-allow-origin" not in browser.get("/", Origin="https://b.example").headers
