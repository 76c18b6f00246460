"""Could we, now; how long would it take; could we come back? Looks alone, changes nothing (`dr precheck`)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime

from clouds.runbook.footprint import Footprint
from recovery.errors import DrError, Unobserved
from recovery.model import Action, Json, Plan
from recovery.traffic import Side, traffic_side


@dataclass(frozen=True)
class Answer:
    """One question. says: yes, no or unknown. detail: with the figures."""

    question: str
    says: str
    detail: str


def quick(footprint: Footprint, name: str) -> dict[str, Json]:
    """What the checkpoint of a run records: the gates' and dials' own words, in seconds."""
    found: dict[str, Json] = {}
    for kind, stack in (("HealthGate", "active"), ("ReturnGate", "standby"), ("CosmosThroughput", "active")):
        seen = footprint.look(kind, stack)
        found[kind] = str(seen.get("observed")) + (f" ({seen['detail']})" if seen.get("detail") else "")
    if name == "failover":
        found["data_age_seconds"] = {flow: round(age, 1) for flow, age in ages_of(footprint).items()}
    return found


def ages_of(footprint: Footprint) -> dict[str, float]:
    """Flow -> seconds since its last proven copy began, by this machine's records; a flow without one is left out."""
    from clouds.journal_place import home
    from clouds.sync import records

    ages: dict[str, float] = {}
    for flow in ("uploads", "metadata"):
        found = records.latest(home(footprint.root, footprint.environ), flow)
        if found is not None and not found.get("errors") and not found.get("refused"):
            began = datetime.fromisoformat(str(found["started"]))
            began = began if began.tzinfo else began.replace(tzinfo=UTC)
            ages[flow] = (datetime.now(UTC) - began).total_seconds()
    return ages


def asked(question: str, look: Callable[[], tuple[bool, str]]) -> Answer:
    """One look; what cannot be seen is unknown, with its reason."""
    try:
        good, detail = look()
    except DrError as error:
        return Answer(question, "unknown", error.summary)
    except Exception as error:  # noqa: BLE001 (a look that fails is an answer, never a yes)
        return Answer(question, "unknown", f"{type(error).__name__}: {error}")
    return Answer(question, "yes" if good else "no", detail)


def exit_of(answers: Mapping[str, Answer] | list[Answer]) -> int:
    """3 when something says no, 5 when something is unknown, else 0."""
    held = list(answers.values()) if isinstance(answers, Mapping) else answers
    said = {one.says for one in held}
    return 3 if "no" in said else 5 if "unknown" in said else 0


SAFE = frozenset({Action.SAME, Action.UPDATE, Action.READ})
MOST_AGE = 26 * 3600
"""Seconds: the daily run's day and two hours (SYNC-5)."""


def all_of(footprint: Footprint, name: str, preview: Callable[[str], Plan]) -> list[Answer]:
    """Every question of a runbook, asked at the same time."""
    stack = "active" if name == "failover" else "standby"
    looks: dict[str, Callable[[], tuple[bool, str]]] = {
        "the preview holds updates only": lambda: _preview(preview(stack)),
        "throughput reachable at once, and a way back": lambda: _throughput(footprint),
        "the gateway and its site answer": lambda: _site(footprint),
        "the journal is whole": lambda: _journal(footprint),
        "nobody holds the footprint": lambda: _lock(footprint),
        "traffic is where this runbook begins": lambda: _traffic(footprint, name),
        "approvers can be reached": lambda: _people(footprint),
        "channels are configured": lambda: _channels(footprint),
    }
    if name == "failover":
        looks["the stack active has been handed the footprint"] = lambda: _handed(footprint)
        looks["the data in Azure is fresh"] = lambda: _age(footprint)
        looks["quota and size of the scale set"] = lambda: _ready(footprint, "quota")
        looks["certificate"] = lambda: _ready(footprint, "certificate")
    else:
        looks["the primary answers, all of it"] = lambda: _primary(footprint)
        looks["nothing is owed"] = lambda: _owed(footprint)
    with ThreadPoolExecutor(len(looks), thread_name_prefix="precheck") as pool:
        futures = [(question, pool.submit(asked, question, look)) for question, look in looks.items()]
        return [future.result() for _, future in futures]


def _preview(plan: Plan) -> tuple[bool, str]:
    wrong = [f"{step.action} {step.name}" for step in plan.steps if step.action not in SAFE]
    if wrong:
        return False, some(wrong, "; ")
    if not plan.changes:
        return True, "nothing to change"
    return True, f"{len(plan.changes)} update(s): {some([s.name for s in plan.changes])}"


def some(names: Sequence[str], between: str = ", ", most: int = 8) -> str:
    """The first names, and how many there are beside them: a line that can be read aloud."""
    more = len(names) - most
    return between.join(names[:most]) + (f"{between}and {more} more" if more > 0 else "")


def traffic_answer(name: str, side: Side, said: str) -> tuple[bool, str]:
    """May a runbook begin with traffic on that side? A failover leaves the primary, a rollback leaves Azure: where
    traffic is there already (or half of it is), another command is the right one. Raises Unobserved."""
    if side is Side.UNKNOWN:
        raise Unobserved(
            f"where traffic goes cannot be read: {said}", "nothing can be concluded", "dr status"
        )
    begins = Side.ELSEWHERE if name == "failover" else Side.AZURE
    if side is begins:
        return (
            True,
            f"the records lead to {'the gateway' if side is Side.AZURE else 'the primary, not to Azure'}",
        )
    if side is Side.SPLIT:
        return False, f"half of a switch is standing: {said}; `dr resume`, or the same `dr up` again, ends it"
    other = (
        "failed over already"
        if name == "failover"
        else "nothing has failed over: there is nothing to come back from"
    )
    return False, f"{other} ({said})"


def _traffic(footprint: Footprint, name: str) -> tuple[bool, str]:
    from clouds.gates.edge import read_records

    gateway = footprint.gateway()
    if gateway is None:
        raise Unobserved(
            "the gateway's address cannot be read", "no record can be told apart by it", "dr doctor"
        )
    props = footprint.props("ReturnGate")
    views = read_records(footprint.world.arm, str(props["zoneId"]), props.get("records") or [])
    said = "; ".join(map(str, views))
    if any(view.targets == () for view in views):
        return False, f"not every name has a record: {said}"
    return traffic_answer(name, traffic_side(views, gateway), said)


def _throughput(footprint: Footprint) -> tuple[bool, str]:
    from clouds.gates.world import version
    from recovery.gates import check_throughput, parse_throughput

    id = f"{footprint.props('CosmosThroughput')['containerId']}/throughputSettings/default"
    now = parse_throughput(footprint.world.arm.get(id, version("cosmosdb:SqlResourceSqlContainer")))
    low, high = (int(footprint.props("CosmosThroughput", s)["throughput"]) for s in ("standby", "active"))
    check_throughput(now, high, now.kind, slow_allowed=False)
    floor = max(400, high // 100) if now.kind == "manual" else max(1000, high // 10)
    return (
        floor <= low,
        f"now {now.throughput} RU/s {now.kind}; {high} at once; the floor afterwards is {floor}, standby wants {low}",
    )


def _site(footprint: Footprint) -> tuple[bool, str]:
    from clouds.gates.world import version

    props = footprint.props("HealthGate", "active")
    body = footprint.world.arm.post(
        f"{props['gatewayId']}/backendhealth", None, version("network:ApplicationGateway"), idempotent=True
    )
    good = total = 0
    for pool in body.get("backendAddressPools") or []:
        if str((pool.get("backendAddressPool") or {}).get("id", "")).rpartition("/")[2] != props["sitePool"]:
            continue
        for settings in pool.get("backendHttpSettingsCollection") or []:
            for server in settings.get("servers") or []:
                total += 1
                good += server.get("health") == "Healthy"
    return good > 0, f"site backend: {good} of {total} healthy (the API's servers come with the failover)"


def _journal(footprint: Footprint) -> tuple[bool, str]:
    from clouds import journal_place
    from clouds.runbook.runs import unfinished

    checked = journal_place.read(footprint.root, footprint.environ)
    open_one = unfinished(checked.records)
    said = f"{len(checked.records)} records" + (f"; {open_one.id} has not ended" if open_one else "")
    return checked.sound and open_one is None, said if checked.sound else str(checked.findings[0])


def _lock(footprint: Footprint) -> tuple[bool, str]:
    from clouds.azure.lease import footprint_blob, read_holder

    blob = footprint_blob(
        footprint.world.arm, footprint.named("container-journal").id, footprint.endpoints.storage_key
    )
    holder = read_holder(blob) if blob is not None else None
    if holder is None or not holder.leased:
        return True, "free"
    return False, str(holder)


def _people(footprint: Footprint) -> tuple[bool, str]:
    from clouds.runbook.people import load_people
    from recovery.runbook.roles import Role

    people = load_people(footprint.root, footprint.environ)
    held = {role for roles in people.roles.values() for role in roles}
    missing = [str(role) for role in (Role.TECH_LEAD, Role.CTO, Role.INCIDENT_COMMANDER) if role not in held]
    alone = [str(role) for role in Role if sum(role in roles for roles in people.roles.values()) == 1]
    note = f"; one person only for {', '.join(alone)}" if alone else ""
    return not missing, (
        f"nobody is {', '.join(missing)}" if missing else f"{len(people.roles)} people"
    ) + note


def _channels(footprint: Footprint) -> tuple[bool, str]:
    from clouds.notify import OUTBOX, channels

    said, good = [], True
    for audience in ("internal", "external"):
        held = [one for one in channels(footprint.root, audience, footprint.environ) if one.name != OUTBOX]
        bad = [f"{one.name} ({one.trouble})" for one in held if one.trouble]
        good = good and not bad and (bool(held) or footprint.endpoints.control_url is not None)
        said.append(
            f"{audience}: {', '.join(bad or [one.name for one in held]) or 'the outbox of this machine only, which nobody else reads'}"
        )
    return good, "; ".join(said)


def _age(footprint: Footprint) -> tuple[bool, str]:
    from clouds.journal_place import home
    from clouds.sync import records

    ages: dict[str, float] = {}
    for flow in ("uploads", "metadata"):
        found = records.latest(home(footprint.root, footprint.environ), flow)
        if found is None:
            return False, f"no sync of {flow} is recorded on this machine"
        if found.get("errors") or found.get("refused"):
            return False, f"the last sync of {flow} failed"
        began = datetime.fromisoformat(str(found["started"]))
        began = began if began.tzinfo else began.replace(tzinfo=UTC)
        ages[flow] = (datetime.now(UTC) - began).total_seconds()
    return max(ages.values()) <= MOST_AGE, ", ".join(f"{flow} {age:.0f} s old" for flow, age in ages.items())


def _ready(footprint: Footprint, check: str) -> tuple[bool, str]:
    """One of readiness' checks, asked now (dr ready): neither quota nor a certificate is as it was last month."""
    from clouds.readiness.run import PROBES, look
    from clouds.readiness.world import ReadyWorld
    from recovery.readiness.model import Verdict, judged
    from recovery.readiness.registry import named

    world = ReadyWorld(footprint.root, "precheck", environ=footprint.environ)
    try:
        result = judged(named([check])[0], look(PROBES[check], world))
    finally:
        world.close()
    if result.verdict is Verdict.UNKNOWN:
        raise Unobserved(result.sentence, "nothing can be concluded about it", result.fix)
    return result.verdict is Verdict.READY, result.sentence


def _handed(footprint: Footprint) -> tuple[bool, str]:
    """Does the other stack know the footprint as it is (ACT-3)? Only Pulumi's engine keeps a state to hand over."""
    if shutil.which("pulumi") is None:
        return (
            True,
            "nothing to hand over: without Pulumi the direct engine carries the failover out, and keeps no state",
        )
    return _ready(footprint, "handover")


def _primary(footprint: Footprint) -> tuple[bool, str]:
    from clouds.http_probe import Question, probe_all

    hosts = footprint.props("ReturnGate").get("primaryHosts") or []
    answers = probe_all(
        [Question(a, str(h["host"]), str(h["path"])) for a in footprint.primary() for h in hosts],
        footprint.endpoints,
    )
    bad = [str(one) for one in answers if not one.ok]
    return not bad and bool(answers), "; ".join(bad) or f"all {len(answers)} answered 200"


def _owed(footprint: Footprint) -> tuple[bool, str]:
    from clouds import journal_place

    owed = journal_place.stand(footprint.root, footprint.environ).obligations
    return not owed, "; ".join(f"{one.what} (since {one.since})" for one in owed.values()) or "nothing"
