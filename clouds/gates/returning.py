"""ReturnGate: may traffic go back? Yes when it is not on Azure, or when the primary has proved that it
answers.

Nothing here needs the primary's cloud: its public addresses are asked as the public would ask them (BACK-3).
In a contingency that the runbook began, the journal must hold the proof that Azure's data is back in AWS (BACK-2).
"""

from __future__ import annotations

from collections.abc import Mapping

from clouds.azure.arm import ArmError
from clouds.gates import journal
from clouds.gates.edge import read_gateway, read_records
from clouds.gates.world import POLL_SECONDS, World
from clouds.http_probe import Question, probe_all
from recovery.errors import DrError, Stopped
from recovery.gates import CLEAR, ON_AZURE, Seen, return_refusal, return_verdict, still_wanted
from recovery.model import Json
from recovery.sync.returned import refusal

KIND = "ReturnGate"
TIMEOUT_SECONDS = 120.0
CONSECUTIVE = 3
PROBE_SECONDS = 2.0
"""Real seconds for one probe: it crosses the Internet (or loopback), which no scale makes faster."""


def _side(props: Mapping[str, Json], world: World) -> Seen:
    gateway, reason = read_gateway(world.arm, str(props.get("gatewayPublicIpId", "")))
    records = read_records(world.arm, str(props.get("zoneId", "")), props.get("records") or [])
    return return_verdict(records, gateway, reason)


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: clear / on-azure / unknown."""
    seen = _side(props, world)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Traffic on Azure always differs from `clear`, so the primary is probed at the moment of the switch."""
    return still_wanted(old, new, CLEAR)


def _questions(props: Mapping[str, Json]) -> list[Question]:
    return [
        Question(str(address), str(host.get("host", "")), str(host.get("path", "/")))
        for address in props.get("primaryAddresses") or []
        for host in props.get("primaryHosts") or []
    ]


def prove_returned(props: Mapping[str, Json], world: World) -> None:
    """The journal: is what was written in Azure since the cutover proven to be in AWS (BACK-2)? Raises Stopped if not.

    A checkpoint of before does not name the journal's account; then nothing is asked.
    """
    try:
        problems = journal.ask(props, world).problems
    except (ArmError, DrError) as error:
        world.log.write(KIND, "refused", f"the journal: {error}")
        raise Stopped(
            f"the journal cannot be read, so it is not known whether Azure's data is back in AWS: {error}",
            "traffic is on Azure and works there; sent back without its data it would lose writes. Nothing was changed",
            "dr rollback    (or give this identity Storage Blob Data Reader on the journal's account)",
            retry=True,
        ) from error
    if problems:
        world.log.write(KIND, "refused", "; ".join(problems))
        raise refusal(problems)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Pass at once when traffic is elsewhere; else the primary must answer 200, all of it, so many times
    running."""
    side = _side(props, world)
    world.log.write(KIND, "observed", side.detail, observed=side.observed)
    if side.observed == CLEAR:
        world.log.write(KIND, "passed", "traffic is not on Azure")
        return {"observed": CLEAR}
    if side.observed != ON_AZURE:
        world.log.write(KIND, "refused", side.detail)
        raise Stopped(
            f"it cannot be seen where the traffic points: {side.detail}",
            "traffic may be on Azure, and moving it blindly could take the site down. Nothing was changed",
            "dr status    (then run the same command again)",
            retry=True,
        )
    questions = _questions(props)
    need = max(1, int(props.get("consecutive", CONSECUTIVE)))
    limit = world.limit(float(props.get("timeoutSeconds", TIMEOUT_SECONDS)))
    started = world.clock()
    running, said = 0, "no address of the primary is configured"
    while questions:
        answers = probe_all(questions, world.endpoints, PROBE_SECONDS)
        bad = [str(a) for a in answers if not a.ok]
        running = 0 if bad else running + 1
        good = f"all {len(answers)} answered 200, {running} of {need} times running"
        said = "; ".join(bad) if bad else good
        waited = world.clock() - started
        if running >= need:
            prove_returned(props, world)
            world.log.write(KIND, "passed", said, waited=round(waited, 3))
            return {"observed": ON_AZURE}
        if waited >= limit:
            break
        world.log.write(KIND, "waiting", said, waited=round(waited, 3))
        world.pause(POLL_SECONDS)
    waited = world.clock() - started
    world.log.write(KIND, "refused", said, waited=round(waited, 3))
    raise return_refusal(said, need, waited)
