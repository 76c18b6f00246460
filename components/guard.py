"""The program guards itself: an active stack that was never handed over, or from an older footprint, is stopped."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pulumi

from components.refused import Refused
from components.schema import PROJECT

Declared = tuple[str, str]
"""Type token and name of a resource."""

FOOTPRINT_VERSION = 3
"""Raised when the program changes in a way that makes an older hand-over unsafe and that no ledger shows."""

ACCEPTED = "DR_ACCEPTED_FOOTPRINT"
"""Environment variable: the one older stamp that this run may start from (``dr up --allow create`` sets it)."""


class GuardError(Refused):
    """Raised before anything is created. summary, detail, fix: what, why it matters, the command that helps."""

    def __init__(self, summary: str, detail: str, fix: str) -> None:
        self.summary, self.detail, self.fix = summary, detail, fix
        super().__init__(f"{summary}\n  why it matters: {detail}\n  fix: {fix}")


def stamp(identity: Mapping[str, Any], declared: Iterable[Declared]) -> str:
    """What a hand-over must agree on: which resources there are, by type and name, and which footprint they make.

    identity: the settings that name resources or cannot change in place. Values are no part of it: a dial or any
    other setting that changes in place may change in mid-contingency, and the next up of either stack brings it there.
    """
    plain = {
        "version": FOOTPRINT_VERSION,
        "identity": dict(identity),
        "resources": sorted(map(list, declared)),
    }
    digest = hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]
    return f"{FOOTPRINT_VERSION}-{digest}"


class Ledger:
    """Writes down every child of a component as it is declared. identity: as `stamp` takes it.

    Everything waits for the guard, so nothing is registered before the program has been run through; by then the
    ledger is complete, and its stamp is the footprint's.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self._identity = identity
        self._declared: list[Declared] = []

    @property
    def options(self) -> pulumi.ResourceOptions:
        """For the component whose children are written down: a transformation that changes nothing."""
        return pulumi.ResourceOptions(transformations=[self._enter])

    def _enter(self, args: pulumi.ResourceTransformationArgs) -> None:
        self._declared.append((args.type_, args.name))

    def stamp(self) -> str:
        """Of all that has been declared so far."""
        return stamp(self._identity, self._declared)


def check(found: object, wanted: str, stack: str, standby: str = "standby", accepted: str = "") -> None:
    """Compare the stamp that a hand-over left with the program's own. Raises GuardError in three parts.

    standby: the stack that hands over. accepted: an older stamp that a person has said may be built upon ("": none).
    """
    if found == wanted or (found and found == accepted):
        return
    if not found:
        raise GuardError(
            f"stack {stack} was never handed over (stamp none, the program has {wanted}); "
            "nothing was created or changed",
            "its checkpoint does not know the footprint, so it would create what exists already, and fail half-way",
            f"dr handover {standby} {stack}",
        )
    raise GuardError(
        f"stack {stack} was handed over from an older footprint (stamp {found}, the program has {wanted}): "
        "resources were added, removed or renamed since; nothing was created or changed",
        "its checkpoint does not know what was added, so it would create it again and fail half-way",
        f"dr handover {standby} {stack}    (in mid-contingency, where the addition exists nowhere yet: "
        f"dr up -s {stack} --allow create)",
    )


def passed(wanted: str | Callable[[], str], *, active: bool, standby: str = "standby") -> pulumi.Output[bool]:
    """True, known only when this stack may go on. Everything waits for it.

    wanted: the footprint's stamp, or what tells it once the program has been run through. A first up of mode standby
    may pass: where a footprint exists already, the cloud refuses its first create.
    """
    if not active:
        return pulumi.Output.from_input(True)
    stack = pulumi.get_stack()
    own = pulumi.StackReference("own-stack", stack_name=f"organization/{PROJECT}/{stack}")

    def answered(outputs: Mapping[str, Any] | None) -> bool:
        own_stamp = wanted() if callable(wanted) else wanted
        check((outputs or {}).get("footprint"), own_stamp, stack, standby, os.environ.get(ACCEPTED, ""))
        return True

    return own.outputs.apply(answered)
