"""Microsoft.Web: plans and sites."""

from __future__ import annotations

import itertools

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
from localcloud.arm.errors import ArmError, bad_request
from localcloud.arm.ids import ArmPath

_FARMS = itertools.count(10_001)

SITE_CONFIG: Body = {
    "numberOfWorkers": 1,
    "defaultDocuments": ["Default.htm", "index.html"],
    "netFrameworkVersion": "v4.0",
    "linuxFxVersion": "",
    "acrUseManagedIdentityCreds": False,
    "alwaysOn": False,
    "http20Enabled": False,
    "minTlsVersion": "1.2",
    "scmMinTlsVersion": "1.2",
    "ftpsState": "FtpsOnly",
    "functionAppScaleLimit": 0,
    "minimumElasticInstanceCount": 0,
    "use32BitWorkerProcess": True,
    "webSocketsEnabled": False,
    "managedPipelineMode": "Integrated",
    "loadBalancing": "LeastRequests",
    "publicNetworkAccess": None,
    "ipSecurityRestrictions": [
        {
            "ipAddress": "Any",
            "action": "Allow",
            "priority": 2147483647,
            "name": "Allow all",
            "description": "Allow all access",
        }
    ],
    "scmIpSecurityRestrictionsUseMain": False,
    "remoteDebuggingEnabled": False,
    "localMySqlEnabled": False,
}


def plan(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """An App Service plan, or the plan of a function app."""
    body = start(path, given)
    before, props = properties(old), body["properties"]
    body["location"] = location_name(body["location"])
    sku = body.get("sku") or {}
    if not sku.get("name"):
        raise bad_request("The parameter sku.name has an invalid value.")
    tiers = {
        "FC": "FlexConsumption",
        "Y": "Dynamic",
        "EP": "ElasticPremium",
        "B": "Basic",
        "S": "Standard",
        "P": "PremiumV3",
    }
    letters = "".join(itertools.takewhile(str.isalpha, str(sku["name"])))
    defaults(
        sku, {"tier": tiers.get(letters, letters), "size": sku["name"], "family": letters, "capacity": 0}
    )
    body["sku"] = sku
    body.setdefault("kind", "functionapp" if letters in ("FC", "Y", "EP") else "app")
    keep(props, before, "serverFarmId", lambda: next(_FARMS))
    props.update(
        {
            "name": path.name,
            "status": "Ready",
            "provisioningState": "Succeeded",
            "geoRegion": body["location"],
            "resourceGroup": path.group,
            "numberOfSites": before.get("numberOfSites", 0),
        }
    )
    defaults(
        props,
        {
            "reserved": False,
            "isXenon": False,
            "hyperV": False,
            "perSiteScaling": False,
            "elasticScaleEnabled": False,
            "zoneRedundant": False,
            "targetWorkerCount": 0,
            "targetWorkerSizeId": 0,
            "maximumElasticWorkerCount": 1,
            "isSpot": False,
            "asyncScalingEnabled": False,
        },
    )
    return body


def site(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A web or function app. Raises 404 when its plan does not exist."""
    body = start(path, given)
    before, props = properties(old), body["properties"]
    body["location"] = location_name(body["location"])
    body.setdefault("kind", (old or {}).get("kind", "app"))
    farm = str(props.get("serverFarmId") or before.get("serverFarmId") or "")
    found = context.store.get(farm) if farm else None
    if farm and found is None:
        raise ArmError(404, "NotFound", f"Cannot find server farm '{farm}'.")
    if found is not None:
        props["serverFarmId"] = found.body["id"]
    host = f"{path.name}.azurewebsites.net"
    scm = (
        context.data.scm_endpoint(path.name)
        if context.data is not None
        else f"{path.name}.scm.azurewebsites.net"
    )
    keep(props, before, "customDomainVerificationId", lambda: (guid() + guid()).replace("-", "").upper())
    props.update(
        {
            "state": "Running",
            "hostNames": [host],
            "defaultHostName": host,
            "enabledHostNames": [host, scm],
            "hostNameSslStates": [
                {
                    "name": host,
                    "sslState": "Disabled",
                    "virtualIP": None,
                    "thumbprint": None,
                    "hostType": "Standard",
                },
                {
                    "name": scm,
                    "sslState": "Disabled",
                    "virtualIP": None,
                    "thumbprint": None,
                    "hostType": "Repository",
                },
            ],
            "repositorySiteName": path.name,
            "usageState": "Normal",
            "availabilityState": "Normal",
            "lastModifiedTimeUtc": now()[:-2],
            "resourceGroup": path.group,
            "provisioningState": "Succeeded",
            "sku": (found.body["sku"]["tier"] if found else "Dynamic"),
        }
    )
    defaults(
        props,
        {
            "enabled": True,
            "httpsOnly": False,
            "reserved": "linux" in str(body["kind"]),
            "isXenon": False,
            "hyperV": False,
            "clientAffinityEnabled": False,
            "clientCertEnabled": False,
            "clientCertMode": "Required",
            "hostNamesDisabled": False,
            "containerSize": 1536,
            "dailyMemoryTimeQuota": 0,
            "storageAccountRequired": False,
            "keyVaultReferenceIdentity": "SystemAssigned",
            "publicNetworkAccess": "Enabled",
            "redundancyMode": "None",
            "vnetRouteAllEnabled": False,
            "vnetImagePullEnabled": False,
            "vnetContentShareEnabled": False,
        },
    )
    return body


FILL = {"microsoft.web/serverfarms": plan, "microsoft.web/sites": site}
