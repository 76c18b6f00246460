"""The five levels and the way back as runbooks of the one machine (TL-1 to TL-5). Budgets in seconds (median, p95).

Two orders matter. A replica is promoted only behind a fence: the quorum of synchronous standbys is taken away from
the old primary, so that it can acknowledge no write wherever it still runs; where it is asynchronous (level 4) and
out of reach, a person accepts the stated risk. And traffic moves only on a database that took a write.
"""

from __future__ import annotations

from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, one_of

NS = "-n trustlayer"
EAST, WEST = "--context us-east-1", "--context us-west-2"
API_PODS, FRONTEND_PODS = 5, 3
_PODS = Budget(15, 30)
_YES = one_of(Role.INCIDENT_COMMANDER, Role.TECH_LEAD)


def healthz_step(*needs: str, requirement: str, region: str = "") -> Step:
    return Step(
        "healthz", "The public /healthz answers 200, from a query on the database", "verify", Role.SRE, Budget(2, 10),
        (requirement,), needs, do=Effect("site.healthz", {"region": region} if region else {}), retries=8,
        manual=("curl -fsS https://trustlayer.exemplo.com/healthz",),
    )  # fmt: skip


def ready_step(
    id: str,
    title: str,
    needs: tuple[str, ...],
    requirement: str,
    region: str = "primary",
    budget: Budget = _PODS,
    part: str = "recover",
) -> Step:
    context = WEST if region == "dr" else EAST
    return Step(
        id, title, part, Role.SRE, budget, (requirement,), needs, do=Effect("pods.ready", {"region": region}), retries=4,
        proves_health=True, manual=(f"kubectl {context} get pods {NS} -o wide", f"kubectl {context} rollout status deployment/trustlayer-api {NS}"),
    )  # fmt: skip


def level_1() -> Runbook:
    """One component: a pod crashed."""
    return Runbook(
        "trustlayer-1", "TrustLayer level 1: one component (a pod crashed)",
        (
            Step(
                "describe", "Describe the pods that are not Ready; keep their previous logs", "diagnose", Role.SRE, Budget(2, 5),
                ("TL-1",), do=Effect("pods.describe"), best_effort=True,
                manual=(f"kubectl describe pod POD {NS}", f"kubectl logs POD {NS} --previous"),
            ),
            Step(
                "reschedule", "Delete the pods that do not become Ready, so that they are placed anew", "recover", Role.SRE,
                Budget(5, 15), ("TL-1",), ("describe",), check=Effect("pods.all_ready"), do=Effect("pods.reschedule"),
                manual=(f"kubectl delete pod POD {NS}",),
            ),
            ready_step("ready", "As many pods are Ready as are wanted", ("reschedule",), "TL-1"),
            healthz_step("ready", requirement="TL-1"),
        ),
        goal="healthz", plan_seconds=(30 * 60, 2 * 3600), parts={"diagnose": (1, 2), "recover": (2, 5), "verify": (1, 2)},
    )  # fmt: skip


def _database(requirement: str, after: tuple[str, ...], zone: str = "") -> tuple[Step, ...]:
    """Fence, choose, promote, attach, repoint: the same for a lost server and a lost zone."""
    args = {"zone": zone} if zone else {}
    return (
        Step(
            "status", "Which database is primary, which are replicas, and how far they are", "diagnose", Role.SRE, Budget(2, 5),
            (requirement,), after, do=Effect("database.look", args), manual=('psql -h HOST -U postgres -c "SELECT pg_is_in_recovery();"',),
        ),
        Step(
            "fence", "Take the synchronous standbys away from the old primary: it can acknowledge no write any more", "recover",
            Role.SRE, Budget(2, 8), (requirement,), ("status",), check=Effect("database.fenced", args), do=Effect("database.fence", args),
            verify=Effect("database.fenced", args), undo=Effect("database.unfence", args),
            manual=(
                "psql -h EACH_REPLICA -U postgres -c \"ALTER SYSTEM SET primary_conninfo = ''\" -c 'SELECT pg_reload_conf()'",
                "psql -h EACH_REPLICA -U postgres -c 'SELECT count(*) FROM pg_stat_wal_receiver'    # must be 0",
            ),
        ),
        Step(
            "choose", "Choose the replica that has received most", "recover", Role.SRE, Budget(1, 3), (requirement,), ("fence",),
            do=Effect("database.choose", args), manual=("psql -h EACH_REPLICA -U postgres -c 'SELECT pg_last_wal_receive_lsn()'",),
        ),
        Step(
            "promote", "Promote that replica", "recover", Role.SRE, Budget(2, 10), (requirement,), ("choose",),
            check=Effect("database.promoted"), guard=Effect("database.fenced", args), do=Effect("database.promote"), verify=Effect("database.promoted"),
            approval=Approval(_YES, "Promote the chosen replica to primary. This cannot be undone: the old primary comes back only as a replica of it."),
            irreversible=True, manual=('psql -h REPLICA -U postgres -c "SELECT pg_promote();"',),
        ),
        Step(
            "attach", "The other replica follows the new primary, which then waits for it again", "recover", Role.SRE, Budget(4, 15),
            (requirement,), ("promote",), check=Effect("database.attached", args), do=Effect("database.attach", args), retries=4,
            verify=Effect("database.attached", args), skippable=True,
            manual=("psql -h OTHER -U postgres -c \"ALTER SYSTEM SET primary_conninfo = 'host=NEW_PRIMARY ...'\" -c 'SELECT pg_reload_conf()'",),
        ),
        Step(
            "repoint", "Point DATABASE_URL at the new primary and roll the API out", "recover", Role.DEVOPS, Budget(5, 15),
            (requirement,), ("promote",), check=Effect("api.points"), do=Effect("api.repoint"), verify=Effect("api.points"), retries=4,
            manual=(f"kubectl set env deployment/trustlayer-api {NS} DATABASE_URL=postgresql://NEW_PRIMARY/trustlayer",),
        ),
        Step(
            "data", "The database takes a write, and the data is there", "verify", Role.SRE, Budget(1, 5), (requirement,), ("attach",),
            do=Effect("database.data"), retries=4, manual=('psql -h NEW_PRIMARY -U postgres -d trustlayer -c "SELECT COUNT(*) FROM profiles;"',),
        ),
    )  # fmt: skip


def level_2() -> Runbook:
    """A service: the database, or the API."""
    return Runbook(
        "trustlayer-2", "TrustLayer level 2: a service (database or API down)",
        (
            *_database("TL-2", ()),
            Step(
                "restart", "Roll the API out anew where its pods are not Ready and the database was not the cause", "recover", Role.DEVOPS,
                Budget(5, 15), ("TL-2",), ("repoint",), check=Effect("api.started"), do=Effect("api.restart"), skippable=True,
                manual=(f"kubectl get pods -l app=trustlayer-api {NS}", f"kubectl rollout restart deployment/trustlayer-api {NS}"),
            ),
            Step(
                "scale", f"The API has {API_PODS} pods", "recover", Role.DEVOPS, Budget(2, 5), ("TL-2",), ("restart",),
                check=Effect("api.scaled", {"api": API_PODS}), do=Effect("api.scale", {"api": API_PODS}),
                manual=(f"kubectl scale deployment/trustlayer-api --replicas={API_PODS} {NS}",),
            ),
            ready_step("ready", "The API's pods are Ready on the new primary", ("scale",), "TL-2"),
            healthz_step("ready", "data", requirement="TL-2"),
        ),
        goal="healthz", plan_seconds=(30 * 60, 2 * 3600), parts={"diagnose": (1, 5), "recover": (10, 20), "verify": (2, 5)},
    )  # fmt: skip


def level_3(zone: str = "us-east-1a") -> Runbook:
    """A zone."""
    return Runbook(
        "trustlayer-3", f"TrustLayer level 3: zone {zone} is lost",
        (
            Step(
                "drain", f"Drain the nodes of {zone} (DaemonSets ignored, emptyDir data deleted)", "recover", Role.SRE, Budget(5, 20),
                ("TL-3",), check=Effect("zone.drained", {"zone": zone}), do=Effect("zone.drain", {"zone": zone}), retries=4,
                undo=Effect("zone.uncordon", {"zone": zone}),
                manual=(f"kubectl get nodes -l topology.kubernetes.io/zone={zone} -o name | xargs -I {{}} kubectl drain {{}} --ignore-daemonsets --delete-emptydir-data",),
            ),
            *_database("TL-3", (), zone),
            ready_step("ready", "The pods run in the other zones", ("drain", "repoint"), "TL-3"),
            healthz_step("ready", "data", requirement="TL-3"),
        ),
        goal="healthz", plan_seconds=(30 * 60, 2 * 3600), parts={"diagnose": (1, 5), "recover": (10, 20), "verify": (2, 5)},
    )  # fmt: skip


def level_4() -> Runbook:
    """The region. Nothing on the critical path asks a control plane of us-east-1."""
    return Runbook(
        "trustlayer-4", "TrustLayer level 4: us-east-1 is lost; us-west-2 takes over",
        (
            Step(
                "declare", "Declare the loss of us-east-1", "declare", Role.INCIDENT_COMMANDER, Budget(1, 5), ("TL-4",),
                do=Effect("region.look"), approval=Approval(one_of(Role.INCIDENT_COMMANDER, Role.CTO), "Activate the DR site in us-west-2 and redirect traffic to it. Nothing changes yet."),
                manual=("aws ec2 describe-availability-zones --region us-east-1", "Write down: scenario, start time (UTC)."),
            ),
            Step(
                "fence", "The old primary takes no write, or the risk is accepted", "recover", Role.INCIDENT_COMMANDER, Budget(2, 15), ("TL-4",),
                ("declare",), check=Effect("region.fenced"), do=Effect("region.fence"),
                approval=Approval(one_of(Role.INCIDENT_COMMANDER, Role.CTO), "us-east-1 cannot be proven unable to take writes. What it accepted after the replica's last row is lost to users, and what it still accepts diverges and must be merged by hand. Accept that risk?"),
                manual=("psql -h PRIMARY -U postgres -c 'ALTER SYSTEM SET default_transaction_read_only = on' -c 'SELECT pg_reload_conf()'",),
            ),
            Step(
                "promote", "Promote the read replica and wait until it is available", "recover", Role.SRE, Budget(190, 330), ("TL-4",), ("fence",),
                check=Effect("rds.promoted"), do=Effect("rds.promote"), verify=Effect("rds.promoted"), timeout=1800,
                approval=Approval(_YES, "Promote trustlayer-dr-replica to primary. This cannot be undone: the way back is a new replica."),
                irreversible=True,
                manual=("aws rds promote-read-replica --region us-west-2 --db-instance-identifier trustlayer-dr-replica",
                        "aws rds wait db-instance-available --region us-west-2 --db-instance-identifier trustlayer-dr-replica"),
            ),
            Step(
                "scale", f"frontend {FRONTEND_PODS} and api {API_PODS} in us-west-2", "recover", Role.DEVOPS, Budget(5, 15), ("TL-4",), ("declare",),
                check=Effect("dr.scaled"), do=Effect("dr.scale", {"frontend": FRONTEND_PODS, "api": API_PODS}), undo=Effect("dr.scale", {"frontend": 0, "api": 0}),
                manual=(f"kubectl {WEST} scale deployment/trustlayer-frontend --replicas={FRONTEND_PODS} {NS}",
                        f"kubectl {WEST} scale deployment/trustlayer-api --replicas={API_PODS} {NS}"),
            ),
            ready_step("ready", "The pods in us-west-2 are Ready", ("scale",), "TL-4", "dr", Budget(30, 90)),
            Step(
                "gate", "The API's pods are Ready and the database accepts a write", "verify", Role.SRE, Budget(2, 10), ("TL-4",), ("ready", "promote"),
                do=Effect("dr.gate", {"api": API_PODS}), proves_health=True, retries=4,
                manual=("psql -h REPLICA -U postgres -d trustlayer -c 'CREATE TEMP TABLE t (x int)'",),
            ),
            Step(
                "flag", "Write the flag: the inverted health check turns the names to us-west-2", "traffic", Role.SRE, Budget(2, 10), ("TL-4",), ("gate",),
                check=Effect("flag.is", {"set": True}), guard=Effect("dr.gate", {"api": API_PODS}), do=Effect("flag.turn", {"set": True}),
                verify=Effect("flag.is", {"set": True}), undo=Effect("flag.turn", {"set": False}), moves_traffic=True,
                approval=Approval(_YES, "Route 100 % of trustlayer.exemplo.com to us-west-2 (now us-east-1)."),
                manual=("aws s3api put-object --region us-west-2 --bucket trustlayer-flags --key active --cache-control no-store",
                        "# second way (needs us-east-1): dr recover --change-batch > dns-failover.json",
                        "# aws route53 change-resource-record-sets --hosted-zone-id $HOSTED_ZONE_ID --change-batch file://dns-failover.json"),
            ),
            Step(
                "invalidate", "Invalidate the CDN's cache (/*)", "traffic", Role.DEVOPS, Budget(5, 30), ("TL-4",), ("flag",),
                do=Effect("cdn.invalidate"), best_effort=True, skippable=True, retries=0,
                manual=('aws cloudfront create-invalidation --distribution-id $CF_DISTRIBUTION_ID --paths "/*"',),
            ),
            Step(
                "propagated", "Every resolver answers us-west-2", "traffic", Role.SRE, Budget(75, 110), ("TL-4",), ("flag",),
                do=Effect("names.lead", {"region": "us-west-2"}), retries=6, manual=("for r in 8.8.8.8 1.1.1.1 208.67.222.222; do dig +short @$r trustlayer.exemplo.com; done",),
            ),
            healthz_step("propagated", requirement="TL-4", region="us-west-2"),
        ),
        goal="healthz", plan_seconds=(3600, 4 * 3600), parts={"declare": (1, 5), "recover": (15, 40), "traffic": (5, 10), "verify": (1, 5)},
    )  # fmt: skip


def level_5(date: str = "YYYYMMDD", overwrite_newer: bool = False) -> Runbook:
    """Total loss: restore from the dated backup, which is proven good before anything stops."""
    args = {"date": date}
    return Runbook(
        "trustlayer-5", f"TrustLayer level 5: total loss; restore the backup of {date}",
        (
            Step(
                "verify", "The backup is there, complete, sound, and restores into a scratch database", "verify-backup", Role.SRE, Budget(120, 600),
                ("TL-5",), do=Effect("backup.verify", args), retries=0, timeout=7200, manual=(f"dr backup verify {date}", f"aws s3 ls s3://trustlayer-backups/{date}/"),
            ),
            Step(
                "confirm", "Confirm the restore", "verify-backup", Role.INCIDENT_COMMANDER, Budget(0, 0), ("TL-5",), ("verify",),
                approval=Approval(one_of(Role.INCIDENT_COMMANDER, Role.CTO), f"Replace the database by the backup of {date}. All data after that backup will be lost."),
            ),
            Step(
                "stop", "Stop the services", "restore", Role.DEVOPS, Budget(5, 20), ("TL-5",), ("confirm",), check=Effect("site.stopped"),
                do=Effect("site.stop"), verify=Effect("site.stopped"), undo=Effect("site.start"), retries=4,
                manual=(f"kubectl scale deployment trustlayer-api trustlayer-frontend --replicas=0 {NS}",),
            ),
            Step(
                "database", "Restore the database", "restore", Role.SRE, Budget(120, 600), ("TL-5",), ("stop",), check=Effect("backup.restored", args),
                guard=Effect("site.stopped"), do=Effect("backup.restore", args), verify=Effect("backup.restored", args), timeout=7200,
                approval=Approval(_YES, f"Restore the dump of {date} over the database now. This cannot be undone."), irreversible=True,
                manual=("gunzip -c database.sql.gz | psql -h PRIMARY -U postgres trustlayer",),
            ),
            Step(
                "storage", "Restore the storage tree, keeping objects that are newer" if not overwrite_newer else "Restore the storage tree over everything",
                "restore", Role.SRE, Budget(60, 300), ("TL-5",), ("stop",), do=Effect("backup.storage", {**args, "overwrite": overwrite_newer}), timeout=7200,
                manual=("aws s3 sync storage/ s3://trustlayer-storage/",),
            ),
            Step(
                "start", "Start the services", "restore", Role.DEVOPS, Budget(5, 20), ("TL-5",), ("database", "storage"),
                do=Effect("site.start"), manual=(f"kubectl scale deployment/trustlayer-api --replicas=3 {NS}", f"kubectl scale deployment/trustlayer-frontend --replicas=3 {NS}"),
            ),
            ready_step("ready", "The pods are Ready", ("start",), "TL-5", part="restore"),
            healthz_step("ready", requirement="TL-5"),
        ),
        goal="healthz", plan_seconds=(3600, 4 * 3600), parts={"verify-backup": (10, 30), "restore": (20, 90), "verify": (1, 5)},
    )  # fmt: skip


def book(
    level: int, zone: str = "us-east-1a", date: str = "YYYYMMDD", overwrite_newer: bool = False
) -> Runbook:
    """The runbook of a level. KeyError: there are levels 1 to 5."""
    if level == 3:
        return level_3(zone)
    if level == 5:
        return level_5(date, overwrite_newer)
    return {1: level_1, 2: level_2, 4: level_4}[level]()
