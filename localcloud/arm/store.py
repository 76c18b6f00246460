"""What exists: resources by lower-case id, in order of creation."""

from __future__ import annotations

import copy
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from localcloud.arm.ids import ArmPath

if TYPE_CHECKING:
    from localcloud.arm.operations import Operation

Body = dict[str, Any]


def new_etag() -> str:
    """A strong entity tag."""
    return str(uuid.uuid4())


@dataclass
class Entry:
    """One resource. body: everything, write-only values included. effective: what the world acts on."""

    path: ArmPath
    body: Body
    effective: Body | None = None
    etag: str = field(default_factory=new_etag)
    operation: Operation | None = None

    @property
    def type(self) -> str:
        """The ARM type in lower case."""
        return self.path.type.lower()

    @property
    def busy(self) -> bool:
        """Whether a long-running operation holds it."""
        return self.operation is not None and self.operation.running


@dataclass
class Store:
    """The resources of one subscription."""

    subscription: str
    entries: dict[str, Entry] = field(default_factory=dict)

    def get(self, id_or_path: str | ArmPath) -> Entry | None:
        """One resource by id, any case."""
        key = id_or_path.key if isinstance(id_or_path, ArmPath) else id_or_path.lower().rstrip("/")
        return self.entries.get(key)

    def lookup(self, resource_id: str) -> Body | None:
        """A copy of the full body, for the other parts of the local cloud."""
        entry = self.get(resource_id)
        return copy.deepcopy(entry.body) if entry else None

    def bodies(self, arm_type: str) -> list[Mapping[str, Any]]:
        """Copies of the full bodies of a type."""
        wanted = arm_type.lower()
        return [copy.deepcopy(e.body) for e in self.entries.values() if e.type == wanted]

    def of_type(self, arm_type: str, below: str = "") -> Iterator[Entry]:
        """Resources of a type whose id starts with `below` (a scope or a parent's id)."""
        wanted, prefix = arm_type.lower(), below.lower().rstrip("/") + "/"
        return (e for k, e in self.entries.items() if e.type == wanted and k.startswith(prefix))

    def below(self, resource_id: str) -> list[Entry]:
        """Everything under an id, deepest first."""
        prefix = resource_id.lower().rstrip("/") + "/"
        found = [e for k, e in self.entries.items() if k.startswith(prefix)]
        return sorted(found, key=lambda e: -e.path.key.count("/"))

    def add(self, entry: Entry) -> None:
        """File a new resource."""
        self.entries[entry.path.key] = entry

    def remove(self, path: ArmPath) -> None:
        """Forget a resource."""
        self.entries.pop(path.key, None)
