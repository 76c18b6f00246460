"""In which order resources may be touched: what each one waits for, from the declaration alone. Pure.

Edges come from `dependsOn` (which carries the order by mode), from placeholders (a value that another
resource must have first), and from ids (a container is made after its account).
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from graphlib import CycleError, TopologicalSorter

from recovery.arm.placeholders import references
from recovery.errors import BadInput
from recovery.model import Desired


def edges(wanted: Sequence[Desired]) -> dict[str, set[str]]:
    """id (lower case) -> the ids that come before it. Ids that nobody declares are left out."""
    known = {d.id.lower() for d in wanted}
    found: dict[str, set[str]] = {}
    for resource in wanted:
        me = resource.id.lower()
        before = {str(i).lower() for i in resource.options.get("dependsOn") or []}
        before |= {id.lower() for id, _ in references(resource.inputs)}
        parent = me
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in known:
                before.add(parent)
        found[me] = (before & known) - {me}
    return found


def ordered(wanted: Sequence[Desired]) -> list[Desired]:
    """Everything after what it waits for, otherwise in the program's order. Raises BadInput for a circle."""
    graph = edges(wanted)
    by_id = {d.id.lower(): d for d in wanted}
    place = {d.id.lower(): i for i, d in enumerate(wanted)}
    sorter = sorter_of(graph)
    result: list[Desired] = []
    while sorter.is_active():
        for id in sorted(sorter.get_ready(), key=place.__getitem__):
            result.append(by_id[id])
            sorter.done(id)
    return result


def sorter_of(graph: dict[str, set[str]]) -> TopologicalSorter[str]:
    """A prepared sorter over `edges`. Raises BadInput for a circle, naming it."""
    sorter = TopologicalSorter(graph)
    try:
        sorter.prepare()
    except CycleError as error:
        raise BadInput(
            f"the program's resources wait for each other in a circle: {' -> '.join(map(str, error.args[1]))}",
            "no order exists in which they could be changed",
            "take one of these dependencies out of components/",
        ) from error
    return sorter


def excluded(resource: Desired, patterns: Sequence[str]) -> bool:
    """Does one of the patterns (Pulumi's `--exclude`) name it? Matched on the URN's last part and on the ARM
    id."""
    name = str(resource.options.get("name") or resource.id.rsplit("/", 1)[-1])
    return any(fnmatchcase(name, p) or fnmatchcase(f"{resource.type}::{name}", p) or p == resource.id
               for p in (pattern.replace("**", "*") for pattern in patterns))  # fmt: skip
