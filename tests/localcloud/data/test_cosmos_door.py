"""The Cosmos door against the real cosmosdb-server, through the real SDK."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from azure.core import MatchConditions
from azure.cosmos import ContainerProxy, CosmosClient
from azure.cosmos.exceptions import (
    CosmosAccessConditionFailedError,
    CosmosHttpResponseError,
    CosmosResourceExistsError,
    CosmosResourceNotFoundError,
)

from .conftest import COSMOS_KEY, World

ACCOUNT = "Microsoft.DocumentDB/databaseAccounts/cosmos-door"
DATABASE = f"{ACCOUNT}/sqlDatabases/images"


def declare(world: World, container: str, throughput: int) -> None:
    """Database, container and RU/s, as ARM has them."""
    world.put(ACCOUNT)
    world.put(DATABASE, {"resource": {"id": "images"}})
    path = f"{DATABASE}/containers/{container}"
    world.put(path, {"resource": {"id": container, "partitionKey": {"paths": ["/imageId"], "kind": "Hash"}}})
    world.put(f"{path}/throughputSettings/default", {"resource": {"throughput": throughput}})


@pytest.fixture(scope="module")
def client(world: World) -> Iterator[CosmosClient]:
    with CosmosClient(world.call(world.plane.cosmos_endpoint, "cosmos-door"), credential=COSMOS_KEY) as made:
        yield made


@pytest.fixture(scope="module")
def container(world: World, client: CosmosClient) -> ContainerProxy:
    declare(world, "chunks", 100_000)
    found = client.get_database_client("images").get_container_client("chunks")
    for image in ("one", "two/três é", "three"):
        for index in range(12):
            found.upsert_item({"id": f"c{index}", "imageId": image, "chunkIndex": index})
    return found


def test_items_are_written_read_and_replaced_only_at_their_etag(container: ContainerProxy) -> None:
    """READY-2: read and write work; the converter's conditional writes depend on etags."""
    made = container.create_item({"id": "etag", "imageId": "one", "n": 1})
    with pytest.raises(CosmosResourceExistsError):
        container.create_item({"id": "etag", "imageId": "one"})
    container.replace_item("etag", {"id": "etag", "imageId": "one", "n": 2})
    with pytest.raises(CosmosAccessConditionFailedError):
        container.replace_item(
            "etag", {"id": "etag", "imageId": "one", "n": 3}, etag=made["_etag"],
            match_condition=MatchConditions.IfNotModified,
        )  # fmt: skip
    assert container.read_item("etag", "one")["n"] == 2
    container.delete_item("etag", "one")
    with pytest.raises(CosmosResourceNotFoundError):
        container.read_item("etag", "one")


@pytest.mark.parametrize(
    ("query", "parameters", "want"),
    [
        ("SELECT * FROM c", [], 12),
        ("SELECT VALUE c.id FROM c WHERE c.chunkIndex < 3 OR c.chunkIndex = 11", [], 4),
        ("select c.id from c where c.chunkIndex = @n order by c.chunkIndex", [{"name": "@n", "value": 5}], 1),
        ("SELECT * FROM chunks AS k ORDER BY k.chunkIndex", [], 12),
    ],
)
@pytest.mark.parametrize("page", [None, 5])
def test_a_query_with_a_partition_key_sees_that_partition_alone(
    container: ContainerProxy, query: str, parameters: list[dict[str, object]], want: int, page: int | None
) -> None:
    """The server behind the door looks through everything; the door must not let it (local-parts: paging broken)."""
    found = container.query_items(
        query, parameters=parameters, partition_key="two/três é", max_item_count=page
    )
    assert len(list(found)) == want


def test_a_query_over_all_partitions_sees_all_pages(container: ContainerProxy) -> None:
    """SYNC-3's counts need every document."""
    query = "SELECT VALUE COUNT(1) FROM c WHERE IS_DEFINED(c.chunkIndex)"
    assert list(container.query_items(query, enable_cross_partition_query=True)) == [36]
    ids = container.query_items("SELECT c.id FROM c", enable_cross_partition_query=True, max_item_count=7)
    assert len(list(ids)) == 36


def test_charges_grow_with_size_and_writes_cost_more(container: ContainerProxy) -> None:
    """Requests are charged by size: 1 KB read = 1 RU, 100 KB = 10 RU (Optimize request cost in Azure Cosmos DB)."""
    charges: list[float] = []

    def note(headers: dict[str, str], _: object) -> None:
        charges.append(float(headers["x-ms-request-charge"]))

    container.upsert_item({"id": "big", "imageId": "charge", "content": "x" * 100_000}, response_hook=note)
    container.upsert_item({"id": "small", "imageId": "charge"}, response_hook=note)
    container.read_item("big", "charge", response_hook=note)
    container.read_item("small", "charge", response_hook=note)
    big_write, small_write, big_read, small_read = charges
    assert small_read == 1
    assert small_write == 5.5
    assert big_read == pytest.approx(10, rel=0.05)
    assert big_write == pytest.approx(55, rel=0.05)
    for item in ("big", "small"):
        container.delete_item(item, "charge")


def test_a_batch_is_written_with_the_partition_key_of_its_header(container: ContainerProxy) -> None:
    """SYNC-3 imports in batches; the server behind the door wants the key in each operation."""
    items = [{"id": f"b{i}", "imageId": "batch"} for i in range(5)]
    container.execute_item_batch([("upsert", (item,)) for item in items], partition_key="batch")
    found = container.query_items("SELECT VALUE c.id FROM c", partition_key="batch")
    assert sorted(found) == [item["id"] for item in items]
    container.execute_item_batch([("delete", (item["id"],)) for item in items], partition_key="batch")
    assert list(container.query_items("SELECT VALUE c.id FROM c", partition_key="batch")) == []


@pytest.mark.parametrize(
    ("item", "status"),
    [
        ({"id": "a/b", "imageId": "x"}, 400),
        ({"id": "a#b", "imageId": "x"}, 400),
        ({"id": "x" * 1024, "imageId": "x"}, 400),
        ({"id": "large", "imageId": "x", "content": "x" * (2 * 1024 * 1024)}, 413),
    ],
    ids=["slash", "hash", "long id", "too large"],
)
def test_an_item_that_cosmos_would_refuse_is_refused(
    world: World, container: ContainerProxy, item: dict[str, object], status: int
) -> None:
    """Ids without / \\ ? #, at most 1023 bytes; 2 MB an item (service quotas). The SDK's own check is passed by."""
    from localcloud.data import cosmos_rules

    path, date = "/dbs/images/colls/chunks/docs", "Sun, 22 Nov 2026 00:00:00 GMT"
    signature = cosmos_rules.signature(COSMOS_KEY, "POST", path, date)
    answer = httpx.post(
        world.call(world.plane.cosmos_endpoint, "cosmos-door").rstrip("/") + path,
        json=item,
        headers={
            "x-ms-date": date,
            "Authorization": str(httpx.QueryParams({"": f"type=master&ver=1.0&sig={signature}"}))[1:],
        },
    )
    assert answer.status_code == status


def test_a_wrong_key_is_refused(world: World, container: ContainerProxy) -> None:
    """Without this check a program that forgot its credentials would work locally and fail in Azure."""
    with pytest.raises(CosmosHttpResponseError) as refused:
        CosmosClient(world.call(world.plane.cosmos_endpoint, "cosmos-door"), credential="d3Jvbmc=")
    assert refused.value.status_code == 401


def test_an_unknown_container_is_a_404_and_not_a_server_error(
    client: CosmosClient, container: ContainerProxy
) -> None:
    """READY-2: a missing container must be told from a broken service."""
    missing = client.get_database_client("images").get_container_client("nothing")
    with pytest.raises(CosmosResourceNotFoundError):
        missing.upsert_item({"id": "1", "imageId": "x"})


def test_beyond_the_budget_requests_are_throttled_and_the_sdk_gets_through(
    world: World, client: CosmosClient
) -> None:
    """429 with x-ms-retry-after-ms and substatus 3200; the dial decides how soon (ACT-3: watched for throttling)."""
    declare(world, "slow", 400)
    slow = client.get_database_client("images").get_container_client("slow")
    door = world.plane._cosmos["cosmos-door"][1]
    before = door.throttled
    for i in range(6):
        slow.upsert_item({"id": f"d{i}", "imageId": "x", "content": "x" * 400_000})  # about 200 RU each
    assert door.throttled > before
    assert list(slow.query_items("SELECT VALUE COUNT(1) FROM c", enable_cross_partition_query=True)) == [6]


def test_a_container_deleted_in_arm_is_gone_with_its_items(world: World, client: CosmosClient) -> None:
    """Deleting behind the program's back must have an effect."""
    declare(world, "brief", 400)
    brief = client.get_database_client("images").get_container_client("brief")
    brief.upsert_item({"id": "1", "imageId": "x"})
    world.delete(f"{DATABASE}/containers/brief")
    with pytest.raises(CosmosResourceNotFoundError):
        brief.read_item("1", "x")
    declare(world, "brief", 400)
    with pytest.raises(CosmosResourceNotFoundError):
        brief.read_item("1", "x")
