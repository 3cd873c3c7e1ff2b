"""Folders and demos for all suites: each test its own, kept only when it fails."""

import os
import random
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from harness.demo import REPOSITORY, Demo
from harness.workload import Workload

FULL = os.environ.get("MUCURA_FULL") == "1"
KEPT_LOGS = Path(os.environ.get("MUCURA_TEST_LOGS", REPOSITORY / "target" / "test-logs"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not FULL:
        for item in items:
            if item.get_closest_marker("full"):
                item.add_marker(pytest.mark.skip(reason="runs with MUCURA_FULL=1"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.failed:
        item.stash[FAILED] = True
        item.session.stash[FAILED] = True
    return report


FAILED = pytest.StashKey[bool]()


def _work_folder(name: str) -> Path:
    base = os.environ.get("MUCURA_TEST_DIR")
    if base:
        Path(base).mkdir(parents=True, exist_ok=True)
    return Path(tempfile.mkdtemp(prefix=f"mucura-{name[:40]}-", dir=base))


def _put_away(folder: Path, name: str, failed: bool) -> None:
    """Keeps the logs of what failed, and nothing else."""
    if failed:
        for log in folder.glob("**/*.log"):
            kept = KEPT_LOGS / name / log.relative_to(folder)
            kept.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, kept)
        print(f"\nlogs are kept in {KEPT_LOGS / name}")
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty folder of this test's own."""
    # No brackets: some clients take them for a pattern.
    name = re.sub(r"[^\w-]+", "-", request.node.name)
    made = _work_folder(name)
    yield made
    _put_away(made, name, request.node.stash.get(FAILED, False))


@pytest.fixture
def new_demo(folder: Path) -> Iterator[Callable[..., Demo]]:
    """Makes running demos of this test's own."""
    demos: list[Demo] = []

    def make(
        nodes: int = 3, drives: int = 2, environment: dict[str, str] | None = None, options: Sequence[str] = ()
    ) -> Demo:
        demo = Demo(folder / f"site-{len(demos)}", nodes, drives, environment, options)
        demos.append(demo)
        return demo.start()

    yield make
    for demo in demos:
        demo.kill_all()


@pytest.fixture(scope="session")
def shared_demo(request: pytest.FixtureRequest) -> Iterator[Demo]:
    """One demo for all tests that only use a healthy site."""
    root = _work_folder("shared")
    # One lies within the other, so that they must be told apart.
    domains = {"MUCURA_S3_DOMAINS": "localhost", "MUCURA_S3_WEBSITE_DOMAINS": "web.localhost"}
    demo = Demo(root, environment=domains)
    try:
        yield demo.start()
        demo.stop()
    finally:
        demo.kill_all()
        _put_away(root, "shared", request.session.stash.get(FAILED, False))


@pytest.fixture(scope="module")
def demo_of_module(request: pytest.FixtureRequest) -> Iterator[Demo]:
    """One demo for the tests of a file, which may harm it."""
    name = request.module.__name__.rsplit(".", 1)[-1]
    root = _work_folder(name)
    demo = Demo(root)
    try:
        yield demo.start()
    finally:
        demo.kill_all()
        _put_away(root, name, request.session.stash.get(FAILED, False))


@pytest.fixture
def seed() -> int:
    """`MUCURA_SEED` replays a run; it is printed with every failure."""
    value = int(os.environ.get("MUCURA_SEED", random.randrange(2**32)))
    print(f"MUCURA_SEED={value}")
    return value


@pytest.fixture
def workload(seed: int) -> Callable[..., Workload]:
    """Makes verifying loads on a demo."""

    def make(demo: Demo, bucket: str = "load", **options: int) -> Workload:
        return Workload(demo.site(), bucket, seed, **options)

    return make
