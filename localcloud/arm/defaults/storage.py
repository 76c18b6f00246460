"""Microsoft.Storage: accounts, blob service, containers."""

from __future__ import annotations

import re

from localcloud.arm.defaults.common import Body, Context, defaults, keep, now, properties, start
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import new_etag


def account(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A storage account with its endpoints."""
    if not re.fullmatch(r"[a-z0-9]{3,24}", path.name):
        raise bad_request(f"{path.name} is not a valid storage account name.", "AccountNameInvalid")
    body = start(path, given)
    before, props = properties(old), body["properties"]
    sku = body.get("sku") or {}
    if not sku.get("name"):
        raise bad_request("The property 'sku.name' is required.", "AccountPropertyIsRequired")
    body["sku"] = {"name": sku["name"], "tier": str(sku["name"]).split("_", maxsplit=1)[0]}
    kind = body.setdefault("kind", "StorageV2")
    body.setdefault("tags", {})
    keep(props, before, "creationTime", now)
    keep(
        props,
        before,
        "keyCreationTime",
        lambda: {"key1": props["creationTime"], "key2": props["creationTime"]},
    )
    if kind in ("StorageV2", "BlobStorage"):
        props.setdefault("accessTier", "Hot")
    defaults(
        props,
        {"minimumTlsVersion": "TLS1_0", "allowBlobPublicAccess": False, "supportsHttpsTrafficOnly": True,
         "networkAcls": {}, "privateEndpointConnections": [], "encryption": {}},
    )  # fmt: skip
    defaults(
        props["networkAcls"],
        {"bypass": "AzureServices", "virtualNetworkRules": [], "ipRules": [], "defaultAction": "Allow"},
    )
    defaults(
        props["encryption"],
        {
            "keySource": "Microsoft.Storage",
            "services": {
                s: {"keyType": "Account", "enabled": True, "lastEnabledTime": props["creationTime"]}
                for s in ("file", "blob")
            },
        },
    )
    props["provisioningState"] = "Succeeded"
    props["primaryEndpoints"] = endpoints(context, path.name)
    props["primaryLocation"] = body["location"]
    props["statusOfPrimary"] = "available"
    return body


def endpoints(context: Context, name: str) -> dict[str, str]:
    """primaryEndpoints: the data plane's where it runs, else Azure's names."""
    made = {s: f"https://{name}.{s}.core.windows.net/" for s in ("dfs", "queue", "table", "file", "blob")}
    made["web"] = f"https://{name}.z6.web.core.windows.net/"
    if context.data is not None:
        made |= {
            "blob": context.data.blob_endpoint(name),
            "queue": context.data.queue_endpoint(name),
            "web": context.data.web_endpoint(name),
        }
    return made


def blob_service(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """The blob service's properties; there is one, named default."""
    if path.name.lower() != "default":
        raise bad_request("The only blob service is named 'default'.", "InvalidResourceName")
    body = start(path, given, located=False)
    owner = context.store.get(path.parent) if path.parent else None
    if owner is not None:
        body["sku"] = owner.body["sku"]
    defaults(
        body["properties"],
        {
            "cors": {"corsRules": []},
            "deleteRetentionPolicy": {"allowPermanentDelete": False, "enabled": False},
        },
    )
    return body


def blob_container(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A blob container. Public access is refused when the account forbids it."""
    if not re.fullmatch(r"(\$web|\$root|\$logs|[a-z0-9](-?[a-z0-9]){2,62})", path.name):
        raise bad_request(
            f"The specifed resource name '{path.name}' contains invalid characters.", "ContainerNameInvalid"
        )
    body = start(path, given, located=False)
    before, props = properties(old), body["properties"]
    service = path.parent
    owner = context.store.get(service.parent) if service and service.parent else None
    wanted = str(props.get("publicAccess") or "None")
    if wanted != "None" and owner is not None and not owner.body["properties"].get("allowBlobPublicAccess"):
        raise ArmError(
            409, "PublicAccessNotPermitted", "Public access is not permitted on this storage account."
        )
    defaults(
        props,
        {
            "publicAccess": "None",
            "defaultEncryptionScope": "$account-encryption-key",
            "denyEncryptionScopeOverride": False,
        },
    )
    props.update({
        "deleted": False, "remainingRetentionDays": 0, "leaseStatus": "Unlocked", "leaseState": "Available",
        "lastModifiedTime": now(), "legalHold": {"hasLegalHold": False, "tags": []},
        "hasImmutabilityPolicy": False, "hasLegalHold": False,
        "immutableStorageWithVersioning": before.get("immutableStorageWithVersioning") or {"enabled": False},
    })  # fmt: skip
    body["etag"] = f'"0x{new_etag().replace("-", "")[:15].upper()}"'
    return body


def management_policy(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """The account's lifecycle rules; there is one policy, named default."""
    if path.name.lower() != "default":
        raise bad_request("The only management policy is named 'default'.", "InvalidResourceName")
    body = start(path, given, located=False)
    rules = ((body["properties"].get("policy") or {}).get("rules")) or []
    if not rules:
        raise bad_request("The management policy needs a rule.", "InvalidRequestPropertyValue")
    for rule in rules:
        rule.setdefault("enabled", True)
        types = ((rule.get("definition") or {}).get("filters") or {}).get("blobTypes") or []
        tiers = [
            k
            for k in (rule["definition"].get("actions") or {}).get("baseBlob") or {}
            if k.startswith("tierTo")
        ]
        if "appendBlob" in types and tiers:
            raise bad_request(
                "Append blobs can only be deleted by a rule, not moved between tiers.",
                "InvalidRequestPropertyValue",
            )
    body["properties"]["lastModifiedTime"] = now()
    return body


def immutability_policy(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A container's time-based retention. Locked, it can only be made longer."""
    if path.name.lower() != "default":
        raise bad_request("The only immutability policy is named 'default'.", "InvalidResourceName")
    body = start(path, given, located=False)
    props, before = body["properties"], properties(old)
    days = int(props.get("immutabilityPeriodSinceCreationInDays") or 0)
    if not 1 <= days <= 146_000:
        raise bad_request("The immutability period must be 1 to 146000 days.", "InvalidRequestPropertyValue")
    if props.get("allowProtectedAppendWrites") and props.get("allowProtectedAppendWritesAll"):
        raise bad_request(
            "Only one kind of protected append writes can be allowed.", "InvalidRequestPropertyValue"
        )
    state = before.get("state", "Unlocked")
    if state == "Locked" and days < int(before["immutabilityPeriodSinceCreationInDays"]):
        raise ArmError(409, "ContainerImmutabilityPolicyFailure", "A locked policy cannot be made shorter.")
    defaults(props, {"allowProtectedAppendWrites": False, "allowProtectedAppendWritesAll": False})
    props["state"] = state
    body["etag"] = f'"{new_etag()[:15]}"'
    return body


FILL = {
    "microsoft.storage/storageaccounts": account,
    "microsoft.storage/storageaccounts/blobservices": blob_service,
    "microsoft.storage/storageaccounts/blobservices/containers": blob_container,
    "microsoft.storage/storageaccounts/managementpolicies": management_policy,
    "microsoft.storage/storageaccounts/blobservices/containers/immutabilitypolicies": immutability_policy,
}
