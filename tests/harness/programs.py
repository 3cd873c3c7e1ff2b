"""Command-line clients, run as a user runs them."""

import os
import subprocess
import sys
from pathlib import Path

from .site import Site


def run(*command: str, environment: dict[str, str], timeout_s: float = 900) -> str:
    """Output of a program that must succeed."""
    return pipe(*command, given=b"", environment=environment, timeout_s=timeout_s).decode()


def pipe(*command: str, given: bytes, environment: dict[str, str], timeout_s: float = 900) -> bytes:
    """What comes out of a program that must succeed when `given` goes in."""
    return finished(*command, given=given, environment=environment, timeout_s=timeout_s).stdout


def finished(
    *command: str,
    given: bytes = b"",
    environment: dict[str, str],
    within: Path | None = None,
    timeout_s: float = 900,
) -> "subprocess.CompletedProcess[bytes]":
    """A program that has succeeded, with all it said; it runs in the folder `within`."""
    done = subprocess.run(
        command,
        cwd=within,
        env=environment_for(environment),
        input=given,
        capture_output=True,
        timeout=timeout_s,
        check=False,
    )
    said = f"{done.stdout[-3000:].decode(errors='replace')}\n{done.stderr[-3000:].decode(errors='replace')}"
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{said}"
    return done


def environment_for(settings: dict[str, str]) -> dict[str, str]:
    """Ours with `settings`, and without what steers clients."""
    # A bundle of CAs that is set for other purposes stops rclone.
    steers = ("AWS_", "RCLONE_", "RESTIC_", "S3_")
    return {name: value for name, value in os.environ.items() if not name.startswith(steers)} | settings


def beside_python(name: str) -> str:
    """A program of the environment that runs the tests."""
    return str(Path(sys.executable).with_name(name))


def aws(site: Site, node: int, *arguments: str, timeout_s: float = 900) -> str:
    """aws-cli from the environment that runs the tests."""
    return aws_pipe(site, node, *arguments, given=b"", timeout_s=timeout_s).decode()


def aws_pipe(site: Site, node: int, *arguments: str, given: bytes, timeout_s: float = 900) -> bytes:
    """aws-cli with something to read."""
    environment = {**site.environment(), "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
    # Sent once: a retry would hide an answer that went wrong or did not come.
    environment["AWS_MAX_ATTEMPTS"] = "1"
    waits = ("--cli-read-timeout", "20", "--cli-connect-timeout", "5")
    command = (beside_python("aws"), "--endpoint-url", site.endpoints[node], *waits, *arguments)
    return pipe(*command, given=given, environment=environment, timeout_s=timeout_s)


def rclone(site: Site, *arguments: str, timeout_s: float = 900) -> str:
    """rclone with one remote a node, `node0:`, `node1:` and so on."""
    return run("rclone", *arguments, environment=rclone_environment(site), timeout_s=timeout_s)


def rclone_environment(site: Site) -> dict[str, str]:
    """The remotes, each with nothing but its address and keys."""
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
    return environment
