"""Starts the data plane's servers and keeps them in step with the ARM store."""

from __future__ import annotations

from pathlib import Path

from localcloud.bus import Bus


class DataPlane:
    """Everything below ARM: what the store's owner asks for while it fills bodies.

    The endpoint methods may be called before the resource's event is published: they open the door they name.
    """

    def blob_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.blob` of a storage account (path style, with a final slash)."""
        raise NotImplementedError

    def queue_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.queue`."""
        raise NotImplementedError

    def web_endpoint(self, account: str) -> str:
        """`properties.primaryEndpoints.web`: the static site at the root of a port of its own."""
        raise NotImplementedError

    def cosmos_endpoint(self, account: str) -> str:
        """`properties.documentEndpoint` of a Cosmos DB account."""
        raise NotImplementedError

    def scm_endpoint(self, site: str) -> str:
        """`host:port` of the site's deployment door: the WebApp body's `hostNameSslStates` entry of hostType Repository."""
        raise NotImplementedError

    def functions(self, site: str) -> list[str]:
        """Names of the functions that the site lists now (`sites/S/functions`); empty until indexing has finished."""
        raise NotImplementedError

    async def stop(self) -> None:
        """Close the doors and end every child process."""
        raise NotImplementedError


async def start(
    bus: Bus, state: Path, storage_key: str, cosmos_key: str, scale: float, node: Path | None = None
) -> DataPlane:
    """Start Azurite, the Cosmos server and the doors; returns when all of them answer.

    state: folder for data, packages and logs. storage_key, cosmos_key: Base64 account keys that every account
    shares. scale: simulated seconds per real second. node: folder that holds `node_modules` (default: installed
    by `localcloud.data.node_parts.ensure()`).
    """
    raise NotImplementedError
