"""The plan of the direct engine: desired × live, by the drift checker's own comparison, in the graph's
order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from clouds import gates
from recovery.arm.merge import without_ignored
from recovery.arm.placeholders import resolve
from recovery.arm.shape import to_body
from recovery.drift.compare import Difference, Kind, compare
from recovery.errors import Unobserved
from recovery.model import Action, Desired, Json, Step
from recovery.order import excluded, ordered

GATE_TOKEN = "pulumi-python:gates:"  # noqa: S105 (a type token)
STACK_REFERENCE = "pulumi:pulumi:StackReference"
AZURE = "azure-native:"

CREATE_ONLY: Mapping[str, tuple[str, ...]] = {
    "": ("location",),
    "azure-native:cosmosdb:SqlResourceSqlContainer": ("properties.resource.partitionKey",),
    "azure-native:storage:StorageAccount": ("kind", "properties.isHnsEnabled"),
    "azure-native:compute:VirtualMachineScaleSet": ("properties.orchestrationMode",),
    "azure-native:authorization:RoleAssignment": ("properties.principalId", "properties.roleDefinitionId"),
}
"""Paths (prefixes) that the service does not change on an existing resource: a difference there is a
replacement. Incomplete on purpose: what is not listed here the service itself refuses, with its own words."""

Bodies = dict[str, dict[str, Json]]


@dataclass
class Picture:
    """What was seen when the plan was made. bodies: id (lower case) -> live body. unknown: id (lower) ->
    reason."""

    wanted: list[Desired]
    bodies: Bodies
    unknown: dict[str, str]
    unmanaged: list[dict[str, Json]] = field(default_factory=list)
    accepted: Callable[[Desired, Difference], bool] = lambda _resource, _difference: False
    """Is this difference no drift (it equals the baseline)?"""

    def lookup(self, id: str) -> Mapping[str, Json] | None:
        """A live body for a placeholder."""
        return self.bodies.get(id.lower())


def is_gate(resource: Desired) -> bool:
    """One of our dynamic resources."""
    return resource.type.startswith(GATE_TOKEN) or resource.type.rpartition(":")[0].endswith("gates")


def gate_kind(resource: Desired) -> str:
    """HealthGate, ..."""
    return resource.type.rpartition(":")[2]


def body_of(resource: Desired, picture: Picture) -> dict[str, Json]:
    """The declared ARM body, placeholders resolved from live bodies, ignored properties left out."""
    ignored = [str(p) for p in resource.options.get("ignoreChanges") or []]
    inputs = without_ignored(resource.inputs, ignored)
    return to_body(resource.type, resolve(inputs, picture.lookup))


def differences(resource: Desired, live: Mapping[str, Json], picture: Picture) -> list[Difference]:
    """What an update would change: the drift checker's differences less those that it accepts."""
    found = compare(body_of(resource, picture), live)
    return [d for d in found if not picture.accepted(resource, d)]


def plan_steps(picture: Picture, exclude: Sequence[str]) -> list[Step]:
    """One step a resource, in the graph's order. Gates are looked at now, all at the same time.

    Raises Unobserved when a resource that the plan needs could not be read: a plan made on a guess is none.
    """
    order = ordered(picture.wanted)
    _refuse_unknown(order, picture, exclude)
    gated = [r for r in order if is_gate(r) and not excluded(r, exclude)]
    with ThreadPoolExecutor(8, thread_name_prefix="gates") as pool:
        looks = pool.map(lambda r: gates.read(gate_kind(r), r.inputs), gated)
        seen = {r.id: look for r, look in zip(gated, looks, strict=True)}
    return [_step(r, picture, seen, exclude) for r in order]


def _refuse_unknown(order: Sequence[Desired], picture: Picture, exclude: Sequence[str]) -> None:
    blind = [r for r in order if r.id.lower() in picture.unknown and not excluded(r, exclude)]
    if not blind:
        return
    shown = "; ".join(f"{_name(r)}: {picture.unknown[r.id.lower()]}" for r in blind[:5])
    raise Unobserved(
        f"{len(blind)} resource(s) could not be read: {shown}",
        "whether they need a change is unknown, and a plan made on a guess may change the wrong thing",
        "run the same command again; to go on without them: "
        + " ".join(f"--exclude {_name(r)}" for r in blind[:5]),
        retry=True,
    )


def _name(resource: Desired) -> str:
    return str(resource.options.get("name") or resource.id.rsplit("/", 1)[-1])


def _step(
    resource: Desired, picture: Picture, seen: Mapping[str, Mapping[str, Json]], exclude: Sequence[str]
) -> Step:
    def step(action: Action, paths: Sequence[str] = ()) -> Step:
        return Step(action, resource.id, resource.type, _name(resource), tuple(paths))

    if excluded(resource, exclude):
        return step(Action.SAME)
    if resource.type == STACK_REFERENCE:
        return step(Action.READ)
    if is_gate(resource):
        differs = gates.differs(gate_kind(resource), seen[resource.id], resource.inputs)
        return step(Action.UPDATE, ["observed"]) if differs else step(Action.SAME)
    if not resource.type.startswith(AZURE):
        return step(Action.SAME)  # components and providers: nothing of them is in the cloud
    live = picture.bodies.get(resource.id.lower())
    if live is None:
        return step(Action.CREATE)
    found = differences(resource, live, picture)
    if not found:
        return step(Action.SAME)
    paths = [d.path for d in found]
    fixed = (*CREATE_ONLY[""], *CREATE_ONLY.get(resource.type, ()))
    replaced = any(d.path.startswith(fixed) and d.kind is Kind.CHANGED for d in found)
    return step(Action.REPLACE if replaced else Action.UPDATE, paths)


def unmanaged_steps(picture: Picture) -> list[Step]:
    """Deletions of what nobody declares; only an up that was allowed to delete has them."""
    return [
        Step(Action.DELETE, str(b.get("id", "")), str(b.get("type", "")), str(b.get("name", "")))
        for b in picture.unmanaged
    ]
