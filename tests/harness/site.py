"""What a client needs to know of a site under test."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Keys:
    """A key pair of one user."""

    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Site:
    """The endpoints of one site, one a node, and its root user's keys."""

    endpoints: tuple[str, ...]
    keys: Keys
    region: str
    ca_certificate: str | None = None
    """The file with the authority of endpoints that speak HTTPS."""

    def environment(self) -> dict[str, str]:
        """For programs that take their keys from the environment."""
        variables = {
            "AWS_ACCESS_KEY_ID": self.keys.access_key,
            "AWS_SECRET_ACCESS_KEY": self.keys.secret_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        if self.ca_certificate:
            variables["AWS_CA_BUNDLE"] = self.ca_certificate
        return variables


def host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if parts.hostname is None or parts.port is None:
        raise ValueError(f"{url} names no host and port")
    return parts.hostname, parts.port
