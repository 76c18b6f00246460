"""How long the slow operations take: one dated table, scaled by one factor, so that a rehearsal says what it assumed."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

AS_OF = "2026-11"


@dataclass(frozen=True)
class Duration:
    """One slow operation. median and p95 in simulated seconds; source: where the figure comes from, or "assumed"."""

    operation: str
    median: float
    p95: float
    source: str


TABLE: dict[str, Duration] = {
    row.operation: row
    for row in (
        Duration("gateway create", 420, 1800, "Azure/azure-xplat-cli#3259, turbot/steampipe-plugin-azure#316: 8 to 30 min"),
        Duration("gateway update", 300, 1800, "Azure/azure-cli#2134: 10 to over 20 min seen; median assumed"),
        Duration("gateway delete", 300, 900, "assumed"),
        Duration("scale set create", 30, 90, "assumed; instances boot on top"),
        Duration("scale set update", 30, 90, "assumed; instances boot on top"),
        Duration("scale set delete", 60, 180, "assumed"),
        Duration("instance boot", 75, 180, "assumed: from capacity change to the API's port answering"),
        Duration("instance drain", 20, 60, "assumed when the gateway names no drain timeout"),
        Duration("cosmos account create", 150, 900, "hashicorp/terraform-provider-azurerm#4271: 10 to 15 min a region seen in 2019; median assumed"),
        Duration("cosmos account update", 30, 300, "assumed"),
        Duration("cosmos account delete", 180, 2400, "hashicorp/terraform-provider-azurerm#4271: 40 min seen; median assumed"),
        Duration("cosmos child create", 15, 60, "assumed"),
        Duration("cosmos child update", 10, 60, "assumed"),
        Duration("cosmos throughput change", 15, 60, "assumed, up to instantMaximumThroughput"),
        Duration("cosmos throughput split", 18000, 21600, "facts of the service: 4 to 6 h above instantMaximumThroughput"),
        Duration("storage account create", 20, 60, "assumed"),
        Duration("network create", 5, 30, "assumed: virtual networks, security groups, public addresses"),
        Duration("network update", 5, 30, "assumed"),
        Duration("private endpoint create", 60, 180, "assumed"),
        Duration("private zone create", 30, 60, "assumed"),
        Duration("vault create", 20, 60, "assumed"),
        Duration("workspace create", 20, 60, "assumed"),
        Duration("container environment create", 180, 600, "assumed: with a virtual network and zones"),
        Duration("container app create", 20, 60, "assumed"),
        Duration("event topic create", 10, 60, "assumed"),
        Duration("event subscription create", 15, 60, "assumed"),
        Duration("event subscription update", 10, 60, "assumed: until the new filter is the one that decides"),
        Duration("resource group delete", 300, 1800, "assumed"),
        Duration("container start", 45, 180, "assumed: the image is pulled anew for each group"),
        Duration("image build", 240, 900, "assumed: wheels and plugins are fetched once a build"),
        Duration("role assignment effect", 120, 600, "Azure RBAC troubleshooting page: changes can take up to 10 minutes"),
        Duration("record reaches name servers", 30, 60, "Azure DNS FAQ: changes are typically there within 60 seconds"),
        Duration("backend health query", 15, 60, "assumed"),
        Duration("function package deploy", 60, 180, "assumed: upload, build, functions listed"),
        Duration("database promotion", 180, 300, "Amazon RDS user guide, PromoteReadReplica: takes a few minutes; both figures assumed"),
        Duration("event delivery", 1, 10, "assumed: upload to the function's call"),
    )
}  # fmt: skip


@dataclass
class Clock:
    """Simulated time. scale: simulated seconds a real second. percentile: which column the operations take (median, p95), or
    "instant": no time at all, for building what a rehearsal is not about."""

    scale: float = 60.0
    percentile: str = "median"

    def real(self, simulated: float) -> float:
        """Real seconds for simulated ones."""
        return simulated / self.scale

    def seconds(self, operation: str) -> float:
        """Real seconds that an operation of the table takes. KeyError: it is not in the table."""
        row = TABLE[operation]
        if self.percentile == "instant":
            return 0.0
        return self.real(row.p95 if self.percentile == "p95" else row.median)

    async def sleep(self, operation: str) -> None:
        """Take as long as the operation takes."""
        await asyncio.sleep(self.seconds(operation))

    @staticmethod
    def now() -> float:
        """Monotonic real seconds."""
        return time.monotonic()
