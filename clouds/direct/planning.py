"""The plan of the direct engine: the drift checker's own findings as steps, in the graph's order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from clouds import gates
from clouds.gates.world import World
from recovery.arm.mutability import is_fixed_in_body
from recovery.arm.placeholders import references, resolve
from recovery.drift import dynamic
from recovery.drift.baseline import Baseline
from recovery.drift.normalizers import canonical_id
from recovery.drift.prepare import declared_body, token_of
from recovery.drift.report import Live, check
from recovery.errors import Unobserved
from recovery.model import Action, Desired, Finding, Json, Step, Verdict
from recovery.order import excluded, ordered

STACK_REFERENCE = "pulumi:pulumi:StackReference"
AZURE = "azure-native:"

Connect = Callable[[float | None], World]
"""The gates' world; the argument is how many real seconds a whole look may take (None: the service's patience)."""


@dataclass
class Picture:
    """What was seen when the plan was made. bodies: canonical id -> live body; kept up to date by the run."""

    stack: str
    wanted: list[Desired]
    bodies: dict[str, Mapping[str, Json]]
    unknown: Mapping[str, str] = field(default_factory=dict)
    unmanaged: Sequence[Mapping[str, Json]] = ()
    baseline: Baseline | None = None
    connect: Connect = World.connect

    def look_at(self, resource: Desired) -> dict[str, Json]:
        """What a gate observes now."""
        longest = gates.READ_SECONDS * max(gates.STRETCHES)
        return gates.read(gate_kind(resource), resource.inputs, self.connect(longest))

    def pass_through(self, resource: Desired) -> None:
        """Wait at a gate. Raises recovery.errors."""
        gates.apply(gate_kind(resource), resource.inputs, self.connect(None))

    def lookup(self, id: str) -> Mapping[str, Json] | None:
        """A live body for a placeholder."""
        return self.bodies.get(canonical_id(id))

    def findings(self, resources: Sequence[Desired]) -> dict[str, list[Finding]]:
        """canonical id -> what the drift check says of these resources, what the baseline accepts left
        out."""
        ids = {canonical_id(r.id) for r in resources}
        ids |= {canonical_id(id) for r in resources for id, _ in references(r.inputs)}
        bodies = {id: self.bodies[id] for id in ids if id in self.bodies}
        unknown = {id: self.unknown[id] for id in ids if id in self.unknown and id not in bodies}
        found: dict[str, list[Finding]] = defaultdict(list)
        for finding in check(resources, Live(bodies, unknown), self.baseline, self.stack).findings:
            found[canonical_id(finding.id)].append(finding)
        return found


def is_gate(resource: Desired) -> bool:
    """One of our dynamic resources."""
    return dynamic.kind(resource.type) in gates.KINDS


def gate_kind(resource: Desired) -> str:
    """HealthGate, ..."""
    return resource.type.rpartition(":")[2]


def name_of(resource: Desired) -> str:
    """The URN's last part."""
    return str(resource.options.get("name") or resource.id.rsplit("/", 1)[-1])


def body_of(resource: Desired, picture: Picture, live: Mapping[str, Json] | None) -> dict[str, Json]:
    """The declared ARM body: placeholders resolved from live bodies.

    live None: it is to be created, and then what later changes of it are ignored counts too (Pulumi's
    ``ignoreChanges`` speaks of changes: an autoscale container must be born as one).
    """
    inputs = resolve(dict(resource.inputs), picture.lookup)
    options = resource.options if live is not None else {**resource.options, "ignoreChanges": []}
    return declared_body(replace(resource, inputs=inputs, options=options), live or {})


def plan_steps(picture: Picture, exclude: Sequence[str]) -> list[Step]:
    """One step a resource, in the graph's order. Gates are looked at now, all at the same time.

    Raises Unobserved when a resource that the plan needs could not be read: a plan made on a guess is none.
    """
    order = ordered(picture.wanted)
    taking_part = [r for r in order if not excluded(r, exclude)]
    found = picture.findings([r for r in taking_part if r.type.startswith(AZURE)])
    _refuse_unknown(taking_part, found)
    gated = [r for r in taking_part if is_gate(r)]
    with ThreadPoolExecutor(8, thread_name_prefix="gates") as pool:
        looks = pool.map(picture.look_at, gated)
        seen = {r.id: look for r, look in zip(gated, looks, strict=True)}
    chosen = {r.id for r in taking_part}
    return [_step(r, found, seen, picture) if r.id in chosen else _plain(r, Action.SAME) for r in order]


def _refuse_unknown(resources: Sequence[Desired], found: Mapping[str, Sequence[Finding]]) -> None:
    blind = [(r, f) for r in resources for f in found.get(canonical_id(r.id), ())
             if f.verdict is Verdict.UNKNOWN]  # fmt: skip
    if not blind:
        return
    shown = "; ".join(f"{name_of(r)}: {f.reason}" for r, f in blind[:5])
    names = sorted({name_of(r) for r, _ in blind})
    raise Unobserved(
        f"{len(names)} resource(s) could not be read: {shown}",
        "whether they need a change is unknown, and a plan made on a guess may change the wrong thing",
        "run the same command again; to go on without them, add "
        + " ".join(f"--exclude '{n}'" for n in names[:5]),
        retry=True,
    )


def broken(body: Mapping[str, Json] | None) -> bool:
    """Did the last change of this resource fail? Then it is written again, even where its values are as declared:
    what the service left half-done stands in no property (learn.microsoft.com/azure/networking/troubleshoot-failed-state).
    """
    properties = (body or {}).get("properties")
    state = properties.get("provisioningState") if isinstance(properties, Mapping) else None
    return str(state).lower() in ("failed", "canceled")


def _plain(resource: Desired, action: Action, paths: Sequence[str] = ()) -> Step:
    return Step(action, resource.id, resource.type, name_of(resource), tuple(paths))


def _step(
    resource: Desired,
    found: Mapping[str, Sequence[Finding]],
    seen: Mapping[str, Mapping[str, Json]],
    picture: Picture,
) -> Step:
    if resource.type == STACK_REFERENCE:
        return _plain(resource, Action.READ)
    if is_gate(resource):
        if gates.differs(gate_kind(resource), seen[resource.id], resource.inputs):
            return _plain(resource, Action.UPDATE, ["observed"])
        return _plain(resource, Action.SAME)
    mine = found.get(canonical_id(resource.id), ())
    if not mine and resource.type.startswith(AZURE) and broken(picture.lookup(resource.id)):
        return _plain(resource, Action.UPDATE, ["properties.provisioningState"])
    if not mine:  # equal; or a component or a provider, of which nothing is in the cloud
        return _plain(resource, Action.SAME)
    if any(f.verdict is Verdict.MISSING for f in mine):
        return _plain(resource, Action.CREATE)
    paths = [f.path for f in mine]
    fixed = any(is_fixed_in_body(token_of(resource), path) for path in paths)
    return _plain(resource, Action.REPLACE if fixed else Action.UPDATE, paths)


def unmanaged_steps(picture: Picture) -> list[Step]:
    """Deletions of what nobody declares; only an up that was allowed to delete has them."""
    return [
        Step(Action.DELETE, str(b.get("id", "")), str(b.get("type", "")), str(b.get("name", "")))
        for b in picture.unmanaged
    ]
