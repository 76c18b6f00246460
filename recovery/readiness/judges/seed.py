"""READY-1 to READY-7: the seven checks of the plan's monthly validation (image-app plan, 3.2.2)."""

from __future__ import annotations

from recovery.readiness.model import Facts, Judgement, UnseenError, not_ready, ready, unknown

CERTIFICATE_DAYS = 30
"""READY-6: more than these must be left."""

UNREADABLE = frozenset({0, 401, 403, 407, 408, 425, 429})
"""HTTP statuses that say nothing about the thing asked for: denied, timed out, throttled. 0: no answer."""


def answered(row: Facts, what: str) -> str:
    """ "" when `row` is a 200, else what it is instead. Raises UnseenError where the status proves nothing."""
    status = row.whole("status")
    if status in UNREADABLE:
        raise UnseenError(f"{what}: {row.text('reason') or f'answered {status}'}")
    return "" if status == 200 else f"{what} answered {status}"


def site(facts: Facts) -> Judgement:
    """READY-1. stored: SHA-256 of index.html in `$web` ("" when there is none); each answer: what was served."""
    stored = facts.text("stored")
    wrong = [said for row in facts.rows("answers") if (said := answered(row, row.text("where")))]
    if not stored:
        return not_ready(
            "there is no index.html in $web: the site has never been synchronised, or was deleted"
        )
    if wrong:
        return not_ready("; ".join(wrong))
    for row in facts.rows("answers"):
        if row.text("sha256") != stored:
            return unknown(
                f"{row.text('where')} answered 200 with something that is not the index.html of $web"
            )
    return ready(
        f"index.html ({facts.whole('bytes')} bytes) answers 200 at {_listed(facts.rows('answers'), 'where')}"
    )


def cosmos(facts: Facts) -> Judgement:
    """READY-2. Write, read back, delete, gone: each really done on a marked document."""
    state = facts.text("provisioning")
    if state.lower() != "succeeded":
        return not_ready(f"the account's provisioning state is {state}")
    for step in ("write", "read", "delete"):
        if refusal := facts.text(step):
            return not_ready(f"{step} of a probe document: {refusal}")
    if not facts.flag("same"):
        return not_ready("the document that was read back is not the one that was written")
    if not facts.flag("gone"):
        return not_ready("the probe document is still there after it was deleted")
    return ready(f"written, read back and deleted in {facts.text('container')}, {facts.number('ru'):.1f} RU")


def converter(facts: Facts) -> Judgement:
    """READY-3. Listed, its trigger configured, and a probe event that does what the mode wants (standby: nothing)."""
    name = facts.text("function")
    listed = {row.text("name"): row for row in facts.rows("functions")}
    if name not in listed:
        return not_ready(f"the host lists {', '.join(listed) or 'no function'}, not {name}")
    if listed[name].flag("disabled"):
        return not_ready(f"{name} is listed and disabled")
    if (state := facts.text("subscription")).lower() != "succeeded":
        return not_ready(f"the event subscription is {state or 'not there'}")
    if not facts.text("target").lower().endswith(f"/functions/{name}".lower()):
        return not_ready(f"the event subscription leads to {facts.text('target')}, not to {name}")
    documents, waited = facts.whole("documents"), facts.number("waited")
    if facts.flag("listens"):
        if not documents:
            return not_ready(f"the probe upload was not converted within {waited:g} s")
        return ready(f"{name} is listed and converted a probe upload into {documents} document(s)")
    if documents:
        return not_ready(
            f"muting does not work: a probe upload was converted into {documents} document(s); the daily sync would "
            "wake the converter too",
            "az eventgrid system-topic event-subscription list -g GROUP --system-topic-name TOPIC    (delete what is not ours)",
        )
    return ready(
        f"{name} is listed, its subscription stands, and a probe upload was left alone for {waited:g} s"
    )


def scale_set(facts: Facts) -> Judgement:
    """READY-4. Capacity exactly what the mode wants (standby: 0), and as many instances."""
    state = facts.text("provisioning")
    if state.lower() != "succeeded":
        return not_ready(f"the scale set's provisioning state is {state}")
    have, want, instances = facts.whole("capacity"), facts.whole("wanted"), facts.whole("instances")
    if have != want or instances != want:
        return not_ready(f"capacity {have} with {instances} instance(s), wanted exactly {want}")
    return ready(f"defined ({facts.text('size')}), capacity exactly {want}")


def gateway(facts: Facts) -> Judgement:
    """READY-5. Provisioned, operational, and every rule leads from a listener to a pool that is there."""
    for what, good in (("provisioning", "succeeded"), ("operational", "running")):
        if (state := facts.text(what)).lower() != good:
            return not_ready(f"the gateway's {what} state is {state}")
    if missing := facts.words("missing"):
        return not_ready(f"the gateway has no {', '.join(missing)}")
    if loose := facts.words("loose"):
        return not_ready(f"routing rules that lead nowhere: {', '.join(loose)}")
    return ready(
        f"provisioned and running, {facts.whole('rules')} routing rule(s), pools {', '.join(facts.words('pools'))}"
    )


def certificate(facts: Facts) -> Judgement:
    """READY-6 and Definitions: what a client meets at the gateway; days, names, chain, and that it is the vault's own."""
    if not facts.whole("listeners"):
        return not_ready(
            "the gateway has no HTTPS listener: a client meets no certificate at all", "dr cert renew"
        )
    days, wanted = facts.number("days"), facts.words("wanted")
    if not facts.flag("trusted"):
        kind = "self-signed" if facts.flag("selfSigned") else facts.text("why")
        return not_ready(f"clients would refuse the certificate: {kind}")
    if lacking := [name for name in wanted if not covers(facts.words("names"), name)]:
        return not_ready(
            f"the certificate names {', '.join(facts.words('names'))}, which does not cover {', '.join(lacking)}"
        )
    if days <= CERTIFICATE_DAYS:
        return not_ready(f"{days:.1f} days are left, more than {CERTIFICATE_DAYS} are wanted")
    if (vault := facts.text("vault")) and vault != facts.text("served"):
        return not_ready("the gateway serves another certificate than the newest one in the vault")
    return ready(f"{days:.0f} days left, names {', '.join(facts.words('names'))}, chain verified")


def covers(names: list[str], wanted: str) -> bool:
    """Does a certificate with these names stand for `wanted`? A wildcard covers one label (RFC 6125, 6.4.3)."""
    low = wanted.lower()
    return low in map(str.lower, names) or f"*.{low.partition('.')[2]}" in map(str.lower, names)


def contingency_name(facts: Facts) -> Judgement:
    """READY-7. The parent delegates to our name servers; authority and resolvers answer the gateway's address."""
    wanted, servers = facts.text("address"), sorted(name.lower() for name in facts.words("zoneServers"))
    parent = sorted(name.lower() for name in facts.words("parentServers"))
    if parent != servers:
        return not_ready(
            f"the parent zone delegates {facts.text('zone')} to {', '.join(parent) or 'nobody'}, not to Azure DNS: "
            "what the records say reaches no one",
            f"set the registrar's name servers of {facts.text('zone')} to {' '.join(servers)}",
        )
    blind: list[str] = []
    for row in facts.rows("answers"):
        if not row.flag("known"):
            blind.append(f"{row.text('who')}: {row.text('reason')}")
        elif row.words("values") != [wanted]:
            said = ", ".join(row.words("values")) or "no such record"
            return not_ready(
                f"{row.text('who')} answers {said} for {facts.text('name')}, the gateway is {wanted}"
            )
    if blind:
        return unknown("; ".join(blind))
    return ready(
        f"{facts.text('name')} is {wanted} for {_listed(facts.rows('answers'), 'who')}; the parent delegates"
    )


def _listed(rows: list[Facts], name: str) -> str:
    return ", ".join(row.text(name) for row in rows)
