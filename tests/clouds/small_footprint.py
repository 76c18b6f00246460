"""A footprint of a dozen resources, written down by hand as `dr desired` would print it, in both modes."""

from __future__ import annotations

from typing import Any

from clouds.endpoints import LOCAL_SUBSCRIPTION
from recovery.arm.catalogue import CATALOGUE
from recovery.arm.placeholders import placeholder
from recovery.model import Desired

GROUP = "rg-small"
ZONE = "small.example"


def azure(token: str, name: str, depends: list[Desired], **inputs: Any) -> Desired:
    row = CATALOGUE[f"azure-native:{token}"]
    given = {"resourceGroupName": GROUP, **inputs}
    options = {"name": name, "dependsOn": [d.id for d in depends], "protect": True}
    arm_type = row.arm_type.replace("{recordType}", str(given.get("recordType", "")))
    return Desired(row.token, arm_type, row.id(LOCAL_SUBSCRIPTION, given), given, options, "program.py:1")


def gate(kind: str, depends: list[Desired], **props: Any) -> Desired:
    options = {"name": kind, "dependsOn": [d.id for d in depends]}
    return Desired(f"pulumi-python:dynamic/gates:{kind}", "", f"gates/{kind}", props, options, "program.py:2")


def footprint(mode: str) -> list[Desired]:
    """Zone, address, three records, storage with the journal, Cosmos with its throughput, and the gates that need no servers."""
    active = mode == "active"
    where = {"location": "brazilsouth"}
    group = azure("resources:ResourceGroup", "rg", [], **where, tags={"mode": mode})
    address = azure(
        "network:PublicIPAddress", "gw-ip", [group], **where, publicIpAddressName="pip-gw",
        publicIPAllocationMethod="Static", sku={"name": "Standard"}, dnsSettings={"domainNameLabel": "small-gw"},
    )  # fmt: skip
    zone = azure("dns:Zone", "zone", [group], location="global", zoneName=ZONE)
    storage = azure(
        "storage:StorageAccount", "store", [group], **where, accountName="stsmalldr", kind="StorageV2",
        sku={"name": "Standard_LRS"},
    )  # fmt: skip
    journal = azure(
        "storage:BlobContainer", "journal", [storage], accountName="stsmalldr", containerName="journal"
    )
    account = azure(
        "cosmosdb:DatabaseAccount", "cosmos", [group], **where, accountName="cosmos-small",
        databaseAccountOfferType="Standard", locations=[{"locationName": "brazilsouth", "failoverPriority": 0}],
    )  # fmt: skip
    database = azure(
        "cosmosdb:SqlResourceSqlDatabase", "database", [account], accountName="cosmos-small", databaseName="images",
        resource={"id": "images"},
    )  # fmt: skip
    container = azure(
        "cosmosdb:SqlResourceSqlContainer", "container", [database], accountName="cosmos-small",
        databaseName="images", containerName="chunks",
        resource={"id": "chunks", "partitionKey": {"paths": ["/imageId"], "kind": "Hash"}},
    )  # fmt: skip
    throughput = gate(
        "CosmosThroughput", [container], containerId=container.id, throughput=4000 if active else 400,
        throughputKind="manual",
    )  # fmt: skip
    back = gate(
        "ReturnGate", [zone], want="any" if active else "clear", zoneId=zone.id, gatewayPublicIpId=address.id,
        records=[{"name": "@", "type": "A"}, {"name": "api", "type": "CNAME"}], primaryAddresses=["192.0.2.10"],
        primaryHosts=[{"host": f"api.{ZONE}", "path": "/health"}], consecutive=2, timeoutSeconds=2,
    )  # fmt: skip
    drain = gate(
        "DrainGate", [], want="any" if active else "drained", gatewayPublicIpId=address.id, quietSeconds=60,
        gatewayId=address.id.replace("publicIPAddresses/pip-gw", "applicationGateways/gw"), timeoutSeconds=2,
        scaleSetId=address.id.replace("Network/publicIPAddresses/pip-gw", "Compute/virtualMachineScaleSets/api"),
        names=[ZONE, f"api.{ZONE}"],
    )  # fmt: skip
    before = [throughput] if active else [back]
    here = placeholder(address.id, "properties.ipAddress")
    alias = placeholder(address.id, "properties.dnsSettings.fqdn")
    apex = azure(
        "dns:RecordSet", "apex-record", [zone, *before], zoneName=ZONE, recordType="A", relativeRecordSetName="@",
        ttl=60, aRecords=[{"ipv4Address": a} for a in ([here] if active else ["192.0.2.10", "192.0.2.11"])],
    )  # fmt: skip
    api = azure(
        "dns:RecordSet", "api-record", [zone, *before], zoneName=ZONE, recordType="CNAME",
        relativeRecordSetName="api", ttl=60, cnameRecord={"cname": alias if active else "api.primary.example"},
    )  # fmt: skip
    fixed = azure(
        "dns:RecordSet", "dr-name", [zone], zoneName=ZONE, recordType="A", relativeRecordSetName="dr", ttl=60,
        aRecords=[{"ipv4Address": here}],
    )  # fmt: skip
    return [
        group, address, zone, storage, journal, account, database, container, throughput, back, drain, apex, api,
        fixed,
    ]  # fmt: skip
