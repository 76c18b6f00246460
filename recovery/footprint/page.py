"""The page: two diagrams and the tables, from the desired states of both modes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from recovery.footprint.why import why
from recovery.model import Desired, Json
from recovery.order import edges

INTRO = """# The footprint

Every resource of site image-app in Azure: why it is there, and which dial touches it. Written from the program by
`make readme`; a test holds the page to it. {count} resources, the same in both modes; {dials} of them carry a dial.
"""
PLANES = """## Who reaches which plane from where

The same in both modes unless a row says otherwise. *Operators* are the public ranges of setting `network.operators`;
with none (the default) only the network's own parts reach database and vault, and people use `dr in-azure`.

| plane | the public | operators' ranges | API instances | converter | sync | gateway | standby | active |
|---|---|---|---|---|---|---|---|---|
| gateway, 80 and 443 | yes | yes | – | – | – | – | the contingency name alone leads here | all public names lead here |
| API port of an instance | no | no | no | no | no | yes | no instance runs | 2 or more run |
| static site (`$web`) | yes, read | yes, read | – | – | writes, by identity | yes, as a backend | reached directly | reached through the gateway |
| uploads account | by signed URL | by identity | private endpoint | private endpoint | private endpoint | no | the sync writes | users and converter write |
| journal account | no (identity needed) | by identity, from anywhere | no | no | private endpoint | no | | |
| host account | no | by identity | no | yes, its own | no | no | | |
| Cosmos DB, documents | no | by identity | private endpoint | private endpoint | private endpoint | no | 400 RU/s | 4000 RU/s |
| Key Vault, certificate | no | by identity | no | no | no | private endpoint, one secret | | |
| Resource Manager | with a role | with a role | no | no | reads its own places | no | | |
| AWS (buckets, table, queue) | – | with their own rights | no | no | by role `sync`, token, no key | no | reads | writes back |
| SSH to an instance | no | no | no | no | no | no | no port is open: serial console, or replace it | the same |
"""


def page(standby: Sequence[Desired], active: Sequence[Desired]) -> str:
    """Markdown. Raises LookupError for a resource without a sentence."""
    other = {_name(d): d for d in active}
    dials = {
        _name(d): found for d in standby if (found := list(differences(d.inputs, other[_name(d)].inputs)))
    }
    held = [d for d in standby if not d.type.startswith("pulumi:")]
    intro = INTRO.format(count=len(held), dials=len(dials))
    parts = [intro, _diagram(held), _order(standby, active), _dials(dials), PLANES, *_groups(held, dials)]
    return "\n".join(part.rstrip() + "\n" for part in parts)


def _name(one: Desired) -> str:
    return str(one.options.get("name"))


def _group(one: Desired) -> str:
    """The component, by the file that declares the resource."""
    file = one.source.partition(":")[0].rpartition("/")[2].removesuffix(".py")
    if file == "gates":  # dynamic resources are declared by their classes
        return _DYNAMIC.get(_name(one), "the order")
    return {"footprint": "the whole", "parts": "identities and roles", "sync_job": "sync"}.get(file, file)


_DYNAMIC = {"cosmos-throughput": "database", "converter-package": "converter", "certificate": "vault"}


def differences(old: Json, new: Json, path: str = "") -> Iterator[tuple[str, Json, Json]]:
    """(path, value in standby, value in active) of every leaf that differs."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            yield from differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for n, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from differences(one, other, f"{path}[{n}]")
    elif old != new:
        yield path, old, new


def _shown(value: Json) -> str:
    """A value in a table's cell; what only the cloud knows by the name of its resource."""
    if isinstance(value, list):
        return ", ".join(_shown(v) for v in value) or "none"
    if isinstance(value, Mapping):
        return ", ".join(_shown(v) for v in value.values())
    text = re.sub(r"⟦[^#⟧]*/([^/#⟧]+)#[^⟧]*⟧", r"(\1)", str(value))
    return "–" if value is None else f"`{text}`"


def _diagram(held: Sequence[Desired]) -> str:
    """Which component names parts of which; what follows from another arrow is left out. Gates only wait: not here."""
    built = [d for d in held if _group(d) not in ("the order", "the whole")]
    of = {d.id.lower(): _group(d) for d in built if d.id.startswith("/")}
    graph: dict[str, set[str]] = {_group(d): set() for d in built}
    for one in built:
        said = json.dumps(one.inputs, ensure_ascii=False).lower()
        graph[_group(one)] |= {
            group for id, group in of.items() if re.search(re.escape(id) + r"[/#\"]", said)
        } - {_group(one)}
    lines = [f"  {_id(b)} --> {_id(a)}" for a in sorted(graph) for b in sorted(_direct(graph, a))]
    counts = {g: sum(1 for d in built if _group(d) == g) for g in graph}
    nodes = [f'  {_id(g)}["{g} ({counts[g]})"]' for g in sorted(graph)]
    return (
        "## What is built on what\n\nAn arrow leads from what is named to what names it.\n\n```mermaid\nflowchart LR\n"
        + "\n".join(nodes + lines)
        + "\n```"
    )


def _id(text: str) -> str:
    return re.sub(r"\W", "_", text)


def _direct(graph: Mapping[str, set[str]], node: str) -> set[str]:
    """The edges of a node that no longer path replaces (circles between components are left as they are)."""
    mine = graph.get(node, set())
    return {b for b in mine if not any(b in _below(graph, c, node) for c in mine if c != b)}


def _below(graph: Mapping[str, set[str]], start: str, without: str) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        for one in graph.get(todo.pop(), set()) - {without}:
            if one not in seen:
                seen.add(one)
                todo.append(one)
    return seen - {start}


_ORDERED = (
    "return-gate", "health-gate", "drain-gate", "direction-record", "apex-record", "api-record", "www-record", "mode-record", "api", "gateway",
    "cosmos-throughput", "uploads-subscription", "sync-daily", "sync-watch",
)  # fmt: skip


def _order(standby: Sequence[Desired], active: Sequence[Desired]) -> str:
    """The order of a switch, from the recorded graphs of both modes."""
    text = "## The order of a switch\n\nWhat nothing points at starts at once.\n"
    for mode, state in (("active", active), ("standby", standby)):
        by_id = {d.id.lower(): _name(d) for d in state}
        whole = {by_id[i]: {by_id[b] for b in before} for i, before in edges(state).items()}
        graph = {n: (_below(whole, n, "") & set(_ORDERED)) - {n} for n in _ORDERED if n in whole}
        graph = {
            n: {b for b in before if not any(b in graph[c] for c in before if c != b)}
            for n, before in graph.items()
        }
        lines = [f"  {_id(b)} --> {_id(a)}" for a in _ORDERED for b in _ORDERED if b in graph.get(a, set())]
        used = [n for n in graph if any(_id(n) in re.split(r"\W+", line) for line in lines)]
        nodes = [f'  {_id(n)}["{n}"]' for n in used]
        text += f"\n{mode}:\n\n```mermaid\nflowchart LR\n" + "\n".join(nodes + lines) + "\n```\n"
    return text


def _dials(dials: Mapping[str, list[tuple[str, Json, Json]]]) -> str:
    rows = [
        f"| {name} | `{path}` | {_shown(old)} | {_shown(new)} |"
        for name, found in sorted(dials.items())
        for path, old, new in found
    ]
    return "## The dials\n\n| resource | property | standby | active |\n|---|---|---|---|\n" + "\n".join(rows)


def _groups(held: Sequence[Desired], dials: Mapping[str, object]) -> Iterator[str]:
    """One table a component, in the program's order."""
    ordered = sorted(held, key=lambda d: (_group(d), _name(d)))
    starts = [
        0,
        *(i + 1 for i, (a, b) in enumerate(pairwise(ordered)) if _group(a) != _group(b)),
        len(ordered),
    ]
    for start, end in pairwise(starts):
        rows = [
            f"| {_name(d)} | {d.type.rpartition(':')[2]} | {why(_name(d))} | {'yes' if _name(d) in dials else ''} |"
            for d in ordered[start:end]
        ]
        head = "| resource | type | why it is there | dial |\n|---|---|---|---|\n"
        yield f"## {_group(ordered[start]).capitalize()}\n\n{head}" + "\n".join(rows)
