"""What one node acknowledged, every other node answers with, at once."""

import itertools
import random
from collections.abc import Callable

from harness.demo import Demo
from harness.raw import RawS3, object_path
from harness.workload import Workload


def test_any_node_answers_with_what_another_acknowledged(new_demo: Callable[..., Demo], seed: int) -> None:
    demo = new_demo()
    clients = [RawS3.of(demo.site(), node) for node in range(demo.nodes)]
    clients[0].request("PUT", object_path("elsewhere"))
    chance = random.Random(seed)
    for round_number, (writer, reader) in enumerate(itertools.product(range(demo.nodes), repeat=2)):
        for size in (100, 20_000, 1_500_000):
            key, body = f"k{size}", chance.randbytes(size + round_number)
            assert clients[writer].put("elsewhere", key, body).status == 200
            assert clients[reader].get("elsewhere", key).body == body
            listed = clients[reader].request("GET", object_path("elsewhere"), [("prefix", key)])
            assert f"<Size>{len(body)}</Size>".encode() in listed.body
            assert clients[writer].delete("elsewhere", key).status == 204
            assert clients[reader].get("elsewhere", key).code == "NoSuchKey"
        name = f"made-{writer}-{reader}"
        assert clients[writer].request("PUT", object_path(name)).status == 200
        assert clients[reader].request("HEAD", object_path(name)).status == 200


def test_a_load_without_faults_sees_no_error_and_no_wrong_answer(
    new_demo: Callable[..., Demo], workload: Callable[..., Workload]
) -> None:
    demo = new_demo()
    with workload(demo) as load:
        load.writes_progress(300, deadline_s=120)
        load.stop()
        assert load.failures == [], load.report()
        load.verify()


def test_smaller_sites_work_too(new_demo: Callable[..., Demo], workload: Callable[..., Workload]) -> None:
    for nodes, drives in ((1, 1), (1, 3), (2, 1)):
        demo = new_demo(nodes, drives)
        with workload(demo, largest=2_000_000) as load:
            load.writes_progress(40)
            load.stop()
            assert load.failures == [], load.report()
            load.verify()
        demo.stop()
