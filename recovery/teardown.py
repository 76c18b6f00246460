"""Taking the standby down: what is deleted, what is kept, in which order, and when not at all. Pure.

Data is kept unless it is named: a slip of a tired person must cost money, not data. The name of a thing holds for all
that lies in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from recovery.arm.placeholders import references
from recovery.errors import BadInput, Stopped, Unobserved
from recovery.model import Desired
from recovery.order import ordered
from recovery.traffic import Live

_KINDS = {
    "Microsoft.DocumentDB/databaseAccounts": ("documents", "documents written in a contingency live here alone until they are synced back"),
    "Microsoft.KeyVault/vaults": ("certificate", "the site's certificate and its private key"),
    "Microsoft.Network/dnsZones": ("zone", "the domain's authority: deleted while the parent delegates to it, every name of the domain is gone"),
    "Microsoft.OperationalInsights/workspaces": ("logs", "what the runs said (SYNC-4), and what an inquiry will ask for"),
}  # fmt: skip
_STORAGE = "Microsoft.Storage/storageAccounts"
_ACCOUNTS = {
    "site": "the static site's copy",
    "uploads": "uploads of a contingency live here alone until they are synced back",
    "journal": "the journal: who did what and when, for audit",
}
DATA = ("site", "uploads", "journal", *(key for key, _ in _KINDS.values()))
"""What `--data` may name."""
GROUP = "Microsoft.Resources/resourceGroups"
ASSIGNMENTS = (
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments",  # its principal cannot be changed: a rebuilt identity meets it
)
LINK = "Microsoft.Network/privateDnsZones/virtualNetworkLinks"
_NOT_LISTED = ("Microsoft.Resources/tags", "Microsoft.Storage/storageAccounts/staticWebsite", GROUP)


@dataclass(frozen=True)
class Doomed:
    """One resource that exists. data: what holds it ("" is no data), and why that matters. go: will it be deleted?"""

    resource: Desired
    data: str = ""
    why: str = ""
    go: bool = True


def data_of(resource: Desired) -> tuple[str, str]:
    """(name of the data it holds, why it matters); ("", "") for what holds none."""
    if resource.arm_type == _STORAGE:
        key = str(resource.options.get("name", "")).removeprefix("storage-")
        # An account that this table does not know may hold anything: it is data, under its own name.
        return key, _ACCOUNTS.get(key, "an account of its own; nothing says that it may be lost")
    return _KINDS.get(resource.arm_type, ("", ""))


def check_names(named: Iterable[str], wanted: Sequence[Desired]) -> frozenset[str]:
    """The data to delete. Raises BadInput for a name that nothing has."""
    known = {data_of(d)[0] for d in wanted} - {""} | set(DATA)
    wrong = sorted(set(named) - known)
    if wrong:
        raise BadInput(
            f"--data {wrong[0]} is not among the data ({', '.join(sorted(known))})",
            "what is deleted is named exactly; nothing was deleted", "dr teardown --dry-run",
        )  # fmt: skip
    return frozenset(named)


def plan(wanted: Sequence[Desired], exists: Iterable[str], data: frozenset[str]) -> list[Doomed]:
    """Everything that exists, in the order of deletion: the last made first. What lies inside something shares its
    fate and is not listed, but for what would be left behind pointing at nothing: role assignments, and records
    whose target goes (a name that leads to a released address can be taken over by a stranger).

    exists: ids (any case) that the service says are there. The group goes last, and only when nothing is kept.
    """
    there = {id.lower() for id in exists}
    found = [
        d
        for d in reversed(ordered([d for d in wanted if d.id.startswith("/subscriptions/")]))
        if d.id.lower() in there and d.arm_type not in _NOT_LISTED
    ]
    tops = [d for d in found if not any(_below(d.id, other.id) for other in found)]
    fate = {d.id.lower(): not data_of(d)[0] or data_of(d)[0] in data for d in tops}
    shown: list[Doomed] = []
    for one in found:
        if one in tops:
            key, why = data_of(one)
            shown.append(Doomed(one, key, why, fate[one.id.lower()]))
            continue
        holder = next(d for d in tops if _below(one.id, d.id))
        if one.arm_type == LINK:
            shown.append(Doomed(one, why="neither zone nor network can go before their link"))
        elif one.arm_type in ASSIGNMENTS:
            shown.append(Doomed(one, why="an assignment outlives what it was for"))
        elif (
            not fate[holder.id.lower()]
            and one.arm_type.startswith("Microsoft.Network/dnsZones/")
            and any(_goes(id, fate) for id, _ in references(one.inputs))
        ):
            shown.append(Doomed(one, why="a name must not lead to an address that is given back"))
    group = next((d for d in wanted if d.arm_type == GROUP and d.id.lower() in there), None)
    if group is not None:
        kept = any(not d.go for d in shown)
        shown.append(Doomed(group, "", "it holds what is kept" if kept else "", go=not kept))
    return shown


def _goes(id: str, fate: Mapping[str, bool]) -> bool:
    return any(go and (id.lower() == top or _below(id, top)) for top, go in fate.items())


def _below(id: str, holder: str) -> bool:
    return id.lower().startswith(holder.lower().rstrip("/") + "/")


def refuse(live: Live, direction: str, owed: Sequence[str]) -> None:
    """Raise Stopped while the standby serves or holds what the primary has not; Unobserved where that is unknown.

    live: where traffic is. direction: of the data ("forward", "off", "reverse", "unknown"; "none" where there is no
    journal). owed: obligations that are open.
    """
    if live in (Live.AZURE, Live.MOVING):
        raise Stopped(
            f"traffic is {'on Azure' if live is Live.AZURE else 'moving'}: taking the standby down would take the site down",
            "users are served by what would be deleted; nothing was deleted", "dr rollback    (then: dr status)",
        )  # fmt: skip
    if live is Live.UNKNOWN:
        raise Unobserved(
            "where traffic is could not be observed", "users may be served by what would be deleted; nothing was deleted",
            "dr status    (what is missing stands there)", retry=True,
        )  # fmt: skip
    if direction == "reverse":
        raise Stopped(
            "the data's direction is reverse: what was written in Azure is still going home (BACK-2)",
            "it would be lost; nothing was deleted", "dr sync all --reverse    (then: dr sync direction off --why TEXT)",
        )  # fmt: skip
    if direction == "unknown":
        raise Unobserved(
            "the data's direction could not be read from the journal",
            "what was written in Azure may not have gone home; nothing was deleted", "dr sync status", retry=True,
        )  # fmt: skip
    if owed:
        raise Stopped(
            f"{len(owed)} obligations are open: {'; '.join(owed)}",
            "they are owed to the primary, and what meets them lives here; nothing was deleted", "dr status",
        )  # fmt: skip


def delegated(parent_servers: Sequence[str] | None, own_servers: Sequence[str]) -> None:
    """Raise when the parent still names this zone's servers. parent_servers: None when the parent did not say."""
    if parent_servers is None:
        raise Unobserved(
            "the parent zone did not say to whom it delegates the domain",
            "deleting the zone while it is the authority takes every name of the domain away",
            "dr teardown without --data zone    (or ask again later)", retry=True,
        )  # fmt: skip
    own = {s.lower().rstrip(".") for s in own_servers}
    named = sorted(s for s in parent_servers if s.lower().rstrip(".") in own)
    if named:
        raise Stopped(
            f"the parent zone still delegates the domain to {', '.join(named)}",
            "deleting the zone would take every name of the domain away, mail included; nothing was deleted",
            "change the delegation at the registrar, wait its TTL, then: dr teardown --data zone",
        )  # fmt: skip
