"""Resource groups, Event Grid, managed identities, role assignments."""

from __future__ import annotations

import re

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, now, properties, start
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath

_GUID = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def resource_group(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A resource group."""
    if not re.fullmatch(r"[-\w._()]{1,89}[-\w_()]|[-\w_()]", path.name):
        raise bad_request(
            f"The provided resource group name '{path.name}' is invalid.", "InvalidResourceGroup"
        )
    body = start(path, given, "Microsoft.Resources/resourceGroups")
    body["properties"] = {"provisioningState": "Succeeded"}
    return body


def system_topic(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """An Event Grid system topic. Its topicType comes back as the service writes it."""
    body = start(path, given)
    before, props = properties(old), body["properties"]
    source = str(props.get("source") or "")
    if not source or context.store.get(source) is None:
        raise bad_request(f"Invalid source. The resource '{source}' was not found.", "InvalidRequest")
    types = {"microsoft.storage.storageaccounts": "Microsoft.Storage.StorageAccounts"}
    kind = str(props.get("topicType") or "")
    props["topicType"] = types.get(kind.lower(), kind)
    keep(props, before, "metricResourceId", guid)
    props["provisioningState"] = "Succeeded"
    return body


def event_subscription(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """An event subscription. Refused when its function does not exist; a webhook's URL never comes back whole."""
    body = start(path, given, located=False)
    props = body["properties"]
    topic = context.store.get(path.parent) if path.parent else None
    if topic is not None:
        props["topic"] = topic.body["properties"]["source"]
    destination = props.get("destination") or (props.get("deliveryWithResourceIdentity") or {}).get(
        "destination"
    )
    if not destination or not destination.get("endpointType"):
        raise bad_request("The event subscription needs a destination.", "InvalidRequest")
    _check(context, destination)
    details = destination.setdefault("properties", {})
    kind = str(destination["endpointType"]).lower()
    if kind == "azurefunction":
        defaults(details, {"maxEventsPerBatch": 1, "preferredBatchSizeInKilobytes": 64})
    if kind == "webhook" and details.get("endpointUrl"):
        details["endpointBaseUrl"] = str(details["endpointUrl"]).split("?", 1)[0]
    props["provisioningState"] = "Succeeded"
    defaults(
        props,
        {"labels": [], "eventDeliverySchema": "EventGridSchema", "filter": {},
         "retryPolicy": {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}},
    )  # fmt: skip
    defaults(
        props["filter"],
        {
            "subjectBeginsWith": "",
            "subjectEndsWith": "",
            "includedEventTypes": ["Microsoft.Storage.BlobCreated", "Microsoft.Storage.BlobDeleted"],
            "enableAdvancedFilteringOnArrays": False,
        },
    )
    return body


def _check(context: Context, destination: Body) -> None:
    target = str((destination.get("properties") or {}).get("resourceId") or "")
    if not target:
        return
    lower = target.lower()
    owner, _, function = target.rpartition("/functions/") if "/functions/" in lower else (target, "", "")
    exists = context.store.get(owner) is not None
    if exists and function and context.data is not None:
        exists = function in context.data.functions(owner.rpartition("/")[2])
    if not exists:
        raise ArmError(
            400,
            "Endpoint validation",
            f"Destination endpoint not found. Resource details: resourceId: {target}. "
            "Resource should pre-exist before attempting this operation.",
        )


def identity(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A user-assigned identity; its id comes back with ``resourcegroups`` in lower case."""
    body = start(path, given)
    body["id"] = body["id"].replace("/resourceGroups/", "/resourcegroups/")
    before = properties(old)
    props: Body = {}
    for key in ("principalId", "clientId"):
        keep(props, before, key, guid)
    props["tenantId"] = context.tenant
    body["properties"] = props
    body.setdefault("tags", {})
    return body


def role_assignment(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A role assignment. The same principal, role and scope under another name is refused."""
    if not re.fullmatch(_GUID, path.name):
        raise bad_request(
            f"The role assignment ID '{path.name}' is not valid. It must be a GUID.",
            "InvalidRoleAssignmentId",
        )
    body = start(path, given, located=False)
    before, props = properties(old), body["properties"]
    for field in ("roleDefinitionId", "principalId"):
        if not props.get(field):
            raise bad_request(f"The request needs properties.{field}.", "InvalidCreateRoleAssignmentRequest")
    props["scope"] = path.scope
    for other in context.store.of_type("Microsoft.Authorization/roleAssignments"):
        if other.path.key != path.key and all(
            str(other.body["properties"].get(k)).lower() == str(props.get(k)).lower()
            for k in ("roleDefinitionId", "principalId", "scope")
        ):
            raise ArmError(409, "RoleAssignmentExists", "The role assignment already exists.")
    defaults(props, {"principalType": "ServicePrincipal", "condition": None, "conditionVersion": None})
    keep(props, before, "createdOn", now)
    props.update({"updatedOn": now(), "createdBy": None, "updatedBy": context.tenant})
    return body


FILL = {
    "/resourcegroups": resource_group,
    "microsoft.eventgrid/systemtopics": system_topic,
    "microsoft.eventgrid/systemtopics/eventsubscriptions": event_subscription,
    "microsoft.managedidentity/userassignedidentities": identity,
    "microsoft.authorization/roleassignments": role_assignment,
}
