"""The three stacks as declared: what a mode changes, in which order, and nothing of the region that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from components.schema import SettingsError
from components.settings import Mode
from components.trustlayer.settings import STACKS, build

ROOT = Path(__file__).parents[2]


def _values(stack: str) -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]["standby:trustlayer"])


def test_the_three_stack_files_hold_the_same_settings() -> None:
    """One site: the mode is the stack's name, and nothing else may differ."""
    assert _values("trustlayer-global") == _values("trustlayer-standby") == _values("trustlayer-active")


@pytest.mark.parametrize("stack", STACKS)
def test_each_stack_file_is_valid_and_has_its_mode(stack: str) -> None:
    """trustlayer-global has no mode."""
    assert (
        build(stack, _values(stack)).mode
        == {"global": None, "standby": Mode.STANDBY, "active": Mode.ACTIVE}[stack.removeprefix("trustlayer-")]
    )


def test_a_mode_changes_replicas_and_the_flag_alone() -> None:
    """Dials: standby scaled down; active frontend 3, api 5; promotion is none of them."""
    standby, active = (build(f"trustlayer-{mode}", _values("trustlayer-active")).dials for mode in Mode)
    assert (standby.api, standby.frontend, standby.flag) == (0, 0, False)
    assert (active.api, active.frontend, active.flag) == (5, 3, True)


def test_wrong_settings_are_named_all_at_once() -> None:
    """A footprint built from wrong settings fails on the day."""
    wrong = {
        **_values("trustlayer-active"),
        "ttl": 900,
        "api": "five",
        "colour": "red",
        "replicaSource": "arn:aws:rds:eu-west-1:0:db:x",
    }
    del wrong["domain"]
    with pytest.raises(SettingsError) as stop:
        build("trustlayer-active", wrong)
    text = str(stop.value)
    for words in (
        "ttl must be between 1 and 300",
        "api must be int",
        "colour is not a setting",
        "replicaSource must be the ARN",
        "domain is missing",
    ):
        assert words in text


def test_the_second_way_changes_the_failover_record_itself() -> None:
    """TL-4: a simple record beside failover records of its name is refused by Route 53; moto takes this batch."""
    import boto3
    from moto import mock_aws

    from clouds.aws.route53 import change_batch

    with mock_aws():
        client = boto3.client(
            "route53", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        zone = client.create_hosted_zone(Name="trustlayer.exemplo.com", CallerReference="1")["HostedZone"][
            "Id"
        ]
        batch = change_batch("trustlayer.exemplo.com", "lb.us-east-1.example")
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        batch = change_batch("trustlayer.exemplo.com", "lb.us-west-2.example")
        client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)
        records = client.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    [found] = [r for r in records if r["Type"] == "CNAME"]
    assert (found["SetIdentifier"], found["ResourceRecords"][0]["Value"]) == (
        "primary",
        "lb.us-west-2.example",
    )
