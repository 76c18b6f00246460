"""Drift of stack source: clean when built, every declared property is watched, and unknown is never clean (READY-3).

AWS is moto, a server of AWS's interface; what is changed in it is changed through its API, as a person would.
"""

from __future__ import annotations

import copy
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from moto.server import ThreadedMotoServer

from clouds import gates
from clouds.aws import declared
from clouds.aws.source_live import Account, read_live
from clouds.endpoints import LOCAL_SUBSCRIPTION, Endpoints
from clouds.gates.log import GateLog
from clouds.gates.world import World
from clouds.program import desired
from localcloud.aws import writes
from recovery.arm.placeholders import references, resolve, stack_id
from recovery.aws.drift import check
from recovery.aws.kinds import AWS
from recovery.drift import dynamic
from recovery.drift.report import Live, Report
from recovery.errors import Unobserved
from recovery.exit_codes import ExitCode
from recovery.model import Desired, Json, Severity, Verdict

ROOT = Path(__file__).parents[2]
EAST, PRINCIPAL, STANDBY = "us-east-1", "principal-1", stack_id("standby")
ENVIRONMENT = {
    "PATH": "/usr/bin", "ARM_SUBSCRIPTION_ID": LOCAL_SUBSCRIPTION, "AWS_ACCOUNT_ID": "123456789012",
    "ARM_TENANT_ID": "00000000-0000-4000-8000-000000000002", "DR_FEDERATION_AUDIENCE": "api://app-1",
}  # fmt: skip


@dataclass
class Built:
    """The stack in AWS. bodies: as read right after each was made."""

    wanted: list[Desired]
    account: Account
    world: World
    ids: dict[str, str]
    bodies: dict[str, Mapping[str, Json]]

    def aws(self, service: str) -> Any:
        return self.account.aws(service, EAST)

    def write(self, one: Desired, inputs: Mapping[str, Json]) -> None:
        id = self.ids.get(one.id, "")
        if (
            id and one.arm_type == "AWS::IAM::OIDCProvider"
        ):  # moto cannot change its audiences: made anew, as a person may
            self.aws("iam").delete_open_id_connect_provider(OpenIDConnectProviderArn=id)
            id = ""
        self.ids[one.id] = writes.write(
            self.account, one.type, id, resolve(dict(inputs), self.bodies.get), EAST
        )
        self.bodies[one.id] = declared.read(self.account, one.type, self.ids[one.id], EAST) or {}

    def drift(self, principal: Callable[[str], str] = lambda stack: PRINCIPAL, account: Any = None) -> Report:
        return check(self.wanted, read_live(account or self.account, self.wanted, principal, self.world))

    def one(self, kind: str, name: str = "") -> Desired:
        return next(d for d in self.wanted if d.arm_type == kind and d.id.endswith(name))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> list[Desired]:
    return desired(ROOT, "source", {**ENVIRONMENT, "DR_HOME": str(tmp_path_factory.mktemp("home"))})


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def built(program: list[Desired], moto: str, tmp_path: Path) -> Built:
    """The primary's own bucket and table, and then the stack, in the order of what each waits for."""
    httpx.post(f"{moto}/moto-api/reset", trust_env=False)
    endpoints = replace(Endpoints(), aws_url=moto, scale=600.0)
    world = World(endpoints, None, GateLog(tmp_path / "gates.log"), root=tmp_path)  # type: ignore[arg-type]  # no ARM is asked
    topic = next(d for d in program if d.arm_type == "AWS::SNS::Topic")
    mail = {"topic": f"⟦{topic.id}#arn⟧", "protocol": "email", "endpoint": "ops@example.org"}
    token = "aws:sns/topicSubscription:TopicSubscription"
    told = Desired(
        token, AWS[token].type, f"/aws/{EAST}/{AWS[token].type}/{topic.inputs['name']}/email/ops", mail
    )
    made = Built([*program, told], Account(endpoints), world, {}, {STANDBY: {"syncPrincipal": PRINCIPAL}})
    for bucket in ("demay-site", "demay-uploads"):
        made.aws("s3").create_bucket(Bucket=bucket)
    made.aws("dynamodb").create_table(
        TableName="demay-images", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "k", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "k", "AttributeType": "S"}],
    )  # fmt: skip
    left = [d for d in made.wanted if d.type in AWS]
    first = ("AWS::S3::Bucket", "AWS::IAM::Role")
    left.sort(key=lambda d: d.arm_type not in first)
    while left:
        one = next(d for d in left if all(id in made.bodies for id, _ in references(dict(d.inputs))))
        made.write(one, one.inputs)
        left.remove(one)
    for one in made.wanted:
        if one.type not in AWS:
            gates.apply(str(dynamic.kind(one.type)), one.inputs, world)
    return made


def seen(report: Report) -> list[tuple[str, str]]:
    return [(str(f.verdict), f"{f.id.rpartition('::')[2]} {f.path}".strip()) for f in report.findings]


def test_what_has_just_been_built_is_clean_and_all_of_it_was_looked_at(built: Built) -> None:
    """Writer and reader know nothing of each other but AWS's own API: a property that is not read would show here."""
    report = built.drift()
    assert seen(report) == []
    assert (report.exit_code, report.same, report.skipped) == (ExitCode.CLEAN, len(built.wanted), 0)


OTHER: dict[Json, Json] = {
    "Enabled": "Suspended", "AES256": "aws:kms", "Sum": "Average", "LessThanThreshold": "GreaterThanThreshold",
    "breaching": "ignore", 1209600: 600, 20: 3, "alias/aws/sns": "alias/mine",
}  # fmt: skip
NAMES = {("bucket",), ("queueUrl",), ("name",), ("url",), ("role",), ("topic",), ("protocol",), ("endpoint",)}


def leaves(value: Json, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every declared property, by its path."""
    if isinstance(value, Mapping):
        for key, child in value.items():
            yield from leaves(child, (*path, key))
    elif isinstance(value, list):
        for place, child in enumerate(value):
            yield from leaves(child, (*path, place))
    else:
        yield path


def altered(path: tuple[str | int, ...], value: Json) -> Json:
    """Another value that AWS takes in its place."""
    if path[-1] == "status" and path[0] == "rules":
        return "Disabled"
    if path[-1] in ("policy", "assumeRolePolicy"):
        return (
            value.replace('"Effect": "Allow"', '"Effect": "Deny"', 1)
            if "Allow" in value
            else value.replace('"false"', '"true"')
        )
    if path[-1] == "redrivePolicy":
        return value.replace('"maxReceiveCount": 5', '"maxReceiveCount": 50')
    if isinstance(value, bool):
        return not value
    if value in OTHER:
        return OTHER[value]
    if isinstance(value, int):
        return value + 1
    return "arn:aws:sns:us-east-1:123456789012:other" if "Actions" in str(path[0]) else f"{value}other"


def test_every_declared_property_that_was_changed_in_aws_is_found_with_its_path(built: Built) -> None:
    """Each is changed through AWS's API, found by its own path with both values, and put back; then all is clean."""
    tried: dict[str, int] = {}
    for one in [d for d in built.wanted if d.type in AWS]:
        for path in leaves(one.inputs):
            if path[:1] in NAMES or str(path[0]) in AWS[one.type].silent:
                continue
            changed = copy.deepcopy(dict(one.inputs))
            place: Any = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = altered(path, place[path[-1]])
            built.write(one, changed)
            report = built.drift()
            mine = [f for f in report.findings if f.id == one.id and f.verdict is Verdict.CHANGED]
            assert [f for f in mine if f.path.startswith(str(path[0]))], (one.id, path, seen(report))
            assert all(f.fix == "pulumi up -s source --refresh" for f in mine)
            assert report.exit_code is ExitCode.FINDING
            built.write(one, one.inputs)
            tried[one.arm_type] = tried.get(one.arm_type, 0) + 1
    assert seen(built.drift()) == []
    without = {"AWS::SNS::Subscription"}  # its three properties are its name
    assert set(tried) == {d.arm_type for d in built.wanted if d.type in AWS} - without


def gone(built: Built) -> dict[str, Callable[[], object]]:
    """How a person takes each type away, by its type."""
    s3, sqs, sns, iam, watch = (built.aws(s) for s in ("s3", "sqs", "sns", "iam", "cloudwatch"))
    bucket, queue = "demay-dr-exports", sqs.get_queue_url(QueueName="demay-dr-uploads")["QueueUrl"]
    topic = built.ids[built.one("AWS::SNS::Topic").id]
    return {
        "AWS::S3::Encryption": lambda: s3.delete_bucket_encryption(Bucket=bucket),
        "AWS::S3::Lifecycle": lambda: s3.delete_bucket_lifecycle(Bucket=bucket),
        "AWS::S3::BucketPolicy": lambda: s3.delete_bucket_policy(Bucket=bucket),
        "AWS::S3::PublicAccessBlock": lambda: s3.delete_public_access_block(Bucket=bucket),
        "AWS::SQS::QueuePolicy": lambda: sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": ""}),
        "AWS::IAM::RolePolicy": lambda: iam.delete_role_policy(RoleName="demay-dr-sync", PolicyName="sync"),
        "AWS::IAM::OIDCProvider": lambda: iam.delete_open_id_connect_provider(
            OpenIDConnectProviderArn=built.ids[built.one("AWS::IAM::OIDCProvider").id]
        ),
        "AWS::SNS::Subscription": lambda: sns.unsubscribe(
            SubscriptionArn=sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"][0][
                "SubscriptionArn"
            ]
        ),
        "AWS::CloudWatch::Alarm": lambda: watch.delete_alarms(
            AlarmNames=[f"demay-dr-sync-{f}" for f in ("site", "uploads", "metadata")]
        ),
        "AWS::SQS::Queue": lambda: sqs.delete_queue(QueueUrl=queue.replace("uploads", "uploads-aside")),
        "AWS::S3::Bucket": lambda: s3.delete_bucket(Bucket=bucket),
        "AWS::SNS::Topic": lambda: sns.delete_topic(TopicArn=topic),
        "AWS::IAM::Role": lambda: iam.delete_role(RoleName="demay-dr-sync"),
    }


def test_each_type_that_was_taken_away_is_missing_and_nothing_else_is_unknown(built: Built) -> None:
    """What is gone is missing, never unknown and never equal; versioning alone cannot be taken away, only suspended."""
    ways = gone(built)
    assert set(ways) | {"AWS::S3::BucketVersioning"} == {d.arm_type for d in built.wanted if d.type in AWS}
    for kind, take in ways.items():
        before = {f.id for f in built.drift().findings}
        take()
        report = built.drift()
        new = [f for f in report.findings if f.id not in before]
        assert kind in {f.id.split("/")[3] for f in new if f.verdict is Verdict.MISSING}, (kind, seen(report))
        assert report.complete


def test_what_the_primarys_bucket_and_table_no_longer_send_is_found(built: Built) -> None:
    """SYNC: without events and stream the watch hears nothing, and nobody would notice."""
    built.aws("s3").put_bucket_notification_configuration(
        Bucket="demay-uploads", NotificationConfiguration={}
    )
    built.aws("dynamodb").update_table(TableName="demay-images", StreamSpecification={"StreamEnabled": False})
    found = {f.id: (f.want, f.have, f.severity) for f in built.drift().findings}
    assert found == {
        "gate:uploads-events": ("present", "absent", Severity.HIGH), "gate:table-stream": ("ready", "off", Severity.HIGH),
    }  # fmt: skip


def test_actions_of_an_alarm_that_were_switched_off_are_found_though_nobody_declares_them(
    built: Built,
) -> None:
    """SYNC-4: an alarm that tells nobody is none."""
    built.aws("cloudwatch").disable_alarm_actions(AlarmNames=["demay-dr-sync-site"])
    [found] = built.drift().findings
    assert (found.id.rpartition("/")[2], found.path) == ("demay-dr-sync-site", "actionsEnabled")
    assert (found.want, found.have, found.severity) == (True, False, Severity.HIGH)


def test_what_aws_or_others_add_and_another_spelling_of_a_policy_are_no_findings(built: Built) -> None:
    """Only what is declared is compared; AWS may give a list of one without its list, and statements' lists in its order."""
    s3, sqs, iam = built.aws("s3"), built.aws("sqs"), built.aws("iam")
    rights = built.one("AWS::IAM::RolePolicy")
    body = json.loads(rights.inputs["policy"])
    for one in body["Statement"]:
        one["Action"] = one["Action"][0] if len(one["Action"]) == 1 else one["Action"][::-1]
        one["Resource"] = one["Resource"][0] if len(one["Resource"]) == 1 else one["Resource"][::-1]
    iam.put_role_policy(
        RoleName="demay-dr-sync", PolicyName="sync", PolicyDocument=json.dumps(body, indent=2)
    )
    tags = [*s3.get_bucket_tagging(Bucket="demay-dr-exports")["TagSet"], {"Key": "cost-centre", "Value": "7"}]
    s3.put_bucket_tagging(Bucket="demay-dr-exports", Tagging={"TagSet": tags})
    url = sqs.get_queue_url(QueueName="demay-dr-uploads")["QueueUrl"]
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])[
        "Attributes"
    ]  # moto forgets it otherwise
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"MaximumMessageSize": "1024", **policy})
    other = {
        "Id": "theirs",
        "QueueArn": "arn:aws:sqs:us-east-1:123456789012:demay-dr-uploads-aside",
        "Events": ["s3:ObjectCreated:Put"],
    }
    held = s3.get_bucket_notification_configuration(Bucket="demay-site")["QueueConfigurations"]
    s3.put_bucket_notification_configuration(
        Bucket="demay-site", NotificationConfiguration={"QueueConfigurations": [*held, other]}
    )
    assert seen(built.drift()) == []


# -- unknown is a verdict ------------------------------------------------------------------------------------


class Denies(BaseHTTPRequestHandler):
    """Every request is refused as AWS refuses what no policy allows."""

    def do_any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        xml = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        data = (
            b'{"__type": "AccessDeniedException", "message": "no"}' if "X-Amz-Target" in self.headers else xml
        )
        self.send_response(403)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_any  # noqa: N815 - the server's own names

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


@pytest.fixture
def denied() -> Iterator[Account]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Denies)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Account(replace(Endpoints(), aws_url=f"http://127.0.0.1:{server.server_port}"))
    server.shutdown()
    server.server_close()


class Pages(Denies):
    """A door in between that answers every request with a page."""

    def do_any(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        data = b"<!doctype html><html lang=en><h1>Please sign in</h1>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_GET = do_HEAD = do_POST = do_PUT = do_any  # noqa: N815 - the server's own names


def test_a_door_in_between_that_answers_with_a_page_leaves_everything_unknown(built: Built) -> None:
    """What is no answer of AWS's is none at all, and ends no check in the middle."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        account = Account(replace(Endpoints(), aws_url=f"http://127.0.0.1:{server.server_port}"))
        report = check(
            built.wanted,
            read_live(
                account,
                built.wanted,
                lambda stack: PRINCIPAL,
                replace(built.world, endpoints=account.endpoints),
            ),
        )
    finally:
        server.shutdown()
        server.server_close()
    assert (report.same, report.exit_code) == (0, ExitCode.UNOBSERVED)
    assert {f.verdict for f in report.findings} == {Verdict.UNKNOWN}


@pytest.mark.parametrize("service", ["s3", "sqs", "sns", "iam", "cloudwatch"])
def test_a_service_that_refuses_to_be_read_leaves_its_resources_unknown_and_the_rest_judged(
    built: Built, denied: Account, service: str
) -> None:
    """A 403 is neither equal nor missing, and the exit code says so."""

    class Half:
        def aws(self, name: str, region: str) -> Any:
            return (denied if name == service else built.account).aws(name, region)

    mine = {d.id for d in built.wanted if d.type.startswith(f"aws:{service}/")}
    report = built.drift(account=Half())
    unknown = {f.id for f in report.findings if f.verdict is Verdict.UNKNOWN}
    assert mine and mine <= unknown
    assert {f.verdict for f in report.findings} == {Verdict.UNKNOWN}
    assert report.exit_code is ExitCode.UNOBSERVED
    refers = {d.id for d in built.wanted if any(id in mine for id, _ in references(dict(d.inputs)))}
    assert unknown == mine | refers


def test_an_aws_that_does_not_answer_at_all_leaves_everything_unknown(built: Built, moto: str) -> None:
    """A region that is gone is no clean one."""
    nobody = Account(replace(Endpoints(), aws_url="http://127.0.0.1:9"))
    world = replace(built.world, endpoints=nobody.endpoints)
    report = check(built.wanted, read_live(nobody, built.wanted, lambda stack: PRINCIPAL, world))
    assert {f.verdict for f in report.findings} == {Verdict.UNKNOWN}
    assert {f.id for f in report.findings} >= {d.id for d in built.wanted}
    assert (report.same, report.exit_code) == (0, ExitCode.UNOBSERVED)


def test_whom_the_role_should_trust_is_unknown_while_azure_does_not_say_it(built: Built) -> None:
    """SYNC-5: a trust that nobody can check is not called right."""

    def silent(stack: str) -> str:
        raise Unobserved(f"the identity of {stack} cannot be read: 403", "why", "fix")

    report = built.drift(silent)
    assert {(f.verdict, f.path) for f in report.findings} == {
        (Verdict.UNKNOWN, ""), (Verdict.UNKNOWN, "assumeRolePolicy"),
    }  # fmt: skip
    assert report.exit_code is ExitCode.UNOBSERVED
    [found] = built.drift(lambda stack: "principal-2").findings
    assert (found.path, found.severity) == ("assumeRolePolicy", Severity.HIGH)


def test_a_list_of_bodies_without_the_gates_says_nothing_of_them(built: Built) -> None:
    """`dr drift --desired D --live L`: what a file does not hold is not called missing where it never could hold it."""
    only = [d for d in built.wanted if d.type not in AWS]
    assert check(only, Live()).skipped == len(only)
