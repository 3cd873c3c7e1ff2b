"""A healthy site for real clients. `MUCURA_TEST_ENDPOINTS` (comma-separated, with
`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_DEFAULT_REGION`) points the
suite at a site that runs elsewhere; tests that need more than S3 are skipped then."""

import itertools
import os
from collections.abc import Iterator
from typing import Any

import pytest

from harness.clients import boto3_client
from harness.demo import Demo
from harness.raw import RawS3
from harness.site import Keys, Site
from harness.waiting import wait_for

_ELSEWHERE = os.environ.get("MUCURA_TEST_ENDPOINTS")
_DEAD = 2
_numbers = itertools.count()


@pytest.fixture(scope="session")
def site(request: pytest.FixtureRequest) -> Site:
    if _ELSEWHERE:
        keys = Keys(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
        return Site(tuple(_ELSEWHERE.split(",")), keys, os.environ["AWS_DEFAULT_REGION"])
    demo: Demo = request.getfixturevalue("shared_demo")
    return demo.site()


@pytest.fixture(scope="session")
def demo(request: pytest.FixtureRequest) -> Demo:
    if _ELSEWHERE:
        pytest.skip("needs a demo")
    shared: Demo = request.getfixturevalue("shared_demo")
    return shared


@pytest.fixture(scope="module")
def crippled(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The first node of a site whose third one is dead, once it takes writes again."""
    if _ELSEWHERE:
        pytest.skip("needs a demo")
    demo: Demo = request.getfixturevalue("demo_of_module")
    whole = demo.site()
    demo.kill(_DEAD)
    site = Site(whole.endpoints[:1], whole.keys, whole.region)
    wait_for(lambda: boto3_client(site).create_bucket(Bucket="first"), 60, "the site takes writes again")
    yield site
    assert _DEAD not in demo.running(), "the dead node came back"


@pytest.fixture(scope="session")
def s3(site: Site) -> Any:
    return boto3_client(site)


@pytest.fixture(scope="session")
def raw(site: Site) -> RawS3:
    return RawS3.of(site)


@pytest.fixture
def bucket(s3: Any) -> str:
    """A new, empty bucket."""
    name = f"bucket-{os.getpid()}-{next(_numbers)}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def empty_afterwards(s3: Any, bucket: str):
    """Holds that the refused requests of a test stored nothing: no object and no upload."""
    yield bucket
    assert s3.list_objects_v2(Bucket=bucket).get("Contents", []) == []
    assert s3.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
