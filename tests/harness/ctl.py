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
        done = self._done(*arguments, timeout_s=timeout_s)
        if done.returncode != 0:
            raise CtlFailed(f"mucuractl {' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def _done(self, *arguments: str, timeout_s: float) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(self._program), *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

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

    def explain(self, user: str, action: str, resource: str, *more: str) -> dict[str, Any]:
        """What the site would decide; the exit status says the same."""
        asked = ["policy", "explain", "--user", user, "--action", action, "--resource", resource, *more]
        done = self._done(*asked, "--json", timeout_s=60)
        if done.returncode not in (0, 3):
            raise CtlFailed(f"mucuractl {' '.join(asked)}: {done.returncode}\n{done.stdout}{done.stderr}")
        answer = dict(json.loads(done.stdout))
        assert answer["allowed"] == (done.returncode == 0), (done.returncode, answer)
        return answer
