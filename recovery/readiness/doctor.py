"""What `dr doctor` concludes: one answer a question, and which of a role's permissions an identity lacks. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from recovery.exit_codes import ExitCode
from recovery.model import Json
from recovery.permissions.model import Role, covered


@dataclass(frozen=True)
class Answer:
    """says: ok, missing or unknown. fix: a command, "" where nothing is to be done."""

    group: str
    question: str
    says: str
    detail: str
    fix: str = ""


OK, MISSING, UNKNOWN = "ok", "missing", "unknown"


def exit_of(answers: Iterable[Answer]) -> ExitCode:
    """3 when something is missing, 5 when something could not be told, else 0."""
    said = {one.says for one in answers}
    if MISSING in said:
        return ExitCode.FINDING
    return ExitCode.UNOBSERVED if UNKNOWN in said or not said else ExitCode.CLEAN


def lacking(role: Role, entries: Iterable[Mapping[str, Json]]) -> list[tuple[str, str]]:
    """(action, why it is needed) of each grant of a role that these entries of ``permissions`` do not give.

    An entry gives what its actions cover and its notActions do not; entries add up, and one's notActions take nothing
    from another's (Azure RBAC, "How Azure RBAC determines if a user has access").
    """
    held = list(entries)
    found = []
    for grants, kind, but in (
        (role.actions, "actions", "notActions"),
        (role.data, "dataActions", "notDataActions"),
    ):
        for grant in grants:
            given = any(
                covered(grant.action, one.get(kind) or []) and not covered(grant.action, one.get(but) or [])
                for one in held
            )
            if not given:
                found.append((grant.action, grant.why))
    return found


def sentence(answers: list[Answer]) -> str:
    """The last line."""
    bad = [one for one in answers if one.says == MISSING]
    blind = [one for one in answers if one.says == UNKNOWN]
    if bad:
        also = f", {len(blind)} unknown" if blind else ""
        return f"{len(bad)} of {len(answers)} things are missing{also}: begin with {bad[0].question} ({bad[0].fix})."
    if blind:
        return f"Nothing is known to be missing, but {len(blind)} of {len(answers)} things could not be told."
    return f"All {len(answers)} things are there."
