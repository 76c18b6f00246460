"""Effects that look at the live side as users and operators do: smoke, end to end, supporting services (VAL-1 to 3)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from contextlib import closing

from clouds.gates.world import POLL_SECONDS
from clouds.http_probe import Question, probe_all
from clouds.runbook import supporting
from clouds.runbook.azure_effects import AzureEffects
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unknown
from clouds.runbook.drill import MARK
from clouds.runbook.footprint import Footprint
from recovery import chunks
from recovery.journal.chain import Kind
from recovery.model import Json
from recovery.runbook.support import Said

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)
"""A PNG of one pixel."""

CONVERSION_SECONDS = 600.0


class CheckEffects:
    """Looks through the gateway's own address, so that no cache speaks for it."""

    def __init__(self, footprint: Footprint, azure: AzureEffects) -> None:
        self.at, self._azure = footprint, azure

    def table(self) -> dict[str, Handler]:
        """Effect kind -> function."""
        return {
            "smoke.run": self.smoke,
            "end_to_end.run": self.end_to_end,
            "converter.warm": self.end_to_end,
            "converter.idle": self.idle,
            "support.run": self.support,
            "telemetry.observe": self.telemetry,
        }

    def smoke(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """/health and the site answer 200 at the gateway, and its backends are healthy (VAL-1)."""
        gateway = self.at.gateway()
        if gateway is None or not gateway.address:
            return unknown("the gateway's address cannot be read")
        hosts = self.at.props("ReturnGate").get("primaryHosts") or []
        if call.drill:  # the public names lead elsewhere: the contingency name is asked as well
            hosts = [*hosts, {"host": self._contingency(), "path": "/health"}]
        answers = probe_all(
            [Question(gateway.address, str(h["host"]), str(h["path"])) for h in hosts], self.at.endpoints
        )
        bad = [str(one) for one in answers if not one.ok]
        health = self.at.look("HealthGate", "active")
        if health.get("observed") != "healthy":
            bad.append(f"backends are {health.get('observed')}: {health.get('detail', '')}")
        return seen(not bad, call, "; ".join(bad), asked=[str(one) for one in answers])

    def _contingency(self) -> str:
        record = self.at.named("dr-name")
        return f"{record.inputs['relativeRecordSetName']}.{record.inputs['zoneName']}"

    def end_to_end(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """A marked image by SAS URL, its documents read back and decoded, then both removed (VAL-2)."""
        import httpx

        name = f"{MARK}{hashlib.sha256(call.key.encode()).hexdigest()[:12]}.png"
        data = (
            PIXEL + hashlib.sha256(call.key.encode()).digest()
        )  # trailing bytes: no two test images are alike
        began = self.at.world.clock()
        with closing(self.at.blobs("storage-uploads")) as blobs:
            url = blobs.signed_url("uploads", name, permission="cw", minutes=15)
            sent = httpx.put(url, content=data, headers={"x-ms-blob-type": "BlockBlob", "Content-Type": "image/png"},
                             timeout=30, trust_env=False)  # fmt: skip
            if sent.status_code != 201:
                return failed(f"the upload by SAS URL answered {sent.status_code}")
            documents = self.at.documents()
            deadline = began + self.at.world.limit(CONVERSION_SECONDS)
            why = "there are no documents"
            try:
                while True:
                    found = documents.partition(name)
                    try:
                        if chunks.assemble(found) == data:
                            seconds = round(self.at.world.clock() - began, 3)
                            return ok(image=name, bytes=len(data), documents=len(found), seconds=seconds)
                        why = "the documents decode to something else"
                    except chunks.IncompleteError as error:
                        why = str(error)
                    if self.at.world.clock() >= deadline:
                        return failed(f"{name} was uploaded but not converted: {why}", image=name)
                    self.at.world.pause(POLL_SECONDS)
            finally:
                self._remove(name)
                blobs.delete("uploads", name)

    def _remove(self, name: str) -> None:
        documents = self.at.documents()
        for one in documents.partition(name):
            documents.delete(str(one["id"]), name)

    def idle(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Every upload has its whole documents: nothing is still being processed (BACK-5). Waits for the last ones."""
        from clouds.sync import reconcile
        from clouds.sync.world import SyncWorld

        deadline = self.at.world.clock() + self.at.world.limit(CONVERSION_SECONDS)
        while True:
            world = SyncWorld(self.at.root, "standby", self.at.environ)
            try:
                seen_now = asyncio.run(reconcile.run(world, dry_run=True, fence=lambda: None))
            finally:
                world.close()
            if not seen_now.missing:
                return ok(complete=seen_now.complete, refused=seen_now.refused[:100])
            waiting = seen_now.missing
            if self.at.world.clock() >= deadline:
                return failed(
                    f"{len(waiting)} not converted: {'; '.join(waiting[:5])}", complete=seen_now.complete
                )
            call.say(f"{len(waiting)} upload(s) are still being converted")
            self.at.world.pause(POLL_SECONDS)

    def support(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """Certificate, throughput and the uploads container (VAL-3). What cannot be seen is named, never assumed."""
        said, found = supporting.look(self.at, int(args["throughput"]), call.key)
        return _outcome(said, found)

    def telemetry(self, args: Mapping[str, Json], call: Call) -> Outcome:
        """The gateway's own request figures arrive, and most requests are good (VAL-3). Application Insights lags."""
        said, found = supporting.requests(self.at)
        call.note(Kind.NOTE, {"what": "telemetry", **found})
        return _outcome(said, found)


def _outcome(said: Said, found: Mapping[str, Json]) -> Outcome:
    """What is bad fails; what nobody could see is unknown, and no less a reason to stop and look."""
    if said.bad:
        return failed("; ".join((*said.bad, *said.unseen)), **found)
    return unknown("; ".join(said.unseen), **found) if said.unseen else ok(**found)


__all__ = ["MARK", "CheckEffects"]
