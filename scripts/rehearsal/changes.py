"""Seven things that happen behind a program's back, done as a person would do them: straight through Resource Manager."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from clouds.azure.arm import Arm
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import Failed
from recovery.model import Desired, Finding, Json, Verdict

FORGOTTEN = "pip-forgotten"
RULE = "let-me-in"
STRAY_ADDRESS = "198.51.100.7"  # documentation address (RFC 5737): leads nowhere


@dataclass(frozen=True)
class Expected:
    """The one finding that a change must cause. mentions: a word that stands in its id, path, want or have."""

    title: str
    verdicts: frozenset[Verdict]
    id: str
    mentions: str

    def fits(self, finding: Finding) -> bool:
        """Is this finding about this change?"""
        said = f"{finding.id} {finding.path} {finding.want} {finding.have}".lower()
        return (
            finding.verdict in self.verdicts
            and finding.id.lower().startswith(self.id.lower())
            and self.mentions.lower() in said
        )


def compare(
    expected: Sequence[Expected], findings: Sequence[Finding]
) -> tuple[list[Expected], list[Finding]]:
    """(not found, found beside them): both empty exactly when each change has one finding and there is no other."""
    left = list(findings)
    missed = []
    for one in expected:
        hit = next((f for f in left if one.fits(f)), None)
        if hit is None:
            missed.append(one)
        else:
            left.remove(hit)
    return missed, left


class Meddler:
    """Makes the seven changes. desired: what the program declares, to find the resources by type."""

    def __init__(self, arm: Arm, desired: Sequence[Desired]) -> None:
        self._arm = arm
        self._desired = desired

    def all(self) -> list[Expected]:
        """Make them all, in order; raises ArmError when one is refused."""
        steps: tuple[Callable[[], Expected], ...] = (
            self.capacity,
            self.throughput,
            self.record,
            self.setting,
            self.rule,
            self.deletion,
            self.stray,
        )
        return [step() for step in steps]

    def _one(self, token: str, name: str = "") -> tuple[str, str]:
        """(id, API version) of the one declared resource of a type whose id ends in `name`."""
        row = CATALOGUE[token]
        for one in self._desired:
            if one.type == token and one.id.lower().endswith(name.lower()):
                return one.id, row.api_version
        raise Failed(
            f"the program declares no {row.arm_type} whose id ends in {name!r}",
            "the rehearsal changes exactly seven things, and this is one of them",
            "dr desired -s standby --format json    (see what is declared)",
        )

    def _edit(self, id: str, version: str, change: Callable[[dict[str, Json]], None]) -> None:
        """GET, change, PUT: what the portal does when a person saves a form."""
        body = self._arm.get(id, version)
        change(body.setdefault("properties", {}))
        kept = {k: v for k, v in body.items() if k not in ("etag", "id", "name", "type", "systemData")}
        self._arm.put(id, kept, version)

    def capacity(self) -> Expected:
        """The scale set runs one instance where none should."""
        id, version = self._one("azure-native:compute:VirtualMachineScaleSet")
        body = self._arm.get(id, version)
        self._arm.patch(id, {"sku": {**(body.get("sku") or {}), "capacity": 1}}, version)
        return Expected("scale set capacity 0 → 1", _CHANGED, id, "capacity")

    def throughput(self) -> Expected:
        """The container's throughput, where refresh is blind (pulumi-azure-native#1787)."""
        id, version = self._one("azure-native:cosmosdb:SqlResourceSqlContainer")
        for one in self._desired:  # of several containers, the one whose throughput is declared
            if one.type.endswith(":CosmosThroughput"):
                id = str(one.inputs["containerId"])
        where = f"{id}/throughputSettings/default"
        self._arm.put(where, {"properties": {"resource": {"throughput": 1000}}}, version)
        return Expected("Cosmos RU/s 400 → 1000", _CHANGED, id, "throughput")

    def record(self) -> Expected:
        """One of the apex's addresses is a stray one."""
        id, version = self._one("azure-native:dns:RecordSet", "/A/@")

        def change(properties: dict[str, Json]) -> None:
            key = next((k for k in properties if k.lower() == "arecords"), "ARecords")
            properties[key] = [{"ipv4Address": STRAY_ADDRESS}, *(properties.get(key) or [])[1:]]

        self._edit(id, version, change)
        return Expected("an address of the apex record → a stray one", _CHANGED, id, STRAY_ADDRESS)

    def setting(self) -> Expected:
        """One of the converter's app settings has another value."""
        kind = "azure-native:web:WebAppApplicationSettings"
        id, version = self._one(kind)
        declared = next(d for d in self._desired if d.type == kind).inputs.get("properties") or {}
        values: Mapping[str, Json] = self._arm.post(f"{id}/list", None, version, idempotent=True)[
            "properties"
        ]
        plain = sorted(k for k, v in declared.items() if k in values and str(v) == str(values[k]))
        name = next((k for k in plain if "CHUNK" in k.upper()), plain[0])
        self._arm.put(id, {"properties": {**values, name: "1"}}, version)
        return Expected(f"app setting {name} → 1", _CHANGED, id, name)

    def rule(self) -> Expected:
        """A rule that opens ssh to the world."""
        id, version = self._one("azure-native:network:NetworkSecurityGroup")
        rule = {"name": RULE, "properties": {
            "access": "Allow", "direction": "Inbound", "protocol": "Tcp", "priority": 4000,
            "sourceAddressPrefix": "*", "sourcePortRange": "*",
            "destinationAddressPrefix": "*", "destinationPortRange": "22",
        }}  # fmt: skip

        def change(properties: dict[str, Json]) -> None:
            properties["securityRules"] = [*(properties.get("securityRules") or []), rule]

        self._edit(id, version, change)
        return Expected(f"NSG rule {RULE} added", _CHANGED | _STRAY, id, RULE)

    def deletion(self) -> Expected:
        """The contingency name is gone."""
        id, version = self._one("azure-native:dns:RecordSet", "/A/dr")
        self._arm.delete(id, version)
        return Expected("record dr deleted", frozenset({Verdict.MISSING}), id, "")

    def stray(self) -> Expected:
        """A public address that no program declares."""
        gateway, version = self._one("azure-native:network:PublicIPAddress")
        body = self._arm.get(gateway, version)
        id = f"{gateway.rpartition('/')[0]}/{FORGOTTEN}"
        made = {
            "location": body["location"],
            "sku": body.get("sku") or {"name": "Standard"},
            "properties": {"publicIPAllocationMethod": "Static"},
        }
        self._arm.put(id, made, version)
        return Expected(f"public address {FORGOTTEN} added", _STRAY, id, "")


_CHANGED = frozenset({Verdict.CHANGED})
_STRAY = frozenset({Verdict.UNMANAGED})
