"""A drive's folder goes, is replaced, and becomes whole again."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness import layout
from harness.demo import Demo
from harness.waiting import wait_for
from harness.workload import Workload


def drive_id(demo: Demo, drive: Path) -> str:
    """What `mucuractl` calls the drive at this place."""
    found = _row(demo, drive)
    assert found, f"{drive} is not listed"
    return str(found["id"])


def test_a_lost_drive_is_replaced_under_load(new_demo: Callable[..., Demo], workload: Callable[..., Workload]) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(150)
        node = (demo.leader() + 1) % demo.nodes
        lost = layout.drives(demo.path(node))[0]
        name = drive_id(demo, lost)
        at = time.monotonic()
        shutil.rmtree(lost)
        load.assert_errors_stop(at, 10)
        wait_for(lambda: demo.status()["stripes_at_risk"] > 0, 60, "the loss is noticed")
        lost.mkdir()
        demo.ctl().run("drive", "replace", name)
        demo.wait_until_whole()
        load.writes_progress(50)
        demo.wait_until_whole()
        assert layout.shards(lost), "the new drive holds shards"
        load.stop()
        load.verify()
        for stopped in range(demo.nodes):
            if stopped != node:
                demo.kill(stopped)
                load.verify([node])
                demo.start_node(stopped)


def test_an_empty_folder_is_not_taken_for_the_drive(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo()
    drive = layout.drives(demo.path(1))[0]
    demo.kill(1)
    shutil.rmtree(drive)
    drive.mkdir()
    demo.start_node(1)
    wait_for(lambda: not _healthy(demo, drive), 30, "the drive is shown as out of service")
    assert list(drive.iterdir()) == [], "nothing is written to a folder that nobody formatted"


def _healthy(demo: Demo, drive: Path) -> bool:
    found = _row(demo, drive)
    return found is not None and found["state"] == "online"


def _row(demo: Demo, drive: Path) -> dict[str, Any] | None:
    rows = demo.ctl().json("drive", "list")["drives"]
    return next((row for row in rows if Path(row["path"]) == drive), None)
