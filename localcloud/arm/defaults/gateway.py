"""Microsoft.Network/applicationGateways: every collection with ids, references back, and the provider's defaults."""

from __future__ import annotations

from typing import Any

from localcloud.arm.defaults.common import Body, Context, defaults, guid, keep, properties, start
from localcloud.arm.defaults.network import named
from localcloud.arm.errors import bad_request
from localcloud.arm.ids import ArmPath
from localcloud.arm.store import new_etag

COLLECTIONS: dict[str, Body] = {
    "gatewayIPConfigurations": {},
    "sslCertificates": {},
    "trustedRootCertificates": {},
    "trustedClientCertificates": {},
    "authenticationCertificates": {},
    "sslProfiles": {},
    "frontendIPConfigurations": {"privateIPAllocationMethod": "Dynamic"},
    "frontendPorts": {},
    "backendAddressPools": {"backendAddresses": []},
    "loadDistributionPolicies": {},
    "backendHttpSettingsCollection": {
        "cookieBasedAffinity": "Disabled", "pickHostNameFromBackendAddress": False, "requestTimeout": 30,
        "connectionDraining": {"enabled": False, "drainTimeoutInSec": 1},
    },
    "backendSettingsCollection": {},
    "httpListeners": {"hostNames": [], "requireServerNameIndication": False, "enableHttp3": False},
    "listeners": {},
    "urlPathMaps": {},
    "requestRoutingRules": {"ruleType": "Basic"},
    "routingRules": {},
    "probes": {
        "pickHostNameFromBackendHttpSettings": False, "minServers": 0, "match": {"statusCodes": []},
        "interval": 30, "timeout": 30, "unhealthyThreshold": 3,
    },
    "rewriteRuleSets": {},
    "redirectConfigurations": {},
    "privateLinkConfigurations": {},
}  # fmt: skip

_REFERENCES = {  # collection -> properties that name an item of another collection
    "httpListeners": {
        "frontendIPConfiguration": "httpListeners",
        "frontendPort": "httpListeners",
        "sslCertificate": "httpListeners",
    },
    "requestRoutingRules": {
        "httpListener": "requestRoutingRules",
        "backendAddressPool": "requestRoutingRules",
        "backendHttpSettings": "requestRoutingRules",
        "urlPathMap": "requestRoutingRules",
        "redirectConfiguration": "requestRoutingRules",
    },
    "backendHttpSettingsCollection": {"probe": "backendHttpSettings"},
    "redirectConfigurations": {"targetListener": "redirectConfiguration"},
}
_SECRETS = ("data", "password")


def application_gateway(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """An Application Gateway. Raises 400 InvalidResourceReference for a reference to an item that it has not."""
    body = start(path, given)
    props, before = body["properties"], properties(old)
    body["etag"] = f'W/"{new_etag()}"'
    keep(props, before, "resourceGuid", guid)
    props["provisioningState"] = "Succeeded"
    props["operationalState"] = "Running"
    sku = props.get("sku")
    if not sku or not sku.get("name"):
        raise bad_request("Application Gateway needs a sku.", "ApplicationGatewaySkuMustBeSpecified")
    sku.setdefault("tier", sku["name"])
    sku.setdefault("family", "Generation_1")
    if props.get("autoscaleConfiguration") and sku.get("capacity"):
        raise bad_request(
            "Application Gateway cannot have both a capacity and an autoscaleConfiguration.",
            "ApplicationGatewaySkuCapacityAndAutoscaleCannotBothBeSet",
        )
    for collection, filled in COLLECTIONS.items():
        kind = f"Microsoft.Network/applicationGateways/{collection}"
        props[collection] = named(path.text, collection, kind, props.get(collection), before.get(collection))
        for item in props[collection]:
            defaults(item["properties"], filled)
    props.setdefault("enableHttp2", False)
    props.setdefault("defaultPredefinedSslPolicy", "AppGwSslPolicy20220101")
    for certificate in props["sslCertificates"]:
        for secret in _SECRETS:
            certificate["properties"].pop(secret, None)
        _readable(context, path, body, certificate)
    _firewall(context, path, props)
    _link(path, props)
    return body


def _readable(context: Context, path: ArmPath, body: Body, certificate: Body) -> None:
    """The gateway reads a certificate by its own user-assigned identity, which must be able to."""
    secret = str(certificate["properties"].get("keyVaultSecretId") or "")
    if not secret:
        return
    if not (body.get("identity") or {}).get("userAssignedIdentities"):
        raise bad_request(
            f"The gateway {path.name} has no user-assigned identity to read {secret} with.",
            "ApplicationGatewayKeyVaultSecretRequiresIdentity",
        )
    if not context.certificate(secret):
        raise bad_request(
            f"Problem occurred while accessing and validating Key Vault secrets associated with application gateway "
            f"'{path.text}': {secret} was not found.",
            "ApplicationGatewayKeyVaultSecretException",
        )
    readers = [_principal(context, id) for id in body["identity"]["userAssignedIdentities"]]
    if not any(context.may_read(one, secret) for one in readers):
        # Key Vault's own words for a role that is missing or too young, passed on by the gateway.
        raise bad_request(
            f"Problem occurred while accessing and validating Key Vault secrets associated with application gateway "
            f"'{path.text}': Forbidden. Caller is not authorized to perform action on resource. If role assignments, deny "
            f"assignments or role definitions were changed recently, please observe propagation time. Resource: {secret}",
            "ApplicationGatewayKeyVaultSecretException",
        )


def _principal(context: Context, identity: str) -> str:
    """Whom role assignments name: the object id of a user-assigned identity, "" when there is no such one."""
    entry = context.store.get(identity)
    return str(properties(entry.body).get("principalId") or "") if entry is not None else ""


def _firewall(context: Context, path: ArmPath, props: Body) -> None:
    policy = str((props.get("firewallPolicy") or {}).get("id") or "")
    if policy and not str(props["sku"]["name"]).upper().startswith("WAF"):
        raise bad_request(
            f"Application Gateway {path.name} of sku {props['sku']['name']} cannot have a firewall policy.",
            "ApplicationGatewayFirewallPolicyNotAllowedForSku",
        )


def firewall_policy(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """A web application firewall policy."""
    body = start(path, given)
    props, before = body["properties"], properties(old)
    if not (props.get("managedRules") or {}).get("managedRuleSets"):
        raise bad_request(
            "The policy needs at least one managed rule set.", "WebApplicationFirewallPolicyInvalid"
        )
    defaults(props, {"customRules": [], "policySettings": {}})
    defaults(
        props["policySettings"],
        {"state": "Enabled", "mode": "Detection", "requestBodyCheck": True, "requestBodyEnforcement": True,
         "maxRequestBodySizeInKb": 128, "requestBodyInspectLimitInKB": 128, "fileUploadEnforcement": True,
         "fileUploadLimitInMb": 100, "jsChallengeCookieExpirationInMins": 30},
    )  # fmt: skip
    for rules in props["managedRules"]["managedRuleSets"]:
        rules.setdefault("ruleGroupOverrides", [])
    defaults(props["managedRules"], {"exclusions": [], "exceptions": []})
    if before.get("applicationGateways"):
        props["applicationGateways"] = before["applicationGateways"]
    props.update({"provisioningState": "Succeeded", "resourceState": "Enabled"})
    body["etag"] = f'W/"{new_etag()}"'
    return body


def _link(path: ArmPath, props: Body) -> None:
    """Check references between the gateway's own items, and write the references back that ARM shows."""
    known: dict[str, Body] = {i["id"].lower(): i for c in COLLECTIONS for i in props[c]}
    for collection, fields in _REFERENCES.items():
        for item in props[collection]:
            for field, back in fields.items():
                reference = item["properties"].get(field)
                if not reference:
                    continue
                target = known.get(str(reference.get("id", "")).lower())
                if target is None:
                    raise bad_request(
                        f"Resource {reference.get('id')} referenced by resource {item['id']} was not found. "
                        "Please make sure that the referenced resource exists, and that both resources are in "
                        "the same region.",
                        "InvalidResourceReference",
                    )
                reference["id"] = target["id"]
                target["properties"].setdefault(back, []).append({"id": item["id"]})


def pool_members(gateway_pool_id: str, scale_sets: list[Any]) -> list[str]:
    """Ids of the scale sets whose network configuration joins this pool."""
    wanted = gateway_pool_id.lower()
    return [
        s["id"]
        for s in scale_sets
        for nic in _nics(s)
        for ip in (nic.get("properties") or {}).get("ipConfigurations") or []
        for pool in (ip.get("properties") or {}).get("applicationGatewayBackendAddressPools") or []
        if str(pool.get("id", "")).lower() == wanted
    ]


def _nics(scale_set: Any) -> list[Any]:
    profile = (scale_set["properties"].get("virtualMachineProfile") or {}).get("networkProfile") or {}
    return profile.get("networkInterfaceConfigurations") or []


FILL = {
    "microsoft.network/applicationgateways": application_gateway,
    "microsoft.network/applicationgatewaywebapplicationfirewallpolicies": firewall_policy,
}
