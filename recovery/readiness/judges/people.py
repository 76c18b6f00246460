"""People and habit: approvers, channels, identities, drills, the recovery time, schedules, renewal."""

from __future__ import annotations

from recovery.readiness.judges.data import hours
from recovery.readiness.model import Facts, Judgement, UnseenError, not_ready, ready, unknown

NEEDED_ROLES = ("Tech Lead", "CTO", "Incident Commander")
"""Without one of these no failover begins or goes on (ACT-1, ACT-2, ACT-4)."""

DRILL_DAYS = 365
"""A DR activation once a year (TL-8)."""

RTO_SECONDS = 15 * 60
"""Our goal for image-app, people's waiting time apart (GOALS); the plan's own is 2 to 4 h."""


def approvers(facts: Facts) -> Judgement:
    """Each role that an approval needs has somebody, and no approval by two roles rests on one person."""
    held = {row.text("role"): row.words("people") for row in facts.rows("roles")}
    if absent := [role for role in NEEDED_ROLES if not held.get(role)]:
        return not_ready(f"nobody is {', '.join(absent)}: an approval could not be given")
    everyone = {who for people in held.values() for who in people}
    if len(everyone) < 2:
        return not_ready("one person holds every role: two roles need two identities")
    if lost := facts.words("unprovable"):
        return not_ready(f"no key or account proves the word of {', '.join(lost)}")
    alone = [role for role in NEEDED_ROLES if len(held[role]) == 1]
    return ready(f"{len(everyone)} people" + (f"; only one is {', '.join(alone)}" if alone else ""))


def channels(facts: Facts) -> Judgement:
    """Each channel answers, and each audience has one that is not this machine's own outbox."""
    silent = [
        f"{row.text('name')}: {row.text('reason')}" for row in facts.rows("channels") if row.text("reason")
    ]
    if silent:
        return not_ready(f"{len(silent)} channel(s) do not answer: {'; '.join(silent[:3])}")
    if not facts.flag("local"):
        reached = {row.text("audience") for row in facts.rows("channels") if not row.flag("outbox")}
        if lacking := [who for who in ("internal", "external") if who not in reached]:
            return not_ready(f"no channel but this machine's outbox for {', '.join(lacking)} messages")
    if not facts.rows("channels"):
        raise UnseenError("no channel was asked")
    return ready(
        f"{len(facts.rows('channels'))} channel(s) answer: {', '.join(r.text('name') for r in facts.rows('channels'))}"
    )


def identities(facts: Facts) -> Judgement:
    """Each identity holds what docs/permissions.md gives it, in Azure and in the documents' own plane, and no more."""
    lacking, excess = facts.rows("lacking"), facts.rows("excess")
    wrong = [f"{row.text('who')} lacks {row.text('what')}" for row in lacking]
    wrong += [f"{row.text('who')} also has {row.text('what')}" for row in excess]
    if wrong:
        more = f"; and {len(wrong) - 4} more" if len(wrong) > 4 else ""
        return not_ready("; ".join(wrong[:4]) + more, [*lacking, *excess][0].text("fix"))
    checked, documents = facts.whole("checked"), facts.whole("documents")
    if not checked or not documents:
        raise UnseenError(
            "no role assignment was looked at" + ("" if checked == documents else " in one of two planes")
        )
    return ready(f"{checked} role assignments and {documents} of the documents as declared, none beside them")


def drill(facts: Facts) -> Judgement:
    """The last drill or rehearsal on this footprint: when, and how it ended (TL-8)."""
    if not facts.flag("found"):
        return not_ready("no drill is on record")
    if (outcome := facts.text("outcome")) != "completed":
        return not_ready(f"the last drill ({facts.text('run')}) ended as {outcome}")
    days = facts.number("age") / 86400
    if days > DRILL_DAYS:
        return not_ready(f"the last drill was {days:.0f} days ago, one a year is the least")
    return ready(f"the last drill ({facts.text('run')}) ended well, {hours(facts.number('age'))} ago")


def recovery_time(facts: Facts) -> Judgement:
    """The recovery time that the last drill measured, people's waiting time apart, against the goal."""
    if not facts.flag("found"):
        return not_ready("no recovery time has been measured: there was no drill", "dr failover --drill")
    seconds, scale = facts.number("seconds"), facts.number("scale")
    note = f" (simulated: 1/{scale:g} of real durations)" if scale != 1 else ""
    if seconds > RTO_SECONDS:
        return not_ready(f"{hours(seconds)}{note} were measured, the goal is {hours(RTO_SECONDS)}")
    return ready(f"{hours(seconds)}{note} measured in {facts.text('run')}, the goal is {hours(RTO_SECONDS)}")


TELL = "edit standby:monitoring emails in Pulumi.standby.yaml and Pulumi.active.yaml, then: dr up -s standby"
"""Whom the rule in Azure tells is the program's to say."""


def watched(facts: Facts) -> Judgement:
    """The dead man's switch stands in both clouds, is armed, and is not firing (SYNC-4)."""
    wrong, blind, said, fix = [], [], [], ""
    for row in facts.rows("alarms"):
        name = row.text("name")
        if reason := row.text("reason"):
            blind.append(f"{name}: {reason}")
        elif not row.flag("found"):
            wrong.append(f"{name} does not exist")
        elif not row.flag("enabled"):
            wrong.append(f"{name} is switched off")
        elif not row.words("tells"):
            wrong.append(f"{name} tells nobody")
            fix = fix or (TELL if name.startswith("Azure") else "dr watchdog arm --topic ARN")
        elif row.flag("firing"):
            wrong.append(f"{name} is firing: a scheduled run did not happen")
        else:
            said.append(name)
    if wrong:
        return not_ready("; ".join(wrong), fix)
    if blind:
        return unknown("; ".join(blind))
    if not said:
        raise UnseenError("no alarm was asked for")
    return ready(f"armed and quiet: {', '.join(said)}")


def renewal(facts: Facts) -> Judgement:
    """Will the certificate be renewed without anybody remembering it? (Definitions: Renewal)"""
    if not facts.flag("found"):
        return not_ready("the vault holds no such certificate")
    issuer, how = facts.text("issuer"), facts.text("renews")
    if issuer.lower() == "self":
        return not_ready("the vault would renew a self-signed certificate, which no client accepts")
    if not how:
        return not_ready(
            f"nothing renews the certificate (issuer {issuer}): it must be remembered by a person"
        )
    return ready(f"{how} (issuer {issuer})")
