"""SiteGate (site trustlayer): us-west-2's api pods are Ready, and its database is a primary that takes a write (TL-4)."""

from __future__ import annotations

from collections.abc import Mapping

from clouds.gates.world import World, wait_for
from recovery.errors import DrError, Stopped
from recovery.gates import UNKNOWN, Seen, still_wanted
from recovery.model import Json

KIND, READY = "SiteGate", "ready"
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


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: ready / unready / unpromoted / unknown."""
    seen = _look(props, world, write=False)
    return {"observed": seen.observed, "detail": seen.detail}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """A gate that wants nothing never differs."""
    return still_wanted(old, new, READY)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Wait until it is ready. A replica is not waited for: a promotion is one-way, and a person's."""
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
