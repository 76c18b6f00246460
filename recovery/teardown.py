"""Taking the standby down: what is deleted, what is kept, in which order, and when not at all. Pure.

Data is kept unless it is named: a slip of a tired person must cost money, not data. The name of a thing holds for all
that lies in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
    """Everything that exists, in the order of deletion: the last made first, nothing below what goes anyway.

    exists: ids (any case) that the service says are there. The group goes last, and only when nothing is kept.
    """
    there = {id.lower() for id in exists}
    found: list[Doomed] = []
    for resource in reversed(ordered([d for d in wanted if d.id.startswith("/subscriptions/")])):
        if resource.id.lower() in there and resource.arm_type not in ("Microsoft.Resources/tags", GROUP):
            key, why = data_of(resource)
            found.append(Doomed(resource, key, why, not key or key in data))
    holders = [d for d in found if d.data]
    shown: list[Doomed] = []
    for one in found:
        holder = next((h for h in holders if h is not one and _below(one.resource.id, h.resource.id)), None)
        if holder is None:
            shown.append(one)
        elif one.resource.arm_type == "Microsoft.Authorization/roleAssignments" and holder.go:
            shown.append(one)  # an assignment outlives its scope as an orphan: it goes by itself, first
        elif not holder.go:
            shown.append(Doomed(one.resource, holder.data, f"part of {holder.data}", go=False))
    # What lies below something that goes, and is no data, goes with it.
    gone = [d.resource.id for d in shown if d.go and not d.data]
    shown = [d for d in shown if not (d.go and any(_below(d.resource.id, id) for id in gone)) or _assignment(d)]
    group = next((d for d in wanted if d.arm_type == GROUP and d.id.lower() in there), None)
    if group is not None:
        kept = [d for d in shown if not d.go]
        shown.append(Doomed(group, "", "it holds what is kept" if kept else "", go=not kept))
    return shown


def _assignment(one: Doomed) -> bool:
    return one.resource.arm_type == "Microsoft.Authorization/roleAssignments"


def _below(id: str, holder: str) -> bool:
    return id.lower().startswith(holder.lower().rstrip("/") + "/")


def refuse(live: Live, direction: str, owed: Sequence[str], data: frozenset[str]) -> None:
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
    if "zone" in data:
        return


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
