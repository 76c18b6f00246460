"""From an upload to its documents: the doors, Event Grid, the function host and the converter's real code."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from clouds.azure.blobs import Blobs
from clouds.azure.documents import Documents
from clouds.endpoints import Endpoints
from clouds.sync import reconcile
from recovery.chunks import assemble, chunk_id

from .conftest import COSMOS_KEY, STORAGE_KEY, World, converter_zip, eventually

STORAGE = "Microsoft.Storage/storageAccounts/stuploads"
COSMOS = "Microsoft.DocumentDB/databaseAccounts/cosmos-run"
SITE = "Microsoft.Web/sites/func-run"
SUBSCRIPTION = "Microsoft.EventGrid/systemTopics/uploads/eventSubscriptions/convert"
UPLOADS = "/blobServices/default/containers/uploads/"
NOTHING = "/muted/"
JPEG = b"\xff\xd8\xff\xe0"
BEARER = {"Authorization": "Bearer local"}


@dataclass
class Pipeline:
    """Everything between an upload and its documents."""

    world: World
    blobs: Blobs
    documents: Documents
    scm: str

    def subscribe(self, begins_with: str) -> None:
        """Write the subscription: the converter's mute is its filter."""
        base = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/rg-test/providers"
        self.world.put(
            SUBSCRIPTION,
            {
                "destination": {
                    "endpointType": "AzureFunction",
                    "properties": {"resourceId": f"{base}/{SITE}/functions/convert_upload"},
                },
                "filter": {
                    "subjectBeginsWith": begins_with,
                    "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
                },
                "retryPolicy": {"maxDeliveryAttempts": 3, "eventTimeToLiveInMinutes": 60},
                "deadLetterDestination": {
                    "endpointType": "StorageBlob",
                    "properties": {"resourceId": f"{base}/{STORAGE}", "blobContainerName": "dead"},
                },
            },
        )

    def outcome(self, blob: str, nth: int = 0) -> str:
        """The final state of the nth event about a blob, "" while it is open."""
        found = [
            d
            for d in list(self.world.plane.events.deliveries)
            if d.subject.endswith(f"/uploads/blobs/{blob}")
        ]
        return found[nth].state if len(found) > nth and found[nth].state != "trying" else ""


@pytest.fixture(scope="module")
def pipeline(world: World) -> Iterator[Pipeline]:
    plane = world.plane
    storage_id = world.put(STORAGE)
    for name in ("uploads", "dead"):
        world.put(f"{STORAGE}/blobServices/default/containers/{name}")
    world.put(COSMOS)
    world.put(f"{COSMOS}/sqlDatabases/db")
    path = f"{COSMOS}/sqlDatabases/db/containers/images"
    world.put(path, {"resource": {"id": "images", "partitionKey": {"paths": ["/imageId"], "kind": "Hash"}}})
    world.put(f"{path}/throughputSettings/default", {"resource": {"throughput": 100_000}})
    cosmos_url = world.call(plane.cosmos_endpoint, "cosmos-run")
    world.put(SITE, {"state": "Running"})
    settings = {
        "UPLOADS_BLOB_ENDPOINT": plane.blob_endpoint("stuploads"),
        "COSMOS_ENDPOINT": cosmos_url,
        "COSMOS_DATABASE": "db",
        "COSMOS_CONTAINER": "images",
    }
    world.put(f"{SITE}/config/appsettings", settings)
    world.put("Microsoft.EventGrid/systemTopics/uploads", {"source": storage_id})
    scm = f"http://{world.call(plane.scm_endpoint, 'func-run')}"
    endpoints = Endpoints(storage_key=STORAGE_KEY, cosmos_key=COSMOS_KEY)
    storage_body = {
        "name": "stuploads", "properties": {"primaryEndpoints": {"blob": plane.blob_endpoint("stuploads")}}
    }  # fmt: skip
    blobs = Blobs(storage_body, endpoints)
    documents = Documents({"properties": {"documentEndpoint": cosmos_url}}, endpoints, "db", "images")
    published = httpx.post(
        f"{scm}/api/publish?type=zip&message=v1", content=converter_zip(), headers=BEARER, timeout=60
    )
    assert published.status_code == 202, published.text
    eventually(lambda: world.call(plane.functions, "func-run"))
    made = Pipeline(world, blobs, documents, scm)
    made.subscribe(UPLOADS)
    yield made
    blobs.close()


def test_the_deployed_function_is_listed_with_its_trigger(pipeline: Pipeline) -> None:
    """READY-3: the converter is deployed, listed, with its trigger configured."""
    configs = pipeline.world.call(pipeline.world.plane.function_configs, "func-run")
    assert [b["type"] for b in configs["convert_upload"]["bindings"]] == ["eventGridTrigger"]
    known = httpx.get(f"{pipeline.scm}/api/deployments", headers=BEARER).json()
    assert [(d["status"], d["message"]) for d in known if d["active"]] == [(4, "v1")]


def test_an_upload_becomes_documents_that_decode_to_its_bytes(pipeline: Pipeline) -> None:
    """VAL-2: uploaded by SAS URL, converted by the real code, imageId, chunkIndex and content that decodes."""
    name, data = "fotos/é 1#?.jpg", JPEG + os.urandom(2_500_000)
    url = pipeline.blobs.signed_url("uploads", name, permission="cw", minutes=5)
    headers = {"x-ms-blob-type": "BlockBlob", "Content-Type": "image/jpeg"}
    assert httpx.put(url, content=data, headers=headers, timeout=60).status_code == 201
    assert eventually(lambda: pipeline.outcome(name)) == "delivered"
    found = pipeline.documents.partition(name)
    assert assemble(found) == data
    assert sorted(d["chunkIndex"] for d in found) == [0, 1, 2]
    assert {d["contentType"] for d in found} == {"image/jpeg"}
    runs = [
        e
        for e in pipeline.world.call(pipeline.world.plane.executions, "func-run")
        if e.subject.endswith(name)
    ]
    assert [(e.function, e.success) for e in runs] == [("convert_upload", True)]


def test_a_smaller_new_version_replaces_all_chunks_of_the_old_one(pipeline: Pipeline) -> None:
    """Idempotent conversion: after each delivery the documents are those of the blob that is there."""
    name = "again.jpg"
    for nth, size in enumerate((2_200_000, 100, 100)):
        data = JPEG + os.urandom(size)
        pipeline.blobs.put("uploads", name, data, content_type="image/jpeg")
        assert eventually(lambda nth=nth: pipeline.outcome(name, nth)) == "delivered"  # type: ignore[misc]
        assert assemble(pipeline.documents.partition(name)) == data


def test_a_poison_upload_is_dead_lettered_after_its_retries(pipeline: Pipeline) -> None:
    """Poison messages dead-lettered; the letter says how often and why."""
    pipeline.blobs.put("uploads", "poison.jpg", b"#!/bin/sh")
    assert eventually(lambda: pipeline.outcome("poison.jpg")) == "dead-lettered"
    letters = [
        json.loads(pipeline.blobs.get("dead", b.name) or b"") for b in pipeline.blobs.list("dead", "CONVERT/")
    ]
    mine = [letter for (letter,) in letters if letter["subject"].endswith("poison.jpg")]
    assert [(m["deadLetterReason"], m["deliveryAttempts"]) for m in mine] == [
        ("MaxDeliveryAttemptsExceeded", 3)
    ]
    assert pipeline.documents.partition("poison.jpg") == []


def test_a_muted_subscription_drops_the_event_for_good(pipeline: Pipeline) -> None:
    """The daily sync must not fire the standby's converter, and unmuting must not replay what was dropped."""
    pipeline.subscribe(NOTHING)
    try:
        pipeline.blobs.put("uploads", "muted.jpg", JPEG + b"1")
        assert eventually(lambda: pipeline.outcome("muted.jpg")) == "filtered"
    finally:
        pipeline.subscribe(UPLOADS)
    pipeline.blobs.put("uploads", "after.jpg", JPEG + b"2")
    assert eventually(lambda: pipeline.outcome("after.jpg")) == "delivered"
    assert pipeline.documents.partition("muted.jpg") == []


def test_a_blob_written_in_blocks_and_a_copied_blob_are_announced_once(pipeline: Pipeline) -> None:
    """Put Block List and Copy Blob create a blob, Put Block alone does not."""
    endpoint = pipeline.blobs.endpoint.rstrip("/")
    data = JPEG + os.urandom(600)
    with BlobServiceClient(
        endpoint, credential={"account_name": "stuploads", "account_key": STORAGE_KEY}
    ) as service:
        container: ContainerClient = service.get_container_client("uploads")
        blocks = container.get_blob_client("blocks.jpg")
        blocks.stage_block("MQ==", data[:300])
        blocks.stage_block("Mg==", data[300:])
        blocks.commit_block_list(["MQ==", "Mg=="])
        assert eventually(lambda: pipeline.outcome("blocks.jpg")) == "delivered"
        source = pipeline.blobs.signed_url("uploads", "blocks.jpg", permission="r", minutes=5)
        container.get_blob_client("copy.jpg").start_copy_from_url(source)
        assert eventually(lambda: pipeline.outcome("copy.jpg")) == "delivered"
    for name in ("blocks.jpg", "copy.jpg"):
        events = [d for d in pipeline.world.plane.events.deliveries if d.subject.endswith(f"/{name}")]
        assert len(events) == 1
        assert assemble(pipeline.documents.partition(name)) == data


@dataclass
class Place:
    """What `clouds.sync.reconcile` opens of a site, here the pipeline's."""

    pipeline: Pipeline
    endpoints: Endpoints

    def body(self, name: str) -> dict[str, object]:
        blob = self.pipeline.world.plane.blob_endpoint("stuploads")
        return {"name": "stuploads", "properties": {"primaryEndpoints": {"blob": blob}}}

    @property
    def cosmos(self) -> tuple[str, str, str]:
        plane = self.pipeline.world.plane
        return self.pipeline.world.call(plane.cosmos_endpoint, "cosmos-run"), "db", "images"

    def throughput(self) -> int:
        return 100_000


def test_an_upload_at_every_stage_at_the_moment_of_the_outage_has_its_documents_once_after_activation(
    pipeline: Pipeline,
) -> None:
    """ACT-3: received, copied, half converted, converted: complete after activation, none twice."""
    images = {
        f"stage/{name}.jpg": JPEG + os.urandom(2_300_000)
        for name in ("received", "copied", "half", "converted")
    }
    received, copied, half, converted = images
    pipeline.blobs.put("uploads", converted, images[converted], content_type="image/jpeg")
    assert eventually(lambda: pipeline.outcome(converted)) == "delivered"
    pipeline.subscribe(NOTHING)  # the standby's mute
    for name in (copied, half):
        pipeline.blobs.put("uploads", name, images[name], content_type="image/jpeg")
        assert eventually(lambda name=name: pipeline.outcome(name)) == "filtered"  # type: ignore[misc]
    pipeline.documents.upsert(documents_of(half, images[half])[0])
    pipeline.subscribe(UPLOADS)  # the activation
    pipeline.blobs.put("uploads", received, images[received], content_type="image/jpeg")  # the final sync
    assert eventually(lambda: pipeline.outcome(received)) == "delivered"
    place = Place(pipeline, Endpoints(storage_key=STORAGE_KEY, cosmos_key=COSMOS_KEY))
    done = asyncio.run(reconcile.run(place, dry_run=False, fence=lambda: None))  # type: ignore[arg-type]  # what it opens
    sent = sorted(one.partition(":")[0] for one in done.missing if one.startswith("stage/"))
    assert sent == [copied, half], "only those that need it"
    for name, data in images.items():
        assert eventually(lambda name=name: whole(pipeline, name))  # type: ignore[misc]
        found = pipeline.documents.partition(name)
        assert assemble(found) == data
        assert sorted(d["chunkIndex"] for d in found) == [0, 1, 2], "none twice"
        assert len({d["id"] for d in found}) == 3
    again = asyncio.run(reconcile.run(place, dry_run=True, fence=lambda: None))  # type: ignore[arg-type]
    assert not [one for one in again.missing if one.startswith("stage/")]


def whole(pipeline: Pipeline, name: str) -> bool:
    return len(pipeline.documents.partition(name)) == 3


def documents_of(name: str, data: bytes) -> list[dict[str, object]]:
    """The chunks that the converter makes of an image."""
    size = 1024 * 1024
    return [
        {"id": chunk_id(name, n), "imageId": name, "chunkIndex": n, "content": base64.b64encode(data[n * size : (n + 1) * size]).decode()}
        for n in range(-(-len(data) // size))
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({"../evil.py": b""}, "leave"),
        ({"/evil.py": b""}, "leave"),
        ({"other.py": b""}, "function_app.py"),
        (None, "zip"),
    ],
    ids=["parent", "absolute", "no app", "not a zip"],
)
def test_a_bad_package_is_refused_and_the_old_one_keeps_running(
    pipeline: Pipeline, entries: dict[str, bytes] | None, says: str
) -> None:
    """A package is foreign input: bounded, and nothing leaves its folder."""
    content = b"no zip at all"
    if entries is not None:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as package:
            for name, data in entries.items():
                package.writestr(name, data)
        content = out.getvalue()
    refused = httpx.post(f"{pipeline.scm}/api/publish?type=zip", content=content, headers=BEARER)
    assert refused.status_code == 400
    assert says in refused.json()["error"]
    assert pipeline.world.call(pipeline.world.plane.functions, "func-run") == ["convert_upload"]
    assert httpx.post(f"{pipeline.scm}/api/publish", content=content).status_code == 401
