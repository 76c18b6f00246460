"""The blob door against the real Azurite, through the real SDK."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import httpx
import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobServiceClient,
    StaticWebsite,
    generate_container_sas,
)

from .conftest import STORAGE_KEY, World, eventually

ACCOUNT = "stblobdoor"
STORAGE = f"Microsoft.Storage/storageAccounts/{ACCOUNT}"


@pytest.fixture(scope="module")
def service(world: World) -> Iterator[BlobServiceClient]:
    world.put(STORAGE)
    credential = AzureNamedKeyCredential(ACCOUNT, STORAGE_KEY)
    with BlobServiceClient(world.plane.blob_endpoint(ACCOUNT), credential=credential) as client:
        yield client


def test_a_container_declared_in_arm_really_exists_and_goes_with_it(
    world: World, service: BlobServiceClient
) -> None:
    """Its effects are real."""
    path = f"{STORAGE}/blobServices/default/containers/declared"
    world.put(path)
    assert service.get_container_client("declared").exists()
    world.put(path)  # a second PUT of the same body is no error
    world.delete(path)
    assert not service.get_container_client("declared").exists()


def test_an_account_that_arm_does_not_have_is_refused(world: World) -> None:
    """A data plane without its control plane resource would hide a missing account."""
    credential = AzureNamedKeyCredential("stnobody", STORAGE_KEY)
    client = BlobServiceClient(world.plane.blob_endpoint("stnobody"), credential=credential, retry_total=0)
    with client, pytest.raises(HttpResponseError) as refused:
        list(client.list_containers())
    assert refused.value.status_code == 404


def test_a_wrong_key_is_refused(world: World, service: BlobServiceClient) -> None:
    """The door passes signatures on unchanged, so the server behind it can tell a wrong one."""
    credential = AzureNamedKeyCredential(ACCOUNT, "d3Jvbmc=")
    client = BlobServiceClient(world.plane.blob_endpoint(ACCOUNT), credential=credential, retry_total=0)
    with client, pytest.raises(HttpResponseError) as refused:
        list(client.list_containers())
    assert refused.value.status_code == 403


@pytest.mark.parametrize("name", ["a.jpg", "dir/é 1#?&%41+.jpg", "x" * 500], ids=["plain", "hostile", "long"])
def test_a_blob_of_many_blocks_comes_back_unchanged(
    world: World, service: BlobServiceClient, name: str
) -> None:
    """Streaming both ways must not touch the bytes, whatever the name."""
    world.put(f"{STORAGE}/blobServices/default/containers/bytes")
    data = uuid.uuid4().bytes * 200_000
    blob = service.get_blob_client("bytes", name)
    blob.upload_blob(data, overwrite=True)
    assert blob.download_blob().readall() == data
    assert name in [found.name for found in service.get_container_client("bytes").list_blobs()]


def test_the_site_is_served_once_static_website_is_switched_on(
    world: World, service: BlobServiceClient
) -> None:
    """READY-1: index.html answers 200 from the site's endpoint; missing pages answer the error document."""
    endpoint = world.call(world.plane.web_endpoint, ACCOUNT)
    assert eventually(lambda: httpx.get(endpoint).status_code) == 404
    service.set_service_properties(
        static_website=StaticWebsite(
            enabled=True, index_document="index.html", error_document404_path="404.html"
        )
    )
    site = service.get_container_client("$web")
    assert site.exists()
    for name, text in (("index.html", "home"), ("dir/index.html", "dir"), ("404.html", "lost")):
        site.upload_blob(name, text.encode(), overwrite=True)
    answers = {path: httpx.get(endpoint + path) for path in ("", "dir/", "index.html", "nowhere")}
    assert {path: (a.status_code, a.text) for path, a in answers.items()} == {
        "": (200, "home"),
        "dir/": (200, "dir"),
        "index.html": (200, "home"),
        "nowhere": (404, "lost"),
    }
    etag = answers[""].headers["etag"]
    assert httpx.get(endpoint, headers={"If-None-Match": etag}).status_code == 304
    assert httpx.head(endpoint).headers["content-length"] == "4"
    assert httpx.post(endpoint).status_code == 405


@pytest.mark.parametrize("what", ["blob", "block"])
def test_a_copy_from_a_url_really_brings_the_bytes_and_says_what_the_source_said(
    world: World, service: BlobServiceClient, what: str
) -> None:
    """Azurite has no Put Blob/Block From URL and would store nothing as if it were all: the door fetches the bytes."""
    world.put(f"{STORAGE}/blobServices/default/containers/bytes")
    sas = generate_container_sas(
        ACCOUNT, "bytes", account_key=STORAGE_KEY, permission="racwdl", expiry="2099-01-01T00:00:00Z"
    )
    source = service.get_blob_client("bytes", "any")
    data = uuid.uuid4().bytes * 30_000
    source.upload_blob(data, overwrite=True)
    blob = BlobClient(
        world.plane.blob_endpoint(ACCOUNT), "bytes", f"from-url-{what}", credential=sas, retry_total=0
    )

    def ask(url: str) -> None:
        if what == "blob":
            blob.upload_blob_from_url(url)
        else:
            blob.stage_block_from_url("MQ==", url, source_offset=0, source_length=len(data))
            blob.commit_block_list([BlobBlock("MQ==")])

    ask(f"{source.url}?{sas}")
    assert blob.download_blob().readall() == data
    with pytest.raises(HttpResponseError) as refused:
        ask(f"{source.url}-absent?{sas}")
    assert (refused.value.status_code, refused.value.error_code) == (404, "CannotVerifyCopySource")
    with pytest.raises(HttpResponseError, match="loopback alone"):
        ask("https://192.0.2.1/x")
    assert blob.download_blob().readall() == data
