"""`mucura demo` as real processes: start, kill, restart and end them."""

import json
import os
import random
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import layout, processes
from .ctl import Ctl
from .site import Keys, Site, host_and_port
from .waiting import wait_for
from .wire import get

REPOSITORY = Path(__file__).resolve().parents[2]
# The demo itself gives its nodes two minutes.
READY_S = 150.0
STOP_S = 60.0
PORTS_A_NODE = 3


def binary(name: str) -> Path:
    """A program of ours, as `tests/run` builds it."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    return Path(os.environ.get("MUCURA_BIN_DIR", target / "release")) / name


def free_ports(count: int) -> int:
    """The first of `count` ports in a row on which nobody listens."""
    for _ in range(200):
        first = random.randrange(20_000, 30_000)
        if all(_is_free(port) for port in range(first, first + count)):
            return first
    raise RuntimeError("no free ports")


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


class Demo:
    """One site on this machine, in its own folder and on its own ports."""

    def __init__(
        self,
        root: Path,
        nodes: int = 3,
        drives: int = 2,
        environment: dict[str, str] | None = None,
        options: Sequence[str] = (),
    ):
        self.root = root
        self.nodes = nodes
        # What steers the tests must not steer the nodes.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MUCURA_")}
        self.environment = {**inherited, **(environment or {})}
        port = free_ports(PORTS_A_NODE * nodes)
        self._arguments = ["--nodes", str(nodes), "--drives", str(drives), "--s3-port", str(port), *options]
        self._process: subprocess.Popen[bytes] | None = None
        self._starters: list[subprocess.Popen[bytes]] = []
        self._described: dict[str, Any] = {}
        self.root.mkdir(parents=True, exist_ok=True)

    # Life of the whole site.

    def start(self) -> "Demo":
        """Starts every node and waits until the demo says that it is ready."""
        command = [str(binary("mucura")), "demo", "--json", "--dir", str(self.root), *self._arguments]
        with self._log("demo") as log:
            self._process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )
        self._described = json.loads(self._first_line(READY_S))
        return self

    def _first_line(self, deadline_s: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        end = time.monotonic() + deadline_s
        line = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n"):
                if not selector.select(max(0.0, end - time.monotonic())):
                    raise AssertionError(f"the demo is not ready within {deadline_s} s\n{self.log_tail()}")
                byte = os.read(self._process.stdout.fileno(), 1)
                if not byte:
                    raise AssertionError(f"the demo ended with {self._process.wait()}\n{self.log_tail()}")
                line += byte
        return line

    def stop(self) -> None:
        """Ends the demo in an orderly way, and makes sure that its nodes ended with it."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_S)
            wait_for(lambda: not self.running(), 20, "all nodes end with the demo")
        finally:
            self.kill_all()

    def kill_all(self) -> None:
        """SIGKILL for the demo and every node, at once."""
        pids = [pid for pid in (self.pid(node) for node in range(self.nodes)) if pid is not None]
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait(30)
            self._process = None
        for pid in pids:
            processes.kill(pid)
        for starter in self._starters:
            if starter.poll() is None:
                starter.kill()
            starter.wait(30)
        self._starters.clear()
        wait_for(lambda: not any(processes.alive(pid) for pid in pids), 20, "killed nodes are gone")

    # One node, counted from 0.

    def kill(self, node: int) -> None:
        """SIGKILL, and waits until the process is gone."""
        pid = self.pid(node)
        if pid is not None:
            processes.kill(pid)
            wait_for(lambda: not processes.alive(pid), 20, f"node {node} is gone")

    def terminate(self, node: int) -> None:
        """An orderly shutdown of one node."""
        pid = self.pid(node)
        assert pid is not None, f"node {node} does not run"
        os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not processes.alive(pid), STOP_S, f"node {node} has shut down")

    def start_node(self, node: int, ready_s: float = READY_S) -> None:
        """Starts a node that was killed, and waits until it is ready."""
        self.launch_node(node)
        wait_for(lambda: self.ready(node), ready_s, f"node {node} is ready again")

    def launch_node(self, node: int) -> "subprocess.Popen[bytes]":
        """Starts a node without waiting for it. Whether the starter stays or
        returns once the node runs is its own affair."""
        number = str(node + layout.FIRST_NODE)
        command = [str(binary("mucura")), "demo-node", number, "start", "--dir", str(self.root)]
        with self._log(f"demo-node-{number}") as log:
            starter = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment,
                start_new_session=True,
            )
        self._starters.append(starter)
        return starter

    def pid(self, node: int) -> int | None:
        """The process of a node, whoever started it; none if it is down."""
        if not self._described:
            return None
        return processes.listener(host_and_port(self.endpoints[node])[1])

    def running(self) -> list[int]:
        return [node for node in range(self.nodes) if self.pid(node) is not None]

    def ready(self, node: int) -> bool:
        """Whether the node takes part: it answers for itself."""
        return get(f"{self.admin[node]}/health/ready", timeout_s=2).status == 200

    def path(self, node: int) -> Path:
        return layout.node_dir(self.root, node)

    # What it said of itself.

    @property
    def endpoints(self) -> list[str]:
        return list(self._described["endpoints"])

    @property
    def admin(self) -> list[str]:
        return list(self._described["admin"])

    @property
    def keys(self) -> Keys:
        return Keys(self._described["access_key"], self._described["secret_key"])

    @property
    def described(self) -> dict[str, Any]:
        return dict(self._described)

    def site(self) -> Site:
        return Site(tuple(self.endpoints), self.keys, self._described["region"], self._described.get("ca_certificate"))

    def ctl(self, node: int | None = None) -> Ctl:
        """`mucuractl`, asking `node`, or the first one that runs."""
        asked = node if node is not None else (self.running() or [0])[0]
        return Ctl(binary("mucuractl"), self.admin[asked], self.keys)

    def status(self) -> dict[str, Any]:
        return self.ctl().status()

    def leader(self) -> int:
        """The node that leads, counted from 0."""

        def known() -> int:
            status = self.status()
            return [node["id"] for node in status["nodes"]].index(status["leader"]) + 1

        return wait_for(known, 20, "a leader is known") - 1

    def wait_until_whole(self, deadline_s: float = 120) -> None:
        """Until no stripe is at risk any more."""
        wait_for(lambda: self.status()["stripes_at_risk"] == 0, deadline_s, "no stripe is at risk", poll_s=0.5)

    # Logs.

    def _log(self, name: str) -> Any:
        folder = self.root / "harness-logs"
        folder.mkdir(exist_ok=True)
        return (folder / f"{name}.log").open("ab")

    def log_tail(self, lines: int = 30) -> str:
        """The end of every log, for the report of a failed test."""
        tails = []
        for path in sorted(self.root.glob("**/*.log"))[:12]:
            if path.is_file() and path.stat().st_size:
                text = path.read_bytes()[-20_000:].decode(errors="replace").splitlines()[-lines:]
                tails.append("\n".join([f"--- {path}", *text]))
        return "\n".join(tails)
