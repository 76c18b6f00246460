"""Traffic by the data plane: the flag object that the inverted health check reads; and the change batch, the second way."""

from __future__ import annotations

from collections.abc import Mapping

from clouds.gates.flag import flagged, turn
from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen, unknown
from clouds.trustlayer_site import EAST, Site
from recovery.model import Json


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""

    def flag_is(args: Mapping[str, Json], call: Call) -> Outcome:
        there = flagged(site)
        if there is None:
            return unknown("the flag cannot be looked at")
        return seen(
            there == bool(args["set"]), call, f"the flag is {'set' if there else 'missing'}", flag=there
        )

    def flag_turn(args: Mapping[str, Json], call: Call) -> Outcome:
        turn(site, bool(args["set"]))
        return ok(flag=bool(args["set"]))

    def invalidate(args: Mapping[str, Json], call: Call) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError

        # CloudFront's control plane is in us-east-1: best effort by nature.
        try:
            made = site.aws("cloudfront", EAST).create_invalidation(
                DistributionId=str(site.body["distribution"]),
                InvalidationBatch={"Paths": {"Quantity": 1, "Items": ["/*"]}, "CallerReference": call.run},
            )
        except (BotoCoreError, ClientError) as exc:
            return failed(f"the cache was not invalidated: {type(exc).__name__}")
        return ok(invalidation=made["Invalidation"]["Id"])

    return {"flag.is": flag_is, "flag.turn": flag_turn, "cdn.invalidate": invalidate}


def change_batch(domain: str, target: str, ttl: int = 60) -> dict[str, Json]:
    """``dns-failover.json`` of the seed, the second way of level 4: the primary failover record leads to `target` and
    asks no health check. A simple record of that name would be refused beside the failover ones. It needs Route 53's
    control plane, which lives in us-east-1. The way back: ``pulumi up -s trustlayer-global``."""
    record = {
        "Name": f"www.{domain}", "Type": "CNAME", "TTL": ttl, "SetIdentifier": "primary", "Failover": "PRIMARY",
        "ResourceRecords": [{"Value": target}],
    }  # fmt: skip
    return {
        "Comment": "second way of level 4",
        "Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}],
    }
