"""Probe of the hand-over: both stacks' checkpoints, read where the state backend keeps them, without engine or CLI.

Layout of a self-managed backend: ``.pulumi/stacks/PROJECT/STACK.json`` (``.gz`` where compressed), in a folder
(``file://``) or a blob container (``azblob://CONTAINER?storage_account=ACCOUNT``).
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from clouds.pulumi_locks import backend_folder
from clouds.readiness.world import ReadyWorld
from recovery.model import Json
from recovery.readiness.model import UnseenError

Evidence = dict[str, Json]
PROJECT = "standby"


def handover(world: ReadyWorld) -> Evidence:
    """What each stack holds: its resources by URN without the stack's name, the stamp, pending operations."""
    ours, theirs = (_deployment(world, stack) for stack in ("standby", "active"))
    mine, other = _names(ours), _names(theirs)
    return {
        "resources": len(mine), "handedOver": bool(other),
        "standbyPending": _pending(ours), "activePending": _pending(theirs),
        "standbyStamp": _stamp(ours), "activeStamp": _stamp(theirs),
        "absent": sorted(mine - other), "gone": sorted(other - mine),
    }  # fmt: skip


def _deployment(world: ReadyWorld, stack: str) -> Mapping[str, Json]:
    """The latest deployment of a stack, empty where the backend has none. Raises UnseenError."""
    url = world.environ.get("PULUMI_BACKEND_URL", "")
    name = f".pulumi/stacks/{PROJECT}/{stack}.json"
    scheme = url.partition("://")[0]
    try:
        if (folder := backend_folder(url)) is not None:
            text = _from_folder(folder, name)
        elif scheme == "azblob":
            text = _from_container(url, name, world)
        else:
            raise UnseenError(
                f"checkpoints in {scheme or 'an unnamed backend'} are not read here (PULUMI_BACKEND_URL: file:// or azblob://)"
            )
        if text is None:
            return {}
        raw = json.loads(text)
        found = raw["checkpoint"].get("latest") or {}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise UnseenError(
            f"the checkpoint of stack {stack} cannot be read: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(found, Mapping):
        raise UnseenError(f"the checkpoint of stack {stack} is no object")
    return found


def _from_folder(folder: Path, name: str) -> bytes | None:
    plain = folder / name
    packed = plain.with_name(plain.name + ".gz")
    if packed.exists():
        return gzip.decompress(packed.read_bytes())
    return plain.read_bytes() if plain.exists() else None


def _from_container(url: str, name: str, world: ReadyWorld) -> bytes | None:
    from azure.core.exceptions import ResourceNotFoundError
    from azure.identity import DefaultAzureCredential
    from azure.storage.blob import ContainerClient

    from clouds.azure.data_plane import reading

    parts = urlsplit(url)
    account = parse_qs(parts.query).get("storage_account", [world.environ.get("AZURE_STORAGE_ACCOUNT", "")])[
        0
    ]
    if not account:
        raise UnseenError("PULUMI_BACKEND_URL names no storage account")
    prefix = parts.path.strip("/")
    client = ContainerClient(
        f"https://{account}.blob.core.windows.net", parts.netloc, DefaultAzureCredential()
    )
    with client, reading("the state backend"):
        for one in (f"{name}.gz", name):
            try:
                data = client.download_blob(f"{prefix}/{one}".lstrip("/")).readall()
            except ResourceNotFoundError:
                continue
            return gzip.decompress(data) if one.endswith(".gz") else data
    return None


def _names(deployment: Mapping[str, Json]) -> set[str]:
    """URNs without project and stack; the stack itself and providers are no part of the footprint."""
    urns = (str(one["urn"]).split("::", 2)[2] for one in deployment.get("resources") or [])
    return {u for u in urns if not u.startswith(("pulumi:pulumi:", "pulumi:providers:"))}


def _pending(deployment: Mapping[str, Json]) -> int:
    return len(deployment.get("pending_operations") or [])


def _stamp(deployment: Mapping[str, Json]) -> str:
    for one in deployment.get("resources") or []:
        if one.get("type") == "pulumi:pulumi:Stack":
            return str((one.get("outputs") or {}).get("footprint") or "")
    return ""
