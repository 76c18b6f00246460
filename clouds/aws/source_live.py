"""Stack source as it is: AWS's resources by token, the primary's bucket and table as the gates see them. Reads only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from clouds import gates
from clouds.aws import declared
from clouds.aws.session import client
from clouds.endpoints import Endpoints
from clouds.gates.world import World
from clouds.reads import together
from recovery.arm.placeholders import references, stack_id
from recovery.aws.kinds import AWS, region_of
from recovery.drift import dynamic
from recovery.drift.dynamic import OBSERVED
from recovery.drift.report import Live
from recovery.model import Desired, Json

SYNC_IDENTITY = "identity-sync"
"""The identity whose object id a standby exports as syncPrincipal (components/image_app/parts.py)."""
IDENTITY = "azure-native:managedidentity:UserAssignedIdentity"


@dataclass(frozen=True)
class Account:
    """AWS by the endpoints in force (`clouds.aws.declared.Account`)."""

    endpoints: Endpoints

    def aws(self, service: str, region: str) -> Any:
        """A boto3 client."""
        return client(service, region, self.endpoints.aws_url)


def read_live(
    account: declared.Account,
    wanted: Sequence[Desired],
    principal: Callable[[str], str],
    world: World | None = None,
) -> Live:
    """What is there. What could not be read is unknown, with the reason; it is neither equal nor missing.

    principal: the sync identity's object id of a stack, as Azure has it now; raises DrError where nobody can say.
    """

    def one(resource: Desired) -> Mapping[str, Json] | None:
        kind = dynamic.kind(resource.type)
        if kind in OBSERVED:
            return gates.read(kind, resource.inputs, world)
        return declared.standing(account, resource.type, resource.inputs, region_of(resource.id))

    known = [d for d in wanted if d.type in AWS or dynamic.kind(d.type) in OBSERVED]
    jobs: dict[str, Callable[[], Mapping[str, Json] | None]] = {d.id: partial(one, d) for d in known}
    for stack in _stacks(wanted):
        jobs[stack_id(stack)] = partial(_handed_over, principal, stack)
    bodies, unknown = together(jobs)
    for resource in wanted:
        if resource.type not in AWS and dynamic.kind(resource.type) not in OBSERVED:
            unknown[resource.id] = f"{resource.type} is read by nobody"
    return Live(bodies, unknown)


def _handed_over(principal: Callable[[str], str], stack: str) -> dict[str, Json]:
    return {"syncPrincipal": principal(stack)}


def _stacks(wanted: Sequence[Desired]) -> list[str]:
    prefix = stack_id("")
    named = {id for one in wanted for id, _ in references(dict(one.inputs)) if id.startswith(prefix)}
    return sorted(id.removeprefix(prefix) for id in named)


def sync_principal(endpoints: Endpoints, wanted: Sequence[Desired], stack: str) -> str:
    """The object id of a standby's sync identity, asked of Azure. wanted: what that stack declares. Raises DrError."""
    from clouds.azure.arm import Arm
    from clouds.azure.live import read_live as read_azure
    from recovery.errors import Unobserved

    mine = [d for d in wanted if d.type == IDENTITY and d.options.get("name") == SYNC_IDENTITY]
    arm = Arm(endpoints)
    try:
        live = read_azure(arm, mine)
    finally:
        arm.close()
    for one in mine:
        found = ((live.body(one.id) or {}).get("properties") or {}).get("principalId")
        if found:
            return str(found)
    why = "; ".join(live.unknown.values()) or "it is not there"
    raise Unobserved(
        f"the sync's identity of stack {stack} cannot be read: {why}", "whom the role should trust cannot be known",
        f"dr drift -s {stack}    (the standby first)", retry=True,
    )  # fmt: skip
