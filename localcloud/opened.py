"""What `dr init` leaves behind, as far as the footprint refers to it: the registry of the tool's image.

A local cloud begins with it, so that a rehearsal need not begin with `dr init`; where roles are enforced it does not,
for there `dr init` itself is tried.
"""

from __future__ import annotations

import re
from pathlib import Path

from localcloud.arm.defaults import fill
from localcloud.arm.ids import parse
from localcloud.arm.service import Service

DEFAULT_PREFIX = "demay"


def prefix(folder: Path) -> str:
    """names.prefix of the stack file in this folder; the project's own where there is none."""
    file = folder / "Pulumi.standby.yaml"
    found = re.search(
        r"^\s+prefix:\s*([a-z][a-z0-9]{2,10})\s*$", file.read_text() if file.is_file() else "", re.M
    )
    return found[1] if found else DEFAULT_PREFIX


async def opened(service: Service, folder: Path) -> None:
    """Put group and registry into the store."""
    name, where = prefix(folder), {"location": "brazilsouth"}
    group = parse(f"/subscriptions/{service.store.subscription}/resourceGroups/rg-{name}-ops")
    registry = parse(f"{group.text}/providers/Microsoft.ContainerRegistry/registries/cr{name}dr")
    sku = {**where, "sku": {"name": "Standard"}, "properties": {"adminUserEnabled": False}}
    await service.adopt(group, fill(service.context, group, where, None))
    await service.adopt(registry, fill(service.context, registry, sku, None))
