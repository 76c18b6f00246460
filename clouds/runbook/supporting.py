"""VAL-3's evidence, by really looking: the TLS handshake of READY-6, RU/s, a few timed queries, the uploads, the gateway's counts."""

from __future__ import annotations

from contextlib import closing

from azure.core.exceptions import AzureError

from clouds.azure import metrics
from clouds.azure.arm import ArmError
from clouds.runbook.footprint import Footprint
from recovery.errors import DrError
from recovery.model import Json
from recovery.readiness.model import Verdict, judged
from recovery.runbook import support
from recovery.runbook.support import Said

QUERIES = 5
COUNTED_SECONDS = 1800.0
"""How far back the gateway's requests are counted, in simulated seconds."""


def look(at: Footprint, throughput: int, run: str) -> tuple[Said, dict[str, Json]]:
    """Everything but telemetry: (what it says, the evidence). Never raises for what cannot be seen."""
    said, found = certificate(at, run)
    seen = at.look("CosmosThroughput", "active").get("observed")
    found["throughput"] = seen
    said += support.throughput(throughput, seen)
    for part in (_queries, _uploads):
        more, evidence = part(at)
        said, found = said + more, {**found, **evidence}
    return said, found


def certificate(at: Footprint, run: str) -> tuple[Said, dict[str, Json]]:
    """READY-6's own probe and judge, in mode active: what a client meets at the gateway now."""
    from clouds.readiness.run import PROBES
    from clouds.readiness.run import look as probe
    from clouds.readiness.world import ReadyWorld
    from recovery.readiness.registry import CHECKS

    check = next(one for one in CHECKS if one.id == "certificate")
    result = judged(check, probe(PROBES[check.id], ReadyWorld(at.root, run, "active", at.environ)))
    words = (f"certificate: {result.sentence}",)
    if result.verdict is Verdict.READY:
        return Said(), {"certificate": result.sentence}
    if result.verdict is Verdict.UNKNOWN:
        return Said(unseen=words), {"certificate": "unknown"}
    return Said(words), {"certificate": result.sentence}


def _queries(at: Footprint) -> tuple[Said, dict[str, Json]]:
    documents = at.documents()
    took: list[float] = []
    try:
        documents.partition("dr-support-look")  # the first one opens the connection, and is not counted
        for _ in range(QUERIES):
            began = at.world.clock()
            documents.partition("dr-support-look")
            took.append(at.world.clock() - began)
    except (DrError, AzureError) as error:
        return Said(unseen=(f"queries: {error}",)), {"querySeconds": []}
    return support.queries(took), {"querySeconds": [round(one, 4) for one in took]}


def _uploads(at: Footprint) -> tuple[Said, dict[str, Json]]:
    try:
        with closing(at.blobs("storage-uploads")) as blobs:
            sizes = [blob.size for blob in blobs.list("uploads")]
    except (DrError, AzureError) as error:
        return Said(unseen=(f"the uploads container: {error}",)), {"uploads": "unknown"}
    return Said(), {"uploads": len(sizes), "bytes": sum(sizes)}


def requests(at: Footprint) -> tuple[Said, dict[str, Json]]:
    """The gateway's own figures of the last half hour: do they arrive, and are they mostly good?"""
    end = at.world.now()
    gateway = str(at.props("DrainGate")["gatewayId"])
    try:
        total, failed = (
            metrics.total(at.world.arm, gateway, name, end - at.world.real(COUNTED_SECONDS), end)
            for name in ("TotalRequests", "FailedRequests")
        )
    except (ArmError, ValueError) as error:
        return Said(unseen=(f"the gateway's request count: {error}",)), {}
    return support.requests(total, failed), {"requests": total, "failedRequests": failed}
