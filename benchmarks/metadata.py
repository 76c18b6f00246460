"""The table's import: request units used and throttled, through the local cloud's Cosmos door; the import over the cores.

The GOALS row of the requirements: >= 90 % of the container's RU/s used with < 1 % throttled; the import near-linear in
cores. RU/s, charges and 429 are the door's (`localcloud/data/cosmos_door.py`) in front of the unmodified
@vercel/cosmosdb-server, which has none of them: the figures say how well the import keeps to a budget, not how fast
Cosmos DB is. Over the cores the target is a server that takes everything (`_sink`): the emulator is one process itself.
Run: python -m benchmarks metadata   (--rates 400,2000 --seconds 15)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import localcloud
from benchmarks._sink import sink
from benchmarks.items import KEYS, chunk
from clouds.azure.arm import Arm
from clouds.endpoints import LOCAL_SUBSCRIPTION, load
from clouds.sync.cosmos import AHEAD, Container
from clouds.sync.importing import Imported, bring
from clouds.sync.sending import Into, Senders
from recovery.arm.catalogue import CATALOGUE
from recovery.sync.budget import Budget
from recovery.sync.exported import Change, Manifest

USED, THROTTLED, LINEAR = 0.90, 0.01, 0.75
"""Of RU/s; of requests; of the number of processes (what "near-linear" is taken to mean)."""


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 1 when a goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="400,2000", help="RU/s, one run each")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument(
        "--documents", type=int, default=4_000, help="to the server that takes all, a process"
    )
    given = parser.parse_args(argv)
    missed = _cores(given.documents)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        cloud = localcloud.start(Path(folder), 600, with_parent=True)
        try:
            for rate in (int(one) for one in given.rates.split(",")):
                missed += _units(cloud.environment, rate, given.seconds)
        finally:
            cloud.stop()
    return int(missed > 0)


def _units(environ: dict[str, str], rate: int, seconds: float) -> int:
    endpoints = load(environ)
    url = _container(Arm(endpoints), rate)
    count = max(200, int(rate * AHEAD / 6.6 * seconds))  # a write of 3 KB costs 6.5 RU

    async def run() -> tuple[Budget, float]:
        into = Container(url, f"dbs/images/colls/at{rate}", endpoints.cosmos_key, Budget(rate * AHEAD))
        began, done = time.perf_counter(), Imported()
        try:
            await bring(_changes(count), into, KEYS, done, fence=lambda: None)
        finally:
            await into.close()
        if done.problem_count or done.created != count:
            raise RuntimeError(f"{done.created} of {count} imported: {done.problems[:3]}")
        return into.budget, time.perf_counter() - began

    spent, taken = asyncio.run(run())
    used, throttled = spent.spent / taken / rate, spent.throttled / spent.requests
    ok = used >= USED and throttled < THROTTLED
    print(
        f"  {rate} RU/s: {count:,} documents of 3 KB in {taken:.1f} s, {100 * used:.1f} % of the RU/s used (goal >= {100 * USED:g}), "
        f"{100 * throttled:.2f} % of {spent.requests:,} requests throttled (goal < {100 * THROTTLED:g}) {'met' if ok else 'MISSED'}"
    )
    return int(not ok)


def _changes(count: int) -> Iterator[Change]:
    for number in range(count):
        item = chunk(number, 3_000)
        yield Change({n: item[n] for n in ("imageId", "chunkIndex")}, item, 1_767_582_000_000_000)


def _cores(documents: int) -> int:
    """Documents a second of wall-clock time, read from lines and answered: one process against one a core, interleaved."""
    cores = os.cpu_count() or 1
    items = [json.dumps({"Item": chunk(n, 3_000)}).encode() for n in range(500)]
    of = Manifest("bench", 1_767_582_000.0, None, documents, ())

    def rate(senders: Senders, lines: int) -> float:
        began, done = time.perf_counter(), Imported()
        given = (items[n % len(items)] for n in range(lines))
        asyncio.run(senders.bring(given, of, KEYS, done, Budget(1.0), fence=lambda: None))
        if done.created != lines:
            raise RuntimeError(f"{done.created} of {lines} sent: {done.problems[:3]}")
        return lines / (time.perf_counter() - began)

    with sink() as url:
        into = Into(url, "dbs/d/colls/c", "a2V5", 1e9)
        alone, together = Senders(into, 1), Senders(into, cores)
        try:
            rate(alone, 400), rate(together, 400 * cores)  # the processes are up
            pairs = [(rate(alone, documents), rate(together, documents * cores)) for _ in range(3)]
        finally:
            alone.close()
            together.close()
    ratio = statistics.median(b / a for a, b in pairs)
    ok = cores == 1 or ratio >= LINEAR * cores
    one, all_of_them = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"  import of 3 KB items (converted, signed, sent to a server that takes all): {one:,.0f}/s by one process, "
        f"{all_of_them:,.0f}/s by {cores}: {ratio:.2f}x (goal >= {LINEAR * cores:g}x) {'met' if ok else 'MISSED'}"
    )
    return int(not ok)


def _container(arm: Arm, rate: int) -> str:
    """A container with that throughput; the account's endpoint."""

    def put(token: str, body: dict[str, Any], **names: str) -> dict[str, Any]:
        row = CATALOGUE[f"azure-native:{token}"]
        given = {"resourceGroupName": "rg-bench", **names}
        found: dict[str, Any] = arm.put(row.id(LOCAL_SUBSCRIPTION, given), body, row.api_version)
        return found

    account = {"accountName": "cosmos-bench"}
    key = {"paths": ["/imageId"], "kind": "Hash"}
    try:
        put("resources:ResourceGroup", {"location": "brazilsouth"})
        place = {"locations": [{"locationName": "brazilsouth", "failoverPriority": 0}]}
        body = {"location": "brazilsouth", "properties": {"databaseAccountOfferType": "Standard", **place}}
        made = put("cosmosdb:DatabaseAccount", body, **account)
        put("cosmosdb:SqlResourceSqlDatabase", {"properties": {"resource": {"id": "images"}}},
            **account, databaseName="images")  # fmt: skip
        put("cosmosdb:SqlResourceSqlContainer",
            {"properties": {"resource": {"id": f"at{rate}", "partitionKey": key}, "options": {"throughput": rate}}},
            **account, databaseName="images", containerName=f"at{rate}")  # fmt: skip
    finally:
        arm.close()
    return str(made["properties"]["documentEndpoint"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
