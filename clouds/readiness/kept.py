"""Each run is kept twice: a file in DR_HOME/readiness, and a write-once blob beside the journal in Azure (READY-8)."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clouds.azure.data_plane import reading, writing
from clouds.journal_place import home
from recovery.errors import DrError
from recovery.journal.mask import masked
from recovery.model import Json

if TYPE_CHECKING:
    from clouds.readiness.world import ReadyWorld

PREFIX = "readiness"
Document = dict[str, Json]


def new_id(now: datetime, kind: str = "run") -> str:
    """A document's name, sorted by time: ``20261207T030000Z-run-1a2b3c``."""
    return f"{now:%Y%m%dT%H%M%SZ}-{kind}-{secrets.token_hex(3)}"


def person() -> str:
    """Who does it, for the record."""
    return os.environ.get("DR_PERSON") or getpass.getuser()


def folder(root: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where this machine's copies are."""
    return home(root, environ) / PREFIX


def begin(world: ReadyWorld) -> None:
    """Say in Azure that a run has begun: the journal's probe, and what is left of a run that was killed. Raises Failed."""
    document = {"kind": "begun", "run": world.run, "stack": world.stack, "at": world.now().isoformat(),
                "person": person(), "host": socket.gethostname()}  # fmt: skip
    upload(world.sync.journal, f"{world.run}.begun", document)


def upload(container: Any, name: str, document: Mapping[str, Json]) -> None:
    """Write one document once. Raises Failed. container: the journal container's SDK client."""
    data = json.dumps(masked(dict(document)), indent=1, ensure_ascii=False).encode()
    with writing(f"{PREFIX}/{name}.json in the journal container"):
        container.get_blob_client(f"{PREFIX}/{name}.json").upload_blob(
            data, overwrite=False
        )  # If-None-Match: *


def keep(world: ReadyWorld, name: str, document: Mapping[str, Json]) -> tuple[Path, DrError | None]:
    """Keep a document in both places. Returns the local file, and what kept it from Azure (it is local then)."""
    into = folder(world.root, world.environ)
    into.mkdir(parents=True, exist_ok=True)
    path = into / f"{name}.json"
    data = json.dumps(masked(dict(document)), indent=1, ensure_ascii=False).encode()
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    try:
        upload(world.sync.journal, name, document)
    except DrError as error:
        return path, error
    return path, None


@dataclass(frozen=True)
class History:
    """Every kept document, the oldest first. unseen: why Azure's copies could not be read ("" = they were)."""

    documents: tuple[Document, ...]
    unseen: str = ""


def history(world: ReadyWorld) -> History:
    """What this machine and the journal container hold, each document once."""
    found: dict[str, Document] = {}
    unseen = ""
    try:
        container = world.sync.journal
        with reading("the kept readiness runs"):
            names = [str(b.name) for b in container.list_blobs(name_starts_with=f"{PREFIX}/")]
        here = {p.name for p in folder(world.root, world.environ).glob("*.json")}
        for name in names:
            leaf = name.rpartition("/")[2]
            if leaf.endswith(".begun.json") or leaf in here:
                continue
            with reading(name):
                found[leaf] = _parsed(container.get_blob_client(name).download_blob().readall(), leaf)
    except DrError as error:
        unseen = error.summary
    for path in folder(world.root, world.environ).glob("*.json"):
        found[path.name] = _parsed(path.read_bytes(), path.name)
    return History(tuple(found[name] for name in sorted(found)), unseen)


def _parsed(data: bytes, name: str) -> Document:
    """A document; one that cannot be read stays visible as what it is."""
    try:
        raw = json.loads(data)
    except ValueError as error:
        return {"kind": "unreadable", "name": name, "reason": str(error)}
    return raw if isinstance(raw, dict) else {"kind": "unreadable", "name": name, "reason": "no object"}
