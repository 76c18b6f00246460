"""Where people's words arrive: a folder of this machine, and ``inbox/`` in the journal container for all others.

In the container each writer has a folder of their own, ``inbox/RUN/OBJECT_ID/``: a role assignment with a condition on
the path lets nobody write into another's, so the path vouches for the writer (Azure ABAC, ``blobs:path`` conditions).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from clouds.runbook.calls import Heard, Journal
from recovery.errors import DrError, Failed
from recovery.journal.chain import Kind
from recovery.messages.drafts import note_of
from recovery.people.words import Word, document, event_of, read
from recovery.runbook.state import State


class Place(Protocol):
    """One place for words. Everything may raise recovery.errors."""

    name: str

    def put(self, name: str, data: bytes) -> None: ...

    def all(self, run: str, known: set[str]) -> Iterator[tuple[str, bytes, str]]:
        """(name, content, writer the place vouches for or "") of a run's files that are not known yet."""
        ...


class FolderPlace:
    """Files of this machine. They prove nothing of their writer."""

    name = "this machine"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, data: bytes) -> None:
        """Whole or not at all."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(data)
        partial.replace(path)

    def all(self, run: str, known: set[str]) -> Iterator[tuple[str, bytes, str]]:
        """New files, in the order of their arrival."""
        folder = self._folder / run
        files = sorted(folder.glob("*.json"), key=lambda p: p.stat().st_mtime_ns) if folder.exists() else []
        for path in files:
            name = f"{run}/{path.name}"
            if name not in known:
                yield name, path.read_bytes(), ""


class BlobStore(Protocol):
    """The part of `clouds.azure.blobs.Blobs` that is needed."""

    def put(
        self, container: str, name: str, data: bytes, *, content_type: str = ..., overwrite: bool = ...
    ) -> str: ...

    def get(self, container: str, name: str) -> bytes | None: ...

    def list(self, container: str, prefix: str = ...) -> Iterator[object]: ...


class BlobPlace:
    """``inbox/`` of the journal container. account: the writer's object id, "" where keys sign."""

    name = "the journal container"

    def __init__(self, blobs: BlobStore, container: str, account: str = "") -> None:
        self._blobs, self._container, self._account = blobs, container, account

    def put(self, name: str, data: bytes) -> None:
        """Write it into one's own folder."""
        run, _, file = name.partition("/")
        folder = f"{self._account}/" if self._account else ""
        path = f"inbox/{run}/{folder}{file}"
        self._blobs.put(self._container, path, data, content_type="application/json", overwrite=True)

    def all(self, run: str, known: set[str]) -> Iterator[tuple[str, bytes, str]]:
        """New blobs."""
        prefix = f"inbox/{run}/"
        for blob in self._blobs.list(self._container, prefix):
            path = str(getattr(blob, "name", ""))
            writer, _, file = path.removeprefix(prefix).rpartition("/")
            name = f"{run}/{file}"
            data = None if name in known else self._blobs.get(self._container, path)
            if data is not None:
                yield name, data, writer


@dataclass
class Inbox:
    """Takes words in from all places, proves them, writes each down once.

    verifiers: identity -> proof, as they were when the run began. every: seconds between two looks at a place that is
    asked over the network.
    """

    places: Sequence[Place]
    verifiers: Mapping[str, str]
    journal: Journal
    clock: Callable[[], float]
    every: float = 1.0
    refused: Callable[[str], None] = lambda text: None
    _known: set[str] = field(default_factory=set)
    _looked: float = 0.0
    _loaded: bool = False

    def words(self, state: State) -> list[Heard]:
        """The events of all new words. What is not provably somebody's own is noted and changes nothing."""
        now = self.clock()
        if 0 <= now - self._looked < self.every:
            return []
        self._looked = now
        if not self._loaded:
            self._known |= taken(self.journal, state.run)
            self._loaded = True
        found: list[Heard] = []
        for place in self.places:
            try:
                fresh = list(place.all(state.run, self._known))
            except DrError:
                continue  # asked again at the next look; the other place may have it meanwhile
            for name, data, writer in fresh:
                if name in self._known:
                    continue
                self._known.add(name)
                word, why = read(data, state.run, self.verifiers, writer)
                if word is not None and word.kind == "draft":
                    self._draft(word, state, name, place.name)
                    continue
                event = event_of(word, now) if word is not None else why
                accepted = not isinstance(event, str)
                body = {"what": "word", "file": name, "place": place.name, "accepted": accepted}
                body |= {"word": document(word)} if word is not None else {}
                if isinstance(event, str):
                    self.refused(f"a word was refused: {event}")
                    self.journal.append(Kind.NOTE, state.run, body | {"why": event})
                else:
                    found.append(Heard(event, body))
        return found

    def _draft(self, word: Word, state: State, file: str, place: str) -> None:
        """A text of the PM for an external message: kept, and shown to whoever approves it."""
        note = note_of(word, state.people)
        body = {"what": "word", "file": file, "place": place, "accepted": not isinstance(note, str)}
        if isinstance(note, str):
            self.refused(f"a draft was refused: {note}")
            self.journal.append(Kind.NOTE, state.run, body | {"why": note})
        else:
            self.journal.append(Kind.NOTE, state.run, note)
            self.journal.append(Kind.NOTE, state.run, body)


def taken(journal: Journal, run: str) -> set[str]:
    """Files of words that the journal has taken in."""
    return {
        str(record.body.get("file"))
        for record in journal.records
        if record.run == run and record.kind is Kind.NOTE and record.body.get("what") == "word"
    }


def send(places: Sequence[Place], word: Word, data: bytes) -> list[str]:
    """Put a word in every place that can be reached. Returns their names; raises Failed when there is none."""
    reached: list[str] = []
    why: list[str] = []
    for place in places:
        try:
            place.put(word.name, data)
            reached.append(place.name)
        except (DrError, OSError) as error:
            why.append(f"{place.name}: {error.summary if isinstance(error, DrError) else error}")
    if not reached:
        raise Failed(
            f"the word could not be left anywhere: {'; '.join(why)}",
            "the run cannot know of it",
            "dr approve    (again, or from another machine)",
            retry=True,
        )
    return reached


def questions(asked: Mapping[str, object]) -> bytes:
    """What is asked, for those who approve from another machine."""
    return json.dumps(asked, ensure_ascii=False, indent=1, default=str).encode()
