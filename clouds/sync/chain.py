"""The chain of exports behind the documents: which are staged and imported, up to which cut; kept as one guarded blob.

``metadata.json`` in the journal container. A run that is killed goes on with the export and file at which it stopped;
two runs at once are told so by the ETag.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

from clouds.azure.data_plane import reading, writing
from clouds.sync.exports import Exports
from recovery.errors import Failed, Stopped
from recovery.model import Json
from recovery.sync.exported import BadExportError, Change, DataFile, Manifest, change
from recovery.sync.ids import Keys

T = TypeVar("T")
BLOB = "metadata.json"
LONGEST = 30
"""Incremental exports after a full one, before the next run begins anew with a full one: proofs fold the whole chain."""


@dataclass
class Link:
    """One export. files: how many of its data files are imported; lines: of the next one, how many are; done: all of it is."""

    export: str
    full: bool
    until: float
    files: int = 0
    done: bool = False
    lines: int = 0


@dataclass
class Chain:
    """The chain. proven: epoch seconds of the last cut at which the documents were proven equal (0: never)."""

    links: list[Link] = field(default_factory=list)
    proven: float = 0.0

    @property
    def cut(self) -> float | None:
        """Up to when everything is imported; None before the first full export is."""
        done = [link.until for link in self.links if link.done]
        return max(done) if done else None

    @property
    def open(self) -> list[Link]:
        """Exports that are staged and not wholly imported."""
        return [link for link in self.links if not link.done]

    def add(self, made: Link, since: float | None) -> None:
        """Take in an export that is staged. since: where it begins (None: a full one).

        It stands for what came before where that is not wholly imported and all of it is in the new one: everything in a
        full one, and in an incremental one what the least window of 15 minutes reaches back over. A run that is started
        again after a minute so has one such window to import, not one a start.
        """
        kept: list[Link] = []
        for number, link in enumerate(self.links):
            begins = self.links[number - 1].until if number else 0.0
            again = since is None or (since <= begins and not link.full and link.until <= made.until)
            if not again or (link.done and since is not None):
                kept.append(link)
        self.links = [*kept, made]


class ChainBlob:
    """The blob that keeps it. container: the journal container's SDK client."""

    def __init__(self, container: Any) -> None:
        self._blob = container.get_blob_client(BLOB)
        self._etag: str | None = None

    def load(self) -> Chain:
        """What is kept; an empty chain when there is none. Raises Unobserved, Failed."""
        from azure.core.exceptions import ResourceNotFoundError

        with reading("the chain of exports"):
            try:
                found = self._blob.download_blob()
                data, self._etag = found.readall(), found.properties.etag
            except ResourceNotFoundError:
                self._etag = None
                return Chain()
        try:
            raw: dict[str, Json] = json.loads(data)
            return Chain([Link(**one) for one in raw["links"]], float(raw["proven"]))
        except (ValueError, KeyError, TypeError) as exc:
            raise Failed(
                f"{BLOB} in the journal container cannot be understood: {exc}",
                "which exports are imported is not known",
                "delete that blob: the next run begins with a full export",
            ) from exc

    def store(self, chain: Chain) -> None:
        """Keep it. Raises Stopped when another run kept something meanwhile."""
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        condition: dict[str, Any] = {"overwrite": False}
        if self._etag is not None:
            condition = {
                "overwrite": True,
                "etag": self._etag,
                "match_condition": MatchConditions.IfNotModified,
            }
        with writing("keeping the chain of exports"):
            try:
                done = self._blob.upload_blob(json.dumps(asdict(chain), indent=1).encode(), **condition)
            except (ResourceExistsError, ResourceModifiedError) as exc:
                raise Stopped(
                    "another run imports the same table at this moment",
                    "each would believe the other's checkpoint to be its own",
                    "dr sync metadata    (when the other has ended)",
                    retry=True,
                ) from exc
        self._etag = done["etag"]


def changes(
    exports: Exports, link: Link, keys: Keys, start: int = 0
) -> Iterator[tuple[int, Iterator[Change]]]:
    """The changes of one export, file by file, from file `start` on: (its index, its changes)."""
    of, names = exports.staged(link.export), _names(keys)
    for index, one in enumerate(of.files):
        if index >= start:
            yield index, _file(exports, of, one, names)


def _file(exports: Exports, of: Manifest, one: DataFile, names: tuple[str, ...]) -> Iterator[Change]:
    try:
        for line in counted(exports, of, one):
            yield change(line, of, names)
    except BadExportError as exc:
        raise damaged(exc) from exc


def counted(exports: Exports, of: Manifest, one: DataFile) -> Iterator[bytes]:
    """A data file's lines; raises Failed at its end when they are not as many as the manifest says."""
    seen = 0
    for line in exports.lines(of, one):
        seen += 1
        yield line
    if seen != one.items:
        raise Failed(
            f"{one.key} holds {seen} items, the manifest says {one.items}",
            "an import would miss items",
            "dr sync metadata",
            retry=True,
        )


def damaged(exc: BadExportError) -> Failed:
    """A line that is none."""
    return Failed(str(exc), "an import would miss items", "dr sync metadata", retry=True)


def _names(keys: Keys) -> tuple[str, ...]:
    return (keys.partition,) if keys.sort is None else (keys.partition, keys.sort)


def state(exports: Exports, chain: Chain, keys: Keys, of: Callable[[Change], T]) -> dict[str, T]:
    """The table at the chain's cut: id -> what `of` makes of the newest write of that key; deleted ones are left out.

    Holds what `of` gives for every key (a digest: some 300 bytes an item), never the items themselves.
    """
    from recovery.sync.ids import document_id

    found: dict[str, tuple[int, T | None]] = {}
    for link in chain.links:
        if link.done:
            for _, file in changes(exports, link, keys):
                for one in file:
                    id = document_id(one.keys, keys)
                    if id not in found or found[id][0] <= one.at:
                        found[id] = (one.at, None if one.item is None else of(one))
    return {id: held for id, (_, held) in found.items() if held is not None}
