"""What is owed while AWS is silent, what is muted while Azure is live, and what a first sync is told (design: Directions)."""

from __future__ import annotations

import asyncio
import io
import json
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace

import pytest

from clouds import journal_place
from clouds.sync import owed
from clouds.sync.direction import BLOB
from clouds.sync.freeze import freezer
from clouds.sync.triggers import Triggers
from clouds.sync.world import SyncWorld
from recovery.errors import Failed, Stopped
from recovery.journal.direction import Direction, may_happen
from scripts import sync as verb
from scripts.syncing import carry
from tests.clouds.sync.site import Site

pytestmark = pytest.mark.localcloud


@pytest.fixture
def silent(site: Site) -> Iterator[SyncWorld]:
    """The same site, while nothing of AWS answers."""
    world = SyncWorld(site.root, "standby", site.environ, declared=site.declared)
    world.endpoints = replace(world.endpoints, aws_url="http://127.0.0.1:9")
    yield world
    world.close()


def test_a_freeze_that_aws_cannot_be_given_is_owed_until_it_stands(site: Site, silent: SyncWorld) -> None:
    """ACT-2: a standing obligation, in the journal container and in this machine's journal, that blocks the cutback."""
    with pytest.raises(Failed, match="owed from now on"):
        owed.freeze(silent, "uploads")
    site.fail_over()
    here = journal_place.stand(site.root, site.environ)
    shared = site.directions.read()
    for standing in (here, shared):
        assert list(standing.obligations) == ["sync/freeze-uploads"]
        assert not may_happen("cutback", standing).allowed
    assert shared.direction is Direction.REVERSE, "an obligation turns nothing"
    assert owed.retry(silent)[0].startswith("uploads: still not frozen")
    assert owed.retry(site.world) == ["uploads: writes are blocked; a write was refused (it was owed)"]
    assert freezer(site.world).frozen("uploads")
    assert not site.directions.read().obligations
    assert may_happen("cutback", journal_place.stand(site.root, site.environ)).allowed
    assert owed.retry(site.world) == []
    owed.unfreeze(site.world, "uploads")


def test_the_daily_run_that_is_refused_still_meets_what_is_owed_and_lists_the_divergence(
    site: Site, silent: SyncWorld, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The primary comes back in mid-contingency, the schedule fires, nothing in Azure changes."""
    site.upload("cat.jpg", b"before")
    asyncio.run(site.carry("uploads"))
    with pytest.raises(Failed):
        owed.freeze(silent, "uploads")
    site.fail_over()
    time.sleep(1.1)  # S3 says whole seconds
    site.upload("cat.jpg", b"AWS took it after the cutover")
    before = site.blob_contents("uploads")
    monkeypatch.setattr(
        carry, "opened", lambda: SyncWorld(site.root, "standby", site.environ, declared=site.declared)
    )
    with pytest.raises(Stopped, match="the journal says reverse") as refused:
        carry.carry(("site", "uploads"), reverse=False, dry_run=False, max_delete=10, format="text")
    said = capsys.readouterr().err
    assert "dr rollback" in refused.value.fix
    assert "uploads: writes are blocked; a write was refused (it was owed)" in said
    assert "AWS accepted 1 objects that Azure never had" in said
    assert "cat.jpg" in said
    assert site.blob_contents("uploads") == before
    freezer(site.world).unfreeze("uploads")


def test_the_schedule_fires_on_both_sides_in_mid_contingency_and_azure_stays_as_its_clients_left_it(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """AWS's own daily run is refused, Azure's goes back; what AWS alone took in is listed, our copies there are not."""
    monkeypatch.setattr(
        carry, "opened", lambda: SyncWorld(site.root, "standby", site.environ, declared=site.declared)
    )
    flows = ("site", "uploads", "metadata")
    site.upload("site.css", b"p {}", site.source.siteBucket)
    site.upload("cat.jpg", b"before")
    site.item("cat.jpg", 0, "Zg==")
    assert carry.carry(flows, reverse=False, dry_run=False, max_delete=10, format="text") == 0
    site.fail_over()
    time.sleep(1.1)  # S3 says whole seconds
    site.blobs("uploads").upload_blob("azure.jpg", b"written by Azure's client")
    site.upload("aws.jpg", b"AWS took it after the cutover")
    site.item("aws.jpg", 0, "Zz==")
    before = (site.blob_contents("$web"), site.blob_contents("uploads"), site.all_documents())
    for reverse in (False, True, False):
        if reverse:
            assert carry.carry(flows, reverse=True, dry_run=False, max_delete=10, format="text") == 0
            said = capsys.readouterr().out
            assert "divergence (in AWS alone; Azure never had it): aws.jpg" in said
            assert "(imageId aws.jpg chunkIndex 0, written " in said
            continue
        with pytest.raises(Stopped, match="the journal says reverse"):
            carry.carry(flows, reverse=False, dry_run=False, max_delete=10, format="text")
        told = capsys.readouterr().err
        assert "uploads: AWS accepted 1 objects that Azure never had\n    aws.jpg" in told
        assert "azure.jpg" not in told, "AWS has it from us"
        assert "site: AWS accepted nothing" in told
        assert "dr sync metadata --reverse" in told
    assert (site.blob_contents("$web"), site.blob_contents("uploads"), site.all_documents()) == before
    assert set(site.bucket()) == {"cat.jpg", "azure.jpg", "aws.jpg"}


def test_a_first_sync_is_told_what_to_say_and_not_left_with_a_puzzle(site: Site) -> None:
    """A fresh standby has no direction: the refusal names the one command that gives it one."""
    site.world.journal.get_blob_client(BLOB).delete_blob()
    with pytest.raises(Stopped, match="never synced") as told:
        site.directions.fence(Direction.FORWARD)
    assert told.value.fix.startswith("dr sync direction forward --why")
    with pytest.raises(Stopped, match="never synced"):
        site.directions.fence(Direction.REVERSE)
    assert verb.direction_lines(site.directions.read())[0].startswith("no direction yet")
    site.directions.turn(Direction.FORWARD, "a test", "first sync")
    site.directions.fence(Direction.FORWARD)()


def test_what_fires_in_aws_by_itself_is_muted_and_restored_exactly(site: Site) -> None:
    """Directions: notifications of both buckets and the readers of the table's stream; nothing that was off comes on."""
    on, off = _reader(site, "converter"), _reader(site, "resting", enabled=False)
    made = Triggers(site.world)
    before = made.standing()
    assert before["readers"] == [on]
    assert len(before) == 3, "two buckets and the readers"
    assert made.mute() == sorted(before)
    assert (made.standing(), made.mute()) == ({}, []), "again is harmless, and forgets nothing"
    assert sorted(Triggers(site.world).restore()) == sorted(before)
    assert made.standing() == before
    assert made.restore() == []
    lambdas = site.world.aws("lambda")
    assert lambdas.get_event_source_mapping(UUID=off)["State"] == "Disabled"


def _reader(site: Site, name: str, *, enabled: bool = True) -> str:
    iam, lambdas = site.world.aws("iam"), site.world.aws("lambda")
    role = iam.create_role(
        RoleName=f"{site.name}-{name}", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17"})
    )
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as made:
        made.writestr("f.py", "def f(e, c): pass")
    lambdas.create_function(
        FunctionName=f"{site.name}-{name}", Runtime="python3.12", Role=role["Role"]["Arn"], Handler="f.f",
        Code={"ZipFile": code.getvalue()},
    )  # fmt: skip
    arn = site.dynamodb.describe_table(TableName=site.source.table)["Table"]["LatestStreamArn"]
    made_mapping = lambdas.create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName=f"{site.name}-{name}",
        StartingPosition="LATEST",
        Enabled=enabled,
    )
    return str(made_mapping["UUID"])
