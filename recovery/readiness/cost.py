"""What the standby costs a month, and what an active day costs: from the program's own resources and a dated price file.

A price that is not in the file is unknown and said so; it is never 0, and a sum with an unknown in it is a lower bound.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from recovery.errors import BadInput
from recovery.model import Desired, Json

CAPACITY_UNITS = 10
"""Reserved by each instance of a gateway's minimum (Microsoft Learn, Understanding pricing, Instance Count)."""

AUTOSCALE_FACTOR = 1.5
"""Autoscale throughput is billed at 1.5 times the manual rate (Azure Cosmos DB, provisioned throughput pricing)."""

NO_METER = frozenset({
    "Microsoft.Resources/resourceGroups", "Microsoft.Resources/tags", "Microsoft.Authorization/roleAssignments",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments", "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/blobServices/containers", "Microsoft.Storage/storageAccounts/staticWebsite",
    "Microsoft.Storage/storageAccounts/managementPolicies", "Microsoft.Web/sites/config",
    "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies",
    "Microsoft.DocumentDB/databaseAccounts/sqlDatabases", "Microsoft.Network/dnsZones/A", "Microsoft.Network/dnsZones/CNAME",
})  # fmt: skip
"""Parts of something else's bill: settings, assignments, containers, records."""


@dataclass(frozen=True)
class Price:
    """One row of the file."""

    key: str
    price: float
    unit: str
    region: str
    as_of: str
    source: str


@dataclass(frozen=True)
class Line:
    """One thing that is paid for. month, day: in the file's currency; None: not known. why: how it was reckoned."""

    what: str
    month: float | None
    day: float | None
    why: str


@dataclass(frozen=True)
class Bill:
    """month: the standby's; day: an active day's. unknown: what no price is known for, with how many there are."""

    lines: tuple[Line, ...]
    unknown: tuple[tuple[str, int], ...]
    currency: str
    region: str
    regions: tuple[str, ...]
    as_of: tuple[str, ...]

    @property
    def month(self) -> float:
        """The known part of a standby month."""
        return sum(line.month or 0.0 for line in self.lines)

    @property
    def day(self) -> float:
        """The known part of an active day."""
        return sum(line.day or 0.0 for line in self.lines)

    @property
    def sentence(self) -> str:
        """One line, before the first up and at the end of `dr cost`."""
        rest = sum(count for _, count in self.unknown)
        also = (
            f"; {rest} resources of {len(self.unknown)} types have no known price and are not in it"
            if rest
            else ""
        )
        place = (
            ""
            if self.region in self.regions
            else f", prices of {', '.join(self.regions)} and not of {self.region}"
        )
        return (
            f"At least {self.currency} {self.month:.0f} a month standing by, at least {self.currency} {self.day:.0f} an active day"
            f" (as of {', '.join(self.as_of)}{place}{also})."
        )

    def to_json(self) -> dict[str, Json]:
        """For `--format json`."""
        return {
            "currency": self.currency, "month": round(self.month, 2), "activeDay": round(self.day, 2), "lowerBound": bool(self.unknown),
            "lines": [{"what": o.what, "month": o.month, "activeDay": o.day, "why": o.why} for o in self.lines],
            "unknown": [{"type": kind, "count": count} for kind, count in self.unknown], "verdict": self.sentence,
        }  # fmt: skip


def prices(raw: Mapping[str, Json]) -> dict[str, Price]:
    """The price file. Raises BadInput for a row without price, source or date."""
    found: dict[str, Price] = {}
    for row in raw.get("prices") or []:
        try:
            one = Price(
                str(row["key"]),
                float(row["price"]),
                str(row["unit"]),
                str(row["region"]),
                str(row["asOf"]),
                str(row["source"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadInput(
                f"a row of the price file lacks {error}", "a price without source and date is a rumour",
                "edit recovery/readiness/prices.json",
            ) from error  # fmt: skip
        if not one.source or not one.as_of or not one.price >= 0:
            raise BadInput(
                f"{one.key} has no source, no date or no price",
                "a price without them is a rumour",
                "edit the price file",
            )
        found[one.key] = one
    return found


def bill(standby: Sequence[Desired], active: Sequence[Desired], raw: Mapping[str, Json]) -> Bill:
    """Both modes' resources, priced. raw: the price file."""
    known, hours = prices(raw), float(raw["hoursAMonth"])
    lines: list[Line] = []
    used: set[str] = set()
    priced: set[str] = set()

    def rate(key: str) -> float | None:
        if key in known:
            used.add(key)
        return known[key].price if key in known else None

    other = {one.id: one for one in active}
    for one in standby:
        twin = other.get(one.id, one)
        for made in _lines(one, twin, rate, hours):
            lines.append(made)
            priced.add(one.id)
    unknown = Counter(
        one.arm_type
        for one in standby
        if one.arm_type and one.arm_type not in NO_METER and one.id not in priced
    )
    for line in lines:
        if line.month is None:
            unknown[line.what] += 1
    rows = [known[key] for key in sorted(used)]
    region = next((str(one.inputs["location"]) for one in standby if one.inputs.get("location")), "")
    return Bill(
        tuple(line for line in lines if line.month is not None), tuple(sorted(unknown.items())), str(raw.get("currency", "")),
        region, tuple(dict.fromkeys(row.region for row in rows)), tuple(sorted({row.as_of for row in rows})),
    )  # fmt: skip


def _lines(one: Desired, twin: Desired, price: Callable[[str], float | None], hours: float) -> list[Line]:
    if one.arm_type == "Microsoft.Network/applicationGateways":
        tier = str((one.inputs.get("sku") or {}).get("name") or "").lower().replace("_", "-")
        fixed, unit = price(f"gateway-{tier}-hour"), price(f"gateway-{tier}-capacity-unit-hour")
        low, high = (
            CAPACITY_UNITS * int((o.inputs.get("autoscaleConfiguration") or {}).get("minCapacity") or 0)
            for o in (one, twin)
        )
        if fixed is None or unit is None:
            return [Line(f"application gateway {tier}", None, None, "")]
        return [
            Line("application gateway, fixed", fixed * hours, fixed * 24, f"{fixed} an hour"),
            Line("application gateway, reserved units", unit * low * hours, unit * high * 24,
                 f"{unit} a unit and hour; {low} standing by, {high} active; more with traffic"),
        ]  # fmt: skip
    if one.type.endswith(":CosmosThroughput"):
        unit = price("cosmos-100-ru-hour")
        if unit is None:
            return [Line("Cosmos DB throughput", None, None, "")]
        factor = AUTOSCALE_FACTOR if one.inputs.get("throughputKind") == "autoscale" else 1.0
        less, more = (float(o.inputs["throughput"]) / 100 * factor for o in (one, twin))
        # An autoscale container idles at a tenth of its maximum.
        idle = 0.1 if factor != 1.0 else 1.0
        return [
            Line("Cosmos DB throughput", unit * less * idle * hours, unit * more * 24,
                 f"{unit} per 100 RU/s and hour; {one.inputs['throughput']} standing by, {twin.inputs['throughput']} active")
        ]  # fmt: skip
    return []
