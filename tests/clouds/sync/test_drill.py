"""What a drill does to the data: AWS is the same afterwards, and what was not carried is said (ACT-2)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from clouds.runbook import drill
from clouds.runbook.calls import Call, Outcome
from clouds.runbook.data_effects import NO_EXPORT, Data
from clouds.sync import records
from clouds.sync.world import SyncWorld
from recovery.journal.chain import Kind
from recovery.model import Json
from recovery.report.evidence import said
from recovery.runbook.drill import drilled
from recovery.runbook.events import Result
from recovery.runbook.image_app import FAILOVER
from recovery.runbook.state import Phase, begin
from tests.clouds.runbook.simulated import MemoryJournal
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud


class OnSite(Data):
    """The effects over one test's site."""

    def __init__(self, site: Site) -> None:
        super().__init__(site.root, site.environ)
        self._site = site

    @contextmanager
    def _world(self) -> Iterator[SyncWorld]:
        yield self._site.world


def aws(site: Site) -> str:
    """All that AWS holds of the site, to be compared byte for byte: versions, contents, policies, triggers, table."""
    found: dict[str, Any] = {}
    for bucket in (site.source.siteBucket, site.source.uploadsBucket, site.source.exportBucket):
        held = site.s3.list_object_versions(Bucket=bucket)
        found[bucket] = {
            "versions": held.get("Versions", []), "marks": held.get("DeleteMarkers", []),
            "bytes": {key: data.hex() for key, data in site.bucket(bucket).items()},
            "triggers": site.s3.get_bucket_notification_configuration(Bucket=bucket).get("QueueConfigurations"),
        }  # fmt: skip
    found["policies"] = [_policy(site), _table_policy(site)]
    found["table"] = site.dynamodb.describe_table(TableName=site.source.table)["Table"]
    found["items"] = sorted(site.items().items())
    return json.dumps(found, default=str, sort_keys=True)


def _policy(site: Site) -> str:
    try:
        return str(site.s3.get_bucket_policy(Bucket=site.source.uploadsBucket)["Policy"])
    except site.s3.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])


def _table_policy(site: Site) -> str:
    arn = site.dynamodb.describe_table(TableName=site.source.table)["Table"]["TableArn"]
    try:
        return str(site.dynamodb.get_resource_policy(ResourceArn=arn)["Policy"])
    except site.dynamodb.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])


class Drill:
    """The steps of the failover that touch data, as a drill's table carries them out."""

    def __init__(self, site: Site) -> None:
        self.journal, self.told = MemoryJournal(), list[str]()
        table = OnSite(site).table()
        writing = {kind: one for kind, one in table.items() if kind.startswith(("freeze.", "triggers."))}
        self._table = {**table, **drill.without(writing)}
        self._book = drilled(FAILOVER)

    def step(self, id: str) -> Mapping[str, Json]:
        """The evidence of a step's `do`."""
        effect = self._book.step(id).do
        assert effect is not None
        state = begin(self._book, "drill-1", {})
        call = Call(f"drill-1/{id}/do/1.1", id, Phase.DO, state, self.journal, self.told.append, drill=True)
        done: Outcome = self._table[effect.kind](effect.args, call)
        assert done.result is Result.OK, done.evidence
        return done.evidence


def test_a_drill_changes_nothing_on_aws_and_says_how_old_the_data_is(site: Site) -> None:
    """Neither freeze nor export: S3, export bucket, table and policies are the same, and the age is evidence."""
    site.upload("cat.jpg", b"a cat")
    site.item("cat.jpg", 0, "YSBjYXQ=")
    assert site.metadata().proofs[0].holds
    records.write(
        site.world.home,
        site.world.journal,
        "metadata",
        {"flow": "metadata", "started": "2026-01-01T00:00:00+00:00"},
    )
    site.item("later.jpg", 0, "bGF0ZXI=")  # since the last export: a drill leaves it to the next daily run
    before = aws(site)
    made = Drill(site)
    steps = ("freeze-uploads", "freeze-table", "sync-uploads", "sync-metadata", "compare", "reconcile")
    seen = {id: made.step(id) for id in steps}
    assert aws(site) == before
    assert site.blob_contents("uploads") == {"cat.jpg": b"a cat"}, "uploads are carried: that only reads AWS"
    assert sorted(d["imageId"] for d in site.all_documents().values()) == ["cat.jpg"]
    assert seen["sync-metadata"]["drill"] == NO_EXPORT
    assert seen["sync-metadata"]["data_age_seconds"] >= 0
    assert NO_EXPORT in said(seen["sync-metadata"]), "the person who decides reads it"
    cuts = {one["name"]: one["cut"] for one in seen["compare"]["flows"]}
    assert all(cut in str(seen["compare"]["drill"]) for cut in cuts.values())
    assert [r.body["flows"] for r in made.journal.records if r.kind is Kind.PROOF] == [
        seen["compare"]["flows"]
    ]
    latest = records.latest(site.world.home, "metadata")
    assert latest is not None
    assert latest["started"] == "2026-01-01T00:00:00+00:00", "an age that nothing refreshed stays as it was"


def test_a_drill_converts_nothing_of_what_the_sync_carries(site: Site) -> None:
    """Documents of its own would be newer than AWS's, which would then never come over them."""
    site.upload("cat.jpg", b"\xff\xd8\xff a cat")  # carried below; its item is not exported yet
    made = Drill(site)
    made.step("sync-uploads")
    blob = site.blobs("uploads").get_blob_client("cat.jpg").get_blob_properties().etag
    seen = made.step("reconcile")
    assert (seen["sent"], seen["missing"]) == (0, ["cat.jpg: no documents"])
    assert site.blobs("uploads").get_blob_client("cat.jpg").get_blob_properties().etag == blob
    assert site.all_documents() == {}


def test_the_next_daily_run_carries_and_proves_what_the_drill_left(site: Site) -> None:
    """Production's sync goes on as if nothing had been."""
    site.item("cat.jpg", 0, "YSBjYXQ=")
    site.metadata()
    made = Drill(site)
    made.step("sync-metadata")
    site.item("later.jpg", 0, "bGF0ZXI=")
    done = site.metadata()
    assert done.proofs[0].holds, done.proofs[0].differing
    assert sorted(d["imageId"] for d in site.all_documents().values()) == ["cat.jpg", "later.jpg"]


@pytest.mark.parametrize(
    ("stack", "leave", "left"),
    [
        ("active", [], {"records", "sync", "filter"}),
        ("active", ["records", "filter"], {"records", "sync", "filter"}),
        ("standby", [], {"records", "sync", "return"}),
    ],
)
def test_no_part_of_an_up_touches_records_or_sync_in_a_drill(
    stack: str, leave: list[str], left: set[str]
) -> None:
    """ACT-4: whatever a step leaves alone by itself."""
    assert set(drill.left_alone(stack, leave)) == left
    assert len(drill.left_alone(stack, leave)) == len(left)
