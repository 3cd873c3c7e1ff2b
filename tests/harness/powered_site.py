"""A demo whose nodes each live on a volume of their own, with a switch."""

import random
import uuid
from collections.abc import Iterable
from pathlib import Path

from . import layout, processes
from .demo import Demo
from .volumes import Volume

VOLUME_MIB = 3072


class PoweredSite:
    """Use as a context manager: it ends the nodes and takes the volumes away."""

    def __init__(self, root: Path, nodes: int = 3, drives: int = 2, snapshot_log_mib: int = 256):
        environment = {
            "MUCURA_BOOT_ID": str(uuid.uuid4()),
            "MUCURA_METADATA_SNAPSHOT_LOG_MIB": str(snapshot_log_mib),
        }
        self.demo = Demo(root / "site", nodes, drives, environment)
        self._images = root / "images"
        self.volumes: list[Volume] = []

    def __enter__(self) -> "PoweredSite":
        try:
            # The first start lays the folders out; then they move onto the volumes.
            self.demo.start()
            self.demo.stop()
            self._images.mkdir()
            for node in range(self.demo.nodes):
                image = self._images / f"node-{node}.img"
                self.volumes.append(Volume.create(image, layout.node_dir(self.demo.root, node), VOLUME_MIB))
            self.demo.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.demo.kill_all()
        for volume in self.volumes:
            if volume.mounted:
                volume.unmount()
            volume.image.unlink(missing_ok=True)

    def cut(self, nodes: Iterable[int]) -> None:
        """Cuts the power of these nodes: first the disks, at once, then the processes."""
        nodes = list(nodes)
        pids = {node: self.demo.pid(node) for node in nodes}
        for node in random.sample(nodes, len(nodes)):
            self.volumes[node].cut_power()
        for pid in pids.values():
            if pid is not None:
                processes.kill(pid)
        if len(nodes) == self.demo.nodes:
            self.demo.kill_all()
        for node in nodes:
            self.demo.kill(node)
            self.volumes[node].unmount()

    def restore(self, nodes: Iterable[int], ready_s: float = 90) -> None:
        """Mounts again, and starts the nodes as after another boot of the machine."""
        nodes = list(nodes)
        for node in nodes:
            self.volumes[node].mount()
        self.demo.environment["MUCURA_BOOT_ID"] = str(uuid.uuid4())
        if len(nodes) == self.demo.nodes:
            self.demo.start()
        else:
            for node in nodes:
                self.demo.start_node(node, ready_s)
