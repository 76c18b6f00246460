"""The converter: a Function App that turns uploads into documents, its code, and the events that wake it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, eventgrid, managedidentity, storage, web

from components.gates import ConverterPackage
from components.image_app.common import Place, kept, role_definition
from components.naming import Names

FUNCTION = "convert_upload"
PACKAGE = "components/image_app/converter_app"
LISTENS = "/blobServices/default/containers/uploads/blobs/"
MUTED = "/blobServices/default/containers/uploads/muted/"
"""A subject that no blob has: events are dropped, and the filter reads back (the converter's mute dial)."""

BLOB_OWNER = "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"
"""Storage Blob Data Owner (learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage)."""


@dataclass(frozen=True)
class ConverterArgs:
    """app_settings: name -> value, no secrets. package_hash: of the folder PACKAGE. uploads, deployments: where
    images come from and where the package is kept."""

    place: Place
    names: Names
    identity: managedidentity.UserAssignedIdentity
    uploads: storage.StorageAccount
    deployments: storage.BlobContainer
    package_hash: str
    app_settings: Mapping[str, pulumi.Input[str]]


class Converter(pulumi.ComponentResource):
    """Flex Consumption, Event Grid trigger, identity only. The subscription comes last: it wants the function to
    exist."""

    def __init__(self, name: str, args: ConverterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("standby:azure:Converter", name, None, opts)
        self._args, place, names = args, args.place, args.names
        self._blob_url = args.uploads.primary_endpoints.apply(lambda e: str(getattr(e, "blob", None) or ""))
        role = authorization.RoleAssignment(
            "converter-storage",
            scope=args.uploads.id, role_assignment_name=names.role("converter", "storage"),
            principal_id=args.identity.principal_id, principal_type="ServicePrincipal",
            role_definition_id=role_definition(place, BLOB_OWNER), opts=kept(self),
        )  # fmt: skip
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
            identity=web.ManagedServiceIdentityArgs(type=web.ManagedServiceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.identity.id]),
            function_app_config=self._flex(), opts=kept(self, [role]),
        )  # fmt: skip
        settings = web.WebAppApplicationSettings(
            "converter-settings",
            resource_group_name=place.group, name=self.site.name,
            properties={
                **args.app_settings, **_host_storage(args),
                "AZURE_CLIENT_ID": args.identity.client_id, "UPLOADS_BLOB_ENDPOINT": self._blob_url,
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
            tags=place.tags, source=args.uploads.id, topic_type="Microsoft.Storage.StorageAccounts", opts=kept(self),
        )  # fmt: skip
        self.register_outputs({"siteId": self.site.id})

    def _flex(self) -> web.FunctionAppConfigArgs:
        args = self._args
        login = web.FunctionsDeploymentStorageAuthenticationArgs(
            type="UserAssignedIdentity", user_assigned_identity_resource_id=args.identity.id
        )
        place = web.FunctionsDeploymentStorageArgs(
            type="blobContainer", value=pulumi.Output.concat(self._blob_url, args.deployments.name),
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
            dead_letter_destination=eventgrid.StorageBlobDeadLetterDestinationArgs(
                endpoint_type="StorageBlob", blob_container_name="deadletter", resource_id=self._args.uploads.id
            ),
            retry_policy=eventgrid.RetryPolicyArgs(max_delivery_attempts=10, event_time_to_live_in_minutes=1440),
            opts=kept(self, [self.package, *after]),
        )  # fmt: skip


def _host_storage(args: ConverterArgs) -> dict[str, pulumi.Input[str]]:
    """Where the function host keeps its own state: by identity, which takes all three of a user-assigned one
    (learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity)."""
    return {
        "AzureWebJobsStorage__accountName": args.uploads.name,
        "AzureWebJobsStorage__credential": "managedidentity",
        "AzureWebJobsStorage__clientId": args.identity.client_id,
    }
