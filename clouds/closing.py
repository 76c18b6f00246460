"""Taking back what `dr init` made, when the footprint is gone: assignments, definitions, the application, the group."""

from __future__ import annotations

from collections.abc import Callable

from clouds.azure.arm import Arm, ArmError
from clouds.azure.graph import Graph
from recovery.errors import Failed
from recovery.opening import VERSIONS, Place
from recovery.permissions import ROLES, azure


def close(arm: Arm, graph: Graph, place: Place, say: Callable[[str], None]) -> None:
    """Delete them in an order in which each can go. Raises Failed; doing it again goes on."""
    version, subscription = VERSIONS["roles"], f"/subscriptions/{place.subscription}"
    ours = {azure.definition_id(place.subscription, role).lower() for role in ROLES}
    try:
        listed = arm.list(f"{subscription}/providers/Microsoft.Authorization/roleAssignments", version)
        for one in listed:
            definition = str((one.get("properties") or {}).get("roleDefinitionId", "")).lower()
            if definition in ours:
                say(f"  - assignment {one['name']}")
                arm.delete(str(one["id"]), version)
        for id in sorted(ours):
            arm.delete(id, version)
        say(f"  - {len(ours)} role definitions")
        app = graph.application(place.application)
        if app is not None:
            say(f"  - application {place.application!r}")
            graph.delete_application(str(app["id"]))
        say(f"  - resource group {place.group.rpartition('/')[2]}")
        arm.delete(place.group, VERSIONS["group"])
    except ArmError as error:
        raise Failed(
            f"it could not be taken back whole: {error}", "what is left costs a little, and may still be used",
            "dr teardown --opened    (it goes on where this one stopped)", retry=True,
        ) from error  # fmt: skip
