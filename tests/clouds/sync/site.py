"""A site's data parts on a local cloud: declared by hand, with the names of one test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import localcloud
from clouds.aws.session import client
from clouds.azure.arm import Arm
from clouds.endpoints import LOCAL_SUBSCRIPTION, load
from clouds.sync import metadata, objects
from clouds.sync.direction import Directions
from clouds.sync.outcome import Outcome
from clouds.sync.world import SyncWorld
from localcloud.aws.seed import seed
from recovery.arm.catalogue import CATALOGUE
from recovery.journal.direction import Direction
from recovery.model import Desired
from recovery.sync.source import Source

RU = 40_000


def azure(token: str, name: str, **inputs: Any) -> Desired:
    row = CATALOGUE[f"azure-native:{token}"]
    given = {"resourceGroupName": "rg-sync", **inputs}
    return Desired(
        row.token, row.arm_type, row.id(LOCAL_SUBSCRIPTION, given), given, {"name": name}, "site.py:1"
    )


def declare(name: str) -> list[Desired]:
    """The data's parts of the footprint, under the names of one test."""
    cosmos = f"cosmos-{name}-sync"
    place = {"accountName": cosmos, "databaseName": "images"}
    container = azure("cosmosdb:SqlResourceSqlContainer", "container", **place, containerName="fragments")
    return [
        azure("resources:ResourceGroup", "group"),
        *(azure("storage:StorageAccount", f"storage-{p}", accountName=f"st{name}{p}") for p in ("site", "uploads", "journal")),
        azure("cosmosdb:DatabaseAccount", "cosmos", accountName=cosmos),
        azure("cosmosdb:SqlResourceSqlDatabase", "database", **place), container,
        Desired("pulumi-python:dynamic/gates:CosmosThroughput", "", "gates/t", {"containerId": container.id}, {"name": "throughput"}, "site.py:1"),
    ]  # fmt: skip


class Site:
    """world: what `dr sync` opens. s3, dynamodb: the sync's own clients."""

    def __init__(self, cloud: localcloud.LocalCloud, home: Path, name: str) -> None:
        self.environ = {**cloud.environment, "DR_HOME": str(home)}
        self.root, self.name = home, name
        endpoints = load(self.environ)
        self.url = str(endpoints.aws_url)
        self.source = Source(
            "us-east-1",
            f"{name}-site",
            f"{name}-uploads",
            f"{name}-table",
            f"{name}-exports",
            f"{name}-queue",
        )
        seed(self.source, self.url)
        names = self.source.__dict__ if hasattr(self.source, "__dict__") else {}
        (home / "Pulumi.yaml").write_text("name: standby\nruntime: python\n")
        (home / "Pulumi.standby.yaml").write_text(json.dumps({"config": {"standby:source": names}}))
        self.declared = self._build(Arm(endpoints), name)
        self.world = SyncWorld(home, "standby", self.environ, declared=self.declared)
        self.directions = Directions(self.world.journal)
        self.directions.turn(Direction.FORWARD, "a test", "its beginning")
        self.s3, self.dynamodb = (
            client("s3", "us-east-1", self.url),
            client("dynamodb", "us-east-1", self.url),
        )

    def _build(self, arm: Arm, name: str) -> list[Desired]:
        where = {"location": "brazilsouth"}
        declared = declare(name)
        group, *accounts, database, holder, container, _dial = declared

        def put(one: Desired, body: dict[str, Any]) -> None:
            arm.put(one.id, body, CATALOGUE[one.type].api_version)

        put(group, where)
        for one in accounts:
            put(one, {**where, "kind": "StorageV2", "sku": {"name": "Standard_LRS"}, "properties": {}})
        for account, held in (
            ("uploads", "uploads"),
            ("uploads", "staging"),
            ("journal", "journal"),
            ("site", "$web"),
        ):
            put(
                azure("storage:BlobContainer", held, accountName=f"st{name}{account}", containerName=held),
                {"properties": {}},
            )
        put(
            database,
            {
                **where,
                "properties": {
                    "databaseAccountOfferType": "Standard",
                    "locations": [{"locationName": "brazilsouth", "failoverPriority": 0}],
                },
            },
        )
        put(holder, {"properties": {"resource": {"id": "images"}}})
        key = {"paths": ["/imageId"], "kind": "Hash"}
        put(
            container,
            {
                "properties": {
                    "resource": {"id": "fragments", "partitionKey": key},
                    "options": {"throughput": RU},
                }
            },
        )
        arm.close()
        return declared

    def close(self) -> None:
        self.world.close()

    # -- the primary --------------------------------------------------------------------------------------

    def upload(self, key: str, data: bytes, bucket: str = "") -> None:
        self.s3.put_object(
            Bucket=bucket or self.source.uploadsBucket,
            Key=key,
            Body=data,
            ContentType="image/jpeg",
            Metadata={"who": "a test"},
        )

    def item(self, image: str, index: int, content: str, **more: Any) -> None:
        self.dynamodb.put_item(TableName=self.source.table, Item={
            "imageId": {"S": image}, "chunkIndex": {"N": str(index)}, "content": {"S": content}, **more,
        })  # fmt: skip

    def bucket(self, name: str = "") -> dict[str, bytes]:
        found = self.s3.list_objects_v2(Bucket=name or self.source.uploadsBucket).get("Contents", [])
        return {
            one["Key"]: self.s3.get_object(Bucket=name or self.source.uploadsBucket, Key=one["Key"])[
                "Body"
            ].read()
            for one in found
        }

    def items(self) -> dict[tuple[str, str], str]:
        found = self.dynamodb.scan(TableName=self.source.table)["Items"]
        return {(i["imageId"]["S"], i["chunkIndex"]["N"]): i["content"]["S"] for i in found}

    # -- Azure ----------------------------------------------------------------------------------------------

    def blobs(self, container: str) -> Any:
        return self.world.blobs(container)._client

    def blob_contents(self, container: str) -> dict[str, bytes]:
        held = self.blobs(container)
        return {b.name: held.download_blob(b.name).readall() for b in held.list_blobs()}

    @property
    def documents(self) -> Any:
        from clouds.azure.documents import Documents

        _, database, container = self.world.cosmos
        return Documents(self.world.body("cosmos"), self.world.endpoints, database, container)

    def all_documents(self) -> dict[str, dict[str, Any]]:
        return {d["id"]: d for d in self.documents.query("SELECT * FROM c")}

    # -- runs -----------------------------------------------------------------------------------------------

    async def carry(self, flow: str, *, reverse: bool = False, max_delete: int = 10) -> Outcome:
        return await objects.run(
            self.world, flow, reverse=reverse, cutover=self.directions.cutover(), max_delete=max_delete, dry_run=False,
            fence=self.directions.fence(Direction.REVERSE if reverse else Direction.FORWARD), on_change=lambda _p: None,
        )  # fmt: skip

    def metadata(self, *, reverse: bool = False, dry_run: bool = False) -> Outcome:
        return metadata.run(
            self.world, reverse=reverse, cutover=self.directions.cutover(), dry_run=dry_run,
            fence=self.directions.fence(Direction.REVERSE if reverse else Direction.FORWARD), on_change=lambda _n, _s: None,
        )  # fmt: skip

    def fail_over(self) -> None:
        """The direction leaves forward, and then reverse: what `dr failover` does to it."""
        self.directions.turn(Direction.OFF, "a test", "cutover")
        self.directions.turn(Direction.REVERSE, "a test", "Azure is live")
