"""RDS: promote the cross-region read replica, and wait until it is one (TL-4)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit, urlunsplit

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

    def stop(args: Mapping[str, Json], call: Call) -> Outcome:
        name = str(site.body["replica"])
        if instance(site)["DBInstanceStatus"] == "available":
            _asked(lambda: site.aws("rds", WEST).stop_db_instance(DBInstanceIdentifier=name), f"stop {name}")
        return _wait(call, lambda: not site.replica.reachable() and _status(site) == "stopped", "not stopped")

    def start(args: Mapping[str, Json], call: Call) -> Outcome:
        name = str(site.body["replica"])
        if _status(site) == "stopped":
            _asked(
                lambda: site.aws("rds", WEST).start_db_instance(DBInstanceIdentifier=name), f"start {name}"
            )
        return _wait(call, lambda: site.replica.reachable(), "not started")

    def follows() -> bool:
        return site.replica.reachable() and site.replica.in_recovery() and site.replica.lag() is not None

    def replaced(args: Mapping[str, Json], call: Call) -> Outcome:
        name = str(site.body["replica"])
        return seen(follows(), call, f"{name} is no streaming replica", replica=name)

    def replace(args: Mapping[str, Json], call: Call) -> Outcome:
        if follows():  # made by an attempt whose end was not seen: no further generation
            return ok(replica=str(site.body["replica"]))
        old = instance(site)
        name = next_generation(str(site.body["replica"]))
        rds = site.aws("rds", WEST)
        found = [
            one for one in rds.describe_db_instances()["DBInstances"] if one["DBInstanceIdentifier"] == name
        ]
        if not found:
            more = {"KmsKeyId": old["KmsKeyId"]} if old.get("KmsKeyId") else {}
            _asked(
                lambda: rds.create_db_instance_read_replica(
                    DBInstanceIdentifier=name, SourceDBInstanceIdentifier=str(site.body["replicaSource"]),
                    DBInstanceClass=old["DBInstanceClass"], DeletionProtection=True, **more,
                ),
                f"create {name}",
            )  # fmt: skip
        fresh = rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
        where = fresh["Endpoint"]
        parts = urlsplit(site.replica.dsn)
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        dsn = urlunsplit(parts._replace(netloc=f"{login}{where['Address']}:{where['Port']}"))
        if not site.server(name, dsn).reachable():
            return failed(f"{name} does not answer yet")
        site.replace_replica(name, dsn)
        return ok(replica=name)

    return {
        "rds.promoted": promoted, "rds.promote": promote, "rds.stop": stop, "rds.start": start,
        "rds.replaced": replaced, "rds.replace": replace,
    }  # fmt: skip


def next_generation(name: str) -> str:
    """``trustlayer-dr-replica`` -> ``trustlayer-dr-replica-g2`` -> ``trustlayer-dr-replica-g3``."""
    base, mark, number = name.rpartition("-g")
    return f"{base}-g{int(number) + 1}" if mark and number.isdigit() else f"{name}-g2"


def _status(site: Site) -> str:
    return str(instance(site)["DBInstanceStatus"])


def _asked(work: Callable[[], object], what: str) -> None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        work()
    except (BotoCoreError, ClientError) as exc:
        raise Failed(f"RDS did not {what}: {exc}", "the step cannot go on", f"aws rds describe-db-instances --region {WEST}", retry=True) from exc  # fmt: skip


def _wait(call: Call, holds: Callable[[], bool], why: str, seconds: float = 1700.0) -> Outcome:
    deadline = time.monotonic() + max(30.0, seconds / call.scale)
    while not holds():
        if time.monotonic() > deadline:
            return failed(why)
        time.sleep(max(0.2, POLL_SECONDS / call.scale))
    return ok()
