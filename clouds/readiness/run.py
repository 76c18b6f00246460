"""Runs all probes at the same time, each within its own limit, and judges what they bring back.

Whatever a probe raises, and a probe that does not come back in time, is an answer: unknown, with the reason. A declared
resource of which the service itself says that it is not there is the other thing that needs no probe: not ready.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from clouds.azure.arm import ArmError
from clouds.readiness import data, day, edge, identities, people, seed, watch
from clouds.readiness.checkpoints import handover
from clouds.readiness.world import ReadyWorld
from recovery.errors import DrError
from recovery.model import Json
from recovery.readiness.model import Check, Result, Seen, UnseenError, judged
from recovery.readiness.registry import CHECKS

Probe = Callable[[ReadyWorld], Mapping[str, Json]]

PROBES: Mapping[str, Probe] = {
    "site": seed.site, "cosmos": seed.cosmos, "converter": seed.converter, "scale-set": seed.scale_set,
    "gateway": seed.gateway, "certificate": edge.certificate, "contingency-name": edge.contingency_name,
    "data-age": data.age, "proofs": data.proofs, "documents": data.documents, "drift": day.drift,
    "preview": day.preview, "handover": handover, "throughput": day.throughput, "quota": day.quota, "image": day.image,
    "boot": day.boot, "artifact": day.artifact, "renewal": watch.renewal, "journal": day.journal, "outside": day.outside,
    "approvers": people.approvers, "channels": people.channels, "identities": identities.identities,
    "drill": people.drill, "recovery-time": people.recovery_time, "dead-man": watch.alarms,
}  # fmt: skip
"""Check id -> probe. A test holds the two tables to each other."""


def run(
    world: ReadyWorld,
    checks: Sequence[Check] = CHECKS,
    *,
    probes: Mapping[str, Probe] = PROBES,
    limit: float | None = None,
    on_result: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Every check's result, in the checks' order. Never raises for what a probe does.

    limit: real seconds for every probe instead of each check's own. on_result: told each one as it arrives, from the
    caller's thread.
    """
    arrived: dict[str, Seen] = {}
    news = threading.Condition()
    started = time.monotonic()

    def probe(check: Check) -> None:
        seen = look(probes[check.id], world)
        with news:
            arrived[check.id] = seen
            news.notify_all()

    for check in checks:
        # Daemons: one that hangs in the network must not keep the process from ending.
        threading.Thread(target=probe, args=(check,), daemon=True, name=f"ready-{check.id}").start()
    results: dict[str, Result] = {}
    while len(results) < len(checks):
        with news:
            open_checks = [c for c in checks if c.id not in results]
            due = min(started + (limit or c.limit) for c in open_checks)
            if not any(c.id in arrived for c in open_checks):
                news.wait(max(0.0, due - time.monotonic()))
            ready = {c.id: arrived[c.id] for c in open_checks if c.id in arrived}
        for check in open_checks:
            allowed = limit or check.limit
            seen = ready.get(check.id)
            if seen is None and time.monotonic() >= started + allowed:
                seen = Seen(reason=f"nothing was seen within {allowed:g} s", seconds=allowed)
            if seen is not None:
                results[check.id] = judged(check, seen)
                on_result(results[check.id])
    return [results[check.id] for check in checks]


def look(probe: Probe, world: ReadyWorld) -> Seen:
    """One probe's evidence, or the reason why there is none."""
    began = time.monotonic()
    try:
        return Seen(probe(world), "", time.monotonic() - began)
    except ArmError as error:
        if error.missing:
            return Seen({"doesNotExist": error.message}, "", time.monotonic() - began)
        reason = f"Resource Manager: {error}"
    except (UnseenError, TimeoutError) as error:
        reason = str(error)
    except DrError as error:
        cause = error.__cause__
        if isinstance(cause, ArmError) and cause.missing:
            return Seen({"doesNotExist": cause.message}, "", time.monotonic() - began)
        reason = error.summary
    except Exception as error:  # noqa: BLE001 (a probe that breaks has seen nothing: unknown, never ready)
        reason = f"{type(error).__name__}: {error}"
    return Seen(reason=" ".join(reason.split())[:500], seconds=time.monotonic() - began)
