"""What every component of the footprint shares: how a resource is held, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True)
class Place:
    """Where a component's resources go. group: the resource group's name, known only after the guard has answered.

    group_id: its ARM id. tags: on everything that takes tags.
    """

    group: pulumi.Output[str]
    group_id: pulumi.Output[str]
    location: str
    tags: Mapping[str, str]


def kept(
    parent: pulumi.Resource, after: Sequence[pulumi.Resource] = (), ignore: Sequence[str] = ()
) -> pulumi.ResourceOptions:
    """Options of every resource: protected, kept when forgotten (two stacks share it: pulumi#7747), and its order.

    ignore: inputs that refresh would report for ever; the reason stands where it is passed.
    """
    return pulumi.ResourceOptions(
        parent=parent,
        protect=True,
        retain_on_delete=True,
        depends_on=list(after),
        ignore_changes=list(ignore) or None,
    )


def host_of(url: str) -> str:
    """The host (and port) of a URL. A recorded value that only the cloud knows is marked instead, ``⟦…|host⟧``,
    and taken apart when it is known (docs/adr, placeholders in the desired state)."""
    return f"{url[:-1]}|host⟧" if url.endswith("⟧") else url.partition("://")[2].partition("/")[0]


def role_definition(place: Place, role: str) -> pulumi.Output[str]:
    """The id of a built-in role in the footprint's subscription. role: its GUID, the same in every tenant."""
    return place.group_id.apply(
        lambda group: (
            f"{'/'.join(group.split('/')[:3])}/providers/Microsoft.Authorization/roleDefinitions/{role}"
        )
    )
