"""The local Resource Graph: a copy that lags, two tables, pages, and no answer to what it does not serve."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from clouds.azure.resource_graph import query
from localcloud.arm.errors import ArmError
from localcloud.arm.resource_graph import LAG, Index
from localcloud.bus import Bus, ResourceChanged

RG = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/Rg-A"
ZONE = f"{RG}/providers/Microsoft.Network/dnsZones/demay.com"
ACCOUNT = f"{RG}/providers/Microsoft.Storage/storageAccounts/site"
OTHER = ACCOUNT.replace("Rg-A", "elsewhere").replace("site", "orphan")


class World:
    """An index and its clock (1 simulated second a second)."""

    def __init__(self) -> None:
        self.now, self.bus = 0.0, Bus()
        self.index = Index(self.bus, 1.0, lambda: self.now)

    def change(self, id: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
        asyncio.run(self.bus.publish(ResourceChanged(id, old, new)))

    def make(self, id: str, **body: Any) -> None:
        self.change(id, None, {"id": id, "location": "brazilsouth", **body})

    def ask(self, groups: list[str], tags: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
        return self.index.answer({"query": query(groups, tags or {}), "options": options})

    def found(self, groups: list[str], tags: dict[str, str] | None = None) -> list[str]:
        return [row["id"] for row in self.ask(groups, tags)["data"]]


@pytest.fixture
def world() -> World:
    return World()


def test_a_new_resource_is_found_after_the_lag_and_a_deleted_one_still_is_for_as_long(world: World) -> None:
    world.make(ACCOUNT)
    world.now = LAG - 1
    assert world.found(["rg-a"]) == []
    world.now = LAG
    assert world.found(["rg-a"]) == [ACCOUNT]
    world.change(ACCOUNT, {"id": ACCOUNT}, None)
    world.now += LAG - 1
    assert world.found(["rg-a"]) == [ACCOUNT]
    world.now += 1
    assert world.found(["rg-a"]) == []


def test_a_change_of_what_is_known_is_seen_without_a_new_lag(world: World) -> None:
    world.make(ACCOUNT, tags={"a": "1"})
    world.now = LAG
    world.change(ACCOUNT, {"id": ACCOUNT}, {"id": ACCOUNT, "location": "x", "tags": {"a": "2"}})
    assert world.ask(["rg-a"])["data"][0]["tags"] == {"a": "2"}


def test_records_lie_beside_the_resources_and_children_of_other_kinds_do_not(world: World) -> None:
    world.make(ZONE)
    world.change(f"{ZONE}/A/www", None, {"id": f"{ZONE}/A/www", "properties": {}})
    world.make(f"{ACCOUNT}/blobServices/default")
    world.now = LAG
    rows = {row["id"]: row["type"] for row in world.ask(["RG-a"])["data"]}
    assert rows == {ZONE: "microsoft.network/dnszones", f"{ZONE}/A/www": "microsoft.network/dnszones/a"}


def test_what_carries_all_our_tags_is_found_in_any_group_and_quotes_are_only_text(world: World) -> None:
    tags = {"system": "it's \\ ours", "purpose": "dr"}
    world.make(OTHER, tags=tags)
    world.make(ACCOUNT, tags={"system": "it's \\ ours"})
    world.now = LAG
    assert world.found(["nothing"], tags) == [OTHER]
    assert world.found(["nothing') or (1=1"], {}) == []


def test_pages_add_up_to_the_whole(world: World) -> None:
    ids = [f"{ACCOUNT}{n:02d}" for n in range(5)]
    for id in ids:
        world.make(id)
    world.now = LAG
    seen: list[str] = []
    token: str | None = None
    while True:
        page = world.ask(["rg-a"], **{"$top": 2, **({"$skipToken": token} if token else {})})
        seen += [row["id"] for row in page["data"]]
        token = page.get("$skipToken")
        if token is None:
            break
    assert seen == ids


@pytest.mark.parametrize(
    "text",
    ["resources", "resources | count", "securityresources | where resourceGroup in~ ('a') | project id",
     "resources | where location == 'x' | project id", "resources | where resourceGroup in~ ('a') | project secrets", ""],
)  # fmt: skip
def test_a_query_of_another_form_is_refused_and_not_answered_with_nothing(world: World, text: str) -> None:
    with pytest.raises(ArmError, match="not served"):
        world.index.answer({"query": text})
