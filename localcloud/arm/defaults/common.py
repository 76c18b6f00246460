"""What all types share: the envelope, identities, locations, and helpers that fill what the service fills."""

from __future__ import annotations

import copy
import datetime
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from localcloud.arm.errors import ArmError
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import Store

Body = dict[str, Any]

ENVELOPE = ("kind", "sku", "identity", "zones", "plan", "extendedLocation", "managedBy", "tags", "eTag")
LOCATIONS = {
    "brazilsouth": "Brazil South",
    "eastus": "East US",
    "eastus2": "East US 2",
    "westus": "West US",
    "westus2": "West US 2",
    "westus3": "West US 3",
    "centralus": "Central US",
    "northcentralus": "North Central US",
    "southcentralus": "South Central US",
    "canadacentral": "Canada Central",
    "northeurope": "North Europe",
    "westeurope": "West Europe",
    "uksouth": "UK South",
    "francecentral": "France Central",
    "germanywestcentral": "Germany West Central",
    "swedencentral": "Sweden Central",
    "southeastasia": "Southeast Asia",
    "japaneast": "Japan East",
    "australiaeast": "Australia East",
    "brazilsoutheast": "Brazil Southeast",
    "westcentralus": "West Central US",
    "eastasia": "East Asia",
}


class DataPlane(Protocol):
    """What bodies need of localcloud.data; None where it does not run, then Azure's own names are given."""

    def blob_endpoint(self, account: str) -> str: ...
    def queue_endpoint(self, account: str) -> str: ...
    def web_endpoint(self, account: str) -> str: ...
    def cosmos_endpoint(self, account: str) -> str: ...
    def scm_endpoint(self, site: str) -> str: ...
    def functions(self, site: str) -> list[str]: ...
    async def stop(self) -> None: ...


@dataclass
class Context:
    """What filling needs to know beyond the request."""

    store: Store
    tenant: str
    data: DataPlane | None
    allocate_address: Callable[[str], str]
    """Public IP address for a resource id; ArmError when the pool is empty."""
    vault_uri: Callable[[str], str] = lambda name: f"https://{name}.vault.azure.net/"
    """Data plane of a vault, by its name."""
    certificate: Callable[[str], bool] = lambda secret_id: True
    """Whether a vault holds the certificate behind this secret id now."""
    may_read: Callable[[str, str], bool] = lambda principal, secret_id: True
    """Whether an identity (by object id) may read that secret now: a fresh role works only after its while."""
    published: Callable[[str], bool] = lambda image: "@sha256:" in image
    """Whether a registry holds this container image."""


def guid() -> str:
    """A new GUID."""
    return str(uuid.uuid4())


def now() -> str:
    """The time as ARM writes it, seven decimals."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def location_code(location: str) -> str:
    """``West Europe`` -> ``westeurope``."""
    return location.replace(" ", "").lower()


def location_name(location: str) -> str:
    """``westeurope`` -> ``West Europe``, as Cosmos DB and App Service show it."""
    return LOCATIONS.get(location_code(location), location)


def start(path: ArmPath, given: Body, arm_type: str | None = None, *, located: bool = True) -> Body:
    """The envelope: id, name, type, location in code form, what of the request belongs to it, properties."""
    body: Body = {"id": path.text, "name": path.name, "type": arm_type or path.type}
    if located and given.get("location"):
        body["location"] = location_code(str(given["location"]))
    for key in ENVELOPE:
        if given.get(key) is not None:
            body[key] = copy.deepcopy(given[key])
    body["properties"] = copy.deepcopy(given.get("properties") or {})
    return body


def defaults(target: Body, values: Mapping[str, Any]) -> Body:
    """Set what is missing or null."""
    for key, value in values.items():
        if target.get(key) is None:
            target[key] = copy.deepcopy(value)
    return target


def keep(target: Body, old: Mapping[str, Any] | None, key: str, make: Callable[[], Any]) -> None:
    """A value that the service made once and keeps: whatever the request says, the old one stays."""
    before = (old or {}).get(key)
    target[key] = copy.deepcopy(before) if before is not None else make()


def properties(old: Body | None) -> Body:
    """The old properties, or nothing."""
    return (old or {}).get("properties") or {}


def fill_identity(context: Context, body: Body, old: Body | None) -> None:
    """principalId and tenantId for a system identity; principalId and clientId for each user-assigned one.

    Raises 400 FailedIdentityOperation for a user-assigned identity that does not exist.
    """
    identity = body.get("identity")
    if not identity:
        return
    before = (old or {}).get("identity") or {}
    kind = str(identity.get("type", "None"))
    filled: Body = {"type": kind}
    if "systemassigned" in kind.lower():
        keep(filled, before, "principalId", guid)
        filled["tenantId"] = context.tenant
    named = identity.get("userAssignedIdentities") or {}
    if named:
        shown: Body = {}
        for identity_id in named:
            entry = context.store.get(identity_id)
            if entry is None:
                raise ArmError(
                    400,
                    "FailedIdentityOperation",
                    f"Identity operation failed: '{identity_id}' was not found.",
                )
            of = entry.body["properties"]
            shown[identity_id] = {"principalId": of["principalId"], "clientId": of["clientId"]}
        filled["userAssignedIdentities"] = shown
    body["identity"] = filled
