"""The converter: a Function App that turns uploads into documents, its code, and the events that wake it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import applicationinsights, authorization, eventgrid, managedidentity, storage, web

from components.gates import ConverterPackage
from components.image_app.common import Place, kept, role_definition
from components.naming import Names

FUNCTION = "convert_upload"
PACKAGE = "components/image_app/converter_app"
LISTENS = "/blobServices/default/containers/uploads/blobs/"
MUTED = "/blobServices/default/containers/uploads/muted/"
"""A subject that no blob has: events are dropped, and the filter reads back (the converter's mute dial)."""

BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
"""Storage Blob Data Owner, Contributor, Reader: the host keeps locks and secrets of its own, in its own account
(learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage)."""

METRICS_PUBLISHER = "3913510d-42f4-4e42-8a64-420c390055eb"
"""Monitoring Metrics Publisher (.../built-in-roles/monitor)."""


@dataclass(frozen=True)
class ConverterArgs:
    """app_settings: name -> value, no secrets. package_hash: of the folder PACKAGE. uploads, images: the account and the
    container where images come from; dead_letters: where events go that nobody took. host, deployments: the account of
    the host's own state and the container of the package. subnet_id: from where it reaches what is private. insights:
    its telemetry."""

    place: Place
    names: Names
    identity: managedidentity.UserAssignedIdentity
    uploads: storage.StorageAccount
    images: storage.BlobContainer
    dead_letters: storage.BlobContainer
    host: storage.StorageAccount
    deployments: storage.BlobContainer
    subnet_id: pulumi.Input[str]
    insights: applicationinsights.Component
    package_hash: str
    app_settings: Mapping[str, pulumi.Input[str]]


class Converter(pulumi.ComponentResource):
    """Flex Consumption, Event Grid trigger, identity only. The subscription comes last: it wants the function to
    exist."""

    def __init__(self, name: str, args: ConverterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Converter", name, None, opts)
        self._args, place, names = args, args.place, args.names
        self._blob_url = args.uploads.primary_endpoints.apply(lambda e: str(getattr(e, "blob", None) or ""))
        self._host_url = args.host.primary_endpoints.apply(lambda e: str(getattr(e, "blob", None) or ""))
        mine = args.identity.principal_id
        self.roles = [
            self._role("storage", args.host.id, BLOB_OWNER, mine),
            self._role("reads-uploads", args.images.id, BLOB_READER, mine),
            self._role("sends-telemetry", args.insights.id, METRICS_PUBLISHER, mine),
        ]
        plan = web.AppServicePlan(
            "converter-plan",
            resource_group_name=place.group, name=names.of("plan", "converter"), location=place.location,
            tags=place.tags, kind="functionapp", reserved=True,
            sku=web.SkuDescriptionArgs(name="FC1", tier="FlexConsumption"), opts=kept(self),
        )  # fmt: skip
        self.site = web.WebApp(
            "converter",
            resource_group_name=place.group, name=names.function_app, location=place.location, tags=place.tags,
            kind="functionapp,linux", server_farm_id=plan.id, https_only=True,
            site_config=web.SiteConfigArgs(min_tls_version="1.2", scm_min_tls_version="1.2", ftps_state="Disabled", http20_enabled=True),
            identity=web.ManagedServiceIdentityArgs(type=web.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity.id]),
            function_app_config=self._flex(), virtual_network_subnet_id=args.subnet_id, opts=kept(self, self.roles),
        )  # fmt: skip
        settings = web.WebAppApplicationSettings(
            "converter-settings",
            resource_group_name=place.group, name=self.site.name,
            properties={
                **args.app_settings, **_host_storage(args),
                "AZURE_CLIENT_ID": args.identity.client_id, "UPLOADS_BLOB_ENDPOINT": self._blob_url,
                "APPLICATIONINSIGHTS_CONNECTION_STRING": args.insights.connection_string,
                "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": pulumi.Output.concat(
                    "ClientId=", args.identity.client_id, ";Authorization=AAD"
                ),
            },
            opts=kept(self),
        )  # fmt: skip
        self.package = ConverterPackage(
            "converter-package",
            {
                "siteId": self.site.id, "functionName": FUNCTION, "packageHash": args.package_hash,
                "packagePath": PACKAGE,
            },
            kept(self, [settings]),
        )  # fmt: skip
        self._topic = eventgrid.SystemTopic(
            "uploads-topic",
            resource_group_name=place.group, system_topic_name=names.of("evgt", "uploads"), location=place.location,
            tags=place.tags, source=args.uploads.id, topic_type="Microsoft.Storage.StorageAccounts",
            identity=eventgrid.IdentityInfoArgs(type="SystemAssigned"), opts=kept(self),
        )  # fmt: skip
        topic = self._topic.identity.apply(lambda i: str(getattr(i, "principal_id", None) or ""))
        self.roles.append(self._role("dead-letters", args.dead_letters.id, BLOB_CONTRIBUTOR, topic))
        self.register_outputs({"siteId": self.site.id})

    def _role(
        self, label: str, scope: pulumi.Input[str], role: str, principal: pulumi.Input[str]
    ) -> authorization.RoleAssignment:
        place = self._args.place
        return authorization.RoleAssignment(
            f"converter-{label}",
            scope=scope, role_assignment_name=self._args.names.role("converter", label), principal_id=principal,
            principal_type="ServicePrincipal", role_definition_id=role_definition(place, role), opts=kept(self),
        )  # fmt: skip

    @property
    def topic_id(self) -> pulumi.Output[str]:
        """The topic's id."""
        return self._topic.id

    def _flex(self) -> web.FunctionAppConfigArgs:
        args = self._args
        login = web.FunctionsDeploymentStorageAuthenticationArgs(
            type="UserAssignedIdentity", user_assigned_identity_resource_id=args.identity.id
        )
        place = web.FunctionsDeploymentStorageArgs(
            type="blobContainer", value=pulumi.Output.concat(self._host_url, args.deployments.name),
            authentication=login,
        )  # fmt: skip
        return web.FunctionAppConfigArgs(
            deployment=web.FunctionsDeploymentArgs(storage=place),
            runtime=web.FunctionsRuntimeArgs(name="python", version="3.11"),
            scale_and_concurrency=web.FunctionsScaleAndConcurrencyArgs(
                instance_memory_mb=2048, maximum_instance_count=40
            ),
        )

    def subscription(
        self, *, listens: bool, after: Sequence[pulumi.Resource]
    ) -> eventgrid.SystemTopicEventSubscription:
        """The events, with the mute dial in the filter, in the order that the mode wants."""
        place = self._args.place
        return eventgrid.SystemTopicEventSubscription(
            "uploads-subscription",
            resource_group_name=place.group, system_topic_name=self._topic.name,
            event_subscription_name="converter", event_delivery_schema="EventGridSchema",
            destination=eventgrid.AzureFunctionEventSubscriptionDestinationArgs(
                endpoint_type="AzureFunction", resource_id=self.site.id.apply(lambda i: f"{i}/functions/{FUNCTION}"),
                max_events_per_batch=1, preferred_batch_size_in_kilobytes=64,
            ),
            filter=eventgrid.EventSubscriptionFilterArgs(
                included_event_types=["Microsoft.Storage.BlobCreated"],
                subject_begins_with=LISTENS if listens else MUTED,
            ),
            dead_letter_with_resource_identity=eventgrid.DeadLetterWithResourceIdentityArgs(
                identity=eventgrid.EventSubscriptionIdentityArgs(type="SystemAssigned"),
                dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                    endpoint_type="StorageBlob", blob_container_name="deadletter", resource_id=self._args.uploads.id
                ),
            ),
            retry_policy=eventgrid.RetryPolicyArgs(max_delivery_attempts=10, event_time_to_live_in_minutes=1440),
            opts=kept(self, [self.package, *self.roles, *after]),
        )  # fmt: skip


def _host_storage(args: ConverterArgs) -> dict[str, pulumi.Input[str]]:
    """Where the function host keeps its own state: by identity, which takes all three of a user-assigned one
    (learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity)."""
    return {
        "AzureWebJobsStorage__accountName": args.host.name,
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": args.identity.client_id,
    }
