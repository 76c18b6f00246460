"""The way back from levels 2, 3 and 4: rejoin, lag to zero, a planned switch. Runbooks of the same machine.

Nothing acknowledged may be lost and no two servers may both take writes, so the order is: refuse new writes, prove
that the next primary has everything, make the present one provably unable to acknowledge a write (its synchronous
standbys are taken away; in us-west-2 the instance is stopped), and only then promote.
"""

from __future__ import annotations

from recovery.runbook.roles import Role
from recovery.runbook.steps import Approval, Budget, Effect, Runbook, Step, one_of
from recovery.trustlayer.runbooks import EAST, FRONTEND_PODS, NS, WEST, healthz_step, ready_step

LEVELS = (2, 3, 4)
_YES = one_of(Role.INCIDENT_COMMANDER, Role.TECH_LEAD)
_PARTS = {"diagnose": (1, 5), "rejoin": (5, 60), "switch": (2, 10), "verify": (1, 5)}


def back(level: int, zone: str = "us-east-1a") -> Runbook:
    """The failback of a level. KeyError: levels 2, 3 and 4 have one."""
    return {2: _to_home, 3: _to_home, 4: _to_east}[level](level, zone)


def _rejoin(requirement: str, after: tuple[str, ...]) -> tuple[Step, ...]:
    """Former primaries become replicas of the present one: pg_rewind by the pods' own start, else a new copy."""
    return (
        Step(
            "rejoin", "Every other server follows the present primary (pg_rewind, else a new copy)", "rejoin", Role.SRE, Budget(20, 120),
            (requirement,), after, check=Effect("back.joined"), do=Effect("back.join"), verify=Effect("back.joined"), retries=4,
            manual=(f"kubectl {EAST} set env deployment/trustlayer-db-a {NS} FOLLOW=postgresql://PRIMARY GENERATION=TIMELINE",),
        ),
        Step(
            "lag", "The next primary is a replica without lag", "rejoin", Role.SRE, Budget(5, 60), (requirement,), ("rejoin",),
            do=Effect("back.level"), retries=6, manual=("psql -h PRIMARY -U postgres -c 'SELECT application_name, sync_state, replay_lsn FROM pg_stat_replication'",),
        ),
    )  # fmt: skip


def _freeze(requirement: str, question: str) -> tuple[Step, ...]:
    return (
        Step(
            "freeze", "The present primary refuses new writes", "switch", Role.SRE, Budget(2, 5), (requirement,), ("lag",),
            check=Effect("back.frozen"), do=Effect("back.freeze"), verify=Effect("back.frozen"), undo=Effect("back.thaw"),
            approval=Approval(_YES, question),
            manual=("psql -h PRIMARY -U postgres -c 'ALTER SYSTEM SET default_transaction_read_only = on' -c 'SELECT pg_reload_conf()'",),
        ),
        Step(
            "caught-up", "The next primary has received everything", "switch", Role.SRE, Budget(1, 5), (requirement,), ("freeze",),
            check=Effect("back.home"), do=Effect("back.caught_up"), retries=6, manual=("psql -h NEXT -U postgres -c 'SELECT pg_last_wal_replay_lsn()'",),
        ),
    )  # fmt: skip


def _promote(requirement: str, fence: Step) -> tuple[Step, ...]:
    return (
        fence,
        Step(
            "promote", "Promote the next primary", "switch", Role.SRE, Budget(2, 10), (requirement,), ("fence",), check=Effect("back.home"),
            guard=Effect("back.fenced"), do=Effect("back.promote"), verify=Effect("back.home"), irreversible=True,
            approval=Approval(_YES, "Promote the next primary, which has everything. This cannot be undone: the present one comes back only as a replica of it."),
            manual=("psql -h NEXT -U postgres -c 'SELECT pg_promote();'",),
        ),
    )  # fmt: skip


def _follow_and_repoint(requirement: str) -> tuple[Step, ...]:
    return (
        Step(
            "attach", "The others follow it, and it waits for one of them at each commit", "switch", Role.SRE, Budget(20, 120), (requirement,),
            ("promote",), check=Effect("back.attached"), do=Effect("back.attach"), verify=Effect("back.attached"), retries=4,
            manual=("psql -h OTHER -U postgres -c \"ALTER SYSTEM SET primary_conninfo = 'host=NEW ...'\" -c 'SELECT pg_reload_conf()'",),
        ),
        Step(
            "repoint", "Point the API's DATABASE_URL at it", "switch", Role.DEVOPS, Budget(5, 15), (requirement,), ("promote",),
            check=Effect("back.points"), do=Effect("back.repoint"), verify=Effect("back.points"), retries=4,
            manual=(f"kubectl {EAST} set env deployment/trustlayer-api {NS} DATABASE_URL=postgresql://NEW/trustlayer",),
        ),
        ready_step("ready", "The API's pods are Ready on it", ("repoint", "attach"), requirement, "east", part="switch"),
        Step(
            "data", "It takes a write, and the data is there", "verify", Role.SRE, Budget(1, 5), (requirement,), ("ready",),
            do=Effect("back.data"), proves_health=True, retries=4, manual=('psql -h NEW -U postgres -d trustlayer -c "SELECT COUNT(*) FROM profiles;"',),
        ),
    )  # fmt: skip


def _to_home(level: int, zone: str) -> Runbook:
    requirement = f"TL-{level}"
    look = Step(
        "look", "Which server is primary, which is its home, who is missing", "diagnose", Role.SRE, Budget(2, 5), (requirement,),
        do=Effect("back.look"), manual=('psql -h HOST -U postgres -c "SELECT pg_is_in_recovery();"',),
    )  # fmt: skip
    regain = Step(
        "uncordon", f"The nodes of {zone} take pods again", "rejoin", Role.SRE, Budget(2, 10), (requirement,), ("mark",),
        do=Effect("zone.uncordon", {"zone": zone}), manual=(f"kubectl {EAST} uncordon -l topology.kubernetes.io/zone={zone}",),
    )  # fmt: skip
    # Its pod must know whom to follow before it may run: it would start on its old line, where nothing is acknowledged.
    mark = Step(
        "mark", "The lost zone's server is told whom to follow before its pod may run", "rejoin", Role.SRE, Budget(2, 10), (requirement,),
        ("look",), do=Effect("back.mark"), manual=(f"kubectl {EAST} set env deployment/trustlayer-db-a {NS} FOLLOW=postgresql://PRIMARY",),
    )  # fmt: skip
    first = (look, mark, regain) if level == 3 else (look,)
    fence = Step(
        "fence", "Take the synchronous standbys away from the present primary: it can acknowledge no write", "switch", Role.SRE, Budget(2, 8),
        (requirement,), ("caught-up",), check=Effect("back.fenced"), do=Effect("back.fence"), verify=Effect("back.fenced"), undo=Effect("back.unfence"),
        manual=("psql -h EACH_REPLICA -U postgres -c \"ALTER SYSTEM SET primary_conninfo = ''\" -c 'SELECT pg_reload_conf()'",),
    )  # fmt: skip
    return Runbook(
        f"trustlayer-back-{level}", f"TrustLayer failback from level {level}: the database returns to its home server",
        (
            *first, *_rejoin(requirement, (first[-1].id,)),
            *_freeze(requirement, "Switch the database back to its home server. Writes are refused for some seconds; none that was acknowledged is lost."),
            *_promote(requirement, fence), *_follow_and_repoint(requirement), healthz_step("data", requirement=requirement),
        ),
        goal="healthz", plan_seconds=(4 * 3600, 8 * 3600), parts=_PARTS,
    )  # fmt: skip


def _to_east(level: int, zone: str) -> Runbook:
    need = "TL-4"
    return Runbook(
        "trustlayer-back-4", "TrustLayer failback from level 4: us-east-1 serves again",
        (
            Step(
                "look", "us-east-1 answers again: its cluster, its databases", "diagnose", Role.SRE, Budget(2, 10), (need,), do=Effect("back.look"),
                approval=Approval(_YES, "Begin the failback to us-east-1. Nothing moves yet; its former primary is made read-only first."),
                manual=(f"kubectl {EAST} get nodes", 'psql -h HOST -U postgres -c "SELECT pg_is_in_recovery();"'),
            ),
            Step(
                "quiet", "Whatever came back in us-east-1 takes no writes", "diagnose", Role.SRE, Budget(2, 10), (need,), ("look",),
                check=Effect("back.quiet"), do=Effect("back.silence"), verify=Effect("back.quiet"), retries=6,
                manual=("psql -h OLD_PRIMARY -U postgres -c 'ALTER SYSTEM SET default_transaction_read_only = on' -c 'SELECT pg_reload_conf()'",),
            ),
            *_rejoin(need, ("quiet",)),
            *_freeze(need, "Switch back to us-east-1 now: writes are refused until it serves. The database of us-west-2 is then stopped, and a new replica takes its place."),
            *_promote(need, Step(
                "fence", "The database of us-west-2 is stopped: provably no second primary", "switch", Role.SRE, Budget(60, 300), (need,), ("caught-up",),
                check=Effect("back.fenced"), do=Effect("rds.stop"), verify=Effect("back.fenced"), undo=Effect("rds.start"), timeout=1800,
                manual=("aws rds stop-db-instance --region us-west-2 --db-instance-identifier trustlayer-dr-replica",),
            )),
            *_follow_and_repoint(need),
            Step(
                "flag", "Take the flag away: the health check turns the names to us-east-1", "switch", Role.SRE, Budget(2, 10), (need,), ("data",),
                check=Effect("flag.is", {"set": False}), guard=Effect("back.data"), do=Effect("flag.turn", {"set": False}), verify=Effect("flag.is", {"set": False}),
                moves_traffic=True, approval=Approval(_YES, "Route 100 % of trustlayer.exemplo.com to us-east-1 (now us-west-2)."),
                manual=("aws s3api delete-object --region us-west-2 --bucket trustlayer-flags --key active",),
            ),
            Step(
                "propagated", "Every resolver answers us-east-1", "switch", Role.SRE, Budget(75, 110), (need,), ("flag",),
                do=Effect("names.lead", {"region": "us-east-1"}), retries=6, manual=("for r in 8.8.8.8 1.1.1.1 208.67.222.222; do dig +short @$r trustlayer.exemplo.com; done",),
            ),
            healthz_step("propagated", requirement=need, region="us-east-1"),
            Step(
                "replica", "A new read replica of the next generation in us-west-2, streaming", "verify", Role.SRE, Budget(600, 3600), (need,), ("healthz",),
                check=Effect("rds.replaced"), do=Effect("rds.replace"), verify=Effect("rds.replaced"), timeout=7200,
                manual=("aws rds create-db-instance-read-replica --region us-west-2 --db-instance-identifier trustlayer-dr-replica-gN --source-db-instance-identifier ARN",
                        "# then: replica: trustlayer-dr-replica-gN in the stack files, and pulumi import -s trustlayer-standby"),
            ),
            Step(
                "rest", "us-west-2 is scaled down", "verify", Role.DEVOPS, Budget(5, 15), (need,), ("healthz",),
                check=Effect("dr.resting"), do=Effect("dr.scale", {"frontend": 0, "api": 0}), verify=Effect("dr.resting"),
                manual=(f"kubectl {WEST} scale deployment --all --replicas=0 {NS}    # was frontend {FRONTEND_PODS}",),
            ),
        ),
        goal="healthz", plan_seconds=(4 * 3600, 8 * 3600), parts=_PARTS,
    )  # fmt: skip
