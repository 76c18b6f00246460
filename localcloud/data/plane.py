"""Starts the data plane's servers and doors and keeps them in step with the ARM store."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import ClientSession, web

from localcloud import processes
from localcloud.bus import Body, Bus, ResourceChanged
from localcloud.data import children, event_rules, proxy
from localcloud.data.blob_door import BlobChange, BlobDoor
from localcloud.data.cosmos_door import CosmosDoor
from localcloud.data.events import DeliveryError, EventGrid
from localcloud.data.function_host import Execution, FunctionApp
from localcloud.data.node_parts import NodeParts, ensure, node_program
from localcloud.data.scm_door import ScmDoor
from localcloud.data.site_door import SiteDoor
from localcloud.data.storage import Storage
from localcloud.data.topology import Topology, arm_type, parts
from localcloud.durations import Clock
from localcloud.ports import free_port
from recovery.errors import Failed
from recovery.model import Json

_PUBLIC = {"blob": "blob", "container": "container"}


class CosmosServer:
    """cosmosdb-server behind one account's door, started when first needed. It keeps its data in memory."""

    def __init__(self, node: NodeParts, log: Path) -> None:
        self._node = node
        self._log = log
        self._port = 0
        self._started: asyncio.Task[asyncio.subprocess.Process] | None = None

    async def url(self) -> str:
        """Its URL, once it answers."""
        if self._started is None or (self._started.done() and self._started.exception()):
            self._started = asyncio.create_task(
                self._start()
            )  # the last start failed: the next caller tries again
        await asyncio.shield(self._started)
        return f"http://127.0.0.1:{self._port}"

    async def _start(self) -> asyncio.subprocess.Process:
        with (
            children.listen() as sock
        ):  # handed over listening: a port that is only named may be taken meanwhile
            self._port = int(sock.getsockname()[1])
            process = await processes.spawn(
                [str(self._node.node), str(self._node.cosmos)],
                log=self._log,
                env=_environment({"LOCAL_COSMOS_FD": str(sock.fileno())}),
                pass_fds=(sock.fileno(),),
            )
        await children.listening(process, self._port, "the Cosmos server", self._log)
        return process

    async def stop(self) -> None:
        if self._started:
            with contextlib.suppress(Failed):
                await processes.end(await self._started)


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    kept = {k: os.environ[k] for k in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if k in os.environ}
    return {**kept, **extra}


class DataPlane:
    """Everything below ARM: what the store's owner asks for while it fills bodies.

    The endpoint methods may be called before the resource's event is published: they open the door they name.
    """

    def __init__(
        self, state: Path, storage_key: str, cosmos_key: str, scale: float, node: NodeParts,
        guard: proxy.Guard = proxy.unguarded,
    ) -> None:  # fmt: skip
        self._guard = guard
        self._state = state
        self._keys = (storage_key, cosmos_key)
        self._scale = scale
        self._node = node
        self._client: ClientSession = proxy.session()
        self._ports = (free_port(), free_port(), free_port())
        self._azurite: asyncio.subprocess.Process | None = None
        self._blob_socket = children.listen()
        self._blob_port = int(self._blob_socket.getsockname()[1])
        self._runners: list[web.ServerRunner] = []
        self._opening: set[asyncio.Task[None]] = set()
        self._sites: dict[str, tuple[str, SiteDoor]] = {}
        self._cosmos: dict[str, tuple[str, CosmosDoor, CosmosServer]] = {}
        self._apps: dict[str, tuple[str, FunctionApp]] = {}
        self.topology = Topology()
        self.logged: Callable[[str, str], None] = lambda _operation, _key: None
        """Told each write: (operation, ``/account/container/blob``), as a storage account's log has it."""
        self.storage = Storage(f"http://127.0.0.1:{self._ports[0]}", storage_key)
        self.events = EventGrid(self.topology, self.storage, self.blob_endpoint, self._call, scale)

    # -- endpoints ------------------------------------------------------------------------------------------------

    def blob_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.blob` of a storage account (path style, with a final slash)."""
        return f"http://127.0.0.1:{self._blob_port}/{account}/"

    def queue_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.queue`: Azurite itself."""
        return f"http://127.0.0.1:{self._ports[1]}/{account}/"

    def web_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.web`: the static site at the root of a port of its own."""
        name = account.lower()
        if name not in self._sites:
            door = SiteDoor(self.storage, name)
            self._sites[name] = (
                f"http://{self._open(proxy.guarded('web', self._guard, door.handle))}/",
                door,
            )
        return self._sites[name][0]

    def cosmos_endpoint(self, account: str) -> str:
        """`properties.documentEndpoint` of a Cosmos DB account."""
        return self._cosmos_door(account)[0]

    def scm_endpoint(self, site: str) -> str:
        """`host:port` of the site's deployment door: the WebApp body's `hostNameSslStates` entry of hostType Repository."""
        return self._app(site)[0]

    def functions(self, site: str) -> list[str]:
        """Names of the functions that the site lists now (`sites/S/functions`); empty until indexing has finished."""
        return sorted(self.function_configs(site))

    def function_configs(self, site: str) -> dict[str, Json]:
        """name -> function.json (bindings with the trigger) of the listed functions."""
        return self._apps[site.lower()][1].functions if site.lower() in self._apps else {}

    def executions(self, site: str) -> list[Execution]:
        """What ran, oldest first."""
        return list(self._apps[site.lower()][1].executions) if site.lower() in self._apps else []

    # -- doors ----------------------------------------------------------------------------------------------------

    def _open(self, handler: proxy.Handler) -> str:
        """Serve `handler` on a new port, now; connections wait for the few milliseconds that it takes."""
        sock = children.listen()

        async def run() -> None:
            self._runners.append(await proxy.serve(handler, sock))

        task = asyncio.get_running_loop().create_task(run())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        return f"127.0.0.1:{sock.getsockname()[1]}"

    def _cosmos_door(self, account: str) -> tuple[str, CosmosDoor, CosmosServer]:
        name = account.lower()
        if name not in self._cosmos:
            server = CosmosServer(self._node, self._state / "logs" / f"cosmos-{name}.log")
            sock_name = ""

            async def handle(request: web.BaseRequest) -> web.StreamResponse:
                return await self._cosmos[name][1].handle(request)

            sock_name = self._open(proxy.guarded("cosmos", self._guard, handle))
            endpoint = f"http://{sock_name}/"
            door = CosmosDoor(
                self._client, server.url, self._keys[1], endpoint,
                lambda database, container: self.topology.throughput(name, database, container),
            )  # fmt: skip
            self._cosmos[name] = (endpoint, door, server)
        return self._cosmos[name]

    def _app(self, site: str) -> tuple[str, FunctionApp]:
        name = site.lower()
        if name not in self._apps:
            folder = self._state / "functions" / name
            secrets = {"STORAGE_KEY": self._keys[0], "COSMOS_KEY": self._keys[1]}
            app = FunctionApp(site, folder, secrets, Clock(self._scale).seconds("function package deploy"))
            door = proxy.guarded("scm", self._guard, ScmDoor(app, folder).handle)
            self._apps[name] = (self._open(door), app)
        return self._apps[name]

    async def _call(self, site: str, function: str, event: Mapping[str, Json]) -> None:
        if site.lower() not in self._apps:
            raise DeliveryError("NotFound", f"no site {site}")
        await self._apps[site.lower()][1].call(function, event)

    async def _there(self, account: str, container: str, blob: str) -> bool:
        return await self.storage.length(account, container, blob) is not None

    # -- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start Azurite and the blob door."""
        log = self._state / "logs" / "azurite.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        blob, queue, table = (str(p) for p in self._ports)
        self._azurite = await processes.spawn(
            [
                str(self._node.node), "-r", str(self._node.home / "azurite_accounts.js"), str(self._node.azurite),
                "--location", str(self._state / "azurite"), "--skipApiVersionCheck", "--silent", "--disableTelemetry",
                "--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1",
                "--blobPort", blob, "--queuePort", queue, "--tablePort", table,
            ],
            log=log,
            env=_environment({"LOCAL_STORAGE_KEY": self._keys[0]}),
        )  # fmt: skip
        await children.listening(self._azurite, self._ports[0], "Azurite", log)
        door = BlobDoor(
            self._client, f"http://127.0.0.1:{self._ports[0]}",
            lambda account: self.topology.storage_account(account) is not None, self._changed, self._configured,
            self.topology.immutable, self._there,
        )  # fmt: skip
        self._runners.append(
            await proxy.serve(proxy.guarded("blob", self._guard, door.handle), self._blob_socket)
        )

    async def stop(self) -> None:
        """Close the doors and end every child process."""
        await self.events.stop()
        await asyncio.gather(*self._opening)
        for runner in self._runners:
            await runner.cleanup()
        for _, app in self._apps.values():
            await app.stop()
        for _, _, server in self._cosmos.values():
            await server.stop()
        await self.storage.close()
        await self._client.close()
        if self._azurite:
            await processes.end(self._azurite)

    # -- what the doors tell ----------------------------------------------------------------------------------------

    async def _changed(self, change: BlobChange) -> None:
        self.logged(change.api, f"/{change.account}/{change.container}/{change.blob}")
        await self.events.blob_changed(change)

    async def _configured(self, account: str) -> None:
        """Azure makes `$web` when static website hosting is switched on."""
        if account.lower() in self._sites:
            self._sites[account.lower()][1].forget_settings()
        if (await self.storage.website(account)).enabled:
            await self.storage.ensure_container(account, "$web")

    # -- what ARM tells ---------------------------------------------------------------------------------------------

    async def on_change(self, event: ResourceChanged) -> None:
        """Make an ARM change real."""
        kind = arm_type(event.id)
        named = parts(event.id)
        if event.new is not None and kind == "microsoft.eventgrid/systemtopics/eventsubscriptions":
            event_rules.check_filter((event.new.get("properties") or {}).get("filter") or {})
        self.topology.see(event.id, event.new)
        if kind == "microsoft.storage/storageaccounts" and event.new is None:
            await self.storage.delete_everything(named["storageaccounts"])
        elif kind == "microsoft.storage/storageaccounts/blobservices/containers":
            await self._container(named, event.new)
        elif kind.startswith("microsoft.documentdb/databaseaccounts"):
            await self._documents(kind, named, event.new)
        elif kind == "microsoft.web/sites":
            await self._site(named["sites"], event.new)
        elif kind == "microsoft.web/sites/config" and named["config"].lower() == "appsettings":
            await self._settings(named["sites"])

    async def _container(self, named: Mapping[str, str], body: Body | None) -> None:
        account, container = named["storageaccounts"], named["containers"]
        if body is None:
            await self.storage.delete_container(account, container)
        else:
            access = str((body.get("properties") or {}).get("publicAccess") or "").lower()
            await self.storage.ensure_container(account, container, _PUBLIC.get(access))

    async def _documents(self, kind: str, named: Mapping[str, str], body: Body | None) -> None:
        door = self._cosmos_door(named["databaseaccounts"])[1]
        database, container = named.get("sqldatabases", ""), named.get("containers", "")
        if kind.endswith("/databaseaccounts") and body is None:
            await door.remove_everything()
        elif kind.endswith("/sqldatabases"):
            await (door.remove(database) if body is None else door.ensure(database))
        elif kind.endswith("/sqldatabases/containers"):
            if body is None:
                await door.remove(database, container)
            else:
                resource = (body.get("properties") or {}).get("resource") or {}
                wanted = {
                    k: resource[k]
                    for k in ("partitionKey", "indexingPolicy", "uniqueKeyPolicy")
                    if k in resource
                }
                await door.ensure(database, container, wanted)

    async def _site(self, site: str, body: Body | None) -> None:
        known = site.lower() in self._apps
        app = self._app(site)[1]
        if body is None:
            await app.forget()
            return
        await app.set_stopped(str((body.get("properties") or {}).get("state", "Running")) == "Stopped")
        if not known:
            await app.resume()
        await self._settings(site)

    async def _settings(self, site: str) -> None:
        """App settings: those of the site's own body, replaced by config/appsettings once that was written."""
        own: dict[str, str] = {}
        for resource_id, body in list(self.topology.bodies.items()):
            if resource_id.endswith(f"/sites/{site.lower()}/config/appsettings"):
                await self._app(site)[1].set_settings(body.get("properties") or {})
                return
            if resource_id.endswith(f"/sites/{site.lower()}"):
                config = (body.get("properties") or {}).get("siteConfig") or {}
                own = {s["name"]: s.get("value") or "" for s in config.get("appSettings") or []}
        await self._app(site)[1].set_settings(own)


async def start(
    bus: Bus, state: Path, storage_key: str, cosmos_key: str, scale: float, node: Path | None = None,
    guard: proxy.Guard = proxy.unguarded,
) -> DataPlane:  # fmt: skip
    """Start Azurite, the Cosmos server and the doors; returns when all of them answer.

    state: folder for data, packages and logs. storage_key, cosmos_key: Base64 account keys that every account
    shares. scale: simulated seconds per real second. node: folder with our launch scripts and `node_modules`
    (default: installed by `localcloud.data.node_parts.ensure()`). guard: stands before every door.
    """
    found = NodeParts(node_program(), node) if node else await asyncio.to_thread(ensure)
    plane = DataPlane(state, storage_key, cosmos_key, scale, found, guard)
    try:
        await plane.start()
    except BaseException:
        await plane.stop()
        raise
    bus.subscribe(plane.on_change)
    return plane
