"""Taking the standby down, on the real side: what exists, whether it may go, and its deletion through Resource Manager.

Through ARM and not through Pulumi: every resource is protected and retained (two stacks share it), so that no
`pulumi destroy` can take it away. The checkpoints forget afterwards what is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clouds.azure.arm import Arm, ArmError
from clouds.azure.live import api_version, read_live
from clouds.endpoints import Endpoints
from clouds.pulumi_cli import PulumiCli
from recovery import checkpoint, teardown
from recovery.errors import DrError, Failed, Stopped, Unobserved
from recovery.model import Desired, Json
from recovery.teardown import Doomed
from recovery.traffic import Live


def existing(arm: Arm, wanted: Sequence[Desired]) -> tuple[list[str], list[str]]:
    """(ids that are there, ids in the group that nobody declares). Raises Unobserved when any could not be read."""
    seen = read_live(arm, [d for d in wanted if d.id.startswith("/subscriptions/")])
    if seen.unknown:
        id, reason = next(iter(seen.unknown.items()))
        raise Unobserved(
            f"{len(seen.unknown)} resources could not be read, the first: {id} ({reason})",
            "what exists decides what is deleted, in which order; nothing was deleted",
            "dr drift -s standby    (what is unknown stands there)", retry=True,
        )  # fmt: skip
    return list(seen.bodies), [str(body.get("id")) for body in seen.unmanaged]


def may_go(
    wanted: Sequence[Desired], direction: Callable[[], tuple[str, list[str]]], live: Callable[[], Live]
) -> None:
    """Raise while the standby serves, or holds what the primary has not."""
    has_zone = any(d.arm_type == "Microsoft.Network/dnsZones" for d in wanted)
    standing, owed = direction()
    teardown.refuse(live() if has_zone else Live.NOWHERE, standing, owed)


def direction_of(root: Path, exists: Sequence[str], environ: Mapping[str, str]) -> tuple[str, list[str]]:
    """(direction, open obligations) from the journal container; ("none", []) where there is no journal."""
    from clouds.sync.direction import Directions
    from clouds.sync.world import SyncWorld

    if not any(id.lower().endswith("/containers/journal") for id in exists):
        return "none", []
    world = SyncWorld(root, environ=environ)
    try:
        now = Directions(world.journal).read()
    except DrError:
        return "unknown", []
    finally:
        world.close()
    return str(now.direction), [one.what for one in now.obligations.values()]


def parent_servers(domain: str, endpoints: Endpoints) -> tuple[str, ...] | None:
    """To whom the parent zone delegates the domain; None when the parent does not say."""
    from clouds.dns_resolvers import delegation

    answer = delegation(domain, endpoints.parent, endpoints.resolvers)
    return answer.values if answer.known else None


def delete(arm: Arm, doomed: Sequence[Doomed], say: Callable[[str], None]) -> list[str]:
    """Delete what goes, in order; returns the ids that are gone. Raises Failed at the first that does not go."""
    gone: list[str] = []
    for one in doomed:
        if not one.go:
            continue
        id = one.resource.id
        version = api_version(one.resource)
        if version is None:
            raise Stopped(
                f"nothing is known of the type {one.resource.arm_type}", "deleting what is not understood is not for a tool",
                f"az resource delete --ids {id}    (then: dr teardown)",
            )  # fmt: skip
        say(f"  - {one.resource.arm_type.rpartition('/')[2]} {id.rpartition('/')[2]}")
        try:
            arm.delete(id, version)
        except ArmError as error:
            raise Failed(
                f"{id} could not be deleted: {error}", f"{len(gone)} are gone, and what stands before it was not begun",
                "dr teardown    (it goes on where this one stopped)", retry=True,
            ) from error  # fmt: skip
        gone.append(id)
    return gone


def forget(root: Path, gone: Sequence[str], say: Callable[[str], None]) -> list[str]:
    """Let both stacks' checkpoints forget what is gone; returns the stacks that were changed. Without CLI: none."""
    cli = PulumiCli(root)
    changed: list[str] = []
    try:
        stacks = [s for s in ("standby", "active") if s in cli.stacks()]
    except DrError:
        return changed
    for stack in stacks:
        export = cli.export(stack, show_secrets=True)
        kept = without(export, gone)
        before, after = len(checkpoint.resources(export)), len(checkpoint.resources(kept))
        if before == after:
            continue
        say(f"stack {stack} forgets {before - after} of {before} resources")
        cli.run("stack", "import", "-s", stack, stdin=json.dumps(kept))
        changed.append(stack)
    return changed


def without(export: Mapping[str, Json], gone: Sequence[str]) -> dict[str, Json]:
    """The export without the resources whose ids are gone, or lie below one that is. What depended on them depends
    no more; a stack of which nothing of Azure is left has no resources at all (its gates would watch nothing)."""
    lost = [id.lower() for id in gone]

    def is_gone(resource: Mapping[str, Any]) -> bool:
        id = str(resource.get("id") or "").lower()
        return any(id == one or id.startswith(one + "/") for one in lost)

    resources: list[dict[str, Any]] = [dict(r) for r in checkpoint.resources(export)]
    left = [r for r in resources if not is_gone(r)]
    if not any(str(r.get("id") or "").startswith("/subscriptions/") for r in left):
        left = []
    names = {r["urn"] for r in left}
    for resource in left:
        resource["dependencies"] = [u for u in resource.get("dependencies") or [] if u in names]
        resource["propertyDependencies"] = {
            key: [u for u in urns or [] if u in names]
            for key, urns in (resource.get("propertyDependencies") or {}).items()
        }
    deployment = {**(export.get("deployment") or {}), "resources": left}
    return {**export, "deployment": deployment}
