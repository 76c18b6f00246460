"""RoleReady: an operation is tried until the role that allows it works.

Azure accepts an assignment at once and lets it work minutes later (up to ten; learn.microsoft.com/azure/
role-based-access-control/troubleshooting#role-assignment-changes-are-not-being-detected). Nothing can be asked whether
it works by now but the operation itself. Only a denial is waited out: any other error is the operation's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from recovery.errors import Stopped

T = TypeVar("T")
LIMIT = 600.0
"""Azure's own figure, in (simulated) seconds."""
FIRST, LONGEST = 2.0, 30.0

LOOK_AT_ROLES = "dr doctor    (role assignments take minutes to work)"

DENIED_CODES = frozenset({
    "authorizationfailed", "linkedauthorizationfailed", "authorizationpermissionmismatch", "forbidden",
    "forbiddenbyrbac", "denied", "accessdenied", "failedidentityoperation", "inaccessibleimage",
})  # fmt: skip


def denied(error: BaseException) -> bool:
    """Is this a denial for want of a role (and no other failure)? ARM's, a data plane's or Key Vault's words."""
    status = getattr(error, "status", None) or getattr(error, "status_code", None)
    code = str(getattr(error, "code", None) or getattr(error, "error_code", None) or "").lower()
    if status == 403:
        return True
    if code in DENIED_CODES:
        return True
    if young_identity(error):
        return True
    cause = error.__cause__
    return denied(cause) if cause is not None else False


def fix_of(error: BaseException, otherwise: str) -> str:
    """The command that mends a refusal: whoever is denied is told to look at its roles, anything else `otherwise`.

    The first command after `dr init --grant` is often one that is denied.
    """
    return LOOK_AT_ROLES if denied(error) else otherwise


def young_identity(error: BaseException) -> bool:
    """Was a resource refused because its own identity may not (yet) read what it needs? Not the caller's want of a role.

    An application gateway reads its certificate from Key Vault while it is written, by an identity whose role is minutes
    old on a first build (https://github.com/mspnp/aks-baseline/issues/242); Key Vault's words stand in its answer.
    """
    code, said = str(getattr(error, "code", "") or "").lower(), str(error).lower()
    return code == "applicationgatewaykeyvaultsecretexception" and (
        "forbidden" in said or "propagation" in said
    )


@dataclass(frozen=True)
class RoleReady:
    """Patience for one fresh assignment. scale: simulated seconds a real second. say: told once a minute. waits_out: which
    errors are a want of that role."""

    scale: float = 1.0
    limit: float = LIMIT
    say: Callable[[str], None] = lambda text: None
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    waits_out: Callable[[BaseException], bool] = denied

    def __call__(self, what: str, operation: Callable[[], T], role: str = "") -> T:
        """The operation's result, as soon as it is allowed. what: for people. role: which one it waits for.

        Raises what the operation raises but for a denial; Stopped after the limit.
        """
        began, pause, told = self.clock(), FIRST, 0.0
        while True:
            try:
                return operation()
            except Exception as error:
                if not self.waits_out(error):
                    raise
                waited = (self.clock() - began) * self.scale
                if waited >= self.limit:
                    raise self._given_up(what, role, waited, error) from error
                if waited - told >= 60 or not told:
                    self.say(
                        f"{what}: still denied after {waited:.0f} s; a new role takes up to {self.limit:.0f} s to work"
                    )
                    told = max(waited, 0.1)
            self.sleep(max(0.01, pause / self.scale))
            pause = min(pause * 1.5, LONGEST)

    def _given_up(self, what: str, role: str, waited: float, error: Any) -> Stopped:
        named = f"role {role}" if role else "a role"
        return Stopped(
            f"{what} is still denied after {waited:.0f} s: {str(error)[:300]}",
            f"{named} is missing, or assigned at another scope: a fresh one works within {self.limit:.0f} s",
            f"dr init --grant {role or 'ROLE'}=OBJECT_ID    (docs/permissions.md says which; dr doctor tries them)",
            retry=True,
        )
