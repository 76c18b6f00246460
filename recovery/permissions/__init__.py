"""Who may do what: each role's Azure actions, data actions and AWS statements, as data.

One table (`roles.ROLES`) is the source of everything that speaks of permissions: docs/permissions.md
(`page`), the role definitions that `dr init` makes (`azure`), the policies of the AWS roles (`aws`), what a
local cloud with role enforcement denies, and what `dr doctor` tries.
"""

from recovery.permissions.model import Grant, Need, Role, Statement
from recovery.permissions.roles import ROLES, role

__all__ = ["ROLES", "Grant", "Need", "Role", "Statement", "role"]
