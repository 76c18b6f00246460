"""Properties that a service does not let change: a difference there is a replacement, not an update.

Azure's specifications mark them ``x-ms-mutability: [create, read]``; azure-native adds others that the
service refuses although the specification is silent. Only those of the footprint's types stand here,
each a property whose change a mode switch must never plan.
"""

from __future__ import annotations

from recovery.arm.catalogue import CATALOGUE

_EVERYWHERE = frozenset({"location", "resourceGroupName"})

_BY_TYPE: dict[str, frozenset[str]] = {
    "azure-native:network:PublicIPAddress": frozenset({"zones", "publicIPAddressVersion"}),
    "azure-native:network:ApplicationGateway": frozenset({"zones"}),
    "azure-native:compute:VirtualMachineScaleSet": frozenset(
        {"zones", "orchestrationMode", "platformFaultDomainCount"}
        | {"virtualMachineProfile.osProfile.adminUsername"}
    ),
    "azure-native:cosmosdb:DatabaseAccount": frozenset({"kind", "apiProperties"}),
    "azure-native:cosmosdb:SqlResourceSqlContainer": frozenset(
        {"resource.id", "resource.partitionKey", "resource.uniqueKeyPolicy"}
    ),
    "azure-native:cosmosdb:SqlResourceSqlDatabase": frozenset({"resource.id"}),
    "azure-native:storage:StorageAccount": frozenset({"kind", "isHnsEnabled", "enableNfsV3"}),
    "azure-native:web:AppServicePlan": frozenset({"reserved", "isXenon"}),
    "azure-native:web:WebApp": frozenset({"kind"}),
    "azure-native:eventgrid:SystemTopic": frozenset({"source", "topicType"}),
    "azure-native:dns:Zone": frozenset({"zoneType"}),
    "azure-native:authorization:RoleAssignment": frozenset({"principalId", "roleDefinitionId", "scope"}),
}  # fmt: skip


def is_create_only(token: str, path: str) -> bool:
    """Whether a change at `path` (dotted, list positions in brackets) forces a replacement of a `token`."""
    row = CATALOGUE.get(token)
    fixed = _EVERYWHERE | _BY_TYPE.get(token, frozenset()) | frozenset(row.path_keys if row else ())
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in fixed)
