"""The node that carries out lifecycle rules is killed in the middle: another goes on."""

from collections.abc import Callable
from typing import Any

from harness.clients import boto3_client
from harness.demo import Demo
from harness.waiting import wait_for

BUCKET = "rules"
OBJECTS = 300
KEPT = 20
# Slow enough that a pass takes a while.
PACE = {"MUCURA_LIFECYCLE_DAY_S": "1", "MUCURA_LIFECYCLE_CHANGES_PER_S": "25"}


def _keys(s3: Any) -> set[str]:
    return {item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", [])}


def test_a_pass_is_finished_by_another_node_when_the_leader_is_killed(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo(environment=PACE)
    s3 = boto3_client(demo.site(), demo.leader())
    s3.create_bucket(Bucket=BUCKET)
    kept = {f"{number:03}-kept" for number in range(0, OBJECTS, OBJECTS // KEPT)}
    for number in range(OBJECTS):
        s3.put_object(Bucket=BUCKET, Key=f"{number:03}-goes", Tagging="goes=1")
    for key in kept:
        s3.put_object(Bucket=BUCKET, Key=key, Tagging="goes=2")
    tag = {"Tag": {"Key": "goes", "Value": "1"}}
    rule = {"ID": "r", "Status": "Enabled", "Filter": tag, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
    wait_for(lambda: len(_keys(s3)) < OBJECTS, 60, "some objects are gone")
    leader = demo.leader()
    demo.kill(leader)
    s3 = boto3_client(demo.site(), (leader + 1) % demo.nodes)
    assert len(wait_for(lambda: _keys(s3), 30, "the others answer")) > 2 * KEPT, "the pass was over before"
    wait_for(lambda: _keys(s3) == kept, 120, "all others are gone")
    demo.start_node(leader)
    assert _keys(boto3_client(demo.site(), leader)) == kept
