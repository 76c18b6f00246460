"""A rehearsal as the records would tell it: both switches, three resolvers that cache, a photograph, seven changes."""

from __future__ import annotations

from dataclasses import replace

from recovery.model import Finding, Severity, Verdict
from recovery.report.model import (
    DialPoint,
    DriftRecord,
    GateRecord,
    Outcome,
    Part,
    Picture,
    Report,
    Request,
    Served,
    StepRecord,
)

NAMES = ("demay.com", "api.demay.com", "www.demay.com")
RESOLVERS = ("resolver-a", "resolver-b", "resolver-c")
RG = "/subscriptions/0/resourceGroups/rg-demay-dr/providers"
TITLES = (
    ("build the standby", 0.0, 21.4, ("34 resources created by the pulumi engine",)),
    ("drift: nothing found", 21.4, 23.0, ("34 resources compared, 0 found",)),
    ("seven changes behind its back", 23.0, 26.1, ("found exactly the 7 that were made",)),
    ("repair", 26.1, 35.2, ("6 put back by an up, 1 deleted by its fixing command", "drift: clean")),
    ("switch to active", 35.2, 58.6, ("2 API processes answer /health", "HealthGate waited 4.2 s")),
    ("switch back to standby", 58.6, 82.0, ("capacity 0, 400 RU/s",)),
    ("drift: clean, report", 82.0, 83.4, ("34 resources compared, 0 found",)),
)


def finding(
    verdict: Verdict, where: str, path: str, want: object, have: object, severity: Severity
) -> Finding:
    """One row of the drift table."""
    fix = "dr up -s standby" if verdict is not Verdict.UNMANAGED else f"az resource delete --ids {RG}/{where}"
    return Finding(
        verdict, f"{RG}/{where}", path, want, have, severity, "components/image_app/api.py:71", fix
    )


FINDINGS = (
    finding(Verdict.CHANGED, "Microsoft.Compute/virtualMachineScaleSets/vmss-demay-api", "sku.capacity", 0, 1, Severity.MEDIUM),
    finding(Verdict.CHANGED, "Microsoft.DocumentDB/databaseAccounts/cosmos-demay/throughput", "throughput", 400, 1000, Severity.MEDIUM),
    finding(Verdict.CHANGED, "Microsoft.Network/dnsZones/demay.com/A/@", "properties.ARecords", [{"ipv4Address": "192.0.2.10"}, {"ipv4Address": "192.0.2.11"}], [{"ipv4Address": "198.51.100.7"}], Severity.CRITICAL),
    finding(Verdict.CHANGED, "Microsoft.Web/sites/func-demay/config/appsettings", "properties.CHUNK_BYTES", "65536", "1024", Severity.HIGH),
    finding(Verdict.UNMANAGED, "Microsoft.Network/networkSecurityGroups/nsg-demay/securityRules/let-me-in", "", None, {"access": "Allow", "destinationPortRange": "22"}, Severity.HIGH),
    finding(Verdict.MISSING, "Microsoft.Network/dnsZones/demay.com/A/dr", "", {"TTL": 300}, None, Severity.CRITICAL),
    finding(Verdict.UNMANAGED, "Microsoft.Network/publicIPAddresses/pip-forgotten", "", None, {"name": "pip-forgotten"}, Severity.LOW),
)  # fmt: skip

MOVES = {  # resolver: (leads to Azure from, leads back from), a little later for each name
    "resolver-a": (45.5, 66.1),
    "resolver-b": (47.8, 68.4),
    "resolver-c": (49.0, 69.7),
}


def requests(failing: frozenset[int] = frozenset()) -> tuple[Request, ...]:
    """Fifteen a second from 30 s to 81 s, in turn over resolvers and names; `failing` are indices that time out."""
    found = []
    for index in range(750):
        at = 30.0 + index * 0.068
        resolver, name = RESOLVERS[index % 3], NAMES[(index // 3) % 3]
        out, back = MOVES[resolver]
        shift = NAMES.index(name) * 0.4
        side = Served.AZURE if out + shift <= at < back + shift else Served.PRIMARY
        address = "203.0.113.10" if side is Served.AZURE else "192.0.2.10"
        broken = index in failing
        ms = 2000.0 if broken else 6 + (index * 7919 % 13) + (index * 31 % 97 == 0) * 60
        found.append(
            Request(
                at,
                ms,
                name,
                resolver,
                address,
                side,
                None if broken else 200,
                "ReadTimeout" if broken else "",
            )
        )
    return tuple(found)


def good() -> Report:
    """A rehearsal in which everything held."""
    dials = [
        DialPoint(30, "Scale set capacity", 0), DialPoint(38.2, "Scale set capacity", 2), DialPoint(76.4, "Scale set capacity", 0),
        DialPoint(30, "Cosmos RU/s", 400), DialPoint(37.1, "Cosmos RU/s", 4000), DialPoint(75.8, "Cosmos RU/s", 400),
    ]  # fmt: skip
    return Report(
        started="2026-11-22T04:00:00Z",
        site="image-app",
        engine="pulumi",
        scale=60,
        ttl=300,
        steps=tuple(StepRecord(n, t, Outcome.DONE, a, b, f) for n, (t, a, b, f) in enumerate(TITLES, 1)),
        gates=(
            GateRecord(
                "HealthGate", 39.0, 43.2, "healthy", "api: 2 healthy of 2, wanted 2; site: 1 healthy of 1"
            ),
            GateRecord(
                "ReturnGate", 60.3, 62.1, "clear", "the primary answered 3 times running on both addresses"
            ),
            GateRecord(
                "DrainGate",
                66.0,
                75.0,
                "drained",
                "no resolver sends anyone here, and 0 requests in the last 60 s",
            ),
        ),
        dials=tuple(dials),
        requests=requests(),
        drift=(
            DriftRecord("after the build", 22.9, True, 34),
            DriftRecord("after seven changes behind its back", 26.0, True, 35, FINDINGS, 7),
            DriftRecord("after the repair", 35.0, True, 34),
            DriftRecord("at the end", 83.0, True, 34),
        ),
        picture=Picture("photograph.jpg", 113952, 2, "ab" * 32, True, 1.9),
        parts=(
            Part("Pulumi engine", "3.260.0", "plans and applies the program"),
            Part("Azurite", "3.37.0", "blobs and queues"),
            Part("cosmosdb-server", "1.0.1", "documents"),
            Part("Python", "3.11.7", "everything else"),
        ),
    )


def bumpy() -> Report:
    """The same, with eleven requests lost in the middle of the switch back."""
    return replace(good(), requests=requests(frozenset(range(540, 573, 3))))
