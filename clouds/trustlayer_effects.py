"""All that the runbooks of site trustlayer can do, in one table; and what `dr assess` looks at."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from clouds import failback_effects, kubernetes_effects, postgres_effects
from clouds.aws import backup, rds, route53
from clouds.kubernetes import deployment_path
from clouds.kubernetes_effects import API, FRONTEND, public, ready
from clouds.postgres import Server
from clouds.runbook.calls import Handler
from clouds.trustlayer_site import EAST, NAMESPACE, WEST, Site
from recovery.errors import DrError, Failed, Unobserved
from recovery.trustlayer.levels import Database, Observed, Workload

T = TypeVar("T")


def effects(site: Site) -> dict[str, Handler]:
    """Effect kind -> function."""
    return {
        **kubernetes_effects.effects(site), **postgres_effects.effects(site), **rds.effects(site),
        **route53.effects(site), **backup.effects(site), **failback_effects.effects(site),
    }  # fmt: skip


def observe(site: Site) -> Observed:
    """One look at everything, at the same time; each part within its own few seconds."""
    with ThreadPoolExecutor(12) as pool:
        plane = pool.submit(site.cluster(EAST).healthy)
        region = pool.submit(_region_answers, site)
        nodes = pool.submit(_or_none, lambda: _nodes(site))
        flag = pool.submit(site.failed_over)
        pods = pool.submit(_or_none, lambda: _workloads(site, WEST if flag.result() else EAST))
        rows = site.body["databases"]
        databases = [
            pool.submit(_database, s, rows[n]["region"], rows[n]["zone"]) for n, s in site.databases.items()
        ]
        health = pool.submit(public, str(site.body["edge"]))
        dates = pool.submit(
            _or_none, lambda: [d for d, wrong in backup.Backups(site).dates().items() if not wrong]
        )
        return Observed(
            plane.result(), region.result(), nodes.result(), pods.result(), tuple(d.result() for d in databases),
            health.result()[0], dates.result(), EAST, WEST if flag.result() else "",
        )  # fmt: skip


def _or_none(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except DrError:
        return None


def _region_answers(site: Site) -> bool | None:
    """Does the region's own AWS endpoint answer anything at all? A refusal is an answer; silence is none."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        site.aws("s3", EAST).list_buckets()
    except ClientError:
        return True
    except BotoCoreError:
        return False
    return True


def _nodes(site: Site) -> dict[str, tuple[int, int]]:
    out: dict[str, tuple[int, int]] = {}
    for node in site.cluster(EAST).list("/api/v1/nodes"):
        zone = node["metadata"]["labels"].get("topology.kubernetes.io/zone", "")
        good, count = out.get(zone, (0, 0))
        out[zone] = (good + ready(node), count + 1)
    return out


def _workloads(site: Site, region: str) -> list[Workload]:
    out = []
    for name in (API, FRONTEND):
        body = site.cluster(region).get(deployment_path(NAMESPACE, name))
        if body is not None:
            out.append(
                Workload(
                    name,
                    int(body["spec"].get("replicas", 1)),
                    int(body.get("status", {}).get("readyReplicas") or 0),
                )
            )
    return out


def _database(server: Server, region: str, zone: str) -> Database:
    try:
        standby = server.in_recovery()
    except (Unobserved, Failed):
        # No connection is what a lost server looks like from here; the rules ask for more than one such sign.
        return Database(server.name, region, zone, reachable=False)
    try:
        intact = bool(server.ask("SELECT to_regclass('public.profiles') IS NOT NULL")[0][0])
    except (Unobserved, Failed):
        intact = False
    return Database(
        server.name,
        region,
        zone,
        True,
        "replica" if standby else "primary",
        intact,
        _or_none(server.lag) if standby else None,
        None if standby else _or_none(lambda: not server.refuses_writes()),
    )
