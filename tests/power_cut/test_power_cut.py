"""The power goes under load, at random moments: nothing acknowledged is missing or
wrong afterwards. `MUCURA_CUTS` says how often each of the four tests
cuts."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.powered_site import PoweredSite
from harness.waiting import wait_for
from harness.workload import Workload

CUTS = int(os.environ.get("MUCURA_CUTS", "1"))


@pytest.fixture(params=[1, 256], ids=["many snapshots", "no snapshot"])
def powered(folder: Path, request: pytest.FixtureRequest) -> Iterator[PoweredSite]:
    """Power must not be missed soon after a snapshot, nor long after the last."""
    with PoweredSite(folder, snapshot_log_mib=request.param) as site:
        yield site


def _at_a_random_moment(load: Workload, chance: random.Random) -> None:
    """So many writes from now, so that it also holds on a slow machine."""
    load.writes_progress(chance.randint(20, 250), deadline_s=120)
    moment = chance.random() * 0.3
    began = load.acknowledged
    try:
        wait_for(lambda: load.acknowledged > began + 5, moment, "a moment passes", poll_s=0.005)
    except AssertionError:
        pass  # the moment is over


def test_nothing_acknowledged_is_lost_when_all_lose_power(
    powered: PoweredSite, workload: Callable[..., Workload], seed: int
) -> None:
    chance = random.Random(seed)
    demo = powered.demo
    everyone = range(demo.nodes)
    with workload(demo, largest=2_000_000) as load:
        for cut in range(CUTS):
            _at_a_random_moment(load, chance)
            powered.cut(everyone)
            acknowledged = load.acknowledged
            with load.paused():
                powered.restore(everyone)
                # Before new writes can cover up what is missing.
                load.verify()
            print(f"cut {cut + 1} of all nodes after {acknowledged} acknowledged writes: nothing lost")
        load.stop()
        demo.wait_until_whole()
        load.verify()


def test_nothing_acknowledged_is_lost_when_one_loses_power(
    powered: PoweredSite, workload: Callable[..., Workload], seed: int
) -> None:
    chance = random.Random(seed)
    demo = powered.demo
    with workload(demo, largest=2_000_000) as load:
        for cut in range(CUTS):
            _at_a_random_moment(load, chance)
            node = demo.leader() if cut == 0 else chance.randrange(demo.nodes)
            load.avoid(node)
            powered.cut([node])
            load.writes_progress(20)
            powered.restore([node])
            load.avoid()
            demo.wait_until_whole()
            with load.paused():
                load.verify()
            print(f"cut {cut + 1}, of node {node}: nothing lost")
        load.stop()
        load.verify()
        for stopped in range(demo.nodes):
            demo.kill(stopped)
            load.verify(node for node in range(demo.nodes) if node != stopped)
            demo.start_node(stopped)
