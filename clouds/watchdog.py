"""placeholder"""

from __future__ import annotations

from typing import TYPE_CHECKING

from recovery.model import Json

if TYPE_CHECKING:
    from clouds.readiness.world import ReadyWorld


def azure_state(world: ReadyWorld) -> dict[str, Json]:
    """Placeholder."""
    return {"name": "azure", "reason": "not built"}


def aws_state(world: ReadyWorld) -> dict[str, Json]:
    """Placeholder."""
    return {"name": "aws", "reason": "not built"}
