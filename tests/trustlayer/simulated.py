"""Site trustlayer small enough to be killed thousands of times: servers with history, clusters, AWS, a writing client.

The effects that touch databases, clusters, RDS and the flag are the real ones; what they meet is simulated here. After
each record of the journal the client tries to write to every server that can be reached at all: at most one may take it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from clouds.runbook.calls import Call, Handler, Outcome, ok, seen
from clouds.trustlayer_effects import effects
from clouds.trustlayer_site import EAST, WEST, Site
from recovery.errors import Failed, Unobserved
from recovery.model import Json

REPLICA = "trustlayer-dr-replica"
ZONES = {"db-a": "us-east-1a", "db-b": "us-east-1b", "db-c": "us-east-1c", REPLICA: ""}


@dataclass
class Node:
    """One server. rows: what is on it. line: its timeline. wants: names of its synchronous standbys."""

    name: str
    world: World
    rows: list[str] = field(default_factory=list)
    line: int = 1
    standby: bool = True
    follows: str = ""
    alive: bool = True
    closed: bool = False
    wants: tuple[str, ...] = ()
    promotions: int = 0

    @property
    def dsn(self) -> str:
        return f"postgresql://{self.name}:5432/trustlayer"

    def up(self) -> None:
        if not self.alive:
            raise Unobserved(f"{self.name} does not answer", "-", "-")

    def reachable(self) -> bool:
        return self.alive

    def in_recovery(self) -> bool:
        self.up()
        return self.standby

    def timeline(self) -> int:
        self.up()
        return self.line

    def received(self) -> int:
        self.up()
        return len(self.rows)

    written = replayed = received

    def lag(self) -> float | None:
        self.up()
        return 0.0

    def detached(self) -> bool:
        self.up()
        return not self.standby or not self.follows

    def follow(self, source: Node | None) -> None:
        self.up()
        self.follows = source.name if source else ""
        self.world.stream()

    def promote(self, seconds: int = 60) -> None:
        self.up()
        if self.standby:
            self.standby, self.follows, self.line = False, "", self.line + 1
            self.promotions += 1
            self.wants = ()

    def standbys(self) -> dict[str, str]:
        self.up()
        quorum = set(self.wants)
        return {n.name: "quorum" if n.name in quorum else "async" for n in self.world.followers(self)}

    def synchronous(self, names: Sequence[str]) -> None:
        self.up()
        self.wants = tuple(names)

    def read_only(self, on: bool) -> None:
        self.up()
        self.closed = on

    def refuses_writes(self) -> bool:
        self.up()
        return self.standby or self.closed

    def wait(self, holds: Mapping[str, str], seconds: float) -> bool:
        now = self.standbys()
        return all(name in now and (not state or now[name] == state) for name, state in holds.items())

    def write(self) -> None:
        if not self.world.takes(self):
            raise Failed(f"{self.name} takes no write", "-", "-")

    def ask(self, text: str, *_: object, **__: object) -> list[tuple[Any, ...]]:
        self.up()
        return [(len(self.rows),)]


@dataclass
class Cluster:
    """One region's cluster. Pods are Ready as soon as they are wanted."""

    region: str
    world: World
    replicas: dict[str, int]
    env: dict[str, dict[str, str]] = field(default_factory=dict)
    cordoned: set[str] = field(default_factory=set)
    alive: bool = True
    hung: set[str] = field(default_factory=set)
    restarts: list[str] = field(default_factory=list)

    def up(self) -> None:
        if not self.alive:
            raise Unobserved(f"the cluster of {self.region} does not answer", "-", "-")

    def healthy(self) -> bool:
        return self.alive

    def _deployment(self, name: str) -> dict[str, Json]:
        count = self.replicas[name]
        env = [{"name": k, "value": v} for k, v in self.env.get(name, {}).items()]
        return {
            "metadata": {"name": name, "generation": 1},
            "spec": {"replicas": count, "template": {"spec": {"containers": [{"name": "x", "env": env}]}}},
            "status": {"observedGeneration": 1, "replicas": count, "updatedReplicas": count,
                       "readyReplicas": 0 if name in self.hung else count},
        }  # fmt: skip

    def get(self, path: str) -> dict[str, Json] | None:
        self.up()
        name = path.rpartition("/")[2]
        return self._deployment(name) if name in self.replicas else None

    def list(self, path: str, labels: str = "", fields: str = "") -> list[dict[str, Json]]:
        self.up()
        if path.endswith("/deployments"):
            return [self._deployment(name) for name in self.replicas]
        if path.endswith("/nodes"):
            zone = labels.rpartition("=")[2]
            zones = [z for z in sorted(set(ZONES.values()) - {""}) if not labels or z == zone]
            return [self._node(z) for z in zones]
        total = sum(self.replicas[f"trustlayer-{app}"] for app in ("api", "frontend"))
        if not total:
            return []
        gone = self.cordoned | self.world.drained
        place = next((z for z in sorted(set(ZONES.values()) - {""}) if z not in gone), "us-east-1c")
        return [
            {
                "metadata": {"name": f"pod-{i}"},
                "status": {"conditions": [{"type": "Ready", "status": "True"}]},
                "spec": {"nodeName": f"node-{place}"},
            }
            for i in range(total)
        ]

    def _node(self, zone: str) -> dict[str, Json]:
        good = zone != self.world.lost_zone
        conditions = [{"type": "Ready", "status": "True" if good else "Unknown"}]
        labels = {"topology.kubernetes.io/zone": zone}
        meta = {"name": f"node-{zone}", "labels": labels}
        return {
            "metadata": meta,
            "spec": {"unschedulable": zone in self.cordoned},
            "status": {"conditions": conditions},
        }

    def patch(self, path: str, body: Mapping[str, Json], kind: str = "") -> dict[str, Json]:
        self.up()
        if "/nodes/" in path:
            zone = path.rpartition("/node-")[2]
            if body["spec"].get("unschedulable"):
                self.cordoned.add(zone)
            else:
                self.cordoned.discard(zone)
        return {}

    def delete(self, path: str, grace: int | None = None) -> None:
        self.up()

    def evict(self, namespace: str, pod: str) -> bool:
        self.up()
        return True

    def scale(self, namespace: str, name: str, count: int) -> None:
        self.up()
        self.replicas[name] = count

    def restart(self, namespace: str, name: str) -> None:
        self.up()
        self.restarts.append(name)
        self.hung.discard(name)

    def set_env(self, namespace: str, name: str, container: str, values: Mapping[str, str]) -> None:
        self.up()
        self.env.setdefault(name, {}).update(values)
        if "FOLLOW" in values:
            self.world.rejoin(name.removeprefix("trustlayer-"), values["FOLLOW"])


class Rds:
    """RDS of us-west-2."""

    def __init__(self, world: World) -> None:
        self.world = world

    def describe_db_instances(self, DBInstanceIdentifier: str = "") -> dict[str, Json]:  # noqa: N803
        found = []
        for name, node in self.world.nodes.items():
            if ZONES.get(name, "") or (DBInstanceIdentifier and name != DBInstanceIdentifier):
                continue
            source = {"ReadReplicaSourceDBInstanceIdentifier": "east"} if node.standby else {}
            status = "available" if node.alive else "stopped"
            found.append(
                {"DBInstanceIdentifier": name, "DBInstanceStatus": status, "DBInstanceClass": "db.x", "Endpoint": {"Address": name, "Port": 5432}, **source}
            )  # fmt: skip
        return {"DBInstances": found}

    def promote_read_replica(self, DBInstanceIdentifier: str) -> None:  # noqa: N803
        node = self.world.nodes[DBInstanceIdentifier]
        if not node.standby:
            raise ClientError({"Error": {"Code": "InvalidDBInstanceState", "Message": ""}}, "Promote")
        node.promote()

    def stop_db_instance(self, DBInstanceIdentifier: str) -> None:  # noqa: N803
        self.world.nodes[DBInstanceIdentifier].alive = False

    def start_db_instance(self, DBInstanceIdentifier: str) -> None:  # noqa: N803
        self.world.nodes[DBInstanceIdentifier].alive = True

    def create_db_instance_read_replica(self, DBInstanceIdentifier: str, **more: Json) -> None:  # noqa: N803
        assert DBInstanceIdentifier not in self.world.nodes, "a replica is made once"
        source = next(n for n in self.world.nodes.values() if self.world.takes(n))
        self.world.nodes[DBInstanceIdentifier] = Node(
            DBInstanceIdentifier, self.world, list(source.rows), source.line, follows=source.name
        )


class S3:
    """The flag's bucket."""

    def __init__(self, world: World) -> None:
        self.world = world

    def put_object(self, **_: object) -> None:
        self.world.flag = True

    def delete_object(self, **_: object) -> None:
        self.world.flag = False


class SimulatedSite(Site):
    """The site, over the simulated world."""

    world: World

    @property
    def databases(self) -> dict[str, Any]:
        rows = self.body["databases"]
        return {name: node for name, node in self.world.nodes.items() if name in rows}

    def server(self, name: str, dsn: str) -> Any:
        return self.world.nodes[name]

    def failed_over(self) -> bool:
        return self.world.flag

    def cluster(self, region: str) -> Any:
        return self.world.clusters[region]

    def aws(self, service: str, region: str) -> Any:
        if region == EAST and not self.world.clusters[EAST].alive:
            raise EndpointConnectionError(endpoint_url="https://us-east-1")
        return {"rds": Rds, "s3": S3}[service](self.world)


class World:
    """Everything, and what must never be so (`broken`)."""

    def __init__(self) -> None:
        self.nodes = {name: Node(name, self, standby=name != "db-a") for name in ZONES}
        for name in ("db-b", "db-c", REPLICA):
            self.nodes[name].follows = "db-a"
        self.nodes["db-a"].wants = ("db-a", "db-b", "db-c")
        self.clusters = {
            EAST: Cluster(
                EAST,
                self,
                {
                    "trustlayer-api": 5,
                    "trustlayer-frontend": 3,
                    **{f"trustlayer-{n}": 1 for n in ("db-a", "db-b", "db-c")},
                },
            ),
            WEST: Cluster(WEST, self, {"trustlayer-api": 0, "trustlayer-frontend": 0}),
        }
        self.flag, self.lost_zone, self.drained = False, "", set[str]()
        self.watching = True
        self.acknowledged: list[str] = []
        self.broken: list[str] = []
        self.count = 0
        self.restores = 0
        self.stopped_before_verify = False
        self.verified = False
        rows = {
            name: {"dsn": node.dsn, "region": WEST if name == REPLICA else EAST, "zone": ZONES[name]}
            for name, node in self.nodes.items()
        }
        self.site = SimulatedSite(
            {"databases": rows, "replica": REPLICA, "replicaSource": "arn", "home": "db-a", "buckets": {"flags": "f"}, "edge": ""}
        )  # fmt: skip
        self.site.world = self
        self.tick()

    # -- replication -----------------------------------------------------------------------------------------

    def followers(self, node: Node) -> list[Node]:
        return [n for n in self.nodes.values() if n.alive and n.standby and n.follows == node.name]

    def stream(self) -> None:
        """A standby that follows somebody on its own line has all that somebody has."""
        for _ in range(3):
            for node in self.nodes.values():
                source = self.nodes.get(node.follows)
                if (
                    node.alive
                    and node.standby
                    and source
                    and source.alive
                    and source.rows[: len(node.rows)] == node.rows
                ):
                    node.rows, node.line = list(source.rows), source.line

    def rejoin(self, name: str, dsn: str) -> None:
        """A pod's start: pg_rewind."""
        source = next(n for n in self.nodes.values() if n.dsn == dsn)
        node = self.nodes[name]
        if node.name != source.name:
            node.rows, node.line, node.standby, node.follows, node.alive, node.closed, node.wants = (
                list(source.rows), source.line, True, source.name, True, False, (),
            )  # fmt: skip

    def takes(self, node: Node) -> bool:
        """Would a commit be acknowledged here?"""
        if not node.alive or node.standby or node.closed:
            return False
        return not node.wants or any(f.name in node.wants for f in self.followers(node))

    def tick(self) -> None:
        """The client tries every server, and writes where the public name leads; asynchronous replicas follow.

        A region that comes back brings its old primary with it: until the failback has silenced that (`watching`),
        which no program can do before the region is there, the stated and accepted risk of level 4 stands.
        """
        open_ = [n for n in self.nodes.values() if self.takes(n)]
        self.watching = self.watching or len(open_) <= 1
        if len(open_) > 1 and self.watching:
            self.broken.append(f"two primaries take writes: {', '.join(n.name for n in open_)}")
        for node in [n for n in open_ if bool(ZONES.get(n.name)) != self.flag]:
            self.count += 1
            node.rows.append(f"r{self.count}")
            self.stream()
            self.acknowledged.append(f"r{self.count}")

    # -- faults ----------------------------------------------------------------------------------------------

    def lose_database(self) -> None:
        self.nodes["db-a"].alive = False

    def lose_zone(self) -> None:
        self.lost_zone = "us-east-1a"
        self.nodes["db-a"].alive = False

    def lose_region(self) -> None:
        self.clusters[EAST].alive = False
        for name in ("db-a", "db-b", "db-c"):
            self.nodes[name].alive = False

    def regain(self) -> None:
        """Everything comes back as it was killed: an old primary believes that it is one."""
        self.clusters[EAST].alive, self.lost_zone = True, ""
        self.watching = False
        for name in ("db-a", "db-b", "db-c"):
            self.nodes[name].alive = True

    # -- what the real handlers do not do here ------------------------------------------------------------------

    def table(self) -> dict[str, Handler]:
        def healthz(args: Mapping[str, Json], call: Call) -> Outcome:
            region = WEST if self.flag else EAST
            cluster = self.clusters[region]
            good = cluster.alive and cluster.replicas["trustlayer-api"] > 0
            wanted = args.get("region")
            return seen(good and (not wanted or wanted == region), call, "no health")

        def flag_is(args: Mapping[str, Json], call: Call) -> Outcome:
            return seen(self.flag == bool(args["set"]), call, "the flag is not so")

        def verify(args: Mapping[str, Json], call: Call) -> Outcome:
            self.verified = True
            return ok()

        def restored(args: Mapping[str, Json], call: Call) -> Outcome:
            return seen(self.restores > 0, call, "no mark")

        def restore(args: Mapping[str, Json], call: Call) -> Outcome:
            if not self.restores:
                if not self.verified:
                    self.broken.append("restored from a backup that nobody verified")
                if any(self.clusters[EAST].replicas[n] for n in ("trustlayer-api", "trustlayer-frontend")):
                    self.broken.append("restored under running services")
                self.restores += 1
            return ok()

        def fine(args: Mapping[str, Json], call: Call) -> Outcome:
            return ok()

        own: dict[str, Handler] = {
            "flag.is": flag_is, "site.healthz": healthz, "names.lead": healthz, "cdn.invalidate": fine, "backup.verify": verify,
            "backup.restored": restored, "backup.restore": restore, "backup.storage": fine,
        }  # fmt: skip
        return {**effects(self.site), **own}

    def facts(self) -> dict[str, Json]:
        """The end state, without what the length of a run decides."""
        return {
            "primary": [n.name for n in self.nodes.values() if self.takes(n)],
            "follows": {n.name: n.follows for n in self.nodes.values() if n.alive},
            "promotions": {n.name: n.promotions for n in self.nodes.values()},
            "replicas": {region: dict(c.replicas) for region, c in self.clusters.items()},
            "flag": self.flag,
            "restores": self.restores,
            "replica": self.site.body["replica"],
        }
