"""Which live resources nobody declared, and which of them are nobody's fault.

Azure makes some children with their parents (a zone's NS and SOA records, a storage account's services);
those are no findings. Everything else inside the footprint's resource group is: somebody made it, and no
failover knows it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from recovery.drift.normalizers import canonical_id
from recovery.model import Json

_COMES_WITH_ITS_PARENT: tuple[tuple[str, str], ...] = (
    # below a managed parent: pattern of the rest of the id, why it is there
    (r"/dnszones/[^/]+/(ns|soa)/@$", "every zone has its NS and SOA records at the apex"),
    (r"/(blob|file|queue|table)services/default$", "every storage account has its services"),
    (r"/blobservices/default/containers/\$(logs|web|root|blobchangefeed)$", "system containers"),
    (r"/sites/[^/]+/(config|basicpublishingcredentialspolicies|hostnamebindings|functions|deployments|slots)/", "parts of a site"),
    (r"/throughputsettings/default$", "the throughput of a database or container"),
    (r"/databaseaccounts/[^/]+/sqlroledefinitions/00000000-", "built-in data-plane roles"),
    (r"/virtualmachinescalesets/[^/]+/(virtualmachines|extensions)/", "instances and parts of a scale set"),
    (r"/networksecuritygroups/[^/]+/(defaultsecurityrules|securityrules)/", "compared inside the group"),
    (r"/virtualnetworks/[^/]+/subnets/", "compared inside the network"),
    (r"/privateendpointconnections/", "the other end of a private endpoint"),
)  # fmt: skip
_SYSTEM = re.compile(
    r"/microsoft\.(insights/actiongroups/application insights smart detection$|alertsmanagement/)", re.I
)


def strangers(bodies: Iterable[Mapping[str, Json]], managed: Iterable[str]) -> list[Mapping[str, Json]]:
    """The bodies that nobody declared, without what comes with a managed parent and without children of
    strangers.

    bodies: live bodies with an `id`. managed: ids of declared resources, any case.
    """
    ours = {canonical_id(id) for id in managed}
    found: dict[str, Mapping[str, Json]] = {}
    for body in bodies:
        id = canonical_id(str(body.get("id") or ""))
        if id != "/" and id not in ours and not _comes_with(id, ours):
            found.setdefault(id, body)
    return [body for id, body in found.items() if not any(parent in found for parent in _ancestors(id))]


def _comes_with(id: str, ours: set[str]) -> bool:
    if _SYSTEM.search(id):
        return True
    nic = re.fullmatch(r"(.*)/networkinterfaces/([^/]+)-nic", id)
    if nic and f"{nic[1]}/privateendpoints/{nic[2]}" in ours:  # named after its endpoint by the program
        return True
    has_parent = any(parent in ours for parent in _ancestors(id) if "/providers/" in parent)
    return has_parent and any(re.search(pattern, id) for pattern, _ in _COMES_WITH_ITS_PARENT)


def _ancestors(id: str) -> list[str]:
    """Every id that `id` may lie below, nearest first (cut at each slash: not all of them are ids)."""
    parts = id.split("/")
    return ["/".join(parts[:length]) for length in range(len(parts) - 1, 1, -1)]


def type_of(body: Mapping[str, Json]) -> str:
    """The body's ARM type, from its `type` or from its id."""
    given = body.get("type")
    if isinstance(given, str) and "/" in given:
        return given
    tail = str(body.get("id") or "").rpartition("/providers/")[2].split("/")
    return "/".join([tail[0], *tail[1::2]]) if len(tail) > 1 else ""
