"""The ARM types of the footprint: Pulumi token, ARM type, id template, API version.

API versions are those of pulumi-azure-native 3.29 (each class's docstring, "Uses Azure REST API version …");
a test holds them against the installed package. `path` is the id below the subscription, with the Pulumi
input names of its path keys in braces.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

RG = "/resourceGroups/{resourceGroupName}"


@dataclass(frozen=True)
class ArmType:
    """One row: how a Pulumi type is addressed in ARM."""

    token: str
    arm_type: str
    path: str
    api_version: str

    @property
    def path_keys(self) -> tuple[str, ...]:
        """Input names that are part of the id, not of the body."""
        return tuple(re.findall(r"{(\w+)}", self.path))

    def id(self, subscription: str, inputs: Mapping[str, object]) -> str:
        """The ARM id. KeyError names the missing path key: every resource has explicit names."""
        values = {k: str(inputs[k]) for k in self.path_keys}
        filled = self.path.format(**values)
        if filled.startswith("/subscriptions/") or self.path.startswith(
            "{"
        ):  # {scope} and {resourceUri} are ids
            return filled
        return f"/subscriptions/{subscription}{filled}"


def _p(namespace: str, rest: str) -> str:
    return f"{RG}/providers/{namespace}/{rest}"


_COSMOS = "databaseAccounts/{accountName}"
_STORAGE = "storageAccounts/{accountName}"

CATALOGUE: dict[str, ArmType] = {
    row.token: row
    for row in (
        ArmType(
            "azure-native:resources:TagAtScope",
            "Microsoft.Resources/tags",
            "{scope}/providers/Microsoft.Resources/tags/default",
            "2024-03-01",
        ),
        ArmType(
            "azure-native:resources:ResourceGroup", "Microsoft.Resources/resourceGroups", RG, "2024-03-01"
        ),
        ArmType(
            "azure-native:network:VirtualNetwork",
            "Microsoft.Network/virtualNetworks",
            _p("Microsoft.Network", "virtualNetworks/{virtualNetworkName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:network:NetworkSecurityGroup",
            "Microsoft.Network/networkSecurityGroups",
            _p("Microsoft.Network", "networkSecurityGroups/{networkSecurityGroupName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:network:PublicIPAddress",
            "Microsoft.Network/publicIPAddresses",
            _p("Microsoft.Network", "publicIPAddresses/{publicIpAddressName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:network:ApplicationGateway",
            "Microsoft.Network/applicationGateways",
            _p("Microsoft.Network", "applicationGateways/{applicationGatewayName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:compute:VirtualMachineScaleSet",
            "Microsoft.Compute/virtualMachineScaleSets",
            _p("Microsoft.Compute", "virtualMachineScaleSets/{vmScaleSetName}"),
            "2024-11-01",
        ),
        ArmType(
            "azure-native:cosmosdb:DatabaseAccount",
            "Microsoft.DocumentDB/databaseAccounts",
            _p("Microsoft.DocumentDB", _COSMOS),
            "2025-10-15",
        ),
        ArmType(
            "azure-native:cosmosdb:SqlResourceSqlDatabase",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases",
            _p("Microsoft.DocumentDB", _COSMOS + "/sqlDatabases/{databaseName}"),
            "2025-10-15",
        ),
        ArmType(
            "azure-native:cosmosdb:SqlResourceSqlContainer",
            "Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers",
            _p("Microsoft.DocumentDB", _COSMOS + "/sqlDatabases/{databaseName}/containers/{containerName}"),
            "2025-10-15",
        ),
        ArmType(
            "azure-native:cosmosdb:SqlResourceSqlRoleAssignment",
            "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",
            _p("Microsoft.DocumentDB", _COSMOS + "/sqlRoleAssignments/{roleAssignmentId}"),
            "2025-10-15",
        ),
        ArmType(
            "azure-native:storage:StorageAccount",
            "Microsoft.Storage/storageAccounts",
            _p("Microsoft.Storage", _STORAGE),
            "2024-01-01",
        ),
        ArmType(
            "azure-native:storage:BlobServiceProperties",
            "Microsoft.Storage/storageAccounts/blobServices",
            _p("Microsoft.Storage", _STORAGE + "/blobServices/{blobServicesName}"),
            "2024-01-01",
        ),
        ArmType(
            "azure-native:storage:BlobContainer",
            "Microsoft.Storage/storageAccounts/blobServices/containers",
            _p("Microsoft.Storage", _STORAGE + "/blobServices/default/containers/{containerName}"),
            "2024-01-01",
        ),
        # Not an ARM resource: the provider sets it through the data plane (Set Blob Service Properties).
        ArmType(
            "azure-native:storage:StorageAccountStaticWebsite",
            "Microsoft.Storage/storageAccounts/staticWebsite",
            _p("Microsoft.Storage", _STORAGE + "/staticWebsite"),
            "",
        ),
        ArmType(
            "azure-native:web:AppServicePlan",
            "Microsoft.Web/serverfarms",
            _p("Microsoft.Web", "serverfarms/{name}"),
            "2025-05-01",
        ),
        ArmType(
            "azure-native:web:WebApp",
            "Microsoft.Web/sites",
            _p("Microsoft.Web", "sites/{name}"),
            "2025-05-01",
        ),
        ArmType(
            "azure-native:web:WebAppApplicationSettings",
            "Microsoft.Web/sites/config",
            _p("Microsoft.Web", "sites/{name}/config/appsettings"),
            "2025-05-01",
        ),
        ArmType(
            "azure-native:eventgrid:SystemTopic",
            "Microsoft.EventGrid/systemTopics",
            _p("Microsoft.EventGrid", "systemTopics/{systemTopicName}"),
            "2025-02-15",
        ),
        ArmType(
            "azure-native:eventgrid:SystemTopicEventSubscription",
            "Microsoft.EventGrid/systemTopics/eventSubscriptions",
            _p(
                "Microsoft.EventGrid",
                "systemTopics/{systemTopicName}/eventSubscriptions/{eventSubscriptionName}",
            ),
            "2025-02-15",
        ),
        ArmType(
            "azure-native:managedidentity:UserAssignedIdentity",
            "Microsoft.ManagedIdentity/userAssignedIdentities",
            _p("Microsoft.ManagedIdentity", "userAssignedIdentities/{resourceName}"),
            "2023-01-31",
        ),
        ArmType(
            "azure-native:authorization:RoleAssignment",
            "Microsoft.Authorization/roleAssignments",
            "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
            "2022-04-01",
        ),
        ArmType(
            "azure-native:dns:Zone",
            "Microsoft.Network/dnsZones",
            _p("Microsoft.Network", "dnsZones/{zoneName}"),
            "2023-07-01-preview",
        ),
        ArmType(
            "azure-native:dns:RecordSet",
            "Microsoft.Network/dnsZones/{recordType}",
            _p("Microsoft.Network", "dnsZones/{zoneName}/{recordType}/{relativeRecordSetName}"),
            "2023-07-01-preview",
        ),
        ArmType(
            "azure-native:keyvault:Vault",
            "Microsoft.KeyVault/vaults",
            _p("Microsoft.KeyVault", "vaults/{vaultName}"),
            "2024-11-01",
        ),
        ArmType(
            "azure-native:monitor:MetricAlert",
            "Microsoft.Insights/metricAlerts",
            _p("Microsoft.Insights", "metricAlerts/{ruleName}"),
            "2018-03-01",
        ),
        ArmType(
            "azure-native:monitor:ActionGroup",
            "Microsoft.Insights/actionGroups",
            _p("Microsoft.Insights", "actionGroups/{actionGroupName}"),
            "2024-10-01-preview",
        ),
        ArmType(
            "azure-native:operationalinsights:Workspace",
            "Microsoft.OperationalInsights/workspaces",
            _p("Microsoft.OperationalInsights", "workspaces/{workspaceName}"),
            "2023-09-01",
        ),
        ArmType(
            "azure-native:applicationinsights:Component",
            "Microsoft.Insights/components",
            _p("Microsoft.Insights", "components/{resourceName}"),
            "2020-02-02",
        ),
        ArmType(
            "azure-native:network:PrivateEndpoint",
            "Microsoft.Network/privateEndpoints",
            _p("Microsoft.Network", "privateEndpoints/{privateEndpointName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:network:PrivateDnsZoneGroup",
            "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
            _p(
                "Microsoft.Network",
                "privateEndpoints/{privateEndpointName}/privateDnsZoneGroups/{privateDnsZoneGroupName}",
            ),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:network:WebApplicationFirewallPolicy",
            "Microsoft.Network/applicationGatewayWebApplicationFirewallPolicies",
            _p("Microsoft.Network", "applicationGatewayWebApplicationFirewallPolicies/{policyName}"),
            "2024-05-01",
        ),
        ArmType(
            "azure-native:privatedns:PrivateZone",
            "Microsoft.Network/privateDnsZones",
            _p("Microsoft.Network", "privateDnsZones/{privateZoneName}"),
            "2024-06-01",
        ),
        ArmType(
            "azure-native:privatedns:VirtualNetworkLink",
            "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
            _p(
                "Microsoft.Network",
                "privateDnsZones/{privateZoneName}/virtualNetworkLinks/{virtualNetworkLinkName}",
            ),
            "2024-06-01",
        ),
        ArmType(
            "azure-native:storage:ManagementPolicy",
            "Microsoft.Storage/storageAccounts/managementPolicies",
            _p("Microsoft.Storage", _STORAGE + "/managementPolicies/{managementPolicyName}"),
            "2024-01-01",
        ),
        ArmType(
            "azure-native:storage:BlobContainerImmutabilityPolicy",
            "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies",
            _p(
                "Microsoft.Storage",
                _STORAGE
                + "/blobServices/default/containers/{containerName}/immutabilityPolicies/{immutabilityPolicyName}",
            ),
            "2024-01-01",
        ),
        ArmType(
            "azure-native:monitor:DiagnosticSetting",
            "Microsoft.Insights/diagnosticSettings",
            "{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
            "2021-05-01-preview",
        ),
        ArmType(
            "azure-native:monitor:ScheduledQueryRule",
            "Microsoft.Insights/scheduledQueryRules",
            _p("Microsoft.Insights", "scheduledQueryRules/{ruleName}"),
            "2025-01-01-preview",
        ),
        ArmType(
            "azure-native:app:ManagedEnvironment",
            "Microsoft.App/managedEnvironments",
            _p("Microsoft.App", "managedEnvironments/{environmentName}"),
            "2025-02-02-preview",
        ),
        ArmType(
            "azure-native:app:ContainerApp",
            "Microsoft.App/containerApps",
            _p("Microsoft.App", "containerApps/{containerAppName}"),
            "2025-02-02-preview",
        ),
        ArmType(
            "azure-native:app:Job",
            "Microsoft.App/jobs",
            _p("Microsoft.App", "jobs/{jobName}"),
            "2025-02-02-preview",
        ),
        ArmType(
            "azure-native:storage:Queue",
            "Microsoft.Storage/storageAccounts/queueServices/queues",
            _p("Microsoft.Storage", _STORAGE + "/queueServices/default/queues/{queueName}"),
            "2024-01-01",
        ),
    )
}
