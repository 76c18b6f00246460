"""Everything of the local site, wired: what starts in which order, what a fault does, and the public edge."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import boto3
from aiohttp import web

from clouds.trustlayer_site import Site
from localcloud.durations import Clock
from localcloud.ports import free_port
from localcloud.processes import end, spawn
from localcloud.trustlayer.agent import NAMESPACE, Agent
from localcloud.trustlayer.binaries import postgres_bin
from localcloud.trustlayer.control_plane import ControlPlane
from localcloud.trustlayer.link import Link
from localcloud.trustlayer.manifests import objects
from localcloud.trustlayer.names import Names
from localcloud.trustlayer.postgres import Instance, dsn
from localcloud.trustlayer.rds import Rds
from recovery.errors import DrError
from recovery.model import Json

if TYPE_CHECKING:
    from localcloud.provider import Served

EAST, WEST = "us-east-1", "us-west-2"
ZONES = {EAST: ("us-east-1a", "us-east-1b", "us-east-1c"), WEST: ("us-west-2a", "us-west-2b", "us-west-2c")}
DATABASES = {"db-a": "us-east-1a", "db-b": "us-east-1b", "db-c": "us-east-1c"}
REPLICA = "trustlayer-dr-replica"
WAN_SECONDS = 0.03
"""One way between the two coasts: about 60 ms round trip."""
BACKUPS, BACKUPS_COPY, STORAGE, FLAGS = (
    "trustlayer-backups",
    "trustlayer-backups-us-west-2",
    "trustlayer-storage",
    "trustlayer-flags",
)
KEYS = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
SOURCE_ARN = "arn:aws:rds:us-east-1:000000000000:db:trustlayer"
SCHEMA = (
    "CREATE TABLE profiles (id text PRIMARY KEY, value text NOT NULL, at timestamptz NOT NULL DEFAULT now())"
)


class World:
    """The site. state: its folder, thrown away by whoever made it. stacks: us-west-2 and the global parts are left
    for the real Pulumi stacks to build, through the providers that are then served."""

    def __init__(self, state: Path, clock: Clock, stacks: bool = False) -> None:
        self.state, self.clock, self.stacks = state, clock, stacks
        self.served: Served | None = None
        self.zone_id = self.distribution = ""
        state.chmod(0o755)  # the database's user has to reach its folders
        (state / "logs").mkdir(exist_ok=True)
        self.planes = {region: ControlPlane(region, state / region, zones) for region, zones in ZONES.items()}
        self.databases = {name: Instance(name, state / "pg" / name) for name in (*DATABASES, REPLICA)}
        self.link = Link(lambda: self.primary().port, WAN_SECONDS)
        self.agents: dict[str, Agent] = {}
        self.moto: dict[str, asyncio.subprocess.Process] = {}
        self.moto_ports = {EAST: free_port(), WEST: free_port()}
        # us-east-1's AWS answers through a wire of its own, so that it can be lost with all it holds kept.
        self.front = Link(lambda: self.moto_ports[EAST], 0.0)
        self.rds = Rds(self.aws(WEST), clock, self._promoted, self._replica_made)
        self.rds.power, self.rds.port_of = self._power, self._port_of
        self.names = Names(clock, f"{self.aws(WEST)}/{FLAGS}/active")
        self.lost_regions: set[str] = set()
        self.port = free_port()
        self._turn = itertools.count()
        self._runner: web.AppRunner | None = None
        self._client: aiohttp.ClientSession | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self.copied: set[tuple[str, str]] = set()

    def aws(self, region: str) -> str:
        """Where a region's AWS answers."""
        port = self.front.port if region == EAST else self.moto_ports[region]
        return f"http://127.0.0.1:{port}"

    def description(self) -> dict[str, Json]:
        """What `dr` has to know, as its site file."""
        return {
            "pid": os.getpid(), "edge": f"http://127.0.0.1:{self.port}", "scale": self.clock.scale,
            "clusters": {region: str(plane.kubeconfig) for region, plane in self.planes.items()},
            "zones": {region: list(zones) for region, zones in ZONES.items()},
            "databases": {name: {"dsn": dsn(i.port), "zone": DATABASES.get(name, ""), "region": EAST if name in DATABASES else WEST} for name, i in self.databases.items()},
            "replica": REPLICA, "replicaSource": SOURCE_ARN, "home": "db-a", "aws": {EAST: self.aws(EAST), WEST: self.aws(WEST)}, "rds": f"http://127.0.0.1:{self.port}/_rds/",
            "buckets": {"backups": BACKUPS, "copy": BACKUPS_COPY, "storage": STORAGE, "flags": FLAGS},
            "attach": self.served.attach if self.served else "", "pgBin": str(postgres_bin()), "zoneId": self.zone_id, "distribution": self.distribution, "domain": "trustlayer.exemplo.com",
        }  # fmt: skip

    async def start(self) -> None:
        """Both control planes, the databases, AWS; then what runs on them."""
        await asyncio.gather(self.link.start(), self._start_aws(), asyncio.to_thread(self._start_databases))
        if not self.stacks:
            await asyncio.to_thread(self._replica_made, REPLICA)
        await asyncio.gather(*(asyncio.to_thread(plane.start) for plane in self.planes.values()))
        await asyncio.to_thread(self._deploy)
        self._client = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=8))
        app = web.Application(client_max_size=1 << 20)
        app.router.add_route("*", "/_rds/", self.rds.handle)
        app.router.add_post("/_site/{what}", self._fault)
        app.router.add_get("/_site/status", self._status)
        app.router.add_route("*", "/{path:.*}", self._edge)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self._tasks = [
            asyncio.create_task(work()) for work in (self.names.run, self._replicate, self._secrets)
        ]
        if self.stacks:
            from localcloud.trustlayer.provider import serve

            self.served = serve(Site(self.description()))

    async def stop(self) -> None:
        """End everything; nothing of it is left."""
        for task in self._tasks:
            task.cancel()
        if self._runner is not None:
            await self._runner.cleanup()
        if self._client is not None:
            await self._client.close()
        await self.link.stop()
        await self.front.stop()
        if self.served is not None:
            await asyncio.to_thread(self.served.stop)
        for agent in self.agents.values():
            await asyncio.to_thread(agent.stop)
        for plane in self.planes.values():
            plane.stop()
        for instance in self.databases.values():
            instance.kill()
        for process in self.moto.values():
            await end(process, 1.0)

    async def _start_aws(self) -> None:
        await self.front.start()
        for region, port in self.moto_ports.items():
            self.moto[region] = await spawn(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
                log=self.state / "logs" / f"aws-{region}.log",
            )
        for region in self.moto_ports:
            await asyncio.to_thread(self._await_moto, region)
        await asyncio.to_thread(self._given_aws)

    def _await_moto(self, region: str) -> None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(600):
            with contextlib.suppress(OSError), opener.open(f"{self.aws(region)}/moto-api/", timeout=2):
                return
            time.sleep(0.1)
        raise RuntimeError(f"moto for {region} does not answer: see {self.state / 'logs'}")

    def _given_aws(self) -> None:
        """What the site's AWS account holds already."""

        def client(service: str, region: str, at: str = "") -> Json:
            return boto3.client(service, region_name=region, endpoint_url=self.aws(at or region), **KEYS)

        east, west = client("s3", EAST), client("s3", WEST)
        place = {"CreateBucketConfiguration": {"LocationConstraint": WEST}}
        for bucket in (BACKUPS, STORAGE):
            east.create_bucket(Bucket=bucket)
            east.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        for number in range(1, 4):
            east.put_object(
                Bucket=STORAGE, Key=f"documents/{number}.txt", Body=b"a user's document\n" * number
            )
        west.create_bucket(Bucket=STORAGE, **place)
        west.put_bucket_versioning(Bucket=STORAGE, VersioningConfiguration={"Status": "Enabled"})
        client("rds", EAST, WEST).create_db_instance(
            DBInstanceIdentifier="trustlayer", MasterUsername="postgres", MasterUserPassword="not-used-here", Engine="postgres",
            DBInstanceClass="db.m6g.large", AllocatedStorage=100, StorageEncrypted=True,
        )  # fmt: skip
        if self.stacks:
            return
        for bucket in (BACKUPS_COPY, FLAGS):
            west.create_bucket(Bucket=bucket, **place)
        readable = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{FLAGS}/active"}  # fmt: skip
        west.put_bucket_policy(
            Bucket=FLAGS, Policy=json.dumps({"Version": "2012-10-17", "Statement": [readable]})
        )
        zone = client("route53", EAST).create_hosted_zone(
            Name="trustlayer.exemplo.com", CallerReference="given"
        )
        self.zone_id = zone["HostedZone"]["Id"].rpartition("/")[2]
        made = client("cloudfront", EAST).create_distribution(DistributionConfig={
            "CallerReference": "given", "Comment": "", "Enabled": True,
            "Origins": {"Quantity": 1, "Items": [{"Id": "site", "DomainName": "trustlayer.exemplo.com", "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginProtocolPolicy": "https-only"}}]},
            "DefaultCacheBehavior": {"TargetOriginId": "site", "ViewerProtocolPolicy": "redirect-to-https", "MinTTL": 0,
                                     "ForwardedValues": {"QueryString": False, "Cookies": {"Forward": "none"}}},
        })  # fmt: skip
        self.distribution = made["Distribution"]["Id"]
        client("rds", WEST).create_db_instance_read_replica(
            DBInstanceIdentifier=REPLICA,
            SourceDBInstanceIdentifier=SOURCE_ARN,
            DBInstanceClass="db.m6g.large",
        )

    def _start_databases(self) -> None:
        first = self.databases["db-a"]
        first.create()
        first.start()
        first.sql("CREATE DATABASE trustlayer")
        first.sql(SCHEMA, "trustlayer")
        for name in ("db-b", "db-c"):
            self.databases[name].clone(first.port)
            self.databases[name].start()
        for line in (
            'ALTER SYSTEM SET synchronous_standby_names = \'ANY 1 ("db-a", "db-b", "db-c")\'',
            "SELECT pg_reload_conf()",
        ):
            first.sql(line)

    def _replica_made(self, identifier: str) -> None:
        """A read replica that RDS has made is a real one: cloned from the primary over the wire, and streaming."""
        if identifier not in self.databases:
            self.databases[identifier] = Instance(identifier, self.state / "pg" / identifier)
        replica = self.databases[identifier]
        if not replica.alive:
            replica.clone(self.link.port)
            replica.start()

    def _power(self, identifier: str, on: bool) -> None:
        instance = self.databases[identifier]
        if on:
            instance.start()
        else:
            instance.stop()

    def _port_of(self, identifier: str) -> int:
        return self.databases[identifier].port if identifier in self.databases else 5432

    async def _secrets(self) -> None:
        """What an operator's own tool puts into the cluster: where the database of us-west-2 is."""
        path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
        body = {
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "trustlayer-database"},
            "stringData": {"DATABASE_URL": dsn(self.databases[REPLICA].port)},
        }  # fmt: skip
        while True:
            with contextlib.suppress(DrError):  # the namespace is not there yet
                client = self.planes[WEST].client()
                if await asyncio.to_thread(client.get, f"/api/v1/namespaces/{NAMESPACE}"):
                    await asyncio.to_thread(client.create, path, body)
                    return
            await asyncio.sleep(0.5)

    def _deploy(self) -> None:
        for region, (api, frontend) in {EAST: (5, 3), WEST: (0, 0)}.items():
            client = self.planes[region].client()
            url = dsn(self.databases["db-a" if region == EAST else REPLICA].port)
            placed = DATABASES if region == EAST else {}
            given = () if self.stacks and region == WEST else objects(url, api, frontend, placed)
            for path, body in given:
                client.create(path, body)
            own = {name: self.databases[name] for name in placed}
            self.agents[region] = Agent(self.planes[region].client(), own, self.state / "logs")
            self.agents[region].start()

    def _promoted(self, identifier: str) -> bool:
        instance = self.databases.get(identifier)
        if instance is None:
            return True
        if instance.sql("SELECT pg_is_in_recovery()") == "t":
            instance.sql("SELECT pg_promote()")
        return instance.sql("SELECT pg_is_in_recovery()") == "f"

    async def _replicate(self) -> None:
        """S3's cross-region replication of the backup bucket, which moto has not: new objects are copied."""
        while True:
            await asyncio.sleep(max(0.3, self.clock.real(30)))
            if EAST not in self.lost_regions:
                with contextlib.suppress(Exception):  # the region may go while a copy is under way
                    await asyncio.to_thread(self._copy_new)

    def _copy_new(self) -> None:
        east, west = (
            boto3.client("s3", region_name=r, endpoint_url=self.aws(r), **KEYS) for r in (EAST, WEST)
        )
        for bucket, target in ((BACKUPS, BACKUPS_COPY), (STORAGE, STORAGE)):
            for page in east.get_paginator("list_objects_v2").paginate(Bucket=bucket):
                for entry in page.get("Contents", []):
                    mark = (f"{bucket}/{entry['Key']}", entry["ETag"])
                    if mark not in self.copied:
                        west.put_object(
                            Bucket=target,
                            Key=entry["Key"],
                            Body=east.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read(),
                        )
                        self.copied.add(mark)

    async def _edge(self, request: web.Request) -> web.Response:
        """The public name: the resolver's answer, that region's load balancer, one of its ready pods."""
        number = next(self._turn)
        region = self.names.cached(number)
        agent = self.agents[region]
        backends = [] if region in self.lost_regions else agent.backends()
        body = await request.read()
        assert self._client is not None  # noqa: S101 - made before the edge listens
        for held in (backends[(number + i) % len(backends)] for i in range(min(2, len(backends)))):
            try:
                async with self._client.request(
                    request.method, f"http://127.0.0.1:{held.port}{request.path_qs}", data=body or None
                ) as answer:
                    content = await answer.read()
                    headers = {"X-Region": region, "X-Pod": held.pod}
                    return web.Response(
                        body=content, status=answer.status, headers=headers, content_type="application/json"
                    )
            except aiohttp.ClientConnectorError:
                continue  # nothing was sent: another pod may take it
            except (aiohttp.ClientError, TimeoutError) as error:
                return web.json_response(
                    {"error": type(error).__name__}, status=502, headers={"X-Region": region}
                )
        return web.json_response(
            {"error": f"no ready pod in {region}"}, status=503, headers={"X-Region": region}
        )

    async def _fault(self, request: web.Request) -> web.Response:
        """``POST /_site/KIND`` with its arguments as JSON: what happens to the site, or is mended."""
        body = await request.json() if request.can_read_body else {}
        await asyncio.to_thread(self._happen, request.match_info["what"], body)
        return web.json_response({})

    def _happen(self, what: str, body: dict[str, Json]) -> None:
        match what:
            case "lose-zone":
                self.planes[EAST].lose_zone(body["zone"])
                self.agents[EAST].lose_zone(body["zone"])
            case "regain-zone":
                self.planes[EAST].regain_zone(body["zone"])
                self.agents[EAST].regain_zone(body["zone"])
            case "lose-region":
                self._lose_region()
            case "regain-region":
                self._regain_region()
            case "cut-link":  # the wire between the regions: replication stands still, and nothing else
                self.link.cut = True
                self.link.break_off()
            case "mend-link":
                self.link.cut = False
            case "lose-database":  # its volume is gone: the pod stands, the server does not start
                self.agents[EAST].broken.add(body["name"])
                self.databases[body["name"]].kill()
            case "mend-database":
                self.agents[EAST].broken.discard(body["name"])
            case "hang-pod":  # its process stops answering, and stays
                self._hang_pod(body.get("pod", ""))
            case "wreck-data":  # total loss: what the users' data was is gone everywhere that replicates
                self.primary().sql("DROP TABLE IF EXISTS profiles", "trustlayer")
                if EAST in self.lost_regions:
                    self.databases[REPLICA].sql("DROP TABLE IF EXISTS profiles", "trustlayer")
            case "rewind":
                self._rewind(body["name"], body["source"])
            case "override":
                self.names.override = body["region"]
            case _:
                raise web.HTTPNotFound()

    def primary(self) -> Instance:
        """The server in us-east-1 that takes writes now: the newest timeline's, where an old one still stands."""
        best = (0, self.databases["db-a"])
        for name in DATABASES:
            instance = self.databases[name]
            line = (
                instance.sql(
                    "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE (SELECT timeline_id FROM pg_control_checkpoint()) END"
                )
                if instance.alive
                else None
            )
            if line and int(line) > best[0]:
                best = (int(line), instance)
        return best[1]

    def _hang_pod(self, name: str) -> None:
        for held in self.agents[EAST].backends():
            if held.process is not None and name in ("", held.pod):
                held.process.send_signal(signal.SIGSTOP)
                return

    def _rewind(self, name: str, source: str) -> None:
        """A former primary becomes a standby of `source` (the storage side of a failback)."""
        instance = self.databases[name]
        self.agents[EAST].broken.add(name)  # its pod must not start it meanwhile
        instance.kill()
        instance.rewind(self.databases[source].port)
        instance.start()
        self.agents[EAST].broken.discard(name)

    def _lose_region(self) -> None:
        self.lost_regions.add(EAST)
        self.link.cut = True
        self.link.break_off()
        self.planes[EAST].kill()
        for name in DATABASES:
            self.agents[EAST].broken.add(name)
            self.databases[name].kill()
        self.agents[EAST].stop()
        self.front.cut = True
        self.front.break_off()

    def _regain_region(self) -> None:
        """Power returns: control plane, AWS, and the servers as they were killed. What they believe is theirs to find out."""
        plane, old = self.planes[EAST], self.agents[EAST]
        plane.start(again=True)
        self.front.cut = False
        fresh = Agent(plane.client(), old.instances, old.logs)
        self.agents[EAST] = fresh
        fresh.start()
        self.link.cut = False
        self.lost_regions.discard(EAST)

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response({
            "region": self.names.region, "answers": [self.names.cached(i) for i in range(3)],
            "promoted": self.rds.promoted, "ready": {r: len(a.backends()) for r, a in self.agents.items()},
        })  # fmt: skip
