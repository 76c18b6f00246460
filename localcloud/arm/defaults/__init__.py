"""What each service makes of a request: defaults, generated values, its own case; a table from type to function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from localcloud.arm.defaults import (
    app,
    compute,
    documentdb,
    gateway,
    keyvault,
    monitor,
    network,
    other,
    private,
    storage,
    web,
)
from localcloud.arm.defaults.common import Context, fill_identity, start
from localcloud.arm.ids import ArmPath

Body = dict[str, Any]
Fill = Callable[[Context, ArmPath, Body, Body | None], Body]

FILL: dict[str, Fill] = {
    **network.FILL,
    **gateway.FILL,
    **compute.FILL,
    **documentdb.FILL,
    **storage.FILL,
    **web.FILL,
    **keyvault.FILL,
    **private.FILL,
    **monitor.FILL,
    **app.FILL,
    **other.FILL,
}


def fill(context: Context, path: ArmPath, given: Body, old: Body | None) -> Body:
    """The body that the service keeps for a PUT. given: the request; old: what it kept before, or None."""
    maker = FILL.get(path.type.lower())
    if maker is None:
        body = start(path, given)
        if "properties" in given:
            body["properties"].setdefault("provisioningState", "Succeeded")
    else:
        body = maker(context, path, given, old)
    fill_identity(context, body, old)
    return body
