"""Bytes rot: reads stay right, the damage is reported and mended; a rotten log
makes the node refuse to start and say what to do."""

import random
import shutil
from collections.abc import Callable

import pytest

from harness import faults, layout
from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.waiting import wait_for
from harness.workload import Workload

MIB = 1024 * 1024


def _fill(demo: Demo, count: int = 12) -> dict[str, bytes]:
    client = RawS3.of(demo.site())
    client.request("PUT", object_path("rot"))
    bodies = {f"k{n}": random.Random(n).randbytes(MIB // 2 + n * 300_000) for n in range(count)}
    for key, body in bodies.items():
        assert client.put("rot", key, body).status == 200
    return bodies


def _read_all(demo: Demo, bodies: dict[str, bytes], nodes: list[int]) -> None:
    for node in nodes:
        client = RawS3.of(demo.site(), node)
        for key, body in bodies.items():
            answer = client.get("rot", key)
            assert answer.status == 200, (node, key, answer.status, answer.code)
            assert answer.body == body, (node, key)


def test_a_rotten_shard_is_never_served_and_is_rebuilt(new_demo: Callable[..., Demo], seed: int) -> None:
    demo = new_demo()
    bodies = _fill(demo)
    drive = layout.drives(demo.path(1))[0]
    rotten = layout.shards(drive)
    assert rotten
    before = {path: path.read_bytes() for path in rotten}
    for number, path in enumerate(rotten):
        faults.flip_bytes(path, 3, seed + number)
    _read_all(demo, bodies, [0, 1, 2])
    demo.ctl().run("scrub")

    def rebuilt() -> bool:
        return all(path.exists() and path.read_bytes() == data for path, data in before.items())

    wait_for(rebuilt, 120, "every rotten shard is rebuilt in its place", poll_s=0.5)
    demo.wait_until_whole()
    demo.kill(2)
    _read_all(demo, bodies, [0, 1])


def test_a_shard_that_vanished_is_rebuilt(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo()
    bodies = _fill(demo)
    gone = layout.shards(layout.drives(demo.path(0))[1])[::2]
    assert gone
    for path in gone:
        path.unlink()
    _read_all(demo, bodies, [0, 1, 2])
    demo.ctl().run("scrub")
    wait_for(lambda: all(path.exists() for path in gone), 120, "every shard is back", poll_s=0.5)
    demo.wait_until_whole()
    _read_all(demo, bodies, [0, 1, 2])


def test_a_truncated_shard_is_never_served(new_demo: Callable[..., Demo], seed: int) -> None:
    demo = new_demo()
    bodies = _fill(demo, 6)
    chance = random.Random(seed)
    for path in layout.shards(layout.drives(demo.path(2))[0]):
        with path.open("r+b") as file:
            file.truncate(chance.randrange(path.stat().st_size))
    _read_all(demo, bodies, [0, 1, 2])


def test_a_rotten_state_store_is_discarded_and_rebuilt(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload], seed: int
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(150)
        node = (demo.leader() + 1) % demo.nodes

        def has_rows() -> bool:
            files = layout.state_files(demo.path(node))
            return bool(files) and all(file.stat().st_size for file in files)

        # They go down to it many at a time.
        wait_for(has_rows, 60, "the state store has rows")
        load.stop()
        demo.kill(node)
        files = layout.state_files(demo.path(node))
        for file in files:
            faults.flip_bytes(file, 8, seed, end=min(1.0, faults.used_length(file) / file.stat().st_size))
        demo.start_node(node)
        load.verify([node])
        demo.wait_until_whole()
        demo.kill((node + 1) % demo.nodes)
        load.verify([node])


def test_a_state_store_that_vanished_is_rebuilt(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(100)
        load.stop()
        node = demo.leader()
        demo.kill(node)
        for file in layout.state_files(demo.path(node)):
            file.unlink()
        demo.start_node(node)
        load.verify([node])


def test_a_rotten_snapshot_is_not_used(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload], seed: int
) -> None:
    demo = new_demo(environment={"MUCURA_METADATA_SNAPSHOT_LOG_MIB": "1"})
    # Small objects lie in the log itself, and so fill it.
    with workload(demo, largest=8 * 1024) as load:
        node = (demo.leader() + 1) % demo.nodes
        wait_for(lambda: len(layout.snapshots(demo.path(node))) >= 2, 120, "two snapshots are taken")
        load.stop()
        demo.kill(node)
        files = layout.snapshots(demo.path(node))
        assert files
        faults.flip_bytes(files[-1], 4, seed)
        for file in layout.state_files(demo.path(node)):
            file.unlink()
        demo.start_node(node)
        load.verify([node])


def test_a_log_that_rots_in_its_middle_stops_the_node(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload], seed: int
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(200)
        load.stop()
        node = (demo.leader() + 1) % demo.nodes
        demo.kill(node)
        segment = max(layout.log_segments(demo.path(node)), key=faults.used_length)
        part = faults.used_length(segment) / segment.stat().st_size
        faults.flip_bytes(segment, 40, seed, part * 0.3, part * 0.7)
        starter = demo.launch_node(node)
        wait_for(lambda: starter.poll() not in (None, 0) or _says_why(demo), 60, "the node refuses to start")
        wait_for(lambda: _says_why(demo), 10, "it says what to do")
        assert not _is_ready(demo, node)
        load.verify(other for other in range(demo.nodes) if other != node)


@pytest.mark.parametrize("lost", ["meta", "meta/wal"])
def test_a_node_that_lost_its_log_does_not_vote_again(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload], lost: str
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(50)
        load.stop()
        node = (demo.leader() + 1) % demo.nodes
        demo.kill(node)
        shutil.rmtree(demo.path(node) / lost)
        demo.launch_node(node)
        wait_for(lambda: "must not vote" in demo.log_tail(200), 60, "the node refuses to start and says why")
        assert not _is_ready(demo, node)
        load.verify(other for other in range(demo.nodes) if other != node)


def _says_why(demo: Demo) -> bool:
    text = demo.log_tail(200).lower()
    return "write-ahead log" in text and "is damaged" in text and "join under a new id" in text


def _is_ready(demo: Demo, node: int) -> bool:
    try:
        return demo.ready(node)
    except OSError:
        return False
