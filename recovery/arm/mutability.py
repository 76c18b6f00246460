"""Properties that cannot be changed once a resource exists: a difference there is a replacement, no update.

Three sources, named in each row: Azure's specifications mark them (``x-ms-mutability`` without ``update``);
azure-native adds those of its own list of forced replacements (pulumi/pulumi-azure-native,
provider/pkg/gen/replacement.go); and the service refuses a few that neither has. A mode switch must never
plan a change of one, and no up can mend one in place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from recovery.arm.catalogue import CATALOGUE


@dataclass(frozen=True)
class Fixed:
    """One property (Pulumi's flat dotted path) of one type, with where it is written that it is fixed."""

    token: str
    path: str
    source: str


def _rows(token: str, source: str, *paths: str) -> tuple[Fixed, ...]:
    return tuple(Fixed(f"azure-native:{token}", path, source) for path in paths)


_SPEC = "x-ms-mutability, {}"
_PROVIDER = "azure-native's list of forced replacements"
_REFUSED = "the service refuses it: {}"

FIXED: tuple[Fixed, ...] = (
    *_rows(
        "app:ContainerApp", _SPEC.format("Microsoft.App 2024-03-01"), "environmentId", "managedEnvironmentId"
    ),
    *_rows("app:Job", _SPEC.format("Microsoft.App 2024-03-01"), "environmentId"),
    *_rows(
        "app:ManagedEnvironment", _SPEC.format("Microsoft.App 2024-03-01"),
        "customDomainConfiguration.dnsSuffix", "infrastructureResourceGroup", "zoneRedundant",
        *(f"vnetConfiguration.{name}" for name in (
            "dockerBridgeCidr", "infrastructureSubnetId", "internal", "platformReservedCidr",
            "platformReservedDnsIP",
        )),
    ),
    *_rows(
        "applicationinsights:Component", _SPEC.format("Microsoft.Insights 2020-02-02"), "applicationType"
    ),
    *_rows(
        "cosmosdb:DatabaseAccount", _SPEC.format("Microsoft.DocumentDB 2024-05-15-preview"), "restoreParameters"
    ),
    *_rows(
        "cosmosdb:SqlResourceSqlDatabase", _SPEC.format("Microsoft.DocumentDB 2024-05-15-preview"),
        "resource.restoreParameters",
    ),
    *_rows(
        "cosmosdb:SqlResourceSqlContainer", _SPEC.format("Microsoft.DocumentDB 2024-05-15-preview"),
        "resource.restoreParameters",
    ),
    *_rows(
        "storage:StorageAccount", _SPEC.format("Microsoft.Storage 2023-05-01"),
        *(f"encryption.services.{name}.keyType" for name in ("blob", "file", "queue", "table")),
    ),
    *_rows(
        "web:AppServicePlan", _SPEC.format("Microsoft.Web 2023-12-01"),
        "hostingEnvironmentProfile", "hyperV", "isXenon", "reserved",
    ),
    *_rows(
        "web:WebApp", _SPEC.format("Microsoft.Web 2023-12-01"),
        "cloningInfo", "hostingEnvironmentProfile", "hyperV", "isXenon", "reserved", "siteConfig.vnetName",
    ),
    *_rows("authorization:RoleAssignment", _PROVIDER, "principalId", "scope"),
    *_rows("cosmosdb:SqlResourceSqlRoleAssignment", _PROVIDER, "principalId", "scope"),
    *_rows("network:PrivateEndpoint", _PROVIDER, "subnet"),
    *_rows("network:PublicIPAddress", _PROVIDER, "publicIPAddressVersion", "publicIPPrefix", "sku"),
    *_rows("storage:StorageAccount", _PROVIDER, "isHnsEnabled"),
    *_rows("web:WebApp", _PROVIDER, "kind"),
    *_rows(
        "authorization:RoleAssignment", _REFUSED.format("RoleAssignmentUpdateNotPermitted"), "roleDefinitionId"
    ),
    *_rows(
        "compute:VirtualMachineScaleSet", _REFUSED.format("PropertyChangeNotAllowed"),
        "zones", "orchestrationMode", "platformFaultDomainCount",
        "virtualMachineProfile.osProfile.adminUsername",
    ),
    *_rows("cosmosdb:DatabaseAccount", _REFUSED.format("BadRequest"), "kind", "apiProperties", "enableFreeTier"),
    *_rows("cosmosdb:SqlResourceSqlDatabase", _REFUSED.format("BadRequest"), "resource.id"),
    *_rows(
        "cosmosdb:SqlResourceSqlContainer", _REFUSED.format("BadRequest"),
        "resource.id", "resource.partitionKey", "resource.uniqueKeyPolicy",
    ),
    *_rows("dns:Zone", _REFUSED.format("BadRequest"), "zoneType"),
    *_rows("eventgrid:SystemTopic", _REFUSED.format("InvalidRequest"), "source", "topicType"),
    *_rows("network:ApplicationGateway", _REFUSED.format("ApplicationGatewayZonesCannotBeUpdated"), "zones"),
    *_rows("network:PublicIPAddress", _REFUSED.format("ResourceCannotBeUpdated"), "zones"),
    *_rows(
        "storage:StorageAccount", _REFUSED.format("AccountPropertyCannotBeUpdated"),
        "kind", "enableNfsV3", "encryption.requireInfrastructureEncryption",
    ),
)  # fmt: skip

EVERYWHERE = frozenset({"location", "resourceGroupName"})
"""Resource Manager moves no resource: a PUT elsewhere answers InvalidResourceLocation, another group is another id."""


def is_fixed(token: str, path: str) -> bool:
    """Whether a change at `path` (dotted Pulumi path, list positions in brackets) forces a replacement of a `token`."""
    row = CATALOGUE.get(token)
    fixed = {
        *EVERYWHERE,
        *(row.path_keys if row else ()),
        *(entry.path for entry in FIXED if entry.token == token),
    }
    return any(path == name or path.startswith((f"{name}.", f"{name}[")) for name in fixed)


def is_fixed_in_body(token: str, path: str) -> bool:
    """The same for a path of an ARM body, as the drift check's findings name it (``properties.resource.partitionKey``)."""
    return is_fixed(token, re.sub(r"(^|\.)properties\.", r"\1", path))
