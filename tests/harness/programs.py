"""Command-line clients, run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

from .site import Site


def run(*command: str, environment: dict[str, str], timeout_s: float = 900) -> str:
    """Output of a program that must succeed."""
    # A bundle of CAs that is set for other purposes stops rclone.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RCLONE_"))}
    done = subprocess.run(
        command,
        env={**inherited, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


def aws(site: Site, node: int, *arguments: str, timeout_s: float = 900) -> str:
    """aws-cli from the environment that runs the tests."""
    program = str(Path(sys.executable).with_name("aws"))
    environment = {**site.environment(), "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    # Sent once: a retry would hide an answer that went wrong or did not come.
    environment["AWS_MAX_ATTEMPTS"] = "1"
    waits = ("--cli-read-timeout", "20", "--cli-connect-timeout", "5")
    command = (program, "--endpoint-url", site.endpoints[node], *waits, *arguments)
    return run(*command, environment=environment, timeout_s=timeout_s)


def rclone(site: Site, *arguments: str, timeout_s: float = 900) -> str:
    """rclone with one remote a node, `node0:`, `node1:` and so on."""
    environment = {"RCLONE_CONFIG": "/dev/null", "RCLONE_RETRIES": "1", "RCLONE_LOW_LEVEL_RETRIES": "1"}
    if site.ca_certificate:
        environment["RCLONE_CA_CERT"] = site.ca_certificate
    for node, endpoint in enumerate(site.endpoints):
        options = {
            "TYPE": "s3",
            "PROVIDER": "Other",
            "ENDPOINT": endpoint,
            "ACCESS_KEY_ID": site.keys.access_key,
            "SECRET_ACCESS_KEY": site.keys.secret_key,
            "REGION": site.region,
        }
        environment.update({f"RCLONE_CONFIG_NODE{node}_{name}": value for name, value in options.items()})
    return run("rclone", *arguments, environment=environment, timeout_s=timeout_s)
