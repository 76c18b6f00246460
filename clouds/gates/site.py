"""SiteGate (site trustlayer): may traffic go where the mode wants it? (TL-4)

want "ready" (mode active): us-west-2's api pods are Ready, and its database is a primary that takes a write.
want "returned" (mode standby): traffic is not in us-west-2; or it is, and us-east-1 serves from a primary that
us-west-2's database follows (a failback has ended). So a deployment of `standby` in the middle of a contingency stops.
"""

from __future__ import annotations

from collections.abc import Mapping

from clouds.gates.world import World, wait_for
from recovery.errors import DrError, Stopped
from recovery.gates import UNKNOWN, Seen, still_wanted
from recovery.model import Json

KIND, READY, RETURNED = "SiteGate", "ready", "returned"
TIMEOUT_SECONDS = 900.0


def _look(props: Mapping[str, Json], world: World, *, write: bool) -> Seen:
    """write: prove it with a committed write. A preview only asks for the role."""
    from clouds.kubernetes import deployment_path
    from clouds.kubernetes_effects import API
    from clouds.trustlayer_site import NAMESPACE, WEST, Site

    try:
        site = Site.load()
        if site.replica.in_recovery():
            return Seen("unpromoted", f"{site.replica.name} is a read replica")
        status = (site.cluster(WEST).get(deployment_path(NAMESPACE, API)) or {}).get("status", {})
        count, wanted = int(status.get("readyReplicas") or 0), int(props.get("api", 0))
        if not wanted or count < wanted:
            return Seen("unready", f"{count} of {wanted} api pods are Ready")
        if write:
            site.replica.write()
    except DrError as error:
        return Seen(UNKNOWN, error.summary)
    return Seen(READY, f"{count} api pods are Ready")


def _look_back() -> Seen:
    """May traffic be in us-east-1? Only evidence of both sides says so."""
    from clouds.gates.flag import flagged
    from clouds.postgres import newest_primary
    from clouds.trustlayer_site import EAST, Site

    try:
        site = Site.load()
        there = flagged(site)
        if there is None:
            return Seen(UNKNOWN, "the flag cannot be asked for")
        if not there:
            return Seen(RETURNED, "the flag is missing: traffic goes to us-east-1")
        primary = newest_primary(site.in_region(EAST).values())
        if primary is None:
            return Seen("serving", "us-west-2 serves, and no database of us-east-1 takes writes")
        if not site.replica.in_recovery():
            return Seen("serving", f"us-west-2 serves, and {site.replica.name} takes writes")
    except DrError as error:
        return Seen(UNKNOWN, error.summary)
    return Seen(RETURNED, f"{primary.name} takes writes")


def _seen(props: Mapping[str, Json], world: World, *, write: bool) -> Seen:
    return _look_back() if props.get("want") == RETURNED else _look(props, world, write=write)


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: ready / unready / unpromoted, or returned / serving; unknown."""
    seen = _seen(props, world, write=False)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """A gate that wants nothing never differs."""
    return still_wanted(old, new, READY)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Wait until it is ready. A replica is not waited for: a promotion is one-way, and a person's."""
    if props.get("want") == RETURNED:
        return _back()
    first = _look(props, world, write=False)
    if first.observed == "unpromoted":
        raise Stopped(
            f"{first.detail}: it takes no writes",
            "a promotion cannot be undone, so no stack does it; the traffic flag was not written",
            "dr recover --level 4",
        )
    limit = float(props.get("timeoutSeconds", TIMEOUT_SECONDS))
    seen, waited = wait_for(world, KIND, READY, limit, lambda: _look(props, world, write=True))
    if seen.observed != READY:
        raise Stopped(
            f"after {waited:.0f} s us-west-2 is {seen.observed}: {seen.detail}",
            "traffic sent there now would meet errors; the traffic flag was not written",
            "kubectl --context us-west-2 get pods -n trustlayer",
            retry=True,
        )
    return {"observed": seen.observed}


def _back() -> dict[str, Json]:
    """Nothing is waited for on the way back: a failback is a runbook's, with people's approvals."""
    seen = _look_back()
    if seen.observed != RETURNED:
        raise Stopped(
            f"traffic may not go back: {seen.detail}",
            "users would be sent to a region that does not serve them, and two databases would take writes",
            "dr recover --back 4    (the failback; then again)",
            retry=seen.observed == UNKNOWN,
        )
    return {"observed": RETURNED}
