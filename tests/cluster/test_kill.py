"""A node is killed with -9 under load: errors stop, nothing acknowledged is lost
or wrong, and the node comes back whole."""

import time
from collections.abc import Callable

import pytest

from harness.demo import Demo
from harness.workload import Workload

ERRORS_STOP_S = 10


def _survives_kill_of(demo: Demo, load: Workload, node: int) -> None:
    load.avoid(node)
    at = time.monotonic()
    demo.kill(node)
    lasted = load.assert_errors_stop(at, ERRORS_STOP_S)
    print(f"node {node} killed: errors for {lasted:.1f} s")
    load.writes_progress(60)
    demo.start_node(node)
    load.avoid()
    load.writes_progress(30)


def test_no_acknowledged_write_is_lost_when_any_node_is_killed(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        leader = demo.leader()
        followers = [node for node in range(demo.nodes) if node != leader]
        for node in (leader, *followers):
            _survives_kill_of(demo, load, node)
            demo.wait_until_whole()
        load.stop()
        load.verify()
        for stopped in range(demo.nodes):
            demo.kill(stopped)
            load.verify(node for node in range(demo.nodes) if node != stopped)
            demo.start_node(stopped)


def test_no_acknowledged_write_is_lost_when_all_are_killed_at_once(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(100)
        demo.kill_all()
        demo.start()
        load.writes_progress(50)
        demo.wait_until_whole()
        load.stop()
        load.verify()


def test_a_follower_that_missed_much_catches_up(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        behind = (demo.leader() + 1) % demo.nodes
        load.avoid(behind)
        demo.kill(behind)
        load.writes_progress(400, deadline_s=120)
        load.stop()
        demo.start_node(behind)
        demo.wait_until_whole()
        load.verify([behind])
        other = (behind + 1) % demo.nodes
        demo.kill(other)
        load.verify([behind])


def test_an_orderly_stop_of_the_leader_is_hardly_noticed(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        leader = demo.leader()
        load.avoid(leader)
        at = time.monotonic()
        demo.terminate(leader)
        lasted = load.assert_errors_stop(at, 3)
        print(f"leader stopped: errors for {lasted:.1f} s")
        demo.start_node(leader)
        demo.wait_until_whole()
        load.stop()
        load.verify()


def test_without_a_majority_nothing_is_answered_wrongly(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(50)
        leader = demo.leader()
        others = [node for node in range(demo.nodes) if node != leader]
        load.avoid(*others)
        for node in others:
            demo.kill(node)
        at = time.monotonic()
        acknowledged_at_most = load.acknowledged + 10  # those under way
        with pytest.raises(AssertionError):
            load.writes_progress(11, deadline_s=8)
        assert load.acknowledged <= acknowledged_at_most
        assert any(failure.at > at for failure in load.failures), "says nothing instead of 503"
        for node in others:
            demo.start_node(node)
        load.avoid()
        load.writes_progress(50)
        load.stop()
        demo.wait_until_whole()
        load.verify()


def test_a_demo_ends_with_all_its_nodes_and_keeps_its_data(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    keys = demo.keys
    with workload(demo) as load:
        load.writes_progress(50)
        load.stop()
        demo.stop()
        assert demo.running() == []
        demo.start()
        assert demo.keys == keys
        load.verify()
