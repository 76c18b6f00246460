"""The sync's own workloads in Azure: the daily run at its hour, and the watch that carries changes as they happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import app, authorization, managedidentity

from components.image_app.common import Place, kept, role_definition
from components.naming import Names
from components.settings import Direction
from components.settings import Sync as SyncSettings

BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
"""Storage Blob Data Contributor (learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage)."""

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
"""AcrPull (learn.microsoft.com/azure/role-based-access-control/built-in-roles/containers)."""

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
BLOB_DELEGATOR = "db58b8e5-c6ad-4a2a-8342-4190687cbf4a"
"""Reader (of single resources) and Storage Blob Delegator: URLs signed by identity, with no account key."""

WORDS: Mapping[Direction, tuple[str, ...]] = {Direction.FORWARD: (), Direction.REVERSE: ("--reverse",)}
"""What the direction adds to the daily command: the journal decides whether it runs (`dr sync direction`)."""

WATCHES: Mapping[Direction, int] = {Direction.FORWARD: 1, Direction.REVERSE: 0}
"""Replicas of the watch: it follows the primary's streams, and there is none the other way."""


@dataclass(frozen=True)
class SyncArgs:
    """identity: who both are, in Azure and, by its token, in AWS. places: label -> id of what it may write blobs in.

    registry_id: where its image lies. found: label -> id of what it must find by Resource Manager. signed: label -> id
    of the accounts whose blobs it signs URLs for. environment: name -> value, no secrets. subnet_id: of the environment.
    """

    place: Place
    names: Names
    settings: SyncSettings
    identity: managedidentity.UserAssignedIdentity
    subnet_id: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    places: Mapping[str, pulumi.Input[str]]
    found: Mapping[str, pulumi.Input[str]]
    signed: Mapping[str, pulumi.Input[str]]
    environment: Mapping[str, pulumi.Input[str]]


class Sync(pulumi.ComponentResource):
    """An environment inside the network, and the roles. The workloads come by `workloads`, in the order of the mode."""

    def __init__(self, name: str, args: SyncArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Sync", name, None, opts)
        self._args, place = args, args.place
        self.environment = app.ManagedEnvironment(
            "sync-environment",
            resource_group_name=place.group, environment_name=args.names.of("cae", "sync"), location=place.location,
            tags=place.tags, zone_redundant=True, vnet_configuration=app.VnetConfigurationArgs(
                infrastructure_subnet_id=args.subnet_id, internal=True
            ),
            public_network_access="Disabled", app_logs_configuration=app.AppLogsConfigurationArgs(destination="azure-monitor"),
            workload_profiles=[app.WorkloadProfileArgs(name="Consumption", workload_profile_type="Consumption")],
            opts=kept(self),
        )  # fmt: skip
        wanted = {"pulls-image": (args.registry_id, ACR_PULL)}
        wanted |= {f"writes-{label}": (scope, BLOB_CONTRIBUTOR) for label, scope in args.places.items()}
        wanted |= {f"finds-{label}": (scope, READER) for label, scope in args.found.items()}
        wanted |= {f"signs-{label}": (scope, BLOB_DELEGATOR) for label, scope in args.signed.items()}
        self.roles = [self._role(label, scope, role) for label, (scope, role) in wanted.items()]
        self.register_outputs({"environmentId": self.environment.id})

    def _role(self, label: str, scope: pulumi.Input[str], role: str) -> authorization.RoleAssignment:
        args = self._args
        return authorization.RoleAssignment(
            f"sync-{label}",
            scope=scope, role_assignment_name=args.names.role("sync", label), principal_id=args.identity.principal_id,
            principal_type="ServicePrincipal", role_definition_id=role_definition(args.place, role), opts=kept(self),
        )  # fmt: skip

    def workloads(self, direction: Direction, after: Sequence[pulumi.Resource]) -> list[pulumi.Resource]:
        """Both, with the direction dial in their commands."""
        return [self._daily(direction, after), self._watch(direction, after)]

    def _daily(self, direction: Direction, after: Sequence[pulumi.Resource]) -> app.Job:
        """SYNC-5: its clock is Azure's. One replica, no retry: a run that failed is seen, and the next one repairs."""
        args, place = self._args, self._args.place
        return app.Job(
            "sync-daily",
            resource_group_name=place.group, job_name=args.names.of("caj", "sync"), location=place.location,
            tags=place.tags, environment_id=self.environment.id, workload_profile_name="Consumption",
            identity=self._identity(),
            configuration=app.JobConfigurationArgs(
                trigger_type=app.TriggerType.SCHEDULE, replica_timeout=7200, replica_retry_limit=0,
                registries=self._registries(),
                schedule_trigger_config=app.JobConfigurationScheduleTriggerConfigArgs(
                    cron_expression=args.settings.schedule, parallelism=1, replica_completion_count=1
                ),
            ),
            template=app.JobTemplateArgs(containers=[self._container(["all", *WORDS[direction]])]),
            opts=kept(self, [*self.roles, *after]),
        )  # fmt: skip

    def _watch(self, direction: Direction, after: Sequence[pulumi.Resource]) -> app.ContainerApp:
        """Exactly one: two would carry every change twice."""
        args, place = self._args, self._args.place
        return app.ContainerApp(
            "sync-watch",
            resource_group_name=place.group, container_app_name=args.names.of("ca", "watch"), location=place.location,
            tags=place.tags, environment_id=self.environment.id, workload_profile_name="Consumption",
            identity=self._identity(),
            configuration=app.ConfigurationArgs(active_revisions_mode="Single", registries=self._registries()),
            template=app.TemplateArgs(
                containers=[self._container(["watch"])],
                scale=app.ScaleArgs(min_replicas=WATCHES[direction], max_replicas=1),
            ),
            opts=kept(self, [*self.roles, *after]),
        )  # fmt: skip

    def _identity(self) -> app.ManagedServiceIdentityArgs:
        return app.ManagedServiceIdentityArgs(
            type=app.ManagedServiceIdentityType.USER_ASSIGNED,
            user_assigned_identities=[self._args.identity.id],
        )

    def _registries(self) -> list[app.RegistryCredentialsArgs]:
        server = self._args.settings.image.partition("/")[0]
        return [app.RegistryCredentialsArgs(server=server, identity=self._args.identity.id)]

    def _container(self, words: list[str]) -> app.ContainerArgs:
        args = self._args
        values = {**args.environment, "AZURE_CLIENT_ID": args.identity.client_id}
        return app.ContainerArgs(
            name="sync", image=args.settings.image, args=["sync", *words],
            env=[app.EnvironmentVarArgs(name=name, value=value) for name, value in values.items()],
            resources=app.ContainerResourcesArgs(cpu=1.0, memory="2Gi"),
        )  # fmt: skip
