"""TrafficFlag (site trustlayer): the object in us-west-2 that the inverted health check reads (TL-4).

While it is there, the public names lead to us-west-2. It is written and deleted through us-west-2's S3 alone. On the
way back the gate also waits until the names lead to us-east-1 again: what is scaled down after it carries no traffic.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from clouds.gates.world import World, wait_for
from recovery.errors import Failed, Stopped
from recovery.gates import UNKNOWN, Seen, still_wanted
from recovery.model import Json

if TYPE_CHECKING:
    from clouds.trustlayer_site import Site

KIND, SET, MISSING = "TrafficFlag", "set", "missing"
TIMEOUT_SECONDS, ASKED = 900.0, 9
"""Simulated seconds; and how many answers in a row must come from us-east-1."""


def flagged(site: Site) -> bool | None:
    """Is the flag there, as the health checkers see it: anonymously, by its public address? None: no answer.

    S3 answers 403 for a key that is missing where nobody may list, and 404 where somebody may: both are no flag.
    """
    import httpx

    from clouds.trustlayer_site import FLAG, WEST

    bucket = str(site.body["buckets"]["flags"])
    own = (site.body.get("aws") or {}).get(WEST)
    root = f"{own}/{bucket}" if own else f"https://{bucket}.s3.{WEST}.amazonaws.com"
    try:
        status = httpx.get(f"{root}/{FLAG}", timeout=2.5, trust_env=not own).status_code
    except httpx.HTTPError:
        return None
    return {200: True, 403: False, 404: False}.get(status)


def turn(site: Site, on: bool) -> None:
    """Write the flag, or take it away. No ACL: the bucket's policy lets health checkers read this one key. Raises Failed."""
    from botocore.exceptions import BotoCoreError, ClientError

    from clouds.trustlayer_site import FLAG, WEST

    s3, bucket = site.aws("s3", WEST), str(site.body["buckets"]["flags"])
    try:
        if on:
            s3.put_object(Bucket=bucket, Key=FLAG, Body=WEST.encode(), CacheControl="no-store")
        else:
            s3.delete_object(Bucket=bucket, Key=FLAG)
    except (BotoCoreError, ClientError) as exc:
        raise Failed(
            f"the flag was not {'written' if on else 'taken away'}: {exc}", "traffic stays where it is",
            f"aws s3api {'put' if on else 'delete'}-object --region {WEST} --bucket {bucket} --key {FLAG}", retry=True,
        ) from exc  # fmt: skip


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: set / missing / unknown."""
    from clouds.trustlayer_site import Site

    there = flagged(Site.load())
    if there is None:
        return {"observed": UNKNOWN, "detail": "the flag cannot be asked for"}
    return {"observed": SET if there else MISSING}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Observed against wanted."""
    return still_wanted(old, new, MISSING)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Write or delete the flag; after a deletion, wait until every answer comes from us-east-1."""
    from clouds.kubernetes_effects import public
    from clouds.trustlayer_site import EAST, Site

    site, want = Site.load(), str(props.get("want", MISSING))
    was = flagged(site)
    turn(site, want == SET)
    if want == SET or was is False:
        return {"observed": want}
    edge = str(site.body["edge"])

    def look() -> Seen:
        others = [where for _, where in (public(edge) for _ in range(ASKED)) if where != EAST]
        return Seen(f"{len(others)} of {ASKED} answers do not come from {EAST}" if others else MISSING, "")

    limit = float(props.get("timeoutSeconds", TIMEOUT_SECONDS))
    seen, waited = wait_for(world, KIND, MISSING, limit, look)
    if seen.observed != MISSING:
        raise Stopped(
            f"after {waited:.0f} s {seen.observed}", "what would be scaled down now still carries traffic",
            f"curl -si {edge}/healthz | grep -i x-region    (then again)", retry=True,
        )  # fmt: skip
    return {"observed": MISSING}
