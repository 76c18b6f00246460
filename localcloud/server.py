"""The local cloud's server: one asyncio process that holds the control plane, its effects, DNS and the primary,
and starts the data plane and the served provider as children. `python -m localcloud.server --state DIR`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import functools
import importlib
import importlib.util
import json
import os
import secrets
import shlex
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from clouds.endpoints import LOCAL_SUBSCRIPTION
from clouds.stack_files import FALLBACK
from clouds.sync.names import source_names
from localcloud import graph, processes, registry
from localcloud.arm.defaults.common import Context, DataPlane
from localcloud.arm.door import Door
from localcloud.arm.permits import Permits
from localcloud.arm.resource_graph import Index
from localcloud.arm.service import Service
from localcloud.arm.special import SPECIAL
from localcloud.arm.store import Store
from localcloud.arm.throughput import Limit
from localcloud.aws import Aws
from localcloud.bus import Bus, ResourceChanged
from localcloud.control import Control
from localcloud.dns.faults import Misbehaviour
from localcloud.dns.names import Names
from localcloud.dns.resolver import CachingResolver
from localcloud.dns.server import Server as DnsServer
from localcloud.durations import Clock
from localcloud.effects.alerts import Alerts
from localcloud.effects.containers import Containers
from localcloud.effects.edge import Edge
from localcloud.effects.gateways import Gateways
from localcloud.effects.image_store import ImageStore
from localcloud.effects.images import Images
from localcloud.effects.offers import Offers
from localcloud.effects.reports import handlers
from localcloud.effects.roles import Roles
from localcloud.effects.scale_sets import ScaleSets
from localcloud.effects.tls import Issuer, TlsEdge
from localcloud.effects.vaults import Vaults
from localcloud.graph import Graph
from localcloud.opened import opened
from localcloud.primary import Primary
from localcloud.primary_images import PrimaryImages
from localcloud.registry import Registries
from localcloud.sessions import Sessions
from recovery.errors import BadInput
from recovery.sync.source import Source

LOCAL_TENANT = "00000000-0000-4000-8000-000000000002"
ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
RESOLVERS = ("Google", "Cloudflare", "OpenDNS")


def _present(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _source() -> Source:
    """The primary's names as the project in this folder sets them; the defaults where there is none."""
    try:
        return source_names(Path.cwd(), "standby")
    except BadInput:
        return Source()


class LocalServer:
    """Everything of one local cloud, wired."""

    def __init__(self, state: Path, scale: float, *, bare: bool = False, enforce_roles: bool = False) -> None:
        self.state, self.bare = state, bare
        (state / "logs").mkdir(parents=True, exist_ok=True)
        self.clock = Clock(scale)
        self.control = Control(secrets.token_urlsafe(24), self.clock)
        self.keys = {name: self._key(name) for name in ("storage", "cosmos")}
        self.bus = Bus()
        self.scale_sets = ScaleSets(self.bus, self.clock, state / "logs")
        self.gateways = Gateways(self.bus, self.clock, self.scale_sets)
        self.edge = Edge(self.control, self.gateways)
        self.issuer = Issuer(state)
        self.tls = TlsEdge(self.control, self.gateways, self.edge, lambda secret: self.vaults.secret(secret))
        self.roles = Roles(self.bus, self.clock)
        self.names = Names(self.bus, self.clock)
        self.misbehaviour = Misbehaviour(self.control, self.names)
        self.offers = Offers(self.scale_sets)
        self.alerts = Alerts(self.bus, self.clock)
        self.aws = None if bare else Aws(state, _source())
        images = PrimaryImages(self.aws.url, _source()) if self.aws is not None else None
        self.primary = Primary(self.control, images, self.aws.set_state if self.aws is not None else None)
        self.store = Store(LOCAL_SUBSCRIPTION)
        self.images = Images()
        self.vaults = Vaults(self.bus, self._may, self.control.data_door)
        self.context = Context(
            self.store, LOCAL_TENANT, None, self.edge.allocate, self.vaults.uri,
            lambda secret: self.vaults.secret(secret) is not None, lambda who, secret: self.permits is None or self.permits.may_read(who, self.vaults.scope(secret)), self.images.published,
        )  # fmt: skip
        self.service = Service(self.store, self.bus, self.context, self.clock, settle=self.scale_sets.settle)
        self.door = Door(
            self.service, self.control,
            {**SPECIAL, **handlers(self.scale_sets, self.gateways, self.clock), **self.offers.handlers(), **self.alerts.handlers()},
        )  # fmt: skip
        self.permits = Permits(self.store, self.roles) if enforce_roles else None
        self.door.permits = self.permits
        self.door.graph = Index(self.bus, self.clock.scale)
        self.sessions = Sessions(self)
        self.registries = Registries(self.clock)
        self.door.special |= self.registries.handlers()
        self.containers = Containers(self.bus, self.clock, state / "logs", self._as_identity, self._may_pull)
        self.door.special |= self.containers.handlers()
        self.graph = Graph(self.door.who, lambda: self.permits is not None)
        self.bus.lookup, self.bus.bodies = self.store.lookup, self.store.bodies
        self.bus.subscribe(self._release)
        self.scale_sets.images = ImageStore(self.bus, self.keys["storage"]).environment
        self.authority = DnsServer(self.misbehaviour.of("authority", self._authoritative))
        self.parent = DnsServer(self.misbehaviour.of("parent", self.names.delegated))
        self.resolvers: list[CachingResolver] = []
        self.data: DataPlane | None = None
        self.runner: web.AppRunner | None = None
        self.url = ""
        self.provider: asyncio.subprocess.Process | None = None
        self.attach = ""  # the served providers, as PULUMI_DEBUG_PROVIDERS says it

    def _key(self, name: str) -> str:
        """The emulators' key: made once for a state folder, so that what it holds stays readable."""
        file = self.state / f"{name}.key"
        if not file.exists():
            file.touch(0o600)
            file.write_text(base64.b64encode(secrets.token_bytes(64)).decode())
        return file.read_text()

    def _may(self, token: str, action: str, scope: str) -> int:
        """Whether the owner of a token may do this on a data plane: 200, 401 or 403."""
        who = self.door.identities.who(token)
        if who is None:
            return 401
        return 200 if self.permits is None or self.permits.may_data(who, action, scope) else 403

    async def _as_identity(self, principal: str) -> str:
        """The environment of a managed identity's process."""
        _, text = await self.sessions.sign_in(f"identity-{principal[:8]}", principal, "ServicePrincipal")
        return text

    def _may_pull(self, principal: str, image: str) -> bool:
        registry = self.registries.built(image)
        if registry is None:
            return False
        return self.permits is None or self.roles.holds(principal, ACR_PULL, registry)

    async def _authoritative(self, name: str, kind: str) -> Any:
        return self.names.answer(name, kind)

    async def _release(self, event: ResourceChanged) -> None:
        if event.new is None and event.arm_type == "microsoft.network/publicipaddresses":
            self.edge.release(event.id.lower())

    async def start(self) -> None:
        """Bring everything up; the files that say so are written last."""
        await asyncio.gather(self._edges(), self.primary.start(), self.authority.start(), self.parent.start())
        self.resolvers = [
            CachingResolver(
                name, self.authority.port, self.clock, functools.partial(self.misbehaviour.of, name)
            )
            for name in RESOLVERS
        ]
        await asyncio.gather(*(r.server.start() for r in self.resolvers), self._listen())
        self._controls()
        self.write("endpoints.json", json.dumps(self.endpoints(), indent=1))
        if not self.bare and self.permits is None:
            await opened(self.service, Path.cwd())
        starting: list[Awaitable[None]] = []
        if self.aws is not None:
            starting.append(self.aws.start())
        if not self.bare and _present("localcloud.data"):
            starting.append(self._start_data())
        if not self.bare and _present("localcloud.provider.__main__"):
            starting.append(self._start_provider())
        await asyncio.gather(*starting)
        self.write("env", self.environment())
        ready = {"pid": os.getpid(), "url": self.url, "token": self.control.token, "ready": time.time()}
        self.write("server.json", json.dumps(ready))

    async def _edges(self) -> None:
        await self.edge.start()
        await self.tls.start()

    async def _listen(self) -> None:
        app = web.Application(client_max_size=8 << 20)
        app["throughput_limit"] = Limit(self.clock.scale)
        app["keys"] = self.keys
        app["backend_health"] = self.gateways.report

        async def control(request: web.Request) -> web.StreamResponse:
            if not self.door.authorised(request):
                return web.json_response(
                    {"error": {"code": "AuthenticationFailed", "message": "the local token is missing"}},
                    status=401,
                )
            return await self.control.handle(request)

        app.router.add_route("*", "/_local/{tail:.*}", control)
        app.router.add_route("*", graph.PREFIX + "/{tail:.*}", self.graph.handle)
        app.router.add_route("*", registry.PREFIX + "{tail:.*}", self.registries.upload)
        app.router.add_route("*", "/{tail:.*}", self.door.handle)
        self.runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, backlog=512).start()
        self.url = f"http://127.0.0.1:{self.runner.addresses[0][1]}"

    async def _start_data(self) -> None:
        module = importlib.import_module("localcloud.data")
        self.data = await module.start(
            self.bus, self.state / "data", self.keys["storage"], self.keys["cosmos"], self.clock.scale,
            guard=self.control.data_door,
        )  # fmt: skip
        self.context.data = self.data
        setattr(self.data, "logged", self.alerts.wrote)  # noqa: B010 (the port names less than the plane has)

    async def _start_provider(self) -> None:
        self.provider, self.attach = await self.serve_provider(self.state / "endpoints.json")

    async def serve_provider(self, endpoints: Path) -> tuple[asyncio.subprocess.Process, str]:
        """Served providers that work as whoever `endpoints` names; their process, and what an engine attaches to."""
        attach = endpoints.with_name(f"{endpoints.stem.replace('endpoints', 'provider')}.attach")
        log = self.state / "logs" / f"{attach.stem}.log"
        attach.unlink(missing_ok=True)
        command = [sys.executable, "-m", "localcloud.provider", "--endpoints", str(endpoints)]
        started = await processes.spawn([*command, "--attach-file", str(attach)], log=log)
        while not attach.exists():
            if started.returncode is not None:
                raise RuntimeError(f"the served provider did not start; see {log}")
            await asyncio.sleep(0.02)
        return started, attach.read_text()

    def endpoints(self) -> dict[str, Any]:
        """The fields of clouds.endpoints.Endpoints."""
        ports = {**self.edge.ports, **self.primary.ports}
        return {
            "name": "local",
            "arm_url": self.url,
            "arm_token": self.control.token,
            "subscription": LOCAL_SUBSCRIPTION,
            "tenant": LOCAL_TENANT,
            "scale": self.clock.scale,
            "edge": {address: f"127.0.0.1:{port}" for address, port in ports.items()},
            "resolvers": [
                {"name": r.name, "address": "127.0.0.1", "port": r.server.port} for r in self.resolvers
            ],
            "authority": {"name": "authority", "address": "127.0.0.1", "port": self.authority.port},
            "tls": {address: f"127.0.0.1:{port}" for address, port in self.tls.ports.items()},
            "ca_file": str(self.issuer.roots),
            "parent": {"name": "parent", "address": "127.0.0.1", "port": self.parent.port},
            "control_url": f"{self.url}/_local",
            "storage_key": self.keys["storage"],
            "cosmos_key": self.keys["cosmos"],
            "aws_url": self.aws.url if self.aws else None,
            "graph_url": self.url + graph.PREFIX,
        }

    def environment(self, endpoints: str = "endpoints.json", attach: str = "") -> str:
        """Shell assignments that `pulumi` and `dr` need to work on this cloud, as whoever `endpoints` names."""
        backend = self.state / "pulumi"
        backend.mkdir(exist_ok=True)
        values = {
            "DR_ENDPOINTS": str(self.state / endpoints),
            "DR_HOME": str(self.state / "home"),
            "DR_GATE_LOG": str(self.state / "gates.log"),
            "ARM_SUBSCRIPTION_ID": LOCAL_SUBSCRIPTION,
            "ARM_TENANT_ID": LOCAL_TENANT,
            "ARM_CLIENT_ID": LOCAL_TENANT,
            "ARM_CLIENT_SECRET": "none-is-needed-here",
            # Without the side files of the folder's objects, which are written in place: a read that meets one half written fails.
            "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
            # One for all local clouds: a salt that a bare `pulumi` left in the stack file serves the next one.
            "PULUMI_CONFIG_PASSPHRASE": "local-cloud-only",
            FALLBACK: "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }
        if attach := attach or self.attach:
            values["PULUMI_DEBUG_PROVIDERS"] = attach
        return "".join(f"{k}={shlex.quote(v)}\n" for k, v in values.items())

    def write(self, name: str, text: str) -> None:
        """Whole or not at all: a reader never sees half a file. It holds keys, so it is its owner's alone."""
        part = self.state / f".{name}.part"
        part.touch(0o600)
        part.write_text(text)
        part.replace(self.state / name)

    def _controls(self) -> None:
        async def instances(request: web.Request) -> web.StreamResponse:
            if request.method == "PUT":
                given = await request.json()
                done = self.scale_sets.order(
                    int(given.get("instance", -1)), given["state"], given.get("scaleSet", "")
                )
                return web.json_response({"obeyed": done})
            return web.json_response([
                {"scaleSet": s, "instance": i.number, "state": i.state, "port": i.port, "address": i.address,
                 "pid": i.process.pid if i.process else None} for s, i in self.scale_sets.everything()
            ])  # fmt: skip

        async def world(request: web.Request) -> web.StreamResponse:
            if request.method == "PUT":
                given: dict[str, list[str]] = await request.json()
                self.names.world |= {k.rstrip(".").lower(): list(v) for k, v in given.items()}
            return web.json_response(self.names.world)

        async def roles(_request: web.Request) -> web.StreamResponse:
            return web.json_response(self.roles.shown())

        async def resolvers(request: web.Request) -> web.StreamResponse:
            if request.method == "DELETE":
                for resolver in self.resolvers:
                    resolver.flush()
                return web.Response(status=204)
            return web.json_response([{"name": r.name, "port": r.server.port} for r in self.resolvers])

        self.sessions.add_controls()
        for method, name, handler in (
            ("GET", "instances", instances), ("PUT", "instances", instances), ("GET", "world", world),
            ("PUT", "world", world), ("PUT", "delegations", self.misbehaviour.delegations), ("GET", "roles", roles),
            ("GET", "resolvers", resolvers), ("DELETE", "resolvers", resolvers),
            ("GET", "images", self.images.control), ("PUT", "images", self.images.control),
            ("GET", "alerts", self.alerts.control), ("GET", "offers", self.offers.control), ("PUT", "offers", self.offers.control),
            ("POST", "certificate", self.issuer.control),
        ):  # fmt: skip
            self.control.route(method, name, handler)
        shown: dict[str, Callable[[], Any]] = {
            "pid": os.getpid,
            "scale": lambda: self.clock.scale,
            "url": lambda: self.url,
            "edge": lambda: {**self.edge.ports, **self.primary.ports},
            "resources": lambda: len(self.store.entries),
            "dataPlane": lambda: self.data is not None,
            "providers": lambda: self.attach,
            "rolesEnforced": lambda: self.permits is not None,
            "primary": lambda: self.primary.states,
        }
        self.control.status |= shown

    async def stop(self) -> None:
        """End everything, the youngest first."""
        for name in ("server.json", "env"):
            (self.state / name).unlink(missing_ok=True)
        self.service.operations.stop()
        self.registries.stop()
        await self.containers.stop()
        if self.provider is not None:
            await processes.end(self.provider, 1.0)
        await self.sessions.stop()
        await asyncio.gather(
            self.scale_sets.stop(), self.gateways.stop(), self.vaults.stop(), self.alerts.stop()
        )
        if self.aws is not None:
            await self.aws.stop()
        if self.data is not None:
            await self.data.stop()
        if self.runner is not None:
            await self.runner.cleanup()
        await asyncio.gather(
            self.tls.stop(), self.edge.stop(), self.primary.stop(), self.authority.stop(), self.parent.stop()
        )
        await asyncio.gather(*(r.server.stop() for r in self.resolvers))


async def watch(parent: int, stopping: asyncio.Event) -> None:
    """Stop when the process that started us has gone."""
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            break
        if os.getppid() != parent:  # a zombie still answers kill(0), but it is nobody's parent any more
            break
        await asyncio.sleep(0.3)
    stopping.set()


async def serve(
    state: Path, scale: float, parent: int | None, *, bare: bool = False, enforce_roles: bool = False
) -> int:
    """Run until told to stop. Returns the exit code."""
    server = LocalServer(state, scale, bare=bare, enforce_roles=enforce_roles)
    stopping = server.control.stopping
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, stopping.set)
    watcher = loop.create_task(watch(parent, stopping)) if parent else None
    try:
        starting = loop.create_task(server.start())
        stopped = loop.create_task(stopping.wait())
        await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await stopped
        else:
            starting.cancel()
    finally:
        if watcher:
            watcher.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                await server.stop()
    return 0


def main() -> int:
    """`python -m localcloud.server`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--scale", type=float, default=60.0)
    parser.add_argument("--parent-pid", type=int)
    parser.add_argument("--bare", action="store_true", help="no data plane, no served provider")
    parser.add_argument(
        "--enforce-roles", action="store_true", help="deny what role assignments do not allow"
    )
    given = parser.parse_args()
    return asyncio.run(
        serve(
            given.state.resolve(),
            given.scale,
            given.parent_pid,
            bare=given.bare,
            enforce_roles=given.enforce_roles,
        )
    )


if __name__ == "__main__":
    sys.exit(main())
