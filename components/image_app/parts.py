"""The parts of the footprint that no mode touches, made and joined; what the mode orders stands in footprint.py."""

from __future__ import annotations

from collections.abc import Callable

import pulumi
from pulumi_azure_native import authorization, managedidentity

from components.image_app.common import Place, kept, role_definition
from components.image_app.converter import BLOB_CONTRIBUTOR, BLOB_READER, FUNCTION, Converter, ConverterArgs
from components.image_app.database import Database, DatabaseArgs
from components.image_app.dns import DnsArgs, Zone
from components.image_app.links import Links, LinksArgs, Target
from components.image_app.monitoring import Metric, Monitoring, MonitoringArgs
from components.image_app.network import Network, NetworkArgs
from components.image_app.storage import Storage, StorageArgs
from components.image_app.sync_job import BLOB_DELEGATOR, Sync, SyncArgs
from components.image_app.vault import Vault, VaultArgs
from components.settings import Settings

METRICS = frozenset({"gateway", "cosmos", "topic", "converter", "public-ip", "vault"})
"""Whose metrics are kept beside their logs."""

Id = Callable[[str, str], pulumi.Output[str]]
"""(ARM type, name) -> the id of what is made later."""


class Parts:
    """Network, identities, storage, database, converter, vault, private ways in, sync, monitoring, zone."""

    def __init__(self, site: Settings, place: Place, parent: pulumi.Resource, id: Id) -> None:
        self.site, self.place, self._parent, self._id = site, place, parent, id
        child, names = pulumi.ResourceOptions(parent=parent), site.names
        self.network = Network("network", NetworkArgs(place, names, site.api.port), child)
        self.storage = Storage("storage", StorageArgs(place, names), child)
        self.monitoring = Monitoring("monitoring", MonitoringArgs(place, names, site.monitoring), child)
        self.api_identity, self._converter_identity, self.gateway_identity, self._sync_identity = (
            self._identity(what) for what in ("api", "converter", "gateway", "sync")
        )
        self.api_roles = self._api_roles()
        self.vault = Vault("vault", self._vault_args(), child)
        self.database = Database("database", self._database_args(), child)
        self.converter = Converter("converter-app", self._converter_args(), child)
        self.sync = Sync("sync", self._sync_args(), child)
        self._links(child)
        records = DnsArgs(place, site.dns, site.primary, self.network.address, self.network.fqdn)
        self.zone = Zone("dns", records, child)
        self._watch()
        self._alert()

    @property
    def sync_principal(self) -> pulumi.Output[str]:
        """Object id of the sync's identity: whom AWS's role trusts (stack source)."""
        return self._sync_identity.principal_id

    def _identity(self, what: str) -> managedidentity.UserAssignedIdentity:
        return managedidentity.UserAssignedIdentity(
            f"identity-{what}",
            resource_group_name=self.place.group, resource_name_=self.site.names.of("id", what),
            location=self.place.location, tags=self.place.tags, opts=kept(self._parent),
        )  # fmt: skip

    def _api_roles(self) -> list[pulumi.Resource]:
        """An instance reads its artifact, signs URLs for uploads, and reads and writes them: nothing else."""
        held = self.storage.containers
        wanted = (
            ("reads-artifacts", held["artifacts"].id, BLOB_READER), ("writes-uploads", held["uploads"].id, BLOB_CONTRIBUTOR),
            ("signs-urls", self.storage.uploads.id, BLOB_DELEGATOR),
        )  # fmt: skip
        return [
            authorization.RoleAssignment(
                f"api-{label}",
                scope=scope, role_assignment_name=self.site.names.role("api", label), principal_type="ServicePrincipal",
                principal_id=self.api_identity.principal_id, role_definition_id=role_definition(self.place, role),
                opts=kept(self._parent),
            )
            for label, scope, role in wanted
        ]  # fmt: skip

    def _vault_args(self) -> VaultArgs:
        site, reader = self.site, self.gateway_identity
        return VaultArgs(
            self.place, site.names, reader.tenant_id, site.dns.domain, site.gateway.certificate_name,
            reader.principal_id, site.profile, site.operators,
        )  # fmt: skip

    def _database_args(self) -> DatabaseArgs:
        writers = {
            "api": self.api_identity,
            "converter": self._converter_identity,
            "sync": self._sync_identity,
        }
        principals = tuple((label, identity.principal_id) for label, identity in writers.items())
        return DatabaseArgs(self.place, self.site.names, self.site.database, principals, self.site.operators)

    def _converter_args(self) -> ConverterArgs:
        wanted, storage = self.site.database, self.storage
        settings: dict[str, pulumi.Input[str]] = {
            "COSMOS_ENDPOINT": self.database.account.document_endpoint,
            "COSMOS_DATABASE": wanted.database, "COSMOS_CONTAINER": wanted.container,
        }  # fmt: skip
        return ConverterArgs(
            place=self.place, names=self.site.names, identity=self._converter_identity, uploads=storage.uploads,
            images=storage.containers["uploads"], dead_letters=storage.containers["deadletter"], host=storage.host,
            deployments=storage.deployments, subnet_id=self.network.subnet("functions"),
            insights=self.monitoring.insights, package_hash=self.site.package_hash, app_settings=settings,
        )  # fmt: skip

    def _sync_args(self) -> SyncArgs:
        site, held = self.site, self.storage.containers
        subscription = self.place.group_id.apply(lambda group: group.split("/")[2])
        environment: dict[str, pulumi.Input[str]] = {
            "ARM_SUBSCRIPTION_ID": subscription, "ARM_TENANT_ID": self._sync_identity.tenant_id,
            "AWS_DEFAULT_REGION": site.source.region,
        }  # fmt: skip
        if site.aws_account:
            environment["AWS_ROLE_ARN"] = f"arn:aws:iam::{site.aws_account}:role/{site.sync.role}"
        if site.audience:
            environment["DR_FEDERATION_AUDIENCE"] = site.audience
        return SyncArgs(
            place=self.place, names=site.names, settings=site.sync, identity=self._sync_identity,
            subnet_id=self.network.subnet("sync"),
            registry_id=subscription.apply(lambda s: f"/subscriptions/{s}/resourceGroups/{site.names.registry}"),
            places={"site": self.storage.site.id, **{n: held[n].id for n in ("uploads", "staging", "journal")}},
            found={
                **{p: a.id for p, a in (("site", self.storage.site), ("uploads", self.storage.uploads), ("journal", self.storage.journal))},
                "cosmos": self.database.account.id,
            },
            signed={"site": self.storage.site.id, "uploads": self.storage.uploads.id},
            environment=environment,
        )  # fmt: skip

    def _links(self, child: pulumi.ResourceOptions) -> None:
        """Site and host have none: the site is the public's, and the host's state is reached by its own service."""
        targets = (
            Target("cosmos", self.database.account.id, "Sql"), Target("vault", self.vault.resource.id, "vault"),
            Target("uploads", self.storage.uploads.id, "blob"), Target("journal", self.storage.journal.id, "blob"),
        )  # fmt: skip
        subnet = self.network.subnet("endpoints")
        Links("links", LinksArgs(self.place, self.site.names, self.network.vnet.id, subnet, targets), child)

    def _watch(self) -> None:
        """Everything that has logs sends them. The gateway's own setting comes with it (footprint.py)."""
        network, storage = self.network, self.storage
        self.monitoring.watch(
            {
                "vnet": network.vnet.id, "public-ip": network.public_ip.id,
                **{f"nsg-{part}": nsg.id for part, nsg in network.security_groups.items()},
                **{f"blobs-{purpose}": service.id for purpose, service in storage.services.items()},
                "vault": self.vault.resource.id, "cosmos": self.database.account.id, "converter": self.converter.site.id,
                "topic": self.converter.topic_id, "sync": self.sync.environment.id, "logs": self.monitoring.workspace.id,
            },
            METRICS,
        )  # fmt: skip

    def _alert(self) -> None:
        told, site = self.monitoring, self.site
        told.alert(
            "throttled", "the database refuses requests: more RU/s, or fewer requests", self.database.account.id,
            Metric("Microsoft.DocumentDB/databaseAccounts", "TotalRequests", "Count", 10, 2, {"StatusCode": "429"}),
        )  # fmt: skip
        told.alert(
            "dead-letters", "uploads that nobody converted lie in container deadletter", self.converter.topic_id,
            Metric("Microsoft.EventGrid/systemTopics", "DeadLetteredCount", "Total", 0, 1, {}),
        )  # fmt: skip
        told.query(
            "failed-conversions", "an image was not converted: the exception stands in the log",
            f"AppRequests | where Success == false and Name == '{FUNCTION}'",
        )  # fmt: skip
        told.query(
            "certificate", "the gateway's certificate expires soon: dr cert renew",
            "AzureDiagnostics | where ResourceProvider == 'MICROSOFT.KEYVAULT' and OperationName has 'CertificateNearExpiry'",
            window="P1D",
        )  # fmt: skip
        told.query(
            "schedule-missed", "no heartbeat for two days: something scheduled did not happen (dr watchdog show)",
            "StorageBlobLogs | where OperationName == 'PutBlob' and ObjectKey has 'readiness/heartbeat'",
            fewer=True, window="P2D",
        )  # fmt: skip
        told.query(
            "sync-missed", "no daily sync has ended well for a day: dr sync all, then its log",
            "ContainerAppConsoleLogs | extend said = parse_json(Log) | where said.event == 'dr-sync-run' "
            f"and said.flow == 'metadata' and said.succeeded == true and ContainerJobName == '{site.names.of('caj', 'sync')}'",
            fewer=True, window="P1D",
        )  # fmt: skip
