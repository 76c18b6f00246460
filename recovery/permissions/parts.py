"""Groups of grants that several roles share, each with its reason."""

from __future__ import annotations

from recovery.arm.catalogue import CATALOGUE
from recovery.permissions.model import Grant

_NOT_ARM = ("staticWebsite",)
_RECORDS = ("A", "CNAME", "TXT")


def kinds() -> tuple[str, ...]:
    """The ARM types of the footprint, as Azure's actions name them, each once and sorted."""
    found: set[str] = set()
    for row in CATALOGUE.values():
        kind = row.arm_type
        if not row.api_version or kind.rpartition("/")[2] in _NOT_ARM:
            continue
        if kind == "Microsoft.Resources/resourceGroups":
            kind = "Microsoft.Resources/subscriptions/resourceGroups"
        if "{recordType}" in kind:
            found |= {kind.replace("{recordType}", record) for record in _RECORDS}
        else:
            found.add(kind)
    return tuple(sorted(found, key=str.lower))


def grants(why: str, *actions: str) -> tuple[Grant, ...]:
    """One grant for each action, with one reason."""
    return tuple(Grant(action, why) for action in actions)


ASK = grants("dr doctor asks what this identity may do", "Microsoft.Authorization/permissions/read")

LOOK = (
    *ASK,
    *grants("drift, plans and gates compare it", *(f"{kind}/read" for kind in kinds())),
    *grants(
        "what a plain GET does not show: throughput, functions, settings",
        "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings/read",
        "Microsoft.Web/sites/functions/read",
        "Microsoft.Web/sites/config/list/action",
    ),
    *grants("unmanaged resources are found", "Microsoft.Resources/subscriptions/resourceGroups/resources/read"),
    *grants("backends are healthy or not", "Microsoft.Network/applicationGateways/backendhealth/action"),
    *grants("traffic has left or not; instances run", "Microsoft.Insights/metrics/read"),
    *grants("instances run", "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read"),
    *grants("long-running changes are followed to their end", "*/operations/read", "*/operationresults/read",
            "*/operationStatuses/read"),
)  # fmt: skip
"""Reads of everything that is declared, and of what is told apart from it."""

ABOVE = (
    *ASK,
    *grants(
        "quota, stock and the image before a failover: asked of the region, which lies above every group",
        "Microsoft.Compute/locations/usages/read", "Microsoft.Compute/skus/read",
        "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read",
        "Microsoft.Compute/images/read", "Microsoft.Compute/galleries/images/versions/read",
    ),
    *grants("who has which role is asked of the subscription", "Microsoft.Authorization/roleAssignments/read",
            "Microsoft.Authorization/roleDefinitions/read"),
)  # fmt: skip

JOIN = grants(
    "a resource that names another one needs this there",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
    "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies/join/action",
    "Microsoft.Network/privateDnsZones/join/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
    "Microsoft.Web/serverfarms/join/action",
    "Microsoft.App/managedEnvironments/join/action",
    "Microsoft.OperationalInsights/workspaces/sharedKeys/action",
)

DIALS = grants(
    "the dials: capacity, throughput, the converter's filter, the gateway's minimum, the sync, records, the mode tag",
    "Microsoft.App/containerApps/write",
    "Microsoft.App/jobs/write",
    "Microsoft.Compute/virtualMachineScaleSets/write",
    "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers/throughputSettings/write",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions/write",
    "Microsoft.EventGrid/systemTopics/eventSubscriptions/getDeliveryAttributes/action",
    "Microsoft.Network/applicationGateways/write",
    "Microsoft.Network/dnsZones/A/write",
    "Microsoft.Network/dnsZones/CNAME/write",
    "Microsoft.Resources/tags/write",
)
DIAL_JOINS = grants(
    "a dial's PUT names these again, and Azure asks anew",
    "Microsoft.App/managedEnvironments/join/action",
    "Microsoft.Network/virtualNetworks/subnets/join/action",
    "Microsoft.Network/networkSecurityGroups/join/action",
    "Microsoft.Network/publicIPAddresses/join/action",
    "Microsoft.Network/applicationGateways/backendAddressPools/join/action",
    "Microsoft.Network/ApplicationGatewayWebApplicationFirewallPolicies/join/action",
    "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
)

CHALLENGE = grants(
    "ACME's DNS-01 challenge is answered in the zone and taken away again",
    "Microsoft.Network/dnsZones/TXT/read",
    "Microsoft.Network/dnsZones/TXT/write",
    "Microsoft.Network/dnsZones/TXT/delete",
)

SIGNED_URLS = grants(
    "URLs are signed with a user delegation key, never an account key",
    "Microsoft.Storage/storageAccounts/blobServices/generateUserDelegationKey/action",
)

RUN_INSIDE = grants(
    "dr in-azure starts the tool's own image inside the network, reads its output, removes it",
    "Microsoft.ContainerInstance/containerGroups/read",
    "Microsoft.ContainerInstance/containerGroups/write",
    "Microsoft.ContainerInstance/containerGroups/delete",
    "Microsoft.ContainerInstance/containerGroups/stop/action",
    "Microsoft.ContainerInstance/containerGroups/containers/logs/read",
    "Microsoft.ContainerRegistry/registries/read",
    "Microsoft.ContainerRegistry/registries/runs/read",
)

_BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs"
BLOBS_READ = grants("the journal, the lock and the data are read", f"{_BLOBS}/read")
BLOBS_WRITE = grants("journal, lock and data are written", f"{_BLOBS}/write", f"{_BLOBS}/add/action")
BLOBS_DELETE = grants(
    "obsolete files of the site, the test image and lifted freezes are removed", f"{_BLOBS}/delete"
)

_COSMOS = "Microsoft.DocumentDB/databaseAccounts"
DOCUMENTS = grants(
    "documents are read, counted, compared and written",
    f"{_COSMOS}/readMetadata",
    f"{_COSMOS}/sqlDatabases/containers/executeQuery",
    f"{_COSMOS}/sqlDatabases/containers/readChangeFeed",
    f"{_COSMOS}/sqlDatabases/containers/items/read",
    f"{_COSMOS}/sqlDatabases/containers/items/create",
    f"{_COSMOS}/sqlDatabases/containers/items/upsert",
    f"{_COSMOS}/sqlDatabases/containers/items/replace",
    f"{_COSMOS}/sqlDatabases/containers/items/delete",
)

_VAULT = "Microsoft.KeyVault/vaults"
CERTIFICATE_READ = grants(
    "the certificate's days, names and issuer are read; its private key never", f"{_VAULT}/certificates/read"
)
CERTIFICATE_WRITE = grants(
    "a new version of the certificate is put in", f"{_VAULT}/certificates/create/action",
    f"{_VAULT}/certificates/import/action",
)  # fmt: skip
STATE_KEY = grants(
    "secrets in Pulumi's state are opened and closed with the project's key",
    f"{_VAULT}/keys/read",
    f"{_VAULT}/keys/encrypt/action",
    f"{_VAULT}/keys/decrypt/action",
)
