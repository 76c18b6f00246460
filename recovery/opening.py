"""What must exist before the first up (`dr init`): wanted, compared with what is found, and the steps between.

All of it lives in a group of its own in Azure, apart from the footprint: the state, its key and the tool's image must
outlive what they manage, and must not live in the cloud that fails.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from recovery.model import Json

VERSIONS = {
    "group": "2024-03-01", "storage": "2024-01-01", "vault": "2024-11-01", "registry": "2023-07-01",
    "identity": "2023-01-31", "roles": "2022-04-01", "providers": "2021-04-01", "documents": "2025-10-15",
}  # fmt: skip
NAMESPACES = (
    "Microsoft.App", "Microsoft.Compute", "Microsoft.ContainerInstance", "Microsoft.ContainerRegistry",
    "Microsoft.DocumentDB", "Microsoft.EventGrid", "Microsoft.Insights", "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity", "Microsoft.Network", "Microsoft.OperationalInsights", "Microsoft.Storage",
    "Microsoft.Web",
)  # fmt: skip
"""Resource providers that the footprint uses: a subscription that has never used one refuses its first resource."""


@dataclass(frozen=True)
class Place:
    """The names of everything. prefix, location: of the stack file. trial: nothing that cannot be thrown away."""

    subscription: str
    prefix: str
    location: str
    trial: bool = False

    @property
    def group(self) -> str:
        """The group's id."""
        return f"/subscriptions/{self.subscription}/resourceGroups/rg-{self.prefix}-ops"

    @property
    def account_name(self) -> str:
        """The state's storage account."""
        return f"st{self.prefix}state"

    @property
    def account(self) -> str:
        """The same, its id."""
        return f"{self.group}/providers/Microsoft.Storage/storageAccounts/{self.account_name}"

    @property
    def container(self) -> str:
        """The state's container."""
        return f"{self.account}/blobServices/default/containers/state"

    @property
    def vault_name(self) -> str:
        """The vault of the state's key."""
        return f"kv-{self.prefix}-ops"

    @property
    def vault(self) -> str:
        """The same, its id."""
        return f"{self.group}/providers/Microsoft.KeyVault/vaults/{self.vault_name}"

    @property
    def key(self) -> str:
        """The key that encrypts secrets in Pulumi's state."""
        return f"{self.vault}/keys/pulumi-state"

    @property
    def registry_name(self) -> str:
        """The registry of the tool's own image."""
        return f"cr{self.prefix}dr"

    @property
    def registry(self) -> str:
        """The same, its id."""
        return f"{self.group}/providers/Microsoft.ContainerRegistry/registries/{self.registry_name}"

    @property
    def tools(self) -> str:
        """The identity that `dr in-azure` works as."""
        return (
            f"{self.group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{self.prefix}-tools"
        )

    @property
    def sync(self) -> str:
        """The identity of the sync's workloads, made by the first up."""
        return f"{self.footprint}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{self.prefix}-sync"

    @property
    def documents(self) -> str:
        """The account of the documents, made by the first up."""
        return f"{self.footprint}/providers/Microsoft.DocumentDB/databaseAccounts/cosmos-{self.prefix}-dr"

    @property
    def footprint(self) -> str:
        """The footprint's group, made by the first up."""
        return f"/subscriptions/{self.subscription}/resourceGroups/rg-{self.prefix}-dr"

    @property
    def application(self) -> str:
        """Display name of the Entra application whose token AWS accepts."""
        return f"standby-dr {self.prefix} to AWS"


@dataclass(frozen=True)
class Thing:
    """One resource to be. why: what it is for. once: a PUT over an existing one is never made (keys, whose
    versions must stay)."""

    id: str
    version: str
    body: Mapping[str, Json]
    why: str
    once: bool = False


def things(place: Place, tags: Mapping[str, str], tenant: str) -> tuple[Thing, ...]:
    """The resources of the group, in the order in which they can be made."""
    at, vault = {"location": place.location}, VERSIONS["vault"]
    tagged = {**at, "tags": dict(tags)}
    return (
        Thing(place.group, VERSIONS["group"], tagged, "holds what must outlive the footprint"),
        Thing(place.account, VERSIONS["storage"], {
            **tagged, "kind": "StorageV2", "sku": {"name": "Standard_ZRS"},
            "properties": {
                "minimumTlsVersion": "TLS1_2", "supportsHttpsTrafficOnly": True, "allowBlobPublicAccess": False,
                "allowSharedKeyAccess": False, "allowCrossTenantReplication": False, "accessTier": "Hot",
            },
        }, "Pulumi's state, in the cloud that stays"),
        Thing(f"{place.account}/blobServices/default", VERSIONS["storage"], {
            "properties": {
                "isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 30},
                "containerDeleteRetentionPolicy": {"enabled": True, "days": 30},
            },
        }, "a state that was overwritten or deleted comes back"),
        Thing(place.container, VERSIONS["storage"], {"properties": {"publicAccess": "None"}}, "the state itself"),
        Thing(place.vault, vault, {
            **tagged,
            "properties": {
                "tenantId": tenant, "sku": {"family": "A", "name": "standard"}, "enableRbacAuthorization": True,
                "enableSoftDelete": True, "softDeleteRetentionInDays": 7 if place.trial else 90,
                **({} if place.trial else {"enablePurgeProtection": True}),
            },
        }, "holds the key of the state's secrets"),
        Thing(place.key, vault, {
            "properties": {"kty": "RSA", "keySize": 3072, "keyOps": ["encrypt", "decrypt"]},
        }, "encrypts secrets in the state; never leaves the vault", once=True),
        Thing(place.registry, VERSIONS["registry"], {
            **tagged, "sku": {"name": "Basic"}, "properties": {"adminUserEnabled": False, "anonymousPullEnabled": False},
        }, "the tool's own image, for the sync job and dr in-azure"),
        Thing(place.tools, VERSIONS["identity"], tagged, "who dr in-azure is in Azure"),
    )  # fmt: skip


class Change(StrEnum):
    """What a step would do. The signs are those of every plan."""

    SAME = "="
    MAKE = "+"
    MEND = "~"


@dataclass(frozen=True)
class Step:
    """One line of the plan. key: what carries it out. what, why: for people."""

    change: Change
    key: str
    what: str
    why: str
    detail: str = ""
    payload: Any = field(default=None, compare=False)


def compare(thing: Thing, live: Mapping[str, Json] | None) -> Step:
    """The step from what is found to what is wanted. live: None when the service says that it is not there."""
    kind, _, name = thing.id.partition("/providers/")[2].rpartition("/")
    what = f"{kind.rpartition('/')[2] or 'resourceGroups'} {name or thing.id.rpartition('/')[2]}"
    if live is None:
        return Step(Change.MAKE, thing.id, what, thing.why, payload=thing)
    if thing.once:
        return Step(Change.SAME, thing.id, what, thing.why, payload=thing)
    differing = differences(thing.body, live)
    change = Change.MEND if differing else Change.SAME
    return Step(change, thing.id, what, thing.why, ", ".join(differing), thing)


def differences(wanted: Json, live: Json, path: str = "") -> list[str]:
    """Dotted paths at which `live` is not what is wanted; what the service adds is no difference."""
    if isinstance(wanted, Mapping):
        if not isinstance(live, Mapping):
            return [path]
        by_case = {str(k).lower(): v for k, v in live.items()}
        return [
            found
            for key, value in wanted.items()
            for found in differences(value, by_case.get(key.lower()), f"{path}.{key}".strip("."))
        ]
    return [] if _plain(wanted) == _plain(live) else [path]


def _plain(value: Json) -> str:
    if isinstance(value, list):
        return json.dumps(sorted(_plain(one) for one in value))
    text = str(value).lower()
    return text.replace(" ", "") if isinstance(value, str) else text


def environment(place: Place, tenant: str, known: Mapping[str, str]) -> str:
    """The git-ignored file that `set -a; . ./FILE` takes, for `dr` and for the bare `pulumi`. No secret stands in it.

    known: what else is to be remembered: AWS_ACCOUNT_ID, DR_FEDERATION_AUDIENCE, DR_IMAGE.
    """
    values = {
        "ARM_SUBSCRIPTION_ID": place.subscription,
        "ARM_TENANT_ID": tenant,
        "AZURE_STORAGE_ACCOUNT": place.account_name,
        "PULUMI_BACKEND_URL": f"azblob://state?storage_account={place.account_name}",
        "DR_SECRETS_PROVIDER": f"azurekeyvault://{place.vault_name}.vault.azure.net/keys/pulumi-state",
        **{key: value for key, value in known.items() if value},
    }
    lines = [f"{key}='{value}'" for key, value in values.items()]
    return (
        "\n".join(("# Written by dr init; holds ids, no secret. Taken by: set -a; . ./FILE; set +a", *lines))
        + "\n"
    )


def counted(steps: Sequence[Step]) -> str:
    """``4 to make, 1 to mend, 9 as they are``."""
    words = {Change.MAKE: "to make", Change.MEND: "to mend", Change.SAME: "as they are"}
    counts = [(sum(s.change is change for s in steps), word) for change, word in words.items()]
    return ", ".join(f"{n} {word}" for n, word in counts if n)
