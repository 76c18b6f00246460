"""A whole contingency by the bare commands: data that flows, a cutover that the program makes, and two gates that hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from clouds.aws.session import client
from clouds.azure.blobs import Blobs
from clouds.http_probe import Question, probe_all
from recovery.sync.source import Source
from tests.pulumi_cli.conftest import Bench, Ended

AWS = Source()


@pytest.fixture
def flowing(ready: Bench) -> Iterator[Bench]:
    """Data flows from AWS to Azure, as on any day; afterwards nobody has ever turned its direction."""
    s3 = client("s3", AWS.region, str(ready.arm.endpoints.aws_url))
    dynamodb = client("dynamodb", AWS.region, str(ready.arm.endpoints.aws_url))
    page = {"Key": "index.html", "Body": b"<h1>demay</h1>", "ContentType": "text/html"}
    s3.put_object(Bucket=AWS.siteBucket, **page)
    s3.put_object(Bucket=AWS.uploadsBucket, Key="before.jpg", Body=b"taken on a calm day")
    dynamodb.put_item(
        TableName=AWS.table,
        Item={"imageId": {"S": "before.jpg"}, "chunkIndex": {"N": "0"}, "content": {"S": "QVdT"}},
    )
    fine(ready.dr("sync", "direction", "forward", "--why", "a calm day"))
    fine(ready.dr("sync", "all"))
    yield ready
    journal = Blobs(ready.live("azure-native:storage:StorageAccount", "storage-journal"), ready.arm.endpoints)
    journal.delete("journal", "direction.json")
    journal.close()


def fine(done: Ended) -> Ended:
    assert done.code == 0, done.said
    return done


def direction(bench: Bench) -> str:
    return fine(bench.dr("sync", "direction")).out.splitlines()[0].lower()


def somebody_comes(bench: Bench) -> None:
    """A client that still has the gateway's address asks for the page, as the public would."""
    address = bench.live("azure-native:network:PublicIPAddress")["properties"]["ipAddress"]
    (answer,) = probe_all([Question(str(address), "demay.com")], bench.arm.endpoints)
    assert answer.ok, str(answer)


def test_a_contingency_by_pulumi_alone_turns_the_direction_and_the_way_back_waits_for_the_data(
    flowing: Bench,
) -> None:
    """BACK-2, BACK-5, SYNC-1, design.md: `dr sync all --reverse` before each `pulumi up -s standby`, else nothing moves."""
    bench = flowing
    at_rest = bench.dials()
    for turn in ("first", "again, without a hand-over"):
        mark = bench.gate_mark()
        fine(bench.pulumi("up", "-s", "active", "--yes", "--skip-preview"))
        assert (("DirectionFence", "passed") in bench.gates(mark)) == (turn == "first")
        assert "reverse" in direction(bench)
        serving = bench.dials()

        daily = bench.dr("sync", "all")
        assert daily.code == 4, daily.said
        name = f"during-{turn.split(',')[0]}.jpg"
        uploads = Blobs(
            bench.live("azure-native:storage:StorageAccount", "storage-uploads"), bench.arm.endpoints
        )
        uploads.put("uploads", name, b"taken while AWS was away", content_type="image/jpeg")
        uploads.close()
        if turn == "first":
            writes = bench.request_mark()
            refused = bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview")
            assert refused.code != 0, refused.said
            assert "dr sync all --reverse" in refused.said
            assert bench.writes(writes) == []
            assert bench.dials() == serving

        fine(bench.dr("sync", "all", "--reverse"))
        s3 = client("s3", AWS.region, str(bench.arm.endpoints.aws_url))
        assert s3.get_object(Bucket=AWS.uploadsBucket, Key=name)["Body"].read() == b"taken while AWS was away"
        if turn == "first":
            somebody_comes(bench)  # after the run that was proven, and before the names have moved
            half = bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview")
            assert half.code != 0, half.said
            assert "request(s) since the last run to AWS began" in half.said
            now = bench.dials()
            assert now["apex"] == at_rest["apex"], "traffic is back, where its data is"
            assert (now["capacity"], now["throughput"]) == (serving["capacity"], serving["throughput"])
            fine(bench.dr("sync", "all", "--reverse"))
        mark = bench.gate_mark()
        fine(bench.pulumi("up", "-s", "standby", "--yes", "--skip-preview"))
        assert bench.dials() == at_rest, turn
        waited = ("DrainGate", "passed") in bench.gates(mark)
        assert waited == (turn != "first"), "in the first turn it is seen to be drained before the up begins"

    fine(bench.dr("sync", "direction", "off", "--why", "all is back"))
    fine(bench.dr("sync", "direction", "forward", "--why", "all is back"))
    fine(bench.dr("sync", "all"))
    clean = bench.pulumi("preview", "-s", "standby", "--expect-no-changes", "--diff")
    assert clean.code == 0, clean.said
