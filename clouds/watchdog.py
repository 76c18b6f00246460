"""The dead man's switch: two alarms, in two clouds, for a scheduled run that did not happen (SYNC-4).

A heartbeat is written by the daily schedule, and only while everything is on time: the last sync of each flow is no
older than the RPO allows, and the monthly check is not overdue. So silence means that something scheduled did not
happen, the schedule itself included. Each cloud watches for two days of silence:

* Azure: a log search rule that the program declares (`LessThan` 1 write of the heartbeat in its window), read here
  through azure-mgmt-monitor. https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule
* AWS: a CloudWatch alarm on the metric that the same heartbeat puts, which takes missing data for breaching.
  https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/AlarmThatSendsEmail.html (missing data)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from clouds.azure.arm import ArmError
from clouds.azure.data_plane import writing
from clouds.endpoints import Endpoints
from recovery.errors import Failed
from recovery.model import Desired, Json
from recovery.readiness.model import UnseenError

if TYPE_CHECKING:
    from clouds.readiness.world import ReadyWorld

NAMESPACE, METRIC, SITE = "standby", "OnTime", "image-app"
ALARM = "standby-run-missed"
DAY = 86400
DAYS = 2
"""SYNC-4: two days running."""

BEAT = "readiness/heartbeat.json"
"""The heartbeat's blob in the journal container; its writes stand in the storage account's own log."""

RULE_TYPE = "azure-native:monitor:ScheduledQueryRule"
ALERTS_API = "2019-03-01"


# -- Azure -------------------------------------------------------------------------------------------------------


def missed_rule(declared: list[Desired]) -> Desired | None:
    """The declared rule that fires on silence: fewer than one row, over the heartbeat."""
    for one in declared:
        if one.type == RULE_TYPE:
            conditions = (one.inputs.get("criteria") or {}).get("allOf") or []
            if any(
                c.get("operator") == "LessThan" and "heartbeat" in str(c.get("query")) for c in conditions
            ):
                return one
    return None


def monitor(endpoints: Endpoints) -> Any:
    """azure-mgmt-monitor's client of this cloud."""
    from azure.mgmt.monitor import MonitorManagementClient

    if endpoints.arm_token is not None:
        from azure.core.credentials import AzureKeyCredential
        from azure.core.pipeline.policies import AzureKeyCredentialPolicy

        # azure-core refuses to send a bearer token credential over plain http, which the local cloud speaks.
        key: Any = AzureKeyCredential(endpoints.arm_token)  # the client wants one, and asks its policy alone
        policy = AzureKeyCredentialPolicy(key, "Authorization", prefix="Bearer")
        return MonitorManagementClient(
            key, endpoints.subscription, base_url=endpoints.arm_url, authentication_policy=policy,
            retry_total=1,
        )  # fmt: skip
    from azure.identity import DefaultAzureCredential

    return MonitorManagementClient(DefaultAzureCredential(), endpoints.subscription)


def azure_state(world: ReadyWorld) -> dict[str, Json]:
    """The rule as Azure has it now."""
    from azure.core.exceptions import AzureError, ResourceNotFoundError

    declared = missed_rule(list(world.at.desired("standby")))
    name = "Azure Monitor rule"
    if declared is None:
        return {"name": f"{name} (not declared by the program)", "reason": "", "found": False}
    group, rule = declared.id.split("/")[4], declared.id.rpartition("/")[2]
    row: dict[str, Json] = {"name": f"{name} {rule}", "reason": ""}
    try:
        with monitor(world.endpoints) as client:
            found = client.scheduled_query_rules.get(group, rule)
            groups = [str(g) for g in (found.actions.action_groups if found.actions else None) or []]
            told = [g.rpartition("/")[2] for g in groups if _receives(client, g)]
    except ResourceNotFoundError:
        return row | {"found": False}
    except (AzureError, AttributeError, ValueError) as error:
        return row | {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    try:
        firing = _firing(world, declared.id)
    except (ArmError, UnseenError, KeyError, TypeError) as error:
        return row | {"reason": f"its alerts: {error}"}
    return row | {"found": True, "enabled": bool(found.enabled), "tells": told, "firing": firing}


def _receives(client: Any, group_id: str) -> bool:
    """Is anybody told by this action group?"""
    parts = group_id.split("/")
    held = client.action_groups.get(parts[4], parts[-1])
    kinds = ("email_receivers", "sms_receivers", "webhook_receivers", "arm_role_receivers", "azure_app_push_receivers",
             "voice_receivers", "logic_app_receivers", "azure_function_receivers", "event_hub_receivers")  # fmt: skip
    return bool(held.enabled) and any(getattr(held, kind, None) for kind in kinds)


def _firing(world: ReadyWorld, rule: str) -> bool:
    """Has the rule an alert that is fired and not resolved? (Alerts Management, Alerts - Get All)"""
    path = f"/subscriptions/{world.endpoints.subscription}/providers/Microsoft.AlertsManagement/alerts"
    for one in world.at.world.arm.list(f"{path}?monitorCondition=Fired&alertRule={rule}", ALERTS_API):
        said = one["properties"]["essentials"]
        if str(said["alertRule"]).lower() == rule.lower() and said["monitorCondition"] == "Fired":
            return True
    return False


# -- AWS ---------------------------------------------------------------------------------------------------------


def alarm(topic: str, period: int = DAY) -> dict[str, Any]:
    """The CloudWatch alarm. topic: ARN of the SNS topic that tells people. period: seconds."""
    return {
        "AlarmName": ALARM,
        "AlarmDescription": "A scheduled run of the standby did not happen for two days: dr ready, then its schedule.",
        "Namespace": NAMESPACE, "MetricName": METRIC, "Dimensions": [{"Name": "Site", "Value": SITE}],
        "Statistic": "Maximum", "Period": period, "EvaluationPeriods": DAYS, "DatapointsToAlarm": DAYS,
        "Threshold": 1.0, "ComparisonOperator": "LessThanThreshold", "TreatMissingData": "breaching",
        "ActionsEnabled": True, "AlarmActions": [topic], "OKActions": [topic],
    }  # fmt: skip


def arm_aws(client: Any, topic: str, period: int = DAY) -> None:
    """Make or mend the alarm. client: boto3's of cloudwatch. Raises Failed."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client.put_metric_alarm(**alarm(topic, period))
    except (BotoCoreError, ClientError) as error:
        raise Failed(
            f"the CloudWatch alarm could not be set: {error}",
            "a run that does not happen would be seen in one cloud alone", "dr watchdog arm    (again, once AWS answers)",
            retry=True,
        ) from error  # fmt: skip


def aws_state(world: ReadyWorld) -> dict[str, Json]:
    """The alarm as AWS has it now."""
    from botocore.exceptions import BotoCoreError, ClientError

    row: dict[str, Json] = {"name": f"CloudWatch alarm {ALARM}", "reason": ""}
    try:
        found = world.sync.aws("cloudwatch").describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
    except (BotoCoreError, ClientError, ValueError) as error:
        return row | {"reason": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    if not found:
        return row | {"found": False}
    one = found[0]
    missing = one.get("TreatMissingData") == "breaching"
    return row | {
        "found": True, "enabled": bool(one.get("ActionsEnabled")) and missing,
        "tells": [str(a) for a in one.get("AlarmActions") or []], "firing": one.get("StateValue") == "ALARM",
    }  # fmt: skip


# -- the heartbeat -----------------------------------------------------------------------------------------------


def beat(container: Any, client: Any | None, now: datetime, body: Mapping[str, Json]) -> list[str]:
    """Write the heartbeat in both clouds. Returns what kept it from one of them. Never raises for what a cloud does."""
    problems = []
    try:
        with writing("the heartbeat"):
            container.get_blob_client(BEAT).upload_blob(
                json.dumps({"at": now.isoformat(), **body}).encode(), overwrite=True
            )
    except Failed as error:
        problems.append(error.summary)
    if client is not None:
        problem = put(client, 1)
        problems += [problem] if problem else []
    return problems


def put(client: Any, value: int) -> str:
    """The metric in AWS: 1 on time, 0 late. "" when it was taken, else why not."""
    from botocore.exceptions import BotoCoreError, ClientError

    point = {
        "MetricName": METRIC,
        "Dimensions": [{"Name": "Site", "Value": SITE}],
        "Value": value,
        "Unit": "Count",
    }
    try:
        client.put_metric_data(Namespace=NAMESPACE, MetricData=[point])
    except (BotoCoreError, ClientError) as error:
        return f"CloudWatch: {error}"
    return ""


__all__ = ["ALARM", "arm_aws", "aws_state", "azure_state", "beat", "missed_rule", "put"]
