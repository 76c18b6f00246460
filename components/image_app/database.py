"""Cosmos DB: account, database, container; its throughput is a dial (components.gates.CosmosThroughput)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import cosmosdb

from components.gates import CosmosThroughput
from components.image_app.common import Place, kept
from components.naming import Names
from components.settings import Database as DatabaseSettings

CREATION_ONLY = ("options",)
"""Read when the container is made; afterwards the dial's own resource says what they say (pulumi-azure-native#1787)."""

DATA_CONTRIBUTOR = "00000000-0000-0000-0000-000000000002"
"""Cosmos DB's built-in data contributor (learn.microsoft.com/azure/cosmos-db/how-to-setup-rbac)."""


@dataclass(frozen=True)
class DatabaseArgs:
    """place, names, settings: as everywhere. writers: label and principal id of who may read and write documents.

    operators: public ranges that may reach it; none: inside the network alone."""

    place: Place
    names: Names
    settings: DatabaseSettings
    writers: tuple[tuple[str, pulumi.Input[str]], ...] = ()
    operators: tuple[str, ...] = ()


class Database(pulumi.ComponentResource):
    """The documents. Identities only (no keys), continuous backup, the Base64 content kept out of the index."""

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Database", name, None, opts)
        place, wanted = args.place, args.settings
        self._kind = wanted.throughput_kind
        self.account = self._account(place, args.names, args.operators)
        database = cosmosdb.SqlResourceSqlDatabase(
            "cosmos-database",
            resource_group_name=place.group, account_name=self.account.name, database_name=wanted.database,
            resource=cosmosdb.SqlDatabaseResourceArgs(id=wanted.database), opts=kept(self),
        )  # fmt: skip
        key = cosmosdb.ContainerPartitionKeyArgs(paths=[wanted.partition_key], kind="Hash", version=2)
        indexing = cosmosdb.IndexingPolicyArgs(
            indexing_mode="consistent", automatic=True, included_paths=[cosmosdb.IncludedPathArgs(path="/*")],
            excluded_paths=[cosmosdb.ExcludedPathArgs(path=p) for p in ("/content/?", '/"_etag"/?')],
        )  # fmt: skip
        self.container = cosmosdb.SqlResourceSqlContainer(
            "cosmos-container",
            resource_group_name=place.group, account_name=self.account.name, database_name=database.name,
            container_name=wanted.container,
            resource=cosmosdb.SqlContainerResourceArgs(id=wanted.container, partition_key=key, indexing_policy=indexing),
            options=_first_throughput(wanted), opts=kept(self, ignore=CREATION_ONLY),
        )  # fmt: skip
        for label, principal in args.writers:
            self._writer(args, label, principal)
        self.register_outputs({"accountId": self.account.id})

    def _account(self, place: Place, names: Names, operators: tuple[str, ...]) -> cosmosdb.DatabaseAccount:
        backup = cosmosdb.ContinuousModePropertiesArgs(tier="Continuous7Days")
        return cosmosdb.DatabaseAccount(
            "cosmos",
            resource_group_name=place.group, account_name=names.cosmos, location=place.location, tags=place.tags,
            kind="GlobalDocumentDB", database_account_offer_type=cosmosdb.DatabaseAccountOfferType.STANDARD, disable_local_auth=True,
            locations=[
                cosmosdb.LocationArgs(location_name=place.location, failover_priority=0, is_zone_redundant=False)
            ],
            consistency_policy=cosmosdb.ConsistencyPolicyArgs(default_consistency_level=cosmosdb.DefaultConsistencyLevel.SESSION),
            backup_policy=cosmosdb.ContinuousModeBackupPolicyArgs(
                type="Continuous", continuous_mode_properties=backup
            ),
            minimal_tls_version="Tls12", disable_key_based_metadata_write_access=True, enable_automatic_failover=False,
            public_network_access="Enabled" if operators else "Disabled",
            ip_rules=[cosmosdb.IpAddressOrRangeArgs(ip_address_or_range=r) for r in operators], opts=kept(self),
        )  # fmt: skip

    def _writer(self, args: DatabaseArgs, label: str, principal: pulumi.Input[str]) -> None:
        """Local auth is disabled, so the data plane's own role assignments replace keys."""
        cosmosdb.SqlResourceSqlRoleAssignment(
            f"cosmos-role-{label}",
            resource_group_name=args.place.group, account_name=self.account.name,
            role_assignment_id=args.names.role("cosmos", label), principal_id=principal, scope=self.account.id,
            role_definition_id=self.account.id.apply(lambda i: f"{i}/sqlRoleDefinitions/{DATA_CONTRIBUTOR}"),
            opts=kept(self),
        )  # fmt: skip

    def throughput(self, ru: int, after: Sequence[pulumi.Resource]) -> CosmosThroughput:
        """The throughput dial, in the order that the mode wants. ru: RU/s (autoscale: the maximum)."""
        props = {"containerId": self.container.id, "throughput": ru, "throughputKind": self._kind}
        return CosmosThroughput("cosmos-throughput", props, kept(self, [*after, self.container]))


def _first_throughput(wanted: DatabaseSettings) -> cosmosdb.CreateUpdateOptionsArgs | None:
    """What a new container is made with, the same in both modes. Without it Azure makes 400 RU/s manual, and manual
    throughput cannot become autoscale through ARM: the dial would be refused for ever."""
    if wanted.throughput_kind == "manual":
        return None
    scale = cosmosdb.AutoscaleSettingsArgs(max_throughput=wanted.standby_throughput)
    return cosmosdb.CreateUpdateOptionsArgs(autoscale_settings=scale)
