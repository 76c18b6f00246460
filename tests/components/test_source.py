"""Stack source: what it declares, whom it trusts, and that bucket and table keep what they have (SYNC-4, SYNC-5)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest
from moto.server import ThreadedMotoServer

from clouds import gates
from clouds.aws.session import client
from clouds.endpoints import Endpoints
from clouds.gates.log import GateLog
from clouds.gates.world import World
from components.image_app.source import rights
from components.image_app.source.settings import SourceSide, build
from components.schema import SettingsError
from components.settings import from_files
from recovery.errors import Stopped
from recovery.permissions import role
from recovery.permissions.aws import policy, trust
from recovery.sync import signals
from recovery.sync.source import Source
from tests.components.recording import ROOT, Recording, main_program, record

ACCOUNT, TENANT, AUDIENCE = "000000000000", "00000000-0000-4000-8000-000000000002", "api://app-1"
ENVIRONMENT = {"AWS_ACCOUNT_ID": ACCOUNT, "ARM_TENANT_ID": TENANT, "DR_FEDERATION_AUDIENCE": AUDIENCE}
PRINCIPAL = {"syncPrincipal": "principal-1"}
pytestmark = pytest.mark.filterwarnings(
    "ignore::DeprecationWarning"
)  # pulumi-aws imports its own deprecated modules


@pytest.fixture(scope="module")
def side() -> SourceSide:
    """The settings of the stack file."""
    import yaml

    config = yaml.safe_load((ROOT / "Pulumi.source.yaml").read_text())["config"]
    return build({k.partition(":")[2]: v for k, v in config.items()}, ENVIRONMENT)


@pytest.fixture(scope="module")
def source() -> Recording:
    """The program as stack source, the standby built."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        return record(main_program, "source", PRINCIPAL)


def test_the_role_may_do_what_the_page_says_and_nothing_more(side: SourceSide) -> None:
    """docs/permissions.md: the sync's statements, by action and resource; telling CloudWatch is its own alarm's."""

    def flat(statements: list[dict[str, Any]]) -> set[tuple[str, str]]:
        return {(a, r) for s in statements for a in s["Action"] for r in s["Resource"]}

    mine = flat(rights.statements(side))
    theirs = flat(policy(role("sync"), Source(), ACCOUNT)["Statement"])
    queue = f"arn:aws:sqs:us-east-1:{ACCOUNT}:demay-dr-uploads"
    more = {("cloudwatch:PutMetricData", "*"), ("sqs:GetQueueAttributes", queue)}
    assert theirs <= mine
    assert mine - theirs <= more


def test_the_role_trusts_one_azure_identity_for_one_audience(side: SourceSide, source: Recording) -> None:
    """SYNC-5: no long-lived key. The trust is the one that docs/permissions.md describes."""
    told = json.loads(source.inputs("sync")["assumeRolePolicy"])
    assert told == trust(ACCOUNT, TENANT, AUDIENCE, "principal-1")
    provider = source.inputs("azure")
    assert (provider["url"], provider["clientIdLists"]) == (f"https://sts.windows.net/{TENANT}/", [AUDIENCE])
    assert not any("accessKey" in d.type for d in source.resources.values())


def test_two_days_without_a_proven_run_are_an_alarm_and_silence_is_one(source: Recording) -> None:
    """SYNC-4. The metric is the one that the sync writes."""
    alarms = source.of("aws:cloudwatch/metricAlarm:MetricAlarm")
    assert {a.inputs["dimensions"]["Flow"] for a in alarms.values()} == {"site", "uploads", "metadata"}
    for alarm in alarms.values():
        given = alarm.inputs
        assert (given["namespace"], given["metricName"]) == (signals.NAMESPACE, signals.SUCCEEDED)
        assert (given["period"], given["evaluationPeriods"], given["datapointsToAlarm"]) == (86400, 2, 2)
        assert (given["statistic"], given["comparisonOperator"], given["threshold"]) == (
            "Sum",
            "LessThanThreshold",
            1,
        )
        assert given["treatMissingData"] == "breaching"


def test_the_primarys_own_bucket_and_table_are_no_resources_of_this_stack(
    side: SourceSide, source: Recording
) -> None:
    """What they have is preserved: neither is taken over, and no configuration of theirs is replaced as a whole."""
    types = {d.type for d in source.resources.values()}
    assert not types & {"aws:dynamodb/table:Table", "aws:s3/bucketNotification:BucketNotification"}
    buckets = [d.inputs["bucket"] for d in source.of("aws:s3/bucket:Bucket").values()]
    assert buckets == [side.source.export_bucket]
    told = {d.inputs["bucket"] for d in source.of("pulumi-python:dynamic/gates:BucketEvents").values()}
    assert told == {side.source.site_bucket, side.source.uploads_bucket}
    assert {"events-queue", "events-queue-from-buckets"} <= source.before("uploads-events")


def test_everything_of_it_is_protected_and_a_missing_environment_is_named_at_once(source: Recording) -> None:
    held = {n: d.options for n, d in source.resources.items() if not d.type.startswith("pulumi:")}
    assert [n for n, o in held.items() if not (o["protect"] and o["retainOnDelete"])] == []
    with pytest.raises(SettingsError) as stop:
        build({"names": {"prefix": "demay"}}, {"AWS_ACCOUNT_ID": "12"})
    for word in ("AWS_ACCOUNT_ID", "ARM_TENANT_ID", "DR_FEDERATION_AUDIENCE"):
        assert word in str(stop.value)


@pytest.mark.parametrize("told", [None, "", 7])
def test_a_standby_that_was_never_built_is_told_and_no_role_trusts_nobody(told: object) -> None:
    """Asked without a program run: one that fails in the middle would leave its event loop to the next test."""
    from components.image_app.source.footprint import _known

    with pytest.raises(pulumi.RunError, match="exports no syncPrincipal"):
        _known(told, "standby")
    assert _known("principal-1", "standby") == "principal-1"


def test_both_sides_name_the_same_data(side: SourceSide) -> None:
    """The stack files repeat the primary's names: they must agree."""
    standby = from_files(ROOT, "standby")
    assert (side.source, side.role, side.prefix) == (standby.source, standby.sync.role, standby.names.prefix)


# -- the two that touch what is the primary's, against a real server of AWS's interface ------------------------


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def world(moto: str, tmp_path: Path) -> World:
    return World(
        replace(Endpoints(), aws_url=moto, scale=600.0), None, GateLog(tmp_path / "gates.log"), root=tmp_path
    )  # type: ignore[arg-type]  # no ARM is asked


def test_our_queue_is_added_and_what_the_bucket_told_before_stays(
    world: World, request: pytest.FixtureRequest
) -> None:
    """An existing Lambda and an older entry of ours: the first stays byte for byte, the second is replaced by id."""
    s3, queues = (client(s, "us-east-1", world.endpoints.aws_url) for s in ("s3", "sqs"))
    bucket = f"b-{abs(hash(request.node.name)) % 10**8}"
    s3.create_bucket(Bucket=bucket)
    url = queues.create_queue(QueueName=bucket)["QueueUrl"]
    arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    theirs = {
        "Id": "thumbnails",
        "QueueArn": arn,
        "Events": ["s3:ObjectCreated:Put"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}},
    }
    s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    props = {"bucket": bucket, "queueArn": arn, "region": "us-east-1"}
    assert gates.read("BucketEvents", props, world)["observed"] == "absent"
    assert gates.apply("BucketEvents", props, world)["observed"] == "present"
    assert gates.apply("BucketEvents", props, world)["observed"] == "present"
    held = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert {q["Id"] for q in held} == {"thumbnails", "standby-uploads"}
    kept = next(q for q in held if q["Id"] == "thumbnails")
    assert [r["Value"] for r in kept["Filter"]["Key"]["FilterRules"]] == ["in/"]


def table(world: World, name: str, view: str = "") -> Any:
    dynamodb = client("dynamodb", "us-east-1", world.endpoints.aws_url)
    more = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": view}} if view else {}
    dynamodb.create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}], **more,
    )  # fmt: skip
    return dynamodb


def test_a_tables_stream_and_recovery_are_switched_on_once(world: World) -> None:
    dynamodb = table(world, "plain")
    props = {"table": "plain", "region": "us-east-1"}
    assert gates.read("TableStream", props, world)["observed"] == "off"
    assert gates.apply("TableStream", props, world)["observed"] == "ready"
    first = dynamodb.describe_table(TableName="plain")["Table"]["LatestStreamArn"]
    assert gates.apply("TableStream", props, world)["observed"] == "ready"
    assert dynamodb.describe_table(TableName="plain")["Table"]["LatestStreamArn"] == first, (
        "the stream is never made anew"
    )


@pytest.mark.parametrize(("view", "outcome"), [("NEW_IMAGE", "ready"), ("KEYS_ONLY", "stopped")])
def test_a_stream_that_somebody_reads_is_never_changed(world: World, view: str, outcome: str) -> None:
    dynamodb = table(world, f"t-{view}", view)
    props = {"table": f"t-{view}", "region": "us-east-1"}
    if outcome == "stopped":
        assert gates.read("TableStream", props, world)["observed"] == "other-view"
        with pytest.raises(Stopped, match="somebody else reads"):
            gates.apply("TableStream", props, world)
    else:
        assert gates.apply("TableStream", props, world)["observed"] == "ready"
    assert (
        dynamodb.describe_table(TableName=f"t-{view}")["Table"]["StreamSpecification"]["StreamViewType"]
        == view
    )


def test_what_cannot_be_seen_is_unknown(world: World) -> None:
    props = {
        "table": "no-such-table",
        "bucket": "no-such-bucket",
        "queueArn": "arn:aws:sqs:us-east-1:0:q",
        "region": "us-east-1",
    }
    for kind in ("TableStream", "BucketEvents"):
        assert gates.read(kind, props, world)["observed"] == "unknown"
