"""The AWS SDK for JavaScript, by `js/client.mjs`. `MUCURA_JS_MODULES` is the `node_modules`
that `tests/run` installs."""

import os
import shutil
from pathlib import Path

import pytest

from harness.programs import run
from harness.site import Site

SCRIPT = Path(__file__).with_name("js") / "client.mjs"


def exercise(site: Site, bucket: str, folder: Path) -> None:
    """Objects, streams, conditions, copies, listings and links."""
    _node("everyday", site, bucket, folder)


def test_everyday_calls(site: Site, bucket: str, folder: Path) -> None:
    exercise(site, bucket, folder)


def test_a_link_takes_an_object(site: Site, bucket: str, folder: Path) -> None:
    _node("linkThatTakes", site, bucket, folder)


def _node(task: str, site: Site, bucket: str, folder: Path) -> None:
    modules = os.environ.get("MUCURA_JS_MODULES")
    if not modules:
        pytest.skip("needs MUCURA_JS_MODULES")
    # node looks for modules beside the script.
    script = str(shutil.copy(SCRIPT, folder))
    (folder / "node_modules").symlink_to(modules)
    run("node", script, task, site.endpoints[0], bucket, environment=site.environment())
