"""The AWS SDK for Rust, by the program in `rust/`. Only with `MUCURA_RUST_SDK=1`: it takes
minutes to build."""

import os
from pathlib import Path

import pytest
import requests

from harness.demo import REPOSITORY
from harness.programs import run
from harness.site import Site

MANIFEST = Path(__file__).with_name("rust") / "Cargo.toml"
# Not among our own crates, whose dependencies it would build again.
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")) / "rust-sdk-client"


@pytest.mark.skipif(os.environ.get("MUCURA_RUST_SDK") != "1", reason="runs with MUCURA_RUST_SDK=1")
def test_everyday_calls(site: Site, bucket: str, folder: Path) -> None:
    environment = {"CARGO_TARGET_DIR": str(TARGET)}
    run("cargo", "build", "--manifest-path", str(MANIFEST), environment=environment, timeout_s=1800)
    program = TARGET / "debug" / "mucura-rust-sdk-client"
    link = run(str(program), site.endpoints[0], bucket, str(folder), environment=site.environment()).strip()
    assert requests.get(link, timeout=10).content == b"by link"
