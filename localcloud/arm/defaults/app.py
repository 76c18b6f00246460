"""Microsoft.App: container environments, jobs, apps. An image that is not published is refused."""

from __future__ import annotations

from localcloud.arm.defaults.common import (
    Body,
    Context,
    defaults,
    guid,
    keep,
    location_name,
    properties,
    start,
)
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath


def environment(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A container environment. Its subnet cannot be changed later."""
    body = start(path, given)
    body["location"] = location_name(body["location"])
    props, before = body["properties"], properties(old)
    subnet = (props.get("vnetConfiguration") or {}).get("infrastructureSubnetId")
    fixed = (before.get("vnetConfiguration") or {}).get("infrastructureSubnetId")
    if old is not None and subnet and str(subnet).lower() != str(fixed).lower():
        raise bad_request(
            "Managed environment's virtual network cannot be changed.",
            "ManagedEnvironmentPropertyCannotBeUpdated",
        )
    if props.get("zoneRedundant") and not subnet:
        raise bad_request("A zone-redundant environment needs a subnet.", "ManagedEnvironmentInvalidSubnet")
    keep(props, before, "defaultDomain", lambda: f"{guid()[:8]}.local.azurecontainerapps.io")
    defaults(
        props,
        {"zoneRedundant": False, "workloadProfiles": [], "appLogsConfiguration": {"destination": None},
         "peerAuthentication": {"mtls": {"enabled": False}}, "publicNetworkAccess": "Enabled",
         "infrastructureResourceGroup": f"ME_{path.name}_{path.group}_{body['location'].replace(' ', '').lower()}"},
    )  # fmt: skip
    props.update({"provisioningState": "Succeeded", "staticIp": "10.0.0.250", "eventStreamEndpoint": ""})
    return body


def _workload(context: Context, path: ArmPath, given: Body) -> Body:
    """What jobs and apps share: their environment exists, their images are published."""
    body = start(path, given)
    body["location"] = location_name(body["location"])
    props = body["properties"]
    home = str(props.get("environmentId") or props.get("managedEnvironmentId") or "")
    if context.store.get(home) is None:
        raise bad_request(f"The environment '{home}' was not found.", "ManagedEnvironmentNotFound")
    props["environmentId"] = home
    containers = (props.get("template") or {}).get("containers") or []
    if not containers:
        raise bad_request("The template needs a container.", "ContainerAppContainersRequired")
    for container in containers:
        image = str(container.get("image") or "")
        if not context.published(image):
            reason = "MANIFEST_UNKNOWN: manifest unknown" if "@sha256:" in image else "not named by digest"
            raise bad_request(
                f'Invalid value: "{image}": GET https:?scope=repository: {reason}',
                "InvalidParameterValueInContainerTemplate",
            )
        defaults(container, {"name": path.name, "resources": {"cpu": 0.5, "memory": "1Gi"}})
        container["resources"].setdefault("ephemeralStorage", "2Gi")
    props["provisioningState"] = "Succeeded"
    defaults(props, {"workloadProfileName": "Consumption"})
    return body


def job(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A container job."""
    body = _workload(context, path, given)
    configuration = body["properties"].get("configuration") or {}
    if not configuration.get("replicaTimeout"):
        raise bad_request("The job needs a replicaTimeout.", "JobReplicaTimeoutRequired")
    schedule = configuration.get("scheduleTriggerConfig") or {}
    if (
        str(configuration.get("triggerType")) == "Schedule"
        and len(str(schedule.get("cronExpression", "")).split()) != 5
    ):
        raise bad_request("The cron expression is not valid.", "InvalidCronExpression")
    defaults(configuration, {"replicaRetryLimit": 0, "secrets": None, "registries": []})
    defaults(schedule, {"parallelism": 1, "replicaCompletionCount": 1})
    body["properties"]["eventStreamEndpoint"] = ""
    return body


def app(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A container app."""
    body = _workload(context, path, given)
    props = body["properties"]
    configuration = props.setdefault("configuration", {})
    defaults(
        configuration,
        {"activeRevisionsMode": "Single", "registries": [], "secrets": None, "maxInactiveRevisions": 100},
    )
    scale = props["template"].setdefault("scale", {})
    defaults(scale, {"minReplicas": 0, "maxReplicas": 10, "cooldownPeriod": 300, "pollingInterval": 30})
    props.update(
        {
            "runningStatus": "Running",
            "latestRevisionName": f"{path.name}--1",
            "managedEnvironmentId": props["environmentId"],
        }
    )
    return body


FILL = {
    "microsoft.app/managedenvironments": environment,
    "microsoft.app/jobs": job,
    "microsoft.app/containerapps": app,
}
