"""RDS: promote the cross-region read replica, and wait until it is one (TL-4)."""

from __future__ import annotations

import time
from collections.abc import Mapping

from clouds.runbook.calls import Call, Handler, Outcome, failed, ok, seen
from clouds.trustlayer_site import WEST, Site
from recovery.errors import Failed, Unobserved
from recovery.model import Json

POLL_SECONDS = 2.0


def instance(site: Site) -> dict[str, Json]:
    """RDS's word on the replica. Raises Unobserved."""
    from botocore.exceptions import BotoCoreError, ClientError

    name = str(site.body["replica"])
    try:
        found = site.aws("rds", WEST).describe_db_instances(DBInstanceIdentifier=name)["DBInstances"]
    except (BotoCoreError, ClientError) as exc:
        raise Unobserved(
            f"RDS in {WEST} does not describe {name}: {exc}", "whether it was promoted cannot be known",
            f"aws rds describe-db-instances --region {WEST} --db-instance-identifier {name}", retry=True,
        ) from exc  # fmt: skip
    return dict(found[0])


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function, for this site."""

    def state() -> tuple[bool, str]:
        """Promoted by RDS's word and by the server's own; and the two in words."""
        body = instance(site)
        source, status = body.get("ReadReplicaSourceDBInstanceIdentifier") or "", body["DBInstanceStatus"]
        standby = site.replica.in_recovery()
        return (
            not source and status == "available" and not standby,
            f"{status}, {'replica' if source or standby else 'primary'}",
        )

    def promoted(args: Mapping[str, Json], call: Call) -> Outcome:
        done, words = state()
        return seen(done, call, f"the replica is {words}", state=words)

    def promote(args: Mapping[str, Json], call: Call) -> Outcome:
        from botocore.exceptions import BotoCoreError, ClientError

        body, name = instance(site), str(site.body["replica"])
        # Asked once: an earlier attempt's promotion may still be under way, and is waited for only.
        if body.get("ReadReplicaSourceDBInstanceIdentifier") and body["DBInstanceStatus"] == "available":
            try:
                site.aws("rds", WEST).promote_read_replica(DBInstanceIdentifier=name)
            except (BotoCoreError, ClientError) as exc:
                raise Failed(
                    f"RDS did not promote {name}: {exc}",
                    "nobody takes writes",
                    f"aws rds promote-read-replica --region {WEST} --db-instance-identifier {name}",
                    retry=True,
                ) from exc
        deadline = time.monotonic() + 1700 / call.scale
        began = time.monotonic()
        while True:
            done, words = state()
            if done:
                return ok(seconds=round(time.monotonic() - began, 1))
            if time.monotonic() > max(deadline, began + 30):
                return failed(f"still {words}")
            time.sleep(max(0.2, POLL_SECONDS / call.scale))

    return {"rds.promoted": promoted, "rds.promote": promote}
