"""Tables of manners, one row a type: operations and their durations, what cannot change, what is never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from localcloud.arm.defaults.common import location_code
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath
from recovery.arm.catalogue import CATALOGUE

Body = dict[str, Any]


@dataclass(frozen=True)
class Manners:
    """How a type behaves. create/update/delete: row of the duration table, "" = answered at once.

    accepted: a PUT is answered 202 without a body (its Location has the result) instead of 200/201 with one.
    busy: what a second change meets while an operation runs: "supersede", or an error's status.
    at_end: the world acts on a change when its operation ends, not when it is accepted.
    """

    create: str = ""
    update: str = ""
    delete: str = ""
    accepted: bool = False
    busy: str = "409"
    at_end: bool = False
    location_only: bool = False


_NETWORK = Manners("network create", "network update", "network update", busy="429")
_COSMOS_CHILD = Manners("cosmos child create", "cosmos child update", "cosmos child update", accepted=True)

MANNERS: dict[str, Manners] = {
    "/resourcegroups": Manners(delete="resource group delete"),
    "microsoft.network/virtualnetworks": _NETWORK,
    "microsoft.network/networksecuritygroups": _NETWORK,
    "microsoft.network/publicipaddresses": _NETWORK,
    # A newer PUT cancels the older one: Azure/azure-cli#21156.
    "microsoft.network/applicationgateways": Manners(
        "gateway create", "gateway update", "gateway delete", busy="supersede", at_end=True
    ),
    "microsoft.compute/virtualmachinescalesets": Manners(
        "scale set create", "scale set update", "scale set delete"
    ),
    "microsoft.documentdb/databaseaccounts": Manners(
        "cosmos account create", "cosmos account update", "cosmos account delete", busy="412"
    ),
    "microsoft.documentdb/databaseaccounts/sqldatabases": _COSMOS_CHILD,
    "microsoft.documentdb/databaseaccounts/sqldatabases/containers": _COSMOS_CHILD,
    "microsoft.documentdb/databaseaccounts/sqlroleassignments": _COSMOS_CHILD,
    "microsoft.storage/storageaccounts": Manners("storage account create", accepted=True, location_only=True),
    "microsoft.network/privateendpoints": Manners(
        "private endpoint create", "private endpoint create", "private endpoint create", busy="429"
    ),
    "microsoft.network/privateendpoints/privatednszonegroups": _NETWORK,
    "microsoft.network/applicationgatewaywebapplicationfirewallpolicies": _NETWORK,
    "microsoft.network/privatednszones": Manners("private zone create", "network update", "network update"),
    "microsoft.network/privatednszones/virtualnetworklinks": Manners(
        "private zone create", "network update", "network update"
    ),
    "microsoft.keyvault/vaults": Manners("vault create"),
    "microsoft.operationalinsights/workspaces": Manners("workspace create"),
    "microsoft.app/managedenvironments": Manners(
        "container environment create", "network update", "container environment create"
    ),
    "microsoft.app/jobs": Manners("container app create", "container app create", "network update"),
    "microsoft.app/containerapps": Manners("container app create", "container app create", "network update"),
    "microsoft.eventgrid/systemtopics": Manners(
        "event topic create", "event topic create", "event topic create"
    ),
    "microsoft.eventgrid/systemtopics/eventsubscriptions": Manners(
        "event subscription create", "event subscription update", "event subscription update"
    ),
}

NO_LOCATION = frozenset({
    "microsoft.authorization/roleassignments", "microsoft.authorization/roledefinitions", "microsoft.network/dnszones",
    "microsoft.insights/diagnosticsettings",
})  # fmt: skip
"""Top-level types that are not tracked by location (a zone's is always global)."""

_LATER = "The property '{path}' of '{name}' cannot be changed after creation."
_CREATE_ONLY: dict[str, tuple[tuple[str, ...], int, str]] = {
    "microsoft.compute/virtualmachinescalesets": (
        (
            "zones",
            "properties.orchestrationMode",
            "properties.platformFaultDomainCount",
            "properties.virtualMachineProfile.osProfile.adminUsername",
            "properties.singlePlacementGroup",
        ),
        409,
        "PropertyChangeNotAllowed",
    ),
    "microsoft.storage/storageaccounts": (
        (
            "properties.isHnsEnabled",
            "properties.isNfsV3Enabled",
            "properties.encryption.requireInfrastructureEncryption",
        ),
        409,
        "AccountPropertyCannotBeUpdated",
    ),
    "microsoft.documentdb/databaseaccounts": (("kind", "properties.enableFreeTier"), 400, "BadRequest"),
    "microsoft.documentdb/databaseaccounts/sqldatabases/containers": (
        ("properties.resource.partitionKey.paths", "properties.resource.uniqueKeyPolicy"),
        400,
        "BadRequest",
    ),
    "microsoft.documentdb/databaseaccounts/sqlroleassignments": (
        ("properties.principalId",),
        400,
        "BadRequest",
    ),
    "microsoft.network/publicipaddresses": (
        ("zones", "sku.name", "properties.publicIPAddressVersion"),
        400,
        "ResourceCannotBeUpdated",
    ),
    "microsoft.network/applicationgateways": (("zones",), 400, "ApplicationGatewayZonesCannotBeUpdated"),
    "microsoft.web/serverfarms": (("properties.reserved",), 409, "Conflict"),
    "microsoft.keyvault/vaults": (("properties.tenantId", "properties.enableSoftDelete"), 400, "BadRequest"),
    "microsoft.web/sites": (("kind",), 409, "Conflict"),
    "microsoft.eventgrid/systemtopics": (
        ("properties.source", "properties.topicType"),
        400,
        "InvalidRequest",
    ),
    "microsoft.authorization/roleassignments": (
        ("properties.principalId", "properties.roleDefinitionId"),
        400,
        "RoleAssignmentUpdateNotPermitted",
    ),
    "microsoft.network/dnszones": (("properties.zoneType",), 400, "BadRequest"),
    "microsoft.network/privateendpoints": (
        ("properties.subnet.id", "properties.customNetworkInterfaceName"),
        400,
        "PrivateEndpointPropertyCannotBeUpdated",
    ),
    "microsoft.insights/components": (("properties.Application_Type",), 400, "BadRequest"),
    "microsoft.app/managedenvironments": (
        ("properties.zoneRedundant",),
        400,
        "ManagedEnvironmentPropertyCannotBeUpdated",
    ),
    "microsoft.app/jobs": (("properties.environmentId",), 400, "JobPropertyCannotBeUpdated"),
}

_WRITE_ONLY: dict[str, tuple[str, ...]] = {
    "microsoft.compute/virtualmachinescalesets": (
        "properties.virtualMachineProfile.osProfile.adminPassword",
        "properties.virtualMachineProfile.osProfile.customData",
        "properties.virtualMachineProfile.userData",
        "properties.virtualMachineProfile.extensionProfile.extensions.properties.protectedSettings",
    ),
    "microsoft.eventgrid/systemtopics/eventsubscriptions": (
        "properties.destination.properties.endpointUrl",
        "properties.deliveryWithResourceIdentity.destination.properties.endpointUrl",
    ),
    "microsoft.app/managedenvironments": (
        "properties.appLogsConfiguration.logAnalyticsConfiguration.sharedKey",
    ),
}

SITE_CONFIG_SHOWN = (
    "numberOfWorkers", "linuxFxVersion", "acrUseManagedIdentityCreds", "alwaysOn", "http20Enabled",
    "functionAppScaleLimit", "minimumElasticInstanceCount",
)  # fmt: skip
"""All that a GET of a site shows of siteConfig; LIST shows none (Azure/azure-cli#21548)."""
SITE_CONFIG_SECRET = ("appSettings", "connectionStrings", "azureStorageAccounts")


def manners(path: ArmPath) -> Manners:
    """The row of a type; a type without one is answered at once."""
    return MANNERS.get(path.type.lower(), Manners())


def at(body: Any, dotted: str) -> Any:
    """The value at a dotted path, None when absent."""
    for key in dotted.split("."):
        body = body.get(key) if isinstance(body, dict) else None
    return body


def _drop(node: Any, keys: list[str]) -> None:
    if isinstance(node, list):
        for item in node:
            _drop(item, keys)
    elif isinstance(node, dict):
        if len(keys) == 1:
            node.pop(keys[0], None)
        elif keys[0] in node:
            _drop(node[keys[0]], keys[1:])


def drop_write_only(arm_type: str, body: Body) -> Body:
    """Take out what the service never shows (in place)."""
    for path in _WRITE_ONLY.get(arm_type.lower(), ()):
        _drop(body, path.split("."))
    return body


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.lower()
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return {k: _plain(v) for k, v in value.items()} if isinstance(value, dict) else value


def check_create_only(path: ArmPath, old: Body, given: Body) -> None:
    """Raises what the service raises when a request would change what is fixed at creation."""
    place, wanted = old.get("location"), given.get("location")
    if place and wanted and location_code(str(place)) != location_code(str(wanted)) and place != "global":
        raise ArmError(
            409,
            "InvalidResourceLocation",
            f"The resource '{path.name}' already exists in location '{location_code(place)}' in resource group "
            f"'{path.group}'. A resource with the same name cannot be created in location "
            f"'{location_code(str(wanted))}'. Please select a new resource name.",
        )
    kinds = (old.get("kind"), given.get("kind"))
    if (
        path.type.lower() == "microsoft.storage/storageaccounts"
        and kinds[1]
        and kinds[0] != kinds[1]
        and kinds[1] != "StorageV2"
    ):
        raise ArmError(409, "AccountPropertyCannotBeUpdated", _LATER.format(path="kind", name=path.name))
    fields, status, code = _CREATE_ONLY.get(path.type.lower(), ((), 400, ""))
    for field in fields:
        new = at(given, field)
        if (
            new is not None
            and _plain(new) != _plain(at(old, field))
            and not (new is False and at(old, field) is None)
        ):
            raise ArmError(status, code, _LATER.format(path=field, name=path.name))


def references(node: Any) -> Iterator[str]:
    """Every ``{"id": "/subscriptions/..."}`` in a body."""
    if isinstance(node, list):
        for item in node:
            yield from references(item)
    elif isinstance(node, dict):
        value = node.get("id")
        if isinstance(value, str) and value.lower().startswith("/subscriptions/"):
            yield value
        for child in node.values():
            yield from references(child)


_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(-preview)?$")
_NEWEST: dict[str, str] = {}
for _row in CATALOGUE.values():
    _space = _row.arm_type.split("/", 1)[0].lower()
    _NEWEST[_space] = max(_NEWEST.get(_space, ""), _row.api_version)
_NEWEST_OF_ALL = max(_NEWEST.values())


def check_api_version(path: ArmPath, version: str | None) -> None:
    """400 when the version is missing, malformed, or newer than the newest that this store knows."""
    if not version:
        raise bad_request(
            "The api-version query parameter (?api-version=) is required for all requests.",
            "MissingApiVersionParameter",
        )
    newest = _NEWEST.get(path.namespace.lower(), _NEWEST_OF_ALL)
    if not _VERSION.match(version) or version[:10] > newest[:10] or version < "2014":
        raise bad_request(
            f"No registered resource provider found for location 'global' and API version '{version}' for type "
            f"'{path.type.partition('/')[2]}'. The newest supported api-version is '{newest}'.",
            "NoRegisteredProviderFound" if _VERSION.match(version) else "InvalidApiVersionParameter",
        )
