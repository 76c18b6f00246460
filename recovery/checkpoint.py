"""Exported Pulumi checkpoints, rewritten from one stack to the other. Plain data in, plain data out.

A checkpoint is handed over by giving the target stack the source's resources under its own name. URNs are
rewritten field by field where the deployment schema has them (sdk/go/common/apitype/core.go, ResourceV3), never
by text: a tag or a secret may well contain the words of a URN.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from recovery.errors import BadInput, Failed, Stopped
from recovery.model import Json

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_RESOURCE_REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT_VALUE = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
"""Keys and values that mark special values inside inputs and outputs (sdk/go/common/resource/sig)."""

_STACK = "pulumi:pulumi:Stack"
_STACK_REFERENCE = "pulumi:pulumi:StackReference"

_URN_FIELDS = ("urn", "parent", "provider", "deletedWith", "viewOf")
_URN_LISTS = ("dependencies", "aliases", "replaceWith")


@dataclass(frozen=True)
class Rename:
    """From which stack of which project to which."""

    project: str
    source: str
    target: str

    def urn(self, urn: str) -> str:
        """The URN (or provider reference URN::ID) under the target stack. A foreign URN stays as it is."""
        prefix = f"urn:pulumi:{self.source}::{self.project}::"
        if not urn.startswith(prefix):
            return urn
        type_, _, name = urn.removeprefix(prefix).partition("::")
        if type_ == _STACK and name == f"{self.project}-{self.source}":
            name = f"{self.project}-{self.target}"
        elif type_.rpartition("$")[2] == _STACK_REFERENCE:
            name = self.stack_reference(name)
        return f"urn:pulumi:{self.target}::{self.project}::{type_}::{name}"

    def stack_reference(self, name: str) -> str:
        """A program's reference to its own stack becomes one to the target; others stay."""
        parts = name.split("/")
        if parts[-2:] == [self.project, self.source] or parts == [self.source]:
            return "/".join([*parts[:-1], self.target])
        return name


def rewrite(
    export: Mapping[str, Json], rename: Rename, secrets_providers: Mapping[str, Json]
) -> dict[str, Json]:
    """The export as one of the target stack, encrypted by the target's secrets provider when imported.

    export: as ``pulumi stack export --show-secrets`` prints it. secrets_providers: the target's own, from its
    export. Raises Stopped when operations are pending, BadInput when the target has no secrets provider.
    """
    refuse_pending(export, rename.source)
    if not secrets_providers:
        raise BadInput(
            f"stack {rename.target} has no secrets provider of its own",
            "the checkpoint's secrets would be encrypted with a key that the target cannot use",
            f"pulumi stack init {rename.target}",
        )
    out = copy.deepcopy(dict(export))
    deployment = out["deployment"]
    deployment["secrets_providers"] = copy.deepcopy(dict(secrets_providers))
    deployment["resources"] = [_resource(r, rename) for r in deployment.get("resources") or []]
    return out


def refuse_pending(export: Mapping[str, Json], stack: str) -> None:
    """Raise Stopped when a run of this stack was cut off in the middle of operations."""
    pending = pending_operations(export)
    if pending:
        names = ", ".join(f"{kind} {urn.rpartition('::')[2]}" for kind, urn in pending[:5])
        raise Stopped(
            f"stack {stack} has {len(pending)} pending operations: {names}",
            "a run was cut off in the middle; an import would drop the knowledge that they may be half done",
            f"dr resume -s {stack}",
        )


def pending_operations(export: Mapping[str, Json]) -> list[tuple[str, str]]:
    """(``creating``, URN) of each operation that began and was not seen to end."""
    pending = (export.get("deployment") or {}).get("pending_operations") or []
    return [(str(p.get("type")), str((p.get("resource") or {}).get("urn"))) for p in pending]


def pending_creates(export: Mapping[str, Json]) -> list[tuple[str, str, Mapping[str, Json]]]:
    """(URN, type, inputs) of each create that was not seen to end: it may or may not exist."""
    pending = (export.get("deployment") or {}).get("pending_operations") or []
    found = [p.get("resource") or {} for p in pending if p.get("type") == "creating"]
    return [(str(r.get("urn")), str(r.get("type")), r.get("inputs") or {}) for r in found]


def settled(export: Mapping[str, Json], exist: Mapping[str, str]) -> dict[str, Json]:
    """The export without pending operations: the creates that came to exist (URN -> id) are resources, the rest is
    forgotten. Their outputs are what a refresh reads.

    Pulumi's own `refresh --import-pending-creates` only marks such a create as an import that no engine then carries
    out: after it the resource was neither pending nor in the state (seen with 3.260).
    """
    out: dict[str, Json] = copy.deepcopy(dict(export))
    deployment = out["deployment"]
    pending = deployment.pop("pending_operations", None) or []
    begun = [p["resource"] for p in pending if p.get("type") == "creating"]
    known = {r["urn"] for r in deployment.get("resources") or []}
    taken = [{**r, "id": exist[r["urn"]]} for r in begun if r.get("urn") in exist and r["urn"] not in known]
    deployment["resources"] = [*(deployment.get("resources") or []), *taken]
    return out


def resources(export: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    """The resources of an export (none when the stack was never updated)."""
    return list((export.get("deployment") or {}).get("resources") or [])


def secrets_providers(export: Mapping[str, Json]) -> Mapping[str, Json]:
    """How the stack's secrets are encrypted ({} when the export does not say)."""
    return (export.get("deployment") or {}).get("secrets_providers") or {}


def outputs(export: Mapping[str, Json]) -> Mapping[str, Json]:
    """The stack's own outputs (``footprint``, ``mode``, ``gatewayId``…); {} when there are none."""
    for resource in resources(export):
        if resource.get("type") == _STACK:
            return resource.get("outputs") or {}
    return {}


def verify(source: Mapping[str, Json], target: Mapping[str, Json], rename: Rename) -> int:
    """How many resources arrived; raises Failed unless each arrived once, under its name and id.

    Default providers are counted too: a resource whose provider is missing cannot be read.
    """
    want = Counter((rename.urn(str(r["urn"])), str(r.get("id", ""))) for r in resources(source))
    have = Counter((str(r["urn"]), str(r.get("id", ""))) for r in resources(target))
    want = Counter({(u, _identity(u, i, rename)): n for (u, i), n in want.items()})
    if want == have:
        return sum(have.values())
    missing, extra = want - have, have - want
    raise Failed(
        f"stack {rename.target} holds {sum(have.values())} resources after the hand-over, {sum(want.values())} "
        f"were handed over ({sum(missing.values())} missing, {sum(extra.values())} extra)",
        f"an up of stack {rename.target} could try to create what exists, or forget what it must keep",
        f"dr handover {rename.source} {rename.target}",
    )


def _identity(urn: str, id_: str, rename: Rename) -> str:
    return rename.stack_reference(id_) if f"::{_STACK_REFERENCE}::" in urn else id_


def _resource(resource: Mapping[str, Json], rename: Rename) -> dict[str, Json]:
    out = dict(resource)
    for field in _URN_FIELDS:
        if isinstance(out.get(field), str):
            out[field] = rename.urn(out[field])
    for field in _URN_LISTS:
        if isinstance(out.get(field), list):
            out[field] = [rename.urn(u) if isinstance(u, str) else u for u in out[field]]
    by_property = out.get("propertyDependencies")
    if isinstance(by_property, Mapping):
        out["propertyDependencies"] = {
            key: [rename.urn(u) for u in urns] if isinstance(urns, list) else urns
            for key, urns in by_property.items()
        }
    for field in ("inputs", "outputs"):
        if field in out:
            out[field] = _value(out[field], rename)
    if out.get("type") == _STACK_REFERENCE:
        out["id"] = rename.stack_reference(str(out.get("id", "")))
        for field in ("inputs", "outputs"):
            values = out.get(field)
            if isinstance(values, Mapping) and isinstance(values.get("name"), str):
                out[field] = {**values, "name": rename.stack_reference(values["name"])}
    return out


def _value(value: Json, rename: Rename) -> Json:
    """Resource references and output values name URNs inside inputs and outputs; nothing else does."""
    if isinstance(value, list):
        return [_value(item, rename) for item in value]
    if not isinstance(value, Mapping):
        return value
    out = {key: _value(item, rename) for key, item in value.items()}
    kind = value.get(_SIGNATURE)
    if kind == _RESOURCE_REFERENCE and isinstance(out.get("urn"), str):
        out["urn"] = rename.urn(out["urn"])
    if kind == _OUTPUT_VALUE and isinstance(out.get("dependencies"), list):
        out["dependencies"] = [rename.urn(u) for u in out["dependencies"]]
    return out
