"""The data flows against a local AWS and a local Azure (SYNC-1 to SYNC-3, ACT-2, BACK-2)."""

from __future__ import annotations

import asyncio
import json
import time

import boto3
import pytest

from clouds.sync import reconcile, records, watching
from clouds.sync.freeze import freezer
from clouds.sync.objects import divergence
from recovery.chunks import chunk_id
from recovery.errors import Stopped
from recovery.exit_codes import ExitCode
from recovery.journal.direction import Direction
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud
JPEG = b"\xff\xd8\xff"


def test_the_site_is_replaced_and_emptied_of_what_is_obsolete_and_its_pages_are_asked_for(site: Site) -> None:
    """SYNC-1: recursive, changed files replaced, obsolete ones deleted; counts and bytes equal."""
    for number in range(12):
        site.upload(f"css/{number}.css", b"a" * number, site.source.siteBucket)
    first = asyncio.run(site.carry("site"))
    assert (first.code, first.counts["copied"]) == (ExitCode.CLEAN, 12)
    site.upload("css/3.css", b"changed", site.source.siteBucket)
    site.s3.delete_object(Bucket=site.source.siteBucket, Key="css/4.css")
    second = asyncio.run(site.carry("site"))
    assert (second.counts["copied"], second.counts["deleted"], second.code) == (1, 1, ExitCode.CLEAN)
    assert site.blob_contents("$web") == site.bucket(site.source.siteBucket)
    held = site.blobs("$web").get_blob_client("css/3.css").get_blob_properties()
    assert (held.content_settings.content_type, held.metadata["who"]) == ("image/jpeg", "a test")


def test_the_primary_comes_back_in_mid_contingency_and_nothing_in_azure_changes(site: Site) -> None:
    """Fencing: the daily run fires while Azure is live; it is refused in words, and the divergence is listed."""
    site.upload("cat.jpg", JPEG + b"before")
    asyncio.run(site.carry("uploads"))
    site.item("cat.jpg", 0, "Zg==")
    site.metadata()
    site.fail_over()
    time.sleep(1.1)  # S3 says whole seconds
    site.upload("cat.jpg", JPEG + b"AWS took it after the cutover")
    site.item("cat.jpg", 0, "Zz==")
    before = (site.blob_contents("uploads"), site.all_documents())
    for run in (lambda: asyncio.run(site.carry("uploads")), site.metadata):
        with pytest.raises(Stopped, match="the journal says reverse") as refused:
            run()
        assert refused.value.exit_code is ExitCode.STOPPED
    assert (site.blob_contents("uploads"), site.all_documents()) == before
    since = site.directions.cutover()
    assert since is not None
    assert [one.split(" ")[0] for one in divergence(site.world, "uploads", since)] == ["cat.jpg"]


def test_a_run_that_began_under_another_epoch_stops(site: Site) -> None:
    """Fencing: the direction came back to forward meanwhile, and still the old run may not write."""
    fence = site.directions.fence(Direction.FORWARD)
    fence()
    site.directions.turn(Direction.OFF, "a test", "x")
    site.directions.turn(Direction.FORWARD, "a test", "y")
    with pytest.raises(Stopped, match="epoch 1 then, 3 now"):
        fence()


def test_forward_and_reverse_are_never_neighbours(site: Site) -> None:
    """Fencing: off lies between."""
    with pytest.raises(Stopped, match="without being off between"):
        site.directions.turn(Direction.REVERSE, "a test", "at once")
    assert site.directions.read().direction is Direction.FORWARD


def test_the_table_arrives_whole_then_what_changed_with_deletions_under_the_converters_ids(
    site: Site,
) -> None:
    """SYNC-3: full, then incremental; ids agree with the converter's, so nothing stands twice; counts and sample."""
    for number in range(30):
        site.item(
            f"u/{number}.jpg",
            number % 3,
            "YWJj",
            exact={"N": "12345678901234567890.5"},
            raw={"B": b"\x00\x01"},
        )
    first = site.metadata()
    assert (first.code, first.counts["created"]) == (ExitCode.CLEAN, 30)
    assert set(site.all_documents()) == {chunk_id(f"u/{n}.jpg", n % 3) for n in range(30)}
    site.item("u/1.jpg", 1, "bmV3")
    key = {"imageId": {"S": "u/2.jpg"}, "chunkIndex": {"N": "2"}}
    site.dynamodb.delete_item(TableName=site.source.table, Key=key)
    second = site.metadata()
    assert (second.code, second.counts["replaced"], second.counts["deleted"]) == (ExitCode.CLEAN, 1, 1)
    there = site.all_documents()
    assert there[chunk_id("u/1.jpg", 1)]["content"] == "bmV3"
    assert chunk_id("u/2.jpg", 2) not in there
    proof = second.proofs[0]
    assert (proof.population, proof.notes["missing"], proof.notes["extra"]) == (29, 0, 0)


def test_a_document_that_was_changed_or_lost_in_azure_fails_the_proof(site: Site) -> None:
    """SYNC-3: the proof sees both."""
    for number in range(60):
        site.item(f"{number}.jpg", 0, "YWJj")
    site.metadata()
    documents = site.documents
    documents.delete(chunk_id("7.jpg", 0), "7.jpg")
    for number in range(60):
        if number != 7:
            documents.upsert(
                site.all_documents()[chunk_id(f"{number}.jpg", 0)] | {"content": "other"}
            ) if number < 59 else None
    from clouds.sync import verify

    (seen,) = verify.run(site.world, ["metadata"], reverse=False)
    assert seen.code is ExitCode.FINDING
    assert seen.proofs[0].notes["missing"] == 1
    assert seen.proofs[0].equal < seen.proofs[0].compared


def test_an_interrupted_import_goes_on_from_its_export_and_ends_the_same(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SYNC-3: resumable from a checkpoint; the export that was made is not made again."""
    for number in range(250):
        site.item(f"{number}.jpg", 0, "YWJj")
    asked = []

    def falls() -> None:
        asked.append(1)
        if len(asked) > 2:
            raise Stopped("the direction was turned", "why", "fix")

    from clouds.sync import metadata as flow

    with pytest.raises(Stopped):
        flow.run(
            site.world, reverse=False, cutover=None, dry_run=False, fence=falls, on_change=lambda _n, _s: None
        )
    done = site.metadata()
    assert done.code is ExitCode.CLEAN
    assert len(site.all_documents()) == 250


def test_what_azure_wrote_returns_conflicts_are_kept_and_what_aws_alone_has_is_listed(site: Site) -> None:
    """BACK-2: nothing written during the contingency is lost, and nothing that AWS accepted is dropped."""
    for number in range(30):
        site.item(f"{number}.jpg", 0, "b2xk")
        site.upload(f"{number}.jpg", JPEG + b"old")
    site.metadata()
    asyncio.run(site.carry("uploads"))
    site.fail_over()
    time.sleep(1.1)
    documents = site.documents
    for image, content in (("1.jpg", "QXp1cmU="), ("2.jpg", "QXp1cmU="), ("new.jpg", "bmV3")):
        documents.upsert({"id": chunk_id(image, 0), "imageId": image, "chunkIndex": 0, "content": content})
        site.blobs("uploads").upload_blob(image, JPEG + b"azure", overwrite=True)
    documents.delete(chunk_id("3.jpg", 0), "3.jpg")
    site.item("2.jpg", 0, "QVdT")
    site.item("aws-only.jpg", 0, "QVdT")
    site.item("9.jpg", 0, "QVdT")
    site.upload("2.jpg", JPEG + b"aws")
    site.upload("8.jpg", JPEG + b"aws alone")
    done, moved = site.metadata(reverse=True), asyncio.run(site.carry("uploads", reverse=True))
    there = site.items()
    assert {k[0]: v for k, v in there.items() if k[0] in ("1.jpg", "2.jpg", "new.jpg", "aws-only.jpg")} == {
        "1.jpg": "QXp1cmU=", "2.jpg": "QXp1cmU=", "new.jpg": "bmV3", "aws-only.jpg": "QVdT",
    }  # fmt: skip
    assert ("3.jpg", "0") not in there
    assert there["9.jpg", "0"] == "QVdT", "only AWS changed it: Azure's older one must not go over it"
    assert (len(done.conflicts), len(done.divergence), done.code) == (1, 2, ExitCode.CLEAN)
    kept = next(b.name for b in site.world.journal.list_blobs(name_starts_with="conflicts/"))
    both = json.loads(site.world.journal.download_blob(kept).readall())
    assert (both["aws"]["content"]["S"], both["azure"]["content"]["S"]) == ("QVdT", "QXp1cmU=")
    assert (moved.conflicts, moved.divergence) == (["2.jpg"], ["8.jpg"])
    assert list(site.bucket(site.source.exportBucket).values()).count(JPEG + b"aws") == 1
    assert site.bucket() == site.blob_contents("uploads") | {"8.jpg": JPEG + b"aws alone"}
    again = site.metadata(reverse=True)
    assert (again.counts["written"], again.counts["deleted"], again.conflicts) == (0, 0, [])


def test_what_aws_took_in_before_the_disaster_and_after_the_last_run_is_never_overwritten_unseen(
    site: Site,
) -> None:
    """BACK-2: the RPO's gap. Its time is older than the cutover, and Azure never had it all the same."""
    for name in ("hot.jpg", "known.jpg"):
        site.upload(name, JPEG + b"both have it")
        site.item(name, 0, "b2xk")
    site.upload("base.css", b"both", site.source.siteBucket)
    for flow in ("uploads", "site"):
        assert asyncio.run(site.carry(flow)).code is ExitCode.CLEAN
    site.metadata()
    time.sleep(1.1)  # exports and S3 speak of whole seconds
    for name in ("hot.jpg", "gap.jpg"):
        site.upload(name, JPEG + b"in the gap")
        site.item(name, 0, "Z2Fw")
    site.upload("gap.css", b"in the gap", site.source.siteBucket)
    time.sleep(1.1)
    site.fail_over()
    for name in ("hot.jpg", "known.jpg"):
        site.documents.upsert(
            {"id": chunk_id(name, 0), "imageId": name, "chunkIndex": 0, "content": "QXp1cmU="}
        )
        site.blobs("uploads").upload_blob(name, JPEG + b"azure", overwrite=True)
    since = site.directions.cutover()
    assert since is not None
    assert [one.split(" ")[0] for one in divergence(site.world, "uploads", since)] == ["gap.jpg", "hot.jpg"]
    assert [one.split(" ")[0] for one in divergence(site.world, "site", since)] == ["gap.css"]
    moved, pages = (asyncio.run(site.carry(f, reverse=True, max_delete=100)) for f in ("uploads", "site"))
    done = site.metadata(reverse=True)
    assert (moved.conflicts, moved.divergence, moved.code) == (["hot.jpg"], ["gap.jpg"], ExitCode.CLEAN)
    assert (pages.divergence, pages.counts["deleted"]) == (["gap.css"], 0)
    kept = site.bucket(site.source.exportBucket)
    assert [data for key, data in kept.items() if key.startswith("conflicts/")] == [JPEG + b"in the gap"]
    assert site.bucket() == {
        "hot.jpg": JPEG + b"azure", "known.jpg": JPEG + b"azure", "gap.jpg": JPEG + b"in the gap",
    }  # fmt: skip
    assert [one.split("(")[1].split(",")[0] for one in done.divergence] == ["imageId gap.jpg chunkIndex 0"]
    assert [one.split(" ")[0] for one in done.conflicts] == [chunk_id("hot.jpg", 0)]
    assert {key[0]: content for key, content in site.items().items()} == {
        "hot.jpg": "QXp1cmU=", "known.jpg": "QXp1cmU=", "gap.jpg": "Z2Fw",
    }  # fmt: skip


def test_what_the_watch_carried_after_the_last_run_is_no_divergence(site: Site) -> None:
    """BACK-2: no full run saw it, and Azure has it: only what differs is AWS's alone."""
    site.upload("a.jpg", JPEG)
    asyncio.run(site.carry("uploads"))
    site.item("a.jpg", 0, "YQ==")
    site.metadata()
    time.sleep(1.1)
    site.upload("b.jpg", JPEG + b"carried by the watch")
    site.item("b.jpg", 0, "Yg==")
    watching.run(site.world, site.directions.fence(Direction.FORWARD), lambda *_: None, seconds=2.0, poll=0.1)
    time.sleep(7)  # more than the margin that the clocks are given
    site.fail_over()
    since = site.directions.cutover()
    assert since is not None
    assert divergence(site.world, "uploads", since) == []
    done = site.metadata(reverse=True)
    assert (done.divergence, done.conflicts, done.counts["written"]) == ([], [], 0)


def test_without_a_word_of_what_both_had_every_differing_version_of_aws_is_kept_aside(site: Site) -> None:
    """BACK-2: a site whose last run was an older release's: unknown is not "both had it". A damaged word stops the run."""
    from recovery.errors import Unobserved

    site.upload("a.jpg", JPEG)
    asyncio.run(site.carry("uploads"))
    site.fail_over()
    site.blobs("uploads").upload_blob("a.jpg", JPEG + b"azure", overwrite=True)
    site.world.journal.upload_blob("common/uploads.versions", b"torn", overwrite=True)
    with pytest.raises(Unobserved, match="damaged"):
        asyncio.run(site.carry("uploads", reverse=True))
    assert site.bucket() == {"a.jpg": JPEG}
    site.world.journal.delete_blob("common/uploads.versions")
    moved = asyncio.run(site.carry("uploads", reverse=True))
    assert (moved.conflicts, site.bucket()) == (["a.jpg"], {"a.jpg": JPEG + b"azure"})


def test_a_freeze_refuses_everybody_and_is_taken_back_byte_for_byte(site: Site) -> None:
    """ACT-2: merged with the policy that stood there, proven by a refused write, restored exactly."""
    own = '{"Version":"2012-10-17",  "Statement":[{"Sid":"Own","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::%s/*"}]}'
    own %= site.source.uploadsBucket
    site.s3.put_bucket_policy(Bucket=site.source.uploadsBucket, Policy=own)
    made = freezer(site.world)
    for name in ("uploads", "table", "uploads"):  # again is harmless
        assert "a write was refused" in made.freeze(name)
    assert made.let_sync_through("uploads")
    site.upload("from-the-sync", b"x")
    other = boto3.client(
        "s3",
        region_name="us-east-1",
        endpoint_url=site.url,
        aws_access_key_id="app",
        aws_secret_access_key="x",
    )
    with pytest.raises(other.exceptions.ClientError, match=r"403|AccessDenied"):
        other.put_object(Bucket=site.source.uploadsBucket, Key="x", Body=b"x")
    with pytest.raises(site.dynamodb.exceptions.ClientError, match="explicit deny"):
        site.item("x", 0, "x")
    assert "byte for byte" in made.unfreeze("uploads")
    assert "byte for byte" in made.unfreeze("table")
    assert site.s3.get_bucket_policy(Bucket=site.source.uploadsBucket)["Policy"] == own
    other.put_object(Bucket=site.source.uploadsBucket, Key="x", Body=b"x")
    site.item("x", 0, "x")
    assert "was not frozen" in made.unfreeze("table")


def test_a_policy_that_someone_changed_during_the_freeze_is_not_thrown_away(site: Site) -> None:
    """ACT-2: restored exactly means not over somebody's change."""
    made = freezer(site.world)
    made.freeze("uploads")
    theirs = '{"Version":"2012-10-17","Statement":[]}'
    site.s3.put_bucket_policy(Bucket=site.source.uploadsBucket, Policy=theirs)
    with pytest.raises(Stopped, match="changed since"):
        made.unfreeze("uploads")
    assert site.s3.get_bucket_policy(Bucket=site.source.uploadsBucket)["Policy"] == theirs


def test_the_watch_carries_changes_in_order_and_again_without_harm(site: Site) -> None:
    """Continuous: ordered per key, at least once, idempotent; a second watcher starts at the checkpoint."""
    for number in range(5):
        for version in ("b25l", "dHdv"):
            site.item(f"{number}.jpg", 0, version)
        site.upload(f"{number}.jpg", JPEG + b"%d" % number)
    site.dynamodb.delete_item(
        TableName=site.source.table, Key={"imageId": {"S": "4.jpg"}, "chunkIndex": {"N": "0"}}
    )
    fence = site.directions.fence(Direction.FORWARD)
    first = watching.run(site.world, fence, lambda *_: None, seconds=3.0, poll=0.1)
    assert {d["imageId"]: d["content"] for d in site.all_documents().values()} == {
        f"{n}.jpg": "dHdv" for n in range(4)
    }
    assert site.blob_contents("uploads") == site.bucket()
    assert (first.items.applied, first.objects.applied) == (11, 5)
    second = watching.run(site.world, fence, lambda *_: None, seconds=0.5, poll=0.1)
    assert (second.items.applied, second.objects.applied) == (0, 0)
    assert site.metadata().code is ExitCode.CLEAN


def test_only_uploads_without_whole_documents_are_found(site: Site) -> None:
    """ACT-3: received, half converted, converted, converted from other bytes; what is no image is waited for by nobody."""
    import base64

    images = {name: JPEG + name.encode() * 10 for name in ("received", "half", "whole", "other")}
    images["notes.pdf"] = b"%PDF-1.7 no image, and no documents ever"
    for name, data in images.items():
        site.blobs("uploads").upload_blob(name, data)

    def chunk(name: str, index: int, data: bytes) -> None:
        document = {
            "id": chunk_id(name, index),
            "imageId": name,
            "chunkIndex": index,
            "content": base64.b64encode(data).decode(),
        }
        site.documents.upsert(document)

    chunk("half", 0, images["half"][:9])
    chunk("whole", 0, images["whole"][:9])
    chunk("whole", 1, images["whole"][9:])
    chunk("other", 0, images["other"][:-1] + b"?")
    before = {b.name: b.etag for b in site.blobs("uploads").list_blobs()}
    done = asyncio.run(reconcile.run(site.world, dry_run=False, fence=lambda: None))
    after = {b.name: b.etag for b in site.blobs("uploads").list_blobs()}
    assert [one.split(":")[0] for one in done.missing] == ["half", "other", "received"]
    assert [one.split(":")[0] for one in done.refused] == ["notes.pdf"]
    assert [name for name in after if after[name] != before[name]] == ["half", "other", "received"]
    assert site.blob_contents("uploads") == images


def test_a_run_record_is_written_once_in_both_places_and_without_secrets(site: Site) -> None:
    """SYNC-4: the record cannot be overwritten, and says no signature."""
    secret = "https://x/y?sig=abcdefgh"
    path, away = records.write(
        site.root, site.world.journal, "site", {"errors": [secret], "counts": {"copied": 1}}
    )
    assert away is None
    blob = site.world.journal.download_blob(f"runs-sync/{path.name}").readall()
    assert blob == path.read_bytes()
    assert b"abcdefgh" not in blob
    assert (records.latest(site.root, "site") or {})["counts"] == {"copied": 1}
    with pytest.raises(Exception, match="exist"):
        site.world.journal.upload_blob(f"runs-sync/{path.name}", b"x", overwrite=False)
