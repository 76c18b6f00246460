"""Pulumi's flat camelCase inputs and ARM's nested wire bodies, turned into each other.

azure-native flattens every property marked ``x-ms-client-flatten`` in Azure's published specifications: what
ARM keeps under ``properties`` (of the resource and of its sub-resources) lies one level higher in Pulumi.
Some properties also have another name on the wire. Both are facts of the specifications
(Azure/azure-rest-api-specs); the tables below hold those of the footprint's types and the usual neighbours of
each. An unknown type follows the general rule: ARM's envelope keys stay on top, the rest goes under
``properties``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from recovery.arm.catalogue import CATALOGUE
from recovery.model import Json


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENVELOPE = _names(
    "id name type location tags sku identity zones kind plan extendedLocation managedBy "
    "managedByExtended etag scale eTag systemData placement"
)
"""Keys that ARM knows at the top of a body (common-types of the specifications, plus what compute adds)."""

_ELEMENT_TOP = _names("id name type etag zones tags location sku identity extendedLocation")
"""Keys that a sub-resource keeps outside its ``properties``."""

_NETWORK = _names(
    "subnets delegations applicationGatewayIPConfigurations virtualNetworkPeerings securityRules "
    "routes authenticationCertificates trustedRootCertificates trustedClientCertificates "
    "sslCertificates gatewayIPConfigurations frontendIPConfigurations frontendPorts probes "
    "backendAddressPools backendHttpSettingsCollection backendSettingsCollection httpListeners "
    "listeners sslProfiles urlPathMaps pathRules requestRoutingRules routingRules rewriteRuleSets "
    "redirectConfigurations loadDistributionPolicies loadDistributionTargets "
    "privateLinkConfigurations ipConfigurations loadBalancingRules inboundNatRules inboundNatPools "
    "outboundRules privateLinkServiceConnections manualPrivateLinkServiceConnections "
    "privateDnsZoneConfigs networkSecurityGroup routeTable publicIPAddress"
)
_SCALE_SET = _names("networkInterfaceConfigurations ipConfigurations publicIPAddressConfiguration extensions")
_EVENTS = _names("destination deadLetterDestination deliveryAttributeMappings")


@dataclass(frozen=True)
class _Shape:
    """wrapped: keys whose value (or each element of it) is a sub-resource with ``properties`` of its own.

    element_top: what such an element keeps outside, per key where it differs. inside: envelope keys that this
    type keeps under ``properties``. nested: the type is not flattened, its inputs have a ``properties`` of
    their own. renames: dotted Pulumi path (list positions left out) -> wire name of its last part.
    """

    wrapped: frozenset[str] = frozenset()
    element_top: Mapping[str, frozenset[str]] = field(default_factory=dict)
    inside: frozenset[str] = frozenset()
    nested: bool = False
    renames: Mapping[str, str] = field(default_factory=dict)


_STORAGE_NAMES = {
    "enableHttpsTrafficOnly": "supportsHttpsTrafficOnly",
    "enableNfsV3": "isNfsV3Enabled",
    "networkRuleSet": "networkAcls",
    "networkRuleSet.ipRules.iPAddressOrRange": "value",
    "networkRuleSet.virtualNetworkRules.virtualNetworkResourceId": "id",
    "encryption.encryptionIdentity": "identity",
    "encryption.encryptionIdentity.encryptionUserAssignedIdentity": "userAssignedIdentity",
    "encryption.encryptionIdentity.encryptionFederatedIdentityClientId": "federatedIdentityClientId",
    "encryption.keyVaultProperties": "keyvaultproperties",
    "encryption.keyVaultProperties.keyName": "keyname",
    "encryption.keyVaultProperties.keyVersion": "keyversion",
    "encryption.keyVaultProperties.keyVaultUri": "keyvaulturi",
}
_DNS_NAMES = {
    "ttl": "TTL", "aRecords": "ARecords", "aaaaRecords": "AAAARecords", "mxRecords": "MXRecords",
    "nsRecords": "NSRecords", "ptrRecords": "PTRRecords", "srvRecords": "SRVRecords",
    "txtRecords": "TXTRecords", "cnameRecord": "CNAMERecord", "soaRecord": "SOARecord",
    "dsRecords": "DSRecords", "tlsaRecords": "TLSARecords",
    "naptrRecords": "NAPTRRecords", "soaRecord.minimumTtl": "minimumTTL",
}  # fmt: skip
_COMPONENT_NAMES = {
    "applicationType": "Application_Type", "flowType": "Flow_Type", "requestSource": "Request_Source",
    "hockeyAppId": "HockeyAppId", "samplingPercentage": "SamplingPercentage", "retentionInDays": "RetentionInDays",
    "disableIpMasking": "DisableIpMasking", "immediatePurgeDataOn30Days": "ImmediatePurgeDataOn30Days",
    "workspaceResourceId": "WorkspaceResourceId", "ingestionMode": "IngestionMode",
    "connectionString": "ConnectionString", "instrumentationKey": "InstrumentationKey", "appId": "AppId",
    "disableLocalAuth": "DisableLocalAuth", "forceCustomerStorageForProfiler": "ForceCustomerStorageForProfiler",
}  # fmt: skip
_SKU_INSIDE = _Shape(inside=frozenset({"sku"}))
_EVENT_SHAPE = _Shape(
    _EVENTS,
    {"destination": frozenset({"endpointType"}), "deadLetterDestination": frozenset({"endpointType"}),
     "deliveryAttributeMappings": frozenset({"name", "type"})},
)  # fmt: skip

_SHAPES: dict[str, _Shape] = {
    "azure-native:network:ApplicationGateway": _Shape(_NETWORK, inside=frozenset({"sku"})),
    "azure-native:compute:VirtualMachineScaleSet": _Shape(
        _SCALE_SET, {"extensions": frozenset({"id", "name"})}
    ),
    "azure-native:storage:StorageAccount": _Shape(renames=_STORAGE_NAMES),
    "azure-native:dns:RecordSet": _Shape(renames=_DNS_NAMES),
    "azure-native:eventgrid:SystemTopicEventSubscription": _EVENT_SHAPE,
    "azure-native:eventgrid:EventSubscription": _EVENT_SHAPE,
    "azure-native:web:WebAppApplicationSettings": _Shape(nested=True),
    "azure-native:resources:TagAtScope": _Shape(nested=True),
    "azure-native:keyvault:Vault": _Shape(nested=True),
    "azure-native:keyvault:Secret": _Shape(nested=True),
    "azure-native:operationalinsights:Workspace": _SKU_INSIDE,
    "azure-native:applicationinsights:Component": _Shape(renames=_COMPONENT_NAMES),
    "azure-native:monitor:MetricAlert": _Shape(
        renames={"criteria.odataType": "odata.type", "actions.webHookProperties": "webHookProperties"}
    ),
}


def _shape(token: str) -> _Shape:
    known = _SHAPES.get(token)
    if known:
        return known
    return _Shape(_NETWORK) if token.startswith("azure-native:network:") else _Shape()


def to_body(token: str, inputs: Mapping[str, Json]) -> dict[str, Json]:
    """The ARM PUT body for Pulumi inputs of type `token`.

    Path keys (they are in the id) are dropped, envelope keys stay on top, the rest goes under ``properties``,
    in sub-resources too; renamed properties get their wire name; ``identity.userAssignedIdentities`` becomes
    a map.
    """
    shape = _shape(token)
    row = CATALOGUE.get(token)
    dropped = {"resourceGroupName", *(row.path_keys if row else ())}
    body: dict[str, Json] = {}
    properties: dict[str, Json] = {}
    for key, value in inputs.items():
        if key in dropped or key.startswith("__"):
            continue
        wire = _to_wire(shape, key, key, value)
        if shape.nested or (key in ENVELOPE and key not in shape.inside):
            body[key] = _identity_map(wire) if key == "identity" else wire
        elif key == "properties" and isinstance(wire, Mapping):
            properties.update(wire)
        else:
            properties[shape.renames.get(key, key)] = wire
    if properties:
        body["properties"] = properties
    return body


def to_outputs(token: str, body: Mapping[str, Json]) -> dict[str, Json]:
    """Pulumi's flat outputs for an ARM body of type `token`: the inverse of `to_body`, plus what the service
    added.

    The identity's map stays a map, as azure-native's outputs have it.
    """
    shape = _shape(token)
    back = {(path.rpartition(".")[0], wire): path.rpartition(".")[2] for path, wire in shape.renames.items()}
    out: dict[str, Json] = {}
    for key, value in body.items():
        if key != "properties" or shape.nested:
            out[key] = _from_wire(shape, back, "", key, value)
    properties = body.get("properties")
    if isinstance(properties, Mapping) and not shape.nested:
        for key, value in properties.items():
            name = back.get(("", str(key)), str(key))
            out.setdefault(name, _from_wire(shape, back, "", key, value))
    return out


def _to_wire(shape: _Shape, path: str, key: str, value: Json) -> Json:
    if isinstance(value, list):
        return [_to_wire(shape, path, key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    mapped: dict[str, Json] = {}
    for name, child in value.items():
        below = f"{path}.{name}"
        mapped[shape.renames.get(below, name)] = _to_wire(shape, below, name, child)
    if key not in shape.wrapped or "properties" in mapped:
        return mapped
    outside = shape.element_top.get(key, _ELEMENT_TOP)
    top = {k: v for k, v in mapped.items() if k in outside}
    inner = {k: v for k, v in mapped.items() if k not in outside}
    return {**top, "properties": inner} if inner else top


def _from_wire(shape: _Shape, back: Mapping[tuple[str, str], str], path: str, key: str, value: Json) -> Json:
    if isinstance(value, list):
        return [_from_wire(shape, back, path, key, item) for item in value]
    if not isinstance(value, Mapping):
        return value
    name = back.get((path, key), key)
    here = f"{path}.{name}" if path else name
    inner = value.get("properties")
    lifted = key in shape.wrapped and isinstance(inner, Mapping)
    out: dict[str, Json] = {}
    sources = [value, inner] if lifted and isinstance(inner, Mapping) else [value]
    for source in sources:
        for child, item in source.items():
            if lifted and source is value and child == "properties":
                continue
            out.setdefault(back.get((here, child), child), _from_wire(shape, back, here, child, item))
    return out


def _identity_map(identity: Json) -> Json:
    """azure-native takes the user-assigned identities as a list of ids; ARM wants a map from id to {}."""
    if not isinstance(identity, Mapping) or not isinstance(identity.get("userAssignedIdentities"), list):
        return identity
    ids = identity["userAssignedIdentities"]
    return {**identity, "userAssignedIdentities": {str(i): {} for i in ids}}
