"""Data: how old it is, whether the last proofs hold, and whether each upload has its documents."""

from __future__ import annotations

from recovery.readiness.model import Facts, Judgement, UnseenError, not_ready, ready

RPO_SECONDS = 24 * 3600
"""The plan's RPO: 24 h (image-app plan, 3.2.1). The daily run's own two hours come on top of it (SYNC: < 2 h)."""

RUN_SECONDS = 2 * 3600


def age(facts: Facts) -> Judgement:
    """Each flow's newest run that ended well, against the RPO (SYNC-5)."""
    old, said = [], []
    for row in facts.rows("flows"):
        name = row.text("flow")
        if not row.flag("found"):
            return not_ready(f"no run of {name} is recorded", f"dr sync {name}")
        seconds = row.number("age")
        said.append(f"{name} {hours(seconds)}")
        if seconds > RPO_SECONDS + RUN_SECONDS:
            old.append(f"{name} is {hours(seconds)} old")
    if not said:
        raise UnseenError("no flow was asked for")
    if old:
        return not_ready(f"{'; '.join(old)}; the RPO is {hours(RPO_SECONDS)}")
    return ready(f"data age: {', '.join(said)}; the RPO is {hours(RPO_SECONDS)}")


def proofs(facts: Facts) -> Judgement:
    """The newest run of each flow has proofs, and all of them hold (SYNC-1 to SYNC-3)."""
    wrong: list[str] = []
    said: list[str] = []
    for row in facts.rows("flows"):
        name = row.text("flow")
        if not row.flag("found"):
            return not_ready(f"no run of {name} is recorded, so nothing is proven", f"dr sync {name}")
        if problem := row.text("problem"):
            wrong.append(f"the last run of {name} {problem}")
            continue
        held = row.rows("proofs")
        if not held:
            wrong.append(f"the last run of {name} proved nothing")
        for one in held:
            figures = f"{one.whole('equal')} of {one.whole('compared')}"
            (said if one.flag("holds") else wrong).append(f"{one.text('name')} {figures} equal")
    if wrong:
        return not_ready("; ".join(wrong))
    if not said:
        raise UnseenError("no flow was asked for")
    return ready(f"every proof of the last runs holds: {', '.join(said)}")


def documents(facts: Facts) -> Judgement:
    """Uploads whose documents are absent or do not decode to them (ACT-3: they would be converted on the day)."""
    missing, looked, total = facts.words("missing"), facts.whole("looked"), facts.whole("total")
    scope = f"{looked} upload(s)" if looked == total else f"the newest {looked} of {total} uploads"
    if missing:
        return not_ready(f"{len(missing)} of {scope} without whole documents: {'; '.join(missing[:3])}")
    never = facts.words("refused")
    but = f", but {len(never)} that the converter does not take: {'; '.join(never[:3])}" if never else ""
    return ready(f"{scope} looked at, each with documents that decode to it{but}")


def hours(seconds: float) -> str:
    """A duration as people say it."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 72 * 3600 else f"{seconds / 86400:.0f} days"
