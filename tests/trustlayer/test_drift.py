"""Drift of site trustlayer: the same findings as the other site's, over AWS and Kubernetes; unknown is never clean."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from clouds.aws import declared
from clouds.program import desired
from clouds.trustlayer_live import read_live
from clouds.trustlayer_site import EAST, WEST, Site
from localcloud.aws import writes
from recovery.arm.placeholders import references, resolve
from recovery.aws.kinds import AWS
from recovery.drift.report import Live
from recovery.exit_codes import ExitCode
from recovery.model import Desired, Json, Severity, Verdict
from recovery.trustlayer.drift import FLAG_ID, check, comparable, strangers
from recovery.trustlayer.kinds import id_of

ROOT = Path(__file__).parents[2]
DEPLOYMENT = "kubernetes:apps/v1:Deployment"


def _api(replicas: int) -> dict[str, Json]:
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"name": "api", "image": "x:1"}]}}}
    return {"metadata": {"name": "trustlayer-api", "namespace": "trustlayer"}, "spec": spec}


def _declared(replicas: int = 5) -> Desired:
    inputs = _api(replicas)
    return Desired(DEPLOYMENT, "apps/v1/Deployment", id_of(DEPLOYMENT, inputs), inputs, {}, "f.py:1")


def test_what_is_as_declared_is_clean_whatever_the_api_server_fills_in() -> None:
    """Only what is declared is compared."""
    one = _declared()
    live = {**_api(5), "status": {"readyReplicas": 5}}
    live["spec"]["strategy"] = {"type": "RollingUpdate"}
    found = check([one], Live({one.id: live}))
    assert (found.findings, found.exit_code) == ((), ExitCode.CLEAN)


@pytest.mark.parametrize(
    ("have", "severity"), [(0, Severity.CRITICAL), (3, Severity.CRITICAL), (9, Severity.MEDIUM)]
)
def test_fewer_pods_than_wanted_break_an_activation_and_more_only_cost(have: int, severity: Severity) -> None:
    """The finding has path, want, have, severity, source, and the command that repairs it."""
    one = _declared()
    [finding] = check([one], Live({one.id: _api(have)}), stack="trustlayer-active").findings
    assert (finding.path, finding.want, finding.have, finding.severity) == (
        "spec.replicas",
        5,
        have,
        severity,
    )
    assert (finding.source, finding.fix) == ("f.py:1", "pulumi up -s trustlayer-active")


def test_a_resource_that_nobody_could_read_is_unknown_and_never_missing() -> None:
    """Unknown is a verdict."""
    one = _declared()
    found = check([one], Live({}, {one.id: "403"}))
    assert [f.verdict for f in found.findings] == [Verdict.UNKNOWN]
    assert found.exit_code is ExitCode.UNOBSERVED
    gone = check([one], Live({}))
    assert [f.verdict for f in gone.findings] == [Verdict.MISSING]


def test_an_object_that_nobody_declared_is_named_with_the_command_that_ends_it() -> None:
    """A deployment beside ours takes room, or traffic."""
    other = {"kind": "Deployment", "metadata": {"name": "miner", "namespace": "trustlayer"}}
    id = id_of(DEPLOYMENT, other)
    found = check(
        [_declared()], Live({_declared().id: _api(5)}, {}, strangers([_declared().id], {id: other}))
    )
    [finding] = found.findings
    assert finding.verdict is Verdict.UNMANAGED
    assert "kubectl --context us-west-2 -n trustlayer delete deployment miner" in finding.fix


def test_what_only_the_provider_keeps_is_not_compared() -> None:
    """RDS never answers the name of a final snapshot."""
    one = Desired(
        "aws:rds/instance:Instance", "", "x", {"identifier": "r", "finalSnapshotIdentifier": "r-final"}
    )
    assert dict(comparable(one).inputs) == {"identifier": "r"}


@pytest.mark.parametrize("stack", ["trustlayer-standby", "trustlayer-active", "trustlayer-global"])
def test_every_declared_resource_has_a_kind_an_id_and_a_line(stack: str, tmp_path: Path) -> None:
    """A resource that the checker cannot name would be compared by nobody. Needs no subscription."""
    found = desired(ROOT, stack, {"PATH": "/usr/bin", "DR_HOME": str(tmp_path)})
    gates = {"site-gate", "traffic-flag"}
    assert {str(one.options["name"]) for one in found if not one.arm_type} <= gates
    assert len({one.id for one in found}) == len(found)
    assert all(one.source.startswith("components/") for one in found)


def test_the_mode_stacks_name_nothing_of_the_region_that_fails() -> None:
    """design.md: a failover stack holds nothing of the cloud that fails."""
    import tempfile

    with tempfile.TemporaryDirectory() as home:
        found = desired(ROOT, "trustlayer-active", {"PATH": "/usr/bin", "DR_HOME": home})
    assert not [one.id for one in found if "/us-east-1/" in one.id]


@pytest.mark.parametrize("stack", ["trustlayer-global", "trustlayer-standby"])
def test_what_is_written_to_aws_reads_back_clean_and_a_change_is_found(stack: str, tmp_path: Path) -> None:
    """Writer and reader know nothing of each other but AWS's own API (moto): a silent field would show here."""
    moto = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    moto.start()
    try:
        host, port = moto.get_host_and_port()
        url = f"http://{host}:{port}"
        httpx.post(f"{url}/moto-api/reset", trust_env=False)  # what an earlier test left in this process
        site = Site({"aws": {EAST: url, WEST: url}, "buckets": {"flags": "trustlayer-flags"}, "clusters": {}})
        source = site.aws("s3", EAST)
        source.create_bucket(Bucket="trustlayer-backups")
        source.put_bucket_versioning(
            Bucket="trustlayer-backups", VersioningConfiguration={"Status": "Enabled"}
        )
        site.aws("rds", EAST).create_db_instance(
            DBInstanceIdentifier="trustlayer", Engine="postgres", DBInstanceClass="db.m6g.large", AllocatedStorage=20,
            MasterUsername="postgres", MasterUserPassword="not-used-here", StorageEncrypted=True,
        )  # fmt: skip
        wanted = [
            one
            for one in desired(ROOT, stack, {"PATH": "/usr/bin", "DR_HOME": str(tmp_path)})
            if one.type in AWS
        ]
        bodies: dict[str, dict[str, Json]] = {}
        left = list(wanted)
        while left:  # in the order of what each waits for
            one = next(
                o
                for o in left
                if all(id in bodies for id, _ in references(dict(o.inputs))) and ready(o, bodies)
            )
            id = writes.write(site, one.type, "", resolve(dict(one.inputs), bodies.get))
            bodies[one.id] = declared.read(site, one.type, id) or {}
            left.remove(one)
        clean = check(wanted, read_live(site, wanted), stack=stack)
        assert [(f.id.rpartition("::")[2], f.path, f.want, f.have) for f in clean.findings] == []
        if stack.endswith("standby"):
            site.aws("s3", WEST).delete_bucket_policy(Bucket="trustlayer-flags")
        else:
            site.aws("iam", EAST).delete_role_policy(RoleName="trustlayer-backup-job", PolicyName="backup")
        [gone] = check(wanted, read_live(site, wanted), stack=stack).findings
        assert gone.verdict is Verdict.MISSING
        assert gone.fix == f"pulumi up -s {stack}"
    finally:
        moto.stop()


def ready(one: Desired, bodies: dict[str, dict[str, Json]]) -> bool:
    """A bucket's parts after the bucket, a role's after the role."""
    name = str(one.inputs.get("bucket") or one.inputs.get("role") or "")
    if one.arm_type in ("AWS::S3::Bucket", "AWS::S3::Replication", "AWS::IAM::Role") or not name:
        return True
    return any(id.endswith(f"::Bucket/{name}") or id.endswith(f"::Role/{name}") for id in bodies)


def test_a_flag_that_the_mode_does_not_want_is_critical() -> None:
    """It decides where every user goes."""
    gate = Desired("pulumi-python:dynamic/gates:TrafficFlag", "", "gate:traffic-flag", {"want": "missing"})
    [finding] = check([gate], Live({FLAG_ID: {"present": True}})).findings
    assert (finding.want, finding.have, finding.severity) == (False, True, Severity.CRITICAL)
    assert check([gate], Live({FLAG_ID: {"present": False}})).findings == ()
