"""Buckets tell others what happens in them: queues that mucuractl reads, and webhooks."""

import dataclasses
import itertools
import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from harness.clients import boto3_client
from harness.ctl import CtlFailed
from harness.demo import Demo, binary
from harness.errors import refused
from harness.site import Keys, Site
from harness.waiting import wait_for
from harness.webhook import Receiver

_numbers = itertools.count()
MIB = 1 << 20


def _rule(arn: str, events: list[str], prefix: str | None = None, suffix: str | None = None) -> dict[str, Any]:
    values = [("prefix", prefix), ("suffix", suffix)]
    filters = [{"Name": name, "Value": value} for name, value in values if value is not None]
    rule: dict[str, Any] = {"Events": events, ("QueueArn" if ":sqs:" in arn else "TopicArn"): arn}
    if filters:
        rule["Filter"] = {"Key": {"FilterRules": filters}}
    return rule


def _tell(s3: Any, bucket: str, *rules: dict[str, Any]) -> None:
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "QueueConfigurations": [rule for rule in rules if "QueueArn" in rule],
            "TopicConfigurations": [rule for rule in rules if "TopicArn" in rule],
        },
    )


ALL = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*", "s3:ObjectTagging:*", "s3:ObjectAcl:Put"]


@pytest.fixture
def queue(demo: Demo) -> str:
    """The name of a queue of this test's own."""
    return f"queue-{os.getpid()}-{next(_numbers)}"


def _queue_arn(name: str) -> str:
    return f"arn:mucura:sqs:eu::{name}"


@pytest.fixture
def new_webhook(demo: Demo) -> Iterator[Callable[..., tuple[Receiver, str]]]:
    """Makes receivers that the operator allows; gives each with its ARN."""
    made: list[tuple[Receiver, str]] = []

    def make(secret: str | None = None) -> tuple[Receiver, str]:
        receiver, name = Receiver(secret), f"hook-{os.getpid()}-{next(_numbers)}"
        options = []
        if secret:
            path = demo.root / f"{name}.secret"
            path.write_text(secret + "\n")
            options = ["--secret-file", str(path)]
        arn = demo.ctl().json("webhook", "add", name, receiver.url, *options)["arn"]
        made.append((receiver, name))
        return receiver, arn

    yield make
    for receiver, name in made:
        demo.ctl().run("webhook", "remove", name)
        receiver.stop()


def _read(demo: Demo, queue: str, *options: str) -> list[dict[str, Any]]:
    lines = demo.ctl().run("events", "--queue", queue, "--json", *options).splitlines()
    return [json.loads(line) for line in lines]


def _objects(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [record for record in records if record.get("Event") != "s3:TestEvent"]


def test_every_change_makes_a_record_as_s3_gives_it(s3: Any, site: Site, demo: Demo, bucket: str, queue: str) -> None:
    _tell(s3, bucket, {**_rule(_queue_arn(queue), ALL), "Id": "mine"})
    put = s3.put_object(Bucket=bucket, Key="a b/é", Body=b"hello")
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/é"})
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    parts = []
    for n, body in ((1, b"x" * 5 * MIB), (2, b"y")):
        part = s3.upload_part(Bucket=bucket, Key="parts", UploadId=upload, PartNumber=n, Body=body)
        parts.append({"PartNumber": n, "ETag": part["ETag"]})
    whole = s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    s3.put_object_tagging(Bucket=bucket, Key="copy", Tagging=tags)
    s3.delete_object_tagging(Bucket=bucket, Key="copy")
    s3.put_object_acl(Bucket=bucket, Key="copy", ACL="private")
    deleted = s3.delete_object(Bucket=bucket, Key="copy")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "parts"}, {"Key": "never-there"}]})
    form = s3.generate_presigned_post(bucket, "form")
    requests.post(form["url"], data=form["fields"], files={"file": ("a.txt", b"bytes")}, timeout=30)

    test, *records = _read(demo, queue)
    assert (test["Event"], test["Bucket"], test["Service"]) == ("s3:TestEvent", bucket, "Amazon S3")
    told = [(record["eventName"], record["s3"]["object"]["key"]) for record in records]
    assert told == [
        ("ObjectCreated:Put", "a+b/%C3%A9"),
        ("ObjectCreated:Copy", "copy"),
        ("ObjectCreated:CompleteMultipartUpload", "parts"),
        ("ObjectTagging:Put", "copy"),
        ("ObjectTagging:Delete", "copy"),
        ("ObjectAcl:Put", "copy"),
        ("ObjectRemoved:Delete", "copy"),
        ("ObjectRemoved:Delete", "parts"),
        ("ObjectCreated:Post", "form"),
    ]
    first = records[0]
    owner = s3.list_buckets()["Owner"]["ID"]
    assert first["eventVersion"] == "2.1" and first["eventSource"] == "aws:s3"
    assert first["awsRegion"] == site.region
    assert first["userIdentity"] == {"principalId": owner}
    assert first["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    headers = put["ResponseMetadata"]["HTTPHeaders"]
    assert first["responseElements"] == {
        "x-amz-request-id": headers["x-amz-request-id"],
        "x-amz-id-2": headers["x-amz-id-2"],
    }
    assert first["s3"]["configurationId"] == "mine"
    assert first["s3"]["bucket"] == {
        "name": bucket,
        "ownerIdentity": {"principalId": owner},
        "arn": f"arn:aws:s3:::{bucket}",
    }
    assert (first["s3"]["object"]["size"], first["s3"]["object"]["eTag"]) == (5, put["ETag"].strip('"'))
    assert records[2]["s3"]["object"]["size"] == 5 * MIB + 1
    assert records[2]["s3"]["object"]["eTag"] == whole["ETag"].strip('"')
    removed = records[6]
    assert set(removed["s3"]["object"]) == {"key", "sequencer"}
    request_id = deleted["ResponseMetadata"]["HTTPHeaders"]["x-amz-request-id"]
    assert removed["responseElements"]["x-amz-request-id"] == request_id
    sequencers = [record["s3"]["object"]["sequencer"] for record in records]
    assert sequencers == sorted(sequencers) and len(set(sequencers)) == len(sequencers)
    assert len({len(sequencer) for sequencer in sequencers}) == 1
    # What was printed is out of the queue.
    assert _read(demo, queue) == []


def test_versions_are_told_by_their_ids(s3: Any, demo: Demo, bucket: str, queue: str) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    _tell(s3, bucket, _rule(_queue_arn(queue), ALL))
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    marker = s3.delete_object(Bucket=bucket, Key="k")["VersionId"]
    s3.delete_object(Bucket=bucket, Key="k", VersionId=marker)
    s3.delete_object(Bucket=bucket, Key="k", VersionId=version)
    told = [(record["eventName"], record["s3"]["object"].get("versionId")) for record in _objects(_read(demo, queue))]
    assert told == [
        ("ObjectCreated:Put", version),
        ("ObjectRemoved:DeleteMarkerCreated", marker),
        ("ObjectRemoved:Delete", marker),
        ("ObjectRemoved:Delete", version),
    ]


def test_only_what_fits_a_rule_is_told(s3: Any, demo: Demo, bucket: str, queue: str) -> None:
    other = f"{queue}-other"
    _tell(
        s3,
        bucket,
        _rule(_queue_arn(queue), ["s3:ObjectCreated:Put"], prefix="img/", suffix=".jpg"),
        _rule(_queue_arn(other), ["s3:ObjectRemoved:*"]),
    )
    for key in ("img/a.jpg", "img/a.png", "a.jpg", "img/b.jpg"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    s3.copy_object(Bucket=bucket, Key="img/c.jpg", CopySource={"Bucket": bucket, "Key": "a.jpg"})
    s3.delete_object(Bucket=bucket, Key="img/a.jpg")
    keys = lambda name: [record["s3"]["object"]["key"] for record in _objects(_read(demo, name))]
    assert keys(queue) == ["img/a.jpg", "img/b.jpg"]
    assert keys(other) == ["img/a.jpg"]
    # A bucket that tells nobody any more tells nobody.
    _tell(s3, bucket)
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="img/d.jpg", Body=b"x")
    with pytest.raises(CtlFailed, match="there is no queue"):
        _read(demo, queue)


def test_a_configuration_reads_back_as_it_was_set(s3: Any, bucket: str, queue: str) -> None:
    rule = {**_rule(_queue_arn(queue), ["s3:ObjectCreated:*"], prefix="a", suffix="b"), "Id": "mine"}
    _tell(s3, bucket, rule, _rule(_queue_arn(queue), ["s3:ObjectRemoved:Delete"]))
    first, second = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    lower = lambda rules: [(rule["Name"].lower(), rule["Value"]) for rule in rules["Filter"]["Key"]["FilterRules"]]
    assert (first["Id"], first["QueueArn"], first["Events"]) == ("mine", _queue_arn(queue), ["s3:ObjectCreated:*"])
    assert lower(first) == [("prefix", "a"), ("suffix", "b")]
    assert second["Id"]


@pytest.mark.parametrize(
    "rule",
    [
        {"TopicConfigurations": [{"TopicArn": "arn:mucura:sns:eu::nobody-allowed-it", "Events": ALL}]},
        {"TopicConfigurations": [{"TopicArn": "arn:aws:sns:eu:1:http://127.0.0.1:1/", "Events": ALL}]},
        {"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:eu:1:a/b", "Events": ALL}]},
        {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": "arn:aws:lambda:eu:1:function:f", "Events": ALL}]},
    ],
)
def test_a_destination_that_is_not_there_is_refused(s3: Any, bucket: str, rule: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as caught:
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=rule)
    error = caught.value.response["Error"]
    assert error["Code"] == "InvalidArgument"
    assert error["Message"] == "Unable to validate the following destination configurations"
    answer = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert not {"TopicConfigurations", "QueueConfigurations", "LambdaFunctionConfigurations"} & set(answer)


def test_only_operators_allow_webhooks(s3: Any, site: Site, demo: Demo, new_webhook: Any) -> None:
    user = demo.ctl().create_user(f"notified-{os.getpid()}-{next(_numbers)}")
    own = boto3_client(dataclasses.replace(site, keys=Keys(user["access_key"], user["secret_key"])))
    name = f"own-{user['name']}"
    own.create_bucket(Bucket=name)
    with refused("InvalidArgument", 400):
        _tell(own, name, _rule("arn:mucura:sns:eu::hook-of-mine", ALL))
    # One that is allowed may be named by anybody who owns a bucket.
    receiver, arn = new_webhook()
    _tell(own, name, _rule(arn, ALL))
    own.put_object(Bucket=name, Key="k", Body=b"x")
    wait_for(lambda: len(receiver.records()) == 1, 30, "the event has come")
    assert receiver.records()[0]["userIdentity"] == {"principalId": user["id"]}
    with pytest.raises(CtlFailed, match="the URL must begin with"):
        demo.ctl().run("webhook", "add", "strange", "ftp://example.org/")
    with pytest.raises(CtlFailed, match="there is a webhook of that name"):
        demo.ctl().run("webhook", "add", arn.rsplit(":", 1)[1], receiver.url)
    with pytest.raises(CtlFailed, match="no such webhook"):
        demo.ctl().run("webhook", "remove", "never-was")


def test_a_webhook_is_told_in_order_and_signed(s3: Any, bucket: str, new_webhook: Any) -> None:
    receiver, arn = new_webhook(secret="s3cret")
    _tell(s3, bucket, _rule(arn, ALL))
    keys = [f"k{n:02}" for n in range(35)]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    wait_for(lambda: len(receiver.records()) >= len(keys), 30, "all events have come")
    assert [record["s3"]["object"]["key"] for record in receiver.records()] == keys
    test, *others = receiver.messages()
    assert test["Event"] == "s3:TestEvent"
    assert all(1 <= len(message["Records"]) <= 10 for message in others)


def test_nothing_is_lost_while_a_webhook_is_down_and_a_leader_falls(new_demo: Callable[..., Demo]) -> None:
    demo = new_demo()
    receiver = Receiver()
    demo.ctl().run("webhook", "add", "hook", receiver.url)
    first = demo.leader()
    gateway = next(node for node in range(demo.nodes) if node != first)
    s3 = boto3_client(demo.site(), gateway)
    s3.create_bucket(Bucket="told")
    _tell(s3, "told", _rule("arn:mucura:sns:eu::hook", ALL))
    wait_for(lambda: receiver.messages(), 30, "the test event has come")
    expected: list[tuple[str, str]] = []

    def write(count: int) -> None:
        """Writes and overwrites, and remembers what was acknowledged."""
        for n in range(count):
            key = f"k{n % 5}"
            etag = s3.put_object(Bucket="told", Key=key, Body=os.urandom(20))["ETag"].strip('"')
            expected.append((key, etag))

    write(10)
    receiver.refuse(2)
    write(20)
    receiver.stop()
    write(20)
    assert demo.ctl(gateway).json("events")["queues"][0]["waiting"] > 0
    demo.kill(first)
    wait_for(lambda: s3.put_object(Bucket="told", Key="probe", Body=b""), 30, "another leads")
    write(20)
    receiver.start()
    wait_for(lambda: demo.ctl(gateway).json("events")["queues"][0]["waiting"] == 0, 60, "all was told")
    demo.start_node(first)
    # A second one falls while messages are under way.
    receiver.pause(2)
    write(60)
    second = demo.leader()
    assert demo.ctl(second).json("events")["queues"][0]["waiting"] > 0
    demo.kill(second)
    receiver.pause(0)
    s3 = boto3_client(demo.site(), demo.running()[0])
    wait_for(lambda: s3.put_object(Bucket="told", Key="probe", Body=b""), 30, "another leads again")
    write(5)
    running = demo.running()[0]
    wait_for(lambda: demo.ctl(running).json("events")["queues"][0]["waiting"] == 0, 60, "all was told")
    status = demo.ctl(running).status()
    receiver.stop()

    assert status["events"] == {"waiting": 0, "lost": 0}
    assert receiver.refused == 2
    records = [record["s3"]["object"] for record in receiver.records() if record["s3"]["object"]["key"] != "probe"]
    assert {(record["key"], record["eTag"]) for record in records} == set(expected), "each at least once"
    for key in {key for key, _ in expected}:
        # One that comes again has the sequencer that it had.
        firsts: dict[str, str] = {}
        for record in records:
            if record["key"] == key:
                firsts.setdefault(record["sequencer"], record["eTag"])
        assert list(firsts) == sorted(firsts), "in order per key"
        assert list(firsts.values()) == [etag for written, etag in expected if written == key]


def test_a_queue_can_be_followed_looked_at_and_read_in_part(s3: Any, demo: Demo, bucket: str, queue: str) -> None:
    _tell(s3, bucket, _rule(_queue_arn(queue), ALL))
    for n in range(250):
        s3.put_object(Bucket=bucket, Key=f"k{n:03}", Body=b"")
    row = next(row for row in demo.ctl().json("events", "--list")["queues"] if row["name"] == queue)
    assert (row["kind"], row["waiting"], row["lost"]) == ("queue", 251, 0)
    assert row["oldest"]
    assert queue in demo.ctl().run("events")
    # Looking changes nothing, and goes beyond one page.
    looked = _read(demo, queue, "--no-ack")
    assert len(looked) == 251 and looked == _read(demo, queue, "--no-ack")
    assert _read(demo, queue, "--max", "3") == looked[:3]
    assert _read(demo, queue, "--no-ack", "--max", "120") == looked[3:123]
    assert "ObjectCreated:Put  " + f"{bucket}/k002" in demo.ctl().run("events", "--queue", queue, "--max", "1")
    environment = {
        **os.environ,
        "MUCURA_ADMIN": demo.admin[0],
        "MUCURA_ACCESS_KEY": demo.keys.access_key,
        "MUCURA_SECRET_KEY": demo.keys.secret_key,
    }
    command = [str(binary("mucuractl")), "events", "--queue", queue, "--follow", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as follower:
        followed: list[dict[str, Any]] = []

        def collect() -> None:
            assert follower.stdout is not None
            followed.extend(json.loads(line) for line in follower.stdout)

        thread = threading.Thread(target=collect)
        thread.start()
        wait_for(lambda: len(followed) == 247, 30, "what waited was printed")
        s3.put_object(Bucket=bucket, Key="later", Body=b"")
        wait_for(lambda: len(followed) == 248, 30, "what came later was printed")
        wait_for(
            lambda: all(row["waiting"] == 0 for row in demo.ctl().json("events")["queues"] if row["name"] == queue),
            30,
            "what was printed is out of the queue",
        )
        follower.terminate()
        thread.join(10)
    assert followed[:247] == looked[4:]
    assert followed[247]["s3"]["object"]["key"] == "later"


def test_what_lifecycle_rules_do_is_told_as_the_stores_own(new_demo: Callable[..., Demo]) -> None:
    environment = {"MUCURA_LIFECYCLE_DAY_S": "2", "MUCURA_S3_STORAGE_CLASSES": "WARM"}
    demo = new_demo(nodes=1, drives=1, environment=environment)
    s3 = boto3_client(demo.site())
    s3.create_bucket(Bucket="old")
    events = ["s3:LifecycleExpiration:*", "s3:LifecycleTransition", "s3:ObjectCreated:*"]
    _tell(s3, "old", _rule(_queue_arn("q"), events))
    for key in ("expires/k", "moves/k"):
        s3.put_object(Bucket="old", Key=key, Body=b"x")
    rules = [
        {"ID": "expire", "Filter": {"Prefix": "expires/"}, "Expiration": {"Days": 1}},
        {"ID": "move", "Filter": {"Prefix": "moves/"}, "Transitions": [{"Days": 1, "StorageClass": "WARM"}]},
    ]
    for rule in rules:
        rule["Status"] = "Enabled"
    s3.put_bucket_lifecycle_configuration(Bucket="old", LifecycleConfiguration={"Rules": rules})
    wait_for(lambda: len(_objects(_read(demo, "q", "--no-ack"))) >= 4, 60, "both were told")
    records = _objects(_read(demo, "q"))
    assert [record["eventName"] for record in records[:2]] == ["ObjectCreated:Put"] * 2
    done = records[2:]
    told = {(record["eventName"], record["s3"]["object"]["key"]) for record in done}
    assert told == {("LifecycleExpiration:Delete", "expires/k"), ("LifecycleTransition", "moves/k")}
    assert {record["userIdentity"]["principalId"] for record in done} == {"s3.amazonaws.com"}
