"""Which site the stack belongs to, and its footprint: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

SOURCE = "source"
"""Stack of site image-app's AWS side."""


class Footprint(Protocol):
    """What the program exports."""

    @property
    def exports(self) -> Mapping[str, Any]:
        """Output name -> value."""
        ...


def declare() -> Footprint:
    """Declare the stack's site. Raises components.schema.SettingsError."""
    import pulumi

    from components import settings

    if pulumi.Config("standby").get("site") != "trustlayer" and pulumi.get_stack() == SOURCE:
        from components.image_app.source.footprint import SourceFootprint

        return SourceFootprint(settings.source_side())
    if pulumi.Config("standby").get("site") != "trustlayer":
        from components.image_app.footprint import Footprint as ImageApp

        return ImageApp(settings.from_pulumi())
    from components.trustlayer.settings import build

    stack = pulumi.get_stack()
    site = build(stack, pulumi.Config("standby").get_object("trustlayer") or {})
    if site.mode is None:
        from components.trustlayer.global_site import Global

        return Global(site)
    from components.trustlayer.regional import Regional

    return Regional(site)
