"""Each component by itself, under mocks, in both modes where a dial passes through it."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

import pulumi
import pytest
from pulumi_azure_native import managedidentity

from components.image_app.api import Api, ApiArgs
from components.image_app.common import Place
from components.image_app.converter import BLOB_READER, FUNCTION, LISTENS, PACKAGE, Converter, ConverterArgs
from components.image_app.database import DATA_CONTRIBUTOR, Database, DatabaseArgs
from components.image_app.dns import DnsArgs, Traffic, Zone
from components.image_app.monitoring import Monitoring, MonitoringArgs
from components.image_app.network import GATEWAY_SUBNET, Network, NetworkArgs
from components.image_app.storage import Storage, StorageArgs
from components.settings import Mode, Settings
from recovery.model import REDACTED
from tests.components.recording import GROUP_ID, ROOT, Recording, alone

CANARY = "canary-5b1f07"
GATEWAY_ID = f"{GROUP_ID}/providers/Microsoft.Network/applicationGateways/agw-demay"


def test_the_network_lets_the_gateway_alone_reach_the_api(site: Settings) -> None:
    found = alone(lambda place: Network("network", NetworkArgs(place, site.names, site.api.port)))
    rules = {r["name"]: r for r in found.inputs("nsg-api")["securityRules"]}
    assert (rules["allow-gateway"]["sourceAddressPrefix"], rules["allow-gateway"]["destinationPortRange"]) == (
        GATEWAY_SUBNET, "8080",
    )  # fmt: skip
    last = max((r for r in rules.values() if r["direction"] == "Inbound"), key=lambda rule: rule["priority"])
    assert (last["access"], last["sourceAddressPrefix"], last["protocol"]) == ("Deny", "*", "*")
    open_ports = {r["name"]: r for r in found.inputs("nsg-gateway")["securityRules"]}
    assert open_ports["allow-clients"]["destinationPortRanges"] == ["80", "443"]
    assert open_ports["allow-gateway-manager"]["destinationPortRange"] == "65200-65535"
    subnets = {s["name"]: s["networkSecurityGroup"]["id"] for s in found.inputs("vnet")["subnets"]}
    assert subnets == {
        part: found.resources[f"nsg-{part}"].id
        for part in ("gateway", "api", "endpoints", "functions", "sync", "tools")
    }
    assert [r["destinationAddressPrefix"] for r in rules.values() if r["direction"] == "Outbound"] == [
        "Internet"
    ]


def test_the_public_address_is_static_and_spans_the_zones(site: Settings) -> None:
    """The address is in the records: it must outlive every switch."""
    ip = alone(lambda place: Network("network", NetworkArgs(place, site.names, 8080))).inputs("public-ip")
    assert (ip["publicIPAllocationMethod"], ip["sku"]["name"], ip["zones"]) == (
        "Static",
        "Standard",
        ["1", "2", "3"],
    )
    assert ip["dnsSettings"]["domainNameLabel"] == "demay-dr"


def test_no_storage_account_is_open_and_the_lock_lies_beside_the_journal(site: Settings) -> None:
    found = alone(lambda place: Storage("storage", StorageArgs(place, site.names)))
    accounts = found.of("azure-native:storage:StorageAccount")
    assert {a.inputs["accountName"] for a in accounts.values()} == {
        "stdemaysite",
        "stdemayuploads",
        "stdemayhost",
        "stdemayjournal",
    }
    for account in accounts.values():
        assert account.inputs["allowBlobPublicAccess"] is False
        assert (account.inputs["minimumTlsVersion"], account.inputs["enableHttpsTrafficOnly"]) == (
            "TLS1_2",
            True,
        )
    containers = found.of("azure-native:storage:BlobContainer")
    where = {c.inputs["containerName"]: c.inputs["accountName"] for c in containers.values()}
    assert where.items() >= {
        "uploads": "stdemayuploads", "deadletter": "stdemayuploads", "deployments": "stdemayhost",
        "journal": "stdemayjournal", "ledger": "stdemayjournal", "locks": "stdemayjournal",
    }.items()  # fmt: skip
    assert {c.inputs["publicAccess"] for c in containers.values()} == {"None"}
    assert found.inputs("site-website")["indexDocument"] == "index.html"
    assert [a.inputs["accountName"] for a in accounts.values() if a.inputs["allowSharedKeyAccess"]] == [
        "stdemaysite"
    ]


def test_what_was_overwritten_or_deleted_can_be_had_back_and_the_ledger_never_changes(site: Settings) -> None:
    """Data safety first: versions, soft delete; the journal's lines under retention, appending allowed."""
    found = alone(lambda place: Storage("storage", StorageArgs(place, site.names)))
    services = found.of("azure-native:storage:BlobServiceProperties").values()
    assert {s.inputs["accountName"] for s in services} == {
        f"stdemay{p}" for p in ("site", "uploads", "host", "journal")
    }
    for service in services:
        assert service.inputs["isVersioningEnabled"] is True
        assert service.inputs["deleteRetentionPolicy"] == service.inputs["containerDeleteRetentionPolicy"] == {
            "enabled": True, "days": 14,
        }  # fmt: skip
    policy = found.inputs("ledger-append-only")
    assert (policy["containerName"], policy["allowProtectedAppendWrites"]) == ("ledger", True)
    rules = found.inputs("lifecycle-uploads")["policy"]["rules"]
    assert [r["name"] for r in rules] == ["old-versions", "staging", "deadletter"], "uploads themselves stay"
    for rule in rules:
        assert rule["definition"]["filters"]["blobTypes"] == ["blockBlob"]


@pytest.mark.parametrize("kind", ["manual", "autoscale"])
def test_the_database_takes_identities_alone_and_its_throughput_is_the_dial(
    site: Settings, mode: Mode, kind: str
) -> None:
    """Throughput through `options` is never read back (pulumi-azure-native#1787): the dial is a resource of its own."""
    wanted = replace(site.database, throughput_kind=kind)
    dials = site.in_mode(mode).dials

    def build(place: Place) -> None:
        made = Database("database", DatabaseArgs(place, site.names, wanted, (("api", "principal-1"),)))
        made.throughput(dials.throughput, [made.account])

    found = alone(build)
    account = found.inputs("cosmos")
    assert (account["disableLocalAuth"], account["backupPolicy"]["type"]) == (True, "Continuous")
    container = found.inputs("cosmos-container")
    assert container["resource"]["partitionKey"]["paths"] == ["/imageId"]
    assert {"path": "/content/?"} in container["resource"]["indexingPolicy"]["excludedPaths"]
    # Made as the kind that the dial keeps: ARM cannot switch it later, and mode independent, for it is used once.
    made = {"autoscaleSettings": {"maxThroughput": 400}} if kind == "autoscale" else None
    assert container.get("options") == made
    assert found.resources["cosmos-container"].options["ignoreChanges"] == ["options"]
    assert found.inputs("cosmos-throughput") == {
        "containerId": found.resources["cosmos-container"].id, "throughput": {"standby": 400, "active": 4000}[mode],
        "throughputKind": kind,
    }  # fmt: skip
    role = found.inputs("cosmos-role-api")
    assert role["principalId"] == "principal-1"
    assert role["roleDefinitionId"].endswith(f"/sqlRoleDefinitions/{DATA_CONTRIBUTOR}")
    assert {"cosmos", "cosmos-container"} <= found.before("cosmos-throughput")


def api(site: Settings, mode: Mode) -> Recording:
    """The scale set in a mode, with everything it attaches to passed in."""
    pool = f"{GATEWAY_ID}/backendAddressPools/api"
    capacity = site.in_mode(mode).dials.instances
    return alone(
        lambda place: Api(
            "api-instances",
            ApiArgs(place, site.names, site.api, capacity, "subnet-1", pool, f"{GROUP_ID}/id-1"),
        )
    )


def test_the_api_is_whole_in_both_modes_and_only_its_capacity_is_a_dial(site: Settings) -> None:
    """READY-4: defined, image and init script available, capacity exactly 0."""
    standby, active = (dict(api(site, mode).inputs("api")) for mode in (Mode.STANDBY, Mode.ACTIVE))
    assert (standby.pop("sku"), active.pop("sku")) == (
        {"name": "Standard_B2s", "tier": "Standard", "capacity": 0},
        {"name": "Standard_B2s", "tier": "Standard", "capacity": 2},
    )
    assert standby == active
    profile = active["virtualMachineProfile"]
    assert profile["storageProfile"]["imageReference"]["version"] == "latest"
    linux = profile["osProfile"]["linuxConfiguration"]
    assert (linux["disablePasswordAuthentication"], len(linux["ssh"]["publicKeys"])) == (True, 1)
    boot = base64.b64decode(profile["osProfile"]["customData"])
    assert boot.startswith(b"#cloud-config\n")
    assert active["tags"]["cloud-init"] == hashlib.sha256(boot).hexdigest()[:16]
    assert (active["upgradePolicy"]["mode"], active["automaticRepairsPolicy"]["enabled"]) == ("Rolling", True)
    [health] = profile["extensionProfile"]["extensions"]
    assert health["settings"] == {"protocol": "http", "port": 8080, "requestPath": "/health"}
    [nic] = profile["networkProfile"]["networkInterfaceConfigurations"]
    [ip] = nic["ipConfigurations"]
    assert ip["applicationGatewayBackendAddressPools"] == [{"id": f"{GATEWAY_ID}/backendAddressPools/api"}]


def converter(site: Settings, mode: Mode) -> Recording:
    """The converter with storage and an identity of its own, and a secret among its app settings."""

    def build(place: Place) -> None:
        held = Storage("storage", StorageArgs(place, site.names))
        identity = managedidentity.UserAssignedIdentity(
            "identity", resource_group_name="rg-alone", resource_name_="id"
        )
        secret: dict[str, pulumi.Input[str]] = {
            "API_KEY": pulumi.Output.secret(CANARY),
            "COSMOS_DATABASE": "images",
        }
        told = Monitoring("monitoring", MonitoringArgs(place, site.names, site.monitoring))
        args = ConverterArgs(
            place=place, names=site.names, identity=identity, uploads=held.uploads, images=held.containers["uploads"],
            dead_letters=held.containers["deadletter"], host=held.host, deployments=held.deployments, subnet_id="subnet-1",
            insights=told.insights, package_hash="hash-1", app_settings=secret,
        )  # fmt: skip
        Converter("converter-app", args).subscription(
            listens=site.in_mode(mode).dials.converter_listens, after=[held.site]
        )

    return alone(build)


def test_the_converter_subscribes_after_its_code_and_listens_in_active_alone(
    site: Settings, mode: Mode
) -> None:
    """Event Grid wants the function to exist; the mute dial drops what the daily sync copies."""
    found = converter(site, mode)
    wanted = found.inputs("uploads-subscription")
    begins = wanted["filter"]["subjectBeginsWith"]
    blob = "/blobServices/default/containers/uploads/blobs/2026/muted/photo.jpg"
    assert blob.startswith(begins) is (mode is Mode.ACTIVE)
    assert wanted["destination"]["resourceId"] == f"{found.resources['converter'].id}/functions/{FUNCTION}"
    assert {"converter-package", "converter-settings", "storage-site"} <= found.before("uploads-subscription")
    package = found.inputs("converter-package")
    assert (package["packageHash"], package["packagePath"]) == ("hash-1", PACKAGE)
    assert (ROOT / PACKAGE / "function_app.py").is_file()
    assert f"def {FUNCTION}(" in (ROOT / PACKAGE / "function_app.py").read_text()
    assert LISTENS.endswith("/uploads/blobs/")


def test_the_converter_reaches_storage_by_its_identity(site: Settings) -> None:
    found = converter(site, Mode.STANDBY)
    role = found.inputs("converter-storage")
    assert role["scope"] == found.resources["storage-host"].id, "its own state, in an account of its own"
    assert role["roleDefinitionId"].startswith(GROUP_ID.partition("/resourceGroups")[0] + "/providers/")
    reads = found.inputs("converter-reads-uploads")
    assert reads["scope"] == found.resources["container-uploads"].id
    assert reads["roleDefinitionId"].endswith(BLOB_READER), (
        "it reads images and writes documents: nothing else"
    )
    dead = found.inputs("converter-dead-letters")
    assert dead["scope"] == found.resources["container-deadletter"].id
    assert dead["principalId"].endswith("#identity.principalId⟧"), "the topic's own identity"
    app = found.inputs("converter")
    assert app["identity"]["userAssignedIdentities"] == [found.resources["identity"].id]
    settings = found.inputs("converter-settings")["properties"]
    host = {
        key.partition("__")[2]: value
        for key, value in settings.items()
        if key.startswith("AzureWebJobsStorage")
    }
    assert host == {
        "accountName": site.names.storage("host"), "credential": "managedidentity",
        "clientId": settings["AZURE_CLIENT_ID"],
    }, "the function host keeps its own state by the same identity: all three, or it never starts"  # fmt: skip
    deployment = app["functionAppConfig"]["deployment"]["storage"]
    assert deployment["authentication"]["type"] == "UserAssignedIdentity"
    assert "converter-storage" in found.before("converter")


def test_a_secret_is_nowhere_in_the_recorded_desired_state(site: Settings) -> None:
    """A canary secret in the program appears in no file and no output."""
    found = converter(site, Mode.ACTIVE)
    assert CANARY not in json.dumps([d.to_json() for d in found.resources.values()])
    assert REDACTED in json.dumps(found.inputs("converter-settings"))


def dns(site: Settings, mode: Mode) -> Recording:
    """Zone and traffic records in a mode."""
    to_azure = site.in_mode(mode).dials.traffic_to_azure

    def build(place: Place) -> None:
        zone = Zone("dns", DnsArgs(place, site.dns, site.primary, "203.0.113.10", "demay-dr.example.net"))
        Traffic("traffic", zone, to_azure=to_azure, after=[])

    return alone(build)


def test_each_public_name_keeps_its_record_type_and_moves_its_target(site: Settings) -> None:
    """ACT-4, BACK-4: A and CNAME at one name are different resources in Azure DNS."""
    standby, active = dns(site, Mode.STANDBY), dns(site, Mode.ACTIVE)
    for name in ("apex-record", "api-record", "www-record", "dr-name"):
        one, other = standby.resources[name], active.resources[name]
        assert one.id == other.id
        assert (one.inputs["recordType"], one.inputs["ttl"]) == (
            other.inputs["recordType"],
            other.inputs["ttl"],
        )
        assert 0 < one.inputs["ttl"] <= 300
    assert [a["ipv4Address"] for a in standby.inputs("apex-record")["aRecords"]] == [
        "192.0.2.10",
        "192.0.2.11",
    ]
    assert [a["ipv4Address"] for a in active.inputs("apex-record")["aRecords"]] == ["203.0.113.10"]
    targets = [(r.inputs("api-record")["cnameRecord"]["cname"], r.inputs("www-record")["cnameRecord"]["cname"])
               for r in (standby, active)]  # fmt: skip
    assert targets == [("lb.primary.example", "site.primary.example"), ("demay-dr.example.net",) * 2]


def test_the_contingency_name_points_at_the_gateway_in_both_modes(site: Settings, mode: Mode) -> None:
    """READY-7."""
    inputs = dns(site, mode).inputs("dr-name")
    assert (inputs["relativeRecordSetName"], inputs["aRecords"]) == ("dr", [{"ipv4Address": "203.0.113.10"}])


def test_each_component_alone_protects_and_keeps_what_it_declares(site: Settings, mode: Mode) -> None:
    found = {
        "network": alone(lambda p: Network("c", NetworkArgs(p, site.names, 8080))),
        "storage": alone(lambda p: Storage("c", StorageArgs(p, site.names))),
        "database": alone(lambda p: Database("c", DatabaseArgs(p, site.names, site.database))),
        "api": api(site, mode),
        "converter": converter(site, mode),
        "dns": dns(site, mode),
    }
    for component, recording in found.items():
        held = {n: d.options for n, d in recording.resources.items() if n != "identity"}
        assert held, component
        assert [n for n, o in held.items() if not (o["protect"] and o["retainOnDelete"])] == [], component
        assert recording.problems == (), component
