"""The program guards itself: an active stack that was never handed over, or from an older footprint, is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.refused import Refused
from components.schema import PROJECT


class GuardError(Refused):
    """Raised before anything is created. summary, detail, fix: what, why it matters, the command that helps."""

    def __init__(self, summary: str, detail: str, fix: str) -> None:
        self.summary, self.detail, self.fix = summary, detail, fix
        super().__init__(f"{summary}\n  why it matters: {detail}\n  fix: {fix}")


def check(stamp: object, wanted: str, stack: str, standby: str = "standby") -> None:
    """Compare the stamp that a hand-over left with the program's own. standby: the stack that hands over. Raises
    GuardError in three parts."""
    if stamp == wanted:
        return
    what = "was handed over from an older footprint" if stamp else "was never handed over"
    figures = f" (stamp {stamp or 'none'}, the program has {wanted})"
    raise GuardError(
        f"stack {stack} {what}{figures}; nothing was created or changed",
        "its checkpoint does not know the resources as they are, so it would create them again or miss what was "
        "added since",
        f"dr handover {standby} {stack}",
    )


def passed(wanted: str, *, active: bool, standby: str = "standby") -> pulumi.Output[str]:
    """The footprint's fingerprint `wanted`, known only when this stack may go on. Everything waits for it.

    A first up of mode standby may pass: where a footprint exists already, the cloud refuses its first create.
    """
    if not active:
        return pulumi.Output.from_input(wanted)
    stack = pulumi.get_stack()
    own = pulumi.StackReference("own-stack", stack_name=f"organization/{PROJECT}/{stack}")

    def answered(outputs: Mapping[str, Any] | None) -> str:
        check((outputs or {}).get("footprint"), wanted, stack, standby)
        return wanted

    return own.outputs.apply(answered)
