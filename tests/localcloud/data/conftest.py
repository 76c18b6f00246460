"""One real data plane for the whole session: Azurite and cosmosdb-server behind their doors, in a loop of its own."""

from __future__ import annotations

import asyncio
import base64
import io
import threading
import time
import zipfile
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

from localcloud.bus import Bus, ResourceChanged
from localcloud.data import DataPlane, node_parts, start
from recovery.errors import Failed

T = TypeVar("T")
STORAGE_KEY = base64.b64encode(b"storage key of the tests, 32 by.").decode()
COSMOS_KEY = base64.b64encode(b"documents key of the tests, 32 b").decode()
SCALE = 600.0
GROUP = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-test"
CONVERTER = Path(__file__).parents[3] / "components" / "image_app" / "converter_app"


@dataclass
class World:
    """The plane, its bus, and a way to run coroutines in its loop."""

    plane: DataPlane
    bus: Bus
    loop: asyncio.AbstractEventLoop
    state: Path

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the plane's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def put(self, path: str, properties: dict[str, Any] | None = None, **more: Any) -> str:
        """A PUT in ARM, as the store would publish it."""
        resource_id = f"{GROUP}/providers/{path}"
        body = {"id": resource_id, "properties": properties or {}, **more}
        self.run(self.bus.publish(ResourceChanged(resource_id, None, body)))
        return resource_id

    def delete(self, path: str) -> None:
        """A DELETE in ARM."""
        resource_id = f"{GROUP}/providers/{path}"
        self.run(self.bus.publish(ResourceChanged(resource_id, {"id": resource_id}, None)))

    def call(self, function: Callable[..., T], *args: Any) -> T:
        """Call a plain method in the plane's loop."""

        async def inside() -> T:
            return function(*args)

        return self.run(inside())


def eventually(look: Callable[[], T], seconds: float = 30.0) -> T:
    """The first true value that `look` returns; fails with the last one after `seconds`."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"not seen within {seconds} s; last: {seen!r}"
        time.sleep(0.05)
    return seen


def converter_zip() -> bytes:
    """The converter's real code, zipped."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for file in sorted(CONVERTER.iterdir()):
            if file.is_file():
                package.write(file, file.name)
    return out.getvalue()


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A running data plane. Skips, with npm's words, where the Node servers cannot be installed."""
    try:
        node_parts.ensure()
    except Failed as error:
        pytest.skip(f"the Node servers cannot be installed: {error.summary}")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    state = tmp_path_factory.mktemp("data-plane")
    bus = Bus()

    async def begin() -> DataPlane:
        return await start(bus, state, STORAGE_KEY, COSMOS_KEY, SCALE)

    try:
        plane = asyncio.run_coroutine_threadsafe(begin(), loop).result(120)
        yield World(plane, bus, loop, state)
        asyncio.run_coroutine_threadsafe(plane.stop(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
