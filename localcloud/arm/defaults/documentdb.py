"""Microsoft.DocumentDB: account, SQL database, container, role assignment."""

from __future__ import annotations

import re
import secrets
import time

from localcloud.arm.defaults.common import (
    Body,
    Context,
    defaults,
    guid,
    keep,
    location_name,
    now,
    properties,
    start,
)
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath

INDEXING = {
    "indexingMode": "consistent", "automatic": True, "includedPaths": [{"path": "/*"}],
    "excludedPaths": [{"path": '/"_etag"/?'}],
}  # fmt: skip


def account(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A database account: documentEndpoint, locations by display name in four lists, policies."""
    body = start(path, given)
    if not re.fullmatch(r"[a-z0-9-]{3,44}", path.name):
        raise bad_request(f"Database account name '{path.name}' is invalid.")
    before, props = properties(old), body["properties"]
    body["location"] = location_name(body["location"])
    body.setdefault("kind", "GlobalDocumentDB")
    body.setdefault("tags", {})
    body.setdefault("identity", {"type": "None"})
    locations = props.get("locations") or before.get("locations") or []
    if not locations:
        raise bad_request("Database account must have at least one location.")
    shown = [
        {
            "id": f"{path.name}-{str(i['locationName']).replace(' ', '').lower()}",
            "locationName": location_name(str(i["locationName"])),
            "documentEndpoint": _endpoint(context, path, str(i["locationName"])),
            "provisioningState": "Succeeded",
            "failoverPriority": int(i.get("failoverPriority") or 0),
            "isZoneRedundant": bool(i.get("isZoneRedundant", False)),
        }
        for i in sorted(locations, key=lambda i: int(i.get("failoverPriority") or 0))
    ]
    multi = bool(props.get("enableMultipleWriteLocations", False))
    props["locations"] = props["readLocations"] = shown
    props["writeLocations"] = shown if multi else shown[:1]
    props["failoverPolicies"] = [{k: i[k] for k in ("id", "locationName", "failoverPriority")} for i in shown]
    props["documentEndpoint"] = _endpoint(context, path, "")
    props["provisioningState"] = "Succeeded"
    keep(props, before, "instanceId", guid)
    defaults(
        props,
        {
            "databaseAccountOfferType": "Standard",
            "publicNetworkAccess": "Enabled",
            "enableAutomaticFailover": False,
            "enableMultipleWriteLocations": False,
            "isVirtualNetworkFilterEnabled": False,
            "virtualNetworkRules": [],
            "ipRules": [],
            "EnabledApiTypes": "Sql",
            "disableKeyBasedMetadataWriteAccess": False,
            "enableFreeTier": False,
            "enableAnalyticalStorage": False,
            "disableLocalAuth": False,
            "enablePartitionMerge": False,
            "enableBurstCapacity": False,
            "minimalTlsVersion": "Tls12",
            "consistencyPolicy": {"defaultConsistencyLevel": "Session"},
            "cors": [],
            "capabilities": [],
            "analyticalStorageConfiguration": {"schemaType": "WellDefined"},
            "defaultIdentity": "FirstPartyIdentity",
            "networkAclBypass": "None",
            "networkAclBypassResourceIds": [],
        },
    )
    defaults(props["consistencyPolicy"], {"maxIntervalInSeconds": 5, "maxStalenessPrefix": 100})
    backup = props.setdefault("backupPolicy", {"type": "Periodic"})
    if str(backup.get("type")) == "Periodic":
        defaults(
            backup.setdefault("periodicModeProperties", {}),
            {
                "backupIntervalInMinutes": 240,
                "backupRetentionIntervalInHours": 8,
                "backupStorageRedundancy": "Geo",
            },
        )
    props.pop("createMode", None)
    stamp = {
        "generationTime": (before.get("keysMetadata") or {}).get("primaryMasterKey", {}).get("generationTime")
        or now()
    }
    props["keysMetadata"] = dict.fromkeys(
        ("primaryMasterKey", "secondaryMasterKey", "primaryReadonlyMasterKey", "secondaryReadonlyMasterKey"),
        stamp,
    )
    body["systemData"] = (old or {}).get("systemData") or {"createdAt": now()}
    return body


def _endpoint(context: Context, path: ArmPath, location: str) -> str:
    if context.data is not None:
        return context.data.cosmos_endpoint(path.name)
    region = f"-{location.replace(' ', '').lower()}" if location else ""
    return f"https://{path.name}{region}.documents.azure.com:443/"


def _resource(path: ArmPath, given: Body, old: Body | None) -> tuple[Body, Body]:
    body = start(path, given, located=False)
    resource = body["properties"].get("resource")
    if not resource or not resource.get("id"):
        raise bad_request("The request needs properties.resource.id.")
    if resource["id"] != path.name:
        raise bad_request(
            f"The resource id '{resource['id']}' does not match the name '{path.name}' in the address."
        )
    before = properties(old).get("resource") or {}
    keep(resource, before, "_rid", lambda: secrets.token_urlsafe(6) + "==")
    resource["_ts"] = int(time.time())
    resource["_etag"] = f'"{guid()}"'
    body["properties"] = {"resource": resource}  # options are taken, never shown
    return body, resource


def database(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A SQL database."""
    body, resource = _resource(path, given, old)
    resource.update({"_self": f"dbs/{resource['_rid']}/", "_colls": "colls/", "_users": "users/"})
    return body


def container(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A SQL container; its throughput lives in the throughputSettings child."""
    body, resource = _resource(path, given, old)
    key = resource.get("partitionKey")
    if not key or not key.get("paths"):
        raise bad_request("The container needs a partition key definition.")
    defaults(key, {"kind": "Hash", "version": 2})
    defaults(
        resource,
        {
            "indexingPolicy": INDEXING,
            "uniqueKeyPolicy": {"uniqueKeys": []},
            "computedProperties": [],
            "conflictResolutionPolicy": {
                "mode": "LastWriterWins",
                "conflictResolutionPath": "/_ts",
                "conflictResolutionProcedure": "",
            },
            "geospatialConfig": {"type": "Geography"},
        },
    )
    defaults(resource["indexingPolicy"], INDEXING)
    resource.update(
        {
            "statistics": [],
            "_docs": "docs/",
            "_sprocs": "sprocs/",
            "_triggers": "triggers/",
            "_udfs": "udfs/",
            "_conflicts": "conflicts/",
        }
    )
    return body


def role_assignment(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A data-plane role assignment."""
    body = start(path, given, located=False)
    for field in ("roleDefinitionId", "scope", "principalId"):
        if not body["properties"].get(field):
            raise bad_request(f"The role assignment needs properties.{field}.")
    body["properties"]["provisioningState"] = "Succeeded"
    return body


FILL = {
    "microsoft.documentdb/databaseaccounts": account,
    "microsoft.documentdb/databaseaccounts/sqldatabases": database,
    "microsoft.documentdb/databaseaccounts/sqldatabases/containers": container,
    "microsoft.documentdb/databaseaccounts/sqlroleassignments": role_assignment,
}
