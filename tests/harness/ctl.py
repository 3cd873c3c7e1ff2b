"""`mucuractl`, as an operator calls it."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from .site import Keys


class CtlFailed(AssertionError):
    """The command said that it failed."""


class Ctl:
    def __init__(self, program: Path, admin: str, keys: Keys):
        self._program = program
        self._environment = {
            **os.environ,
            "MUCURA_ADMIN": admin,
            "MUCURA_ACCESS_KEY": keys.access_key,
            "MUCURA_SECRET_KEY": keys.secret_key,
        }

    def run(self, *arguments: str, timeout_s: float = 60) -> str:
        done = subprocess.run(
            [str(self._program), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
        if done.returncode != 0:
            raise CtlFailed(f"mucuractl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def json(self, *arguments: str, timeout_s: float = 60) -> Any:
        return json.loads(self.run(*arguments, "--json", timeout_s=timeout_s))

    def status(self) -> dict[str, Any]:
        status = self.json("status", timeout_s=15)
        assert {"stripes_at_risk", "nodes", "leader"} <= status.keys(), status
        return dict(status)

    def create_user(self, name: str) -> dict[str, str]:
        user = self.json("user", "create", name, "--email", f"{name}@example.org")
        assert {"id", "name", "email", "access_key", "secret_key"} <= user.keys(), user
        return dict(user)
