"""What the served provider replaces instead of updating: `recovery.arm.mutability`, asked by Pulumi's paths."""

from __future__ import annotations

from recovery.arm.mutability import is_fixed


def is_create_only(token: str, path: str) -> bool:
    """Whether a change at `path` (dotted, list positions in brackets) forces a replacement of a `token`."""
    return is_fixed(token, path)
