"""Probes of the data: the newest run of each flow, from the journal container and this machine, and each upload's documents."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime

from clouds.azure.data_plane import reading
from clouds.readiness.world import ReadyWorld
from clouds.sync import reconcile, records
from recovery.model import Json
from recovery.readiness.model import UnseenError

Evidence = dict[str, Json]
FLOWS = ("site", "uploads", "metadata")
NEWEST_UPLOADS = 200
"""Of how many of the newest uploads the documents are decoded: what an outage would leave unconverted is young."""


def newest_runs(world: ReadyWorld) -> dict[str, dict[str, Json]]:
    """Each flow's newest record, wherever the run took place. Raises Unobserved, UnseenError."""
    names: dict[str, str] = {}
    container = world.sync.journal
    with reading("the run records in the journal container"):
        for blob in container.list_blobs(name_starts_with=f"{records.PREFIX}/"):
            for flow in FLOWS:
                if f"-{flow}-" in blob.name:
                    names[flow] = max(names.get(flow, ""), str(blob.name))
    found: dict[str, dict[str, Json]] = {}
    for flow in FLOWS:
        local = max(
            ((p.name, p) for p in (world.sync.home / records.PREFIX).glob(f"*-{flow}-*.json")), default=None
        )
        remote = names.get(flow, "").rpartition("/")[2]
        if local is None and not remote:
            continue
        if local is not None and local[0] > remote:  # a run that could not reach the container
            text = local[1].read_bytes()
        else:
            with reading(f"the run record {remote}"):
                text = container.get_blob_client(names[flow]).download_blob().readall()
        try:
            found[flow] = json.loads(text)
        except ValueError as error:
            raise UnseenError(f"the newest record of {flow} is no JSON: {error}") from error
    return found


def age(world: ReadyWorld) -> Evidence:
    """Seconds since the newest run of each flow that ended well began: what it carried is at least that fresh."""
    runs, rows = newest_runs(world), list[Json]()
    for flow in FLOWS:
        run = runs.get(flow)
        if run is None:
            rows.append({"flow": flow, "found": False})
            continue
        began = datetime.fromisoformat(str(run["started"]))
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
        rows.append({"flow": flow, "found": True, "age": (world.now() - began).total_seconds()})
    return {"flows": rows}


def proofs(world: ReadyWorld) -> Evidence:
    """What the newest run of each flow proved, and what went wrong in it."""
    runs, rows = newest_runs(world), list[Json]()
    for flow in FLOWS:
        run = runs.get(flow)
        if run is None:
            rows.append({"flow": flow, "found": False})
            continue
        problem = "failed: " + str(run["errors"][0]) if run.get("errors") else ""
        problem = problem or (f"was stopped: {run['refused']}" if run.get("refused") else "")
        held = [{k: one[k] for k in ("name", "equal", "compared", "holds")} for one in run["proofs"]]
        rows.append({"flow": flow, "found": True, "problem": problem, "proofs": held})
    return {"flows": rows}


def documents(world: ReadyWorld) -> Evidence:
    """The newest uploads, each against its documents."""
    done = asyncio.run(reconcile.run(world.sync, dry_run=True, fence=lambda: None, newest=NEWEST_UPLOADS))
    looked = done.complete + len(done.missing) + len(done.refused)
    return {
        "missing": list(done.missing),
        "refused": list(done.refused),
        "looked": looked,
        "total": done.total,
    }
