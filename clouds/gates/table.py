"""TableStream: the primary's table keeps a stream and point-in-time recovery. What it has already stays as it is.

The table is the primary's own: a whole `Table` resource would take it over, and a stream of another view type may be
somebody's. So what is missing is switched on, and what is there is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clouds.gates.world import POLL_SECONDS, World
from recovery.errors import Failed, Stopped
from recovery.gates import UNKNOWN
from recovery.model import Json

KIND = "TableStream"
READY, OFF, OTHER = "ready", "off", "other-view"
VIEWS = ("NEW_AND_OLD_IMAGES", "NEW_IMAGE")
"""What the sync can follow: a changed item as it is now (docs: DynamoDB Streams, StreamViewType)."""
TIMEOUT_SECONDS = 600.0


def _client(props: Mapping[str, Json], world: World) -> Any:
    from clouds.aws.session import client

    return client("dynamodb", str(props.get("region", "us-east-1")), world.endpoints.aws_url)


def _state(props: Mapping[str, Json], world: World) -> tuple[bool, str]:
    """(point-in-time recovery is on, the stream's view type or "")."""
    dynamodb, table = _client(props, world), str(props.get("table", ""))
    shown = dynamodb.describe_table(TableName=table)["Table"].get("StreamSpecification") or {}
    backups = dynamodb.describe_continuous_backups(TableName=table)["ContinuousBackupsDescription"]
    recovery = backups.get("PointInTimeRecoveryDescription") or {}
    view = str(shown.get("StreamViewType") or "") if shown.get("StreamEnabled") else ""
    return recovery.get("PointInTimeRecoveryStatus") == "ENABLED", view


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: ready, off (one of the two is missing), other-view, or unknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        recovery, view = _state(props, world)
    except (BotoCoreError, ClientError) as error:
        return {"observed": UNKNOWN, "detail": str(error)}
    if view and view not in VIEWS:
        return {"observed": OTHER}
    return {"observed": READY if recovery and view else OFF}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Anything but ready; an unknown one differs, for switching on again is harmless."""
    return bool(old.get("observed") != READY)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Switch on what is off, and wait until the table says so."""
    from botocore.exceptions import BotoCoreError, ClientError

    dynamodb, table = _client(props, world), str(props.get("table", ""))
    limit, started = world.limit(TIMEOUT_SECONDS), world.clock()
    try:
        recovery, view = _state(props, world)
        if view and view not in VIEWS:
            raise Stopped(
                f"table {table} has a stream of {view}, which somebody else reads",
                "the sync needs the changed item itself; changing the view would take that reader's stream away",
                f"agree with its owner, then switch {table}'s stream to NEW_AND_OLD_IMAGES by hand",
            )
        if not recovery:
            dynamodb.update_continuous_backups(
                TableName=table, PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
            )
        if not view:
            wanted = {"StreamEnabled": True, "StreamViewType": VIEWS[0]}
            dynamodb.update_table(TableName=table, StreamSpecification=wanted)
        while True:
            recovery, view = _state(props, world)
            waited = round(world.clock() - started, 3)
            if recovery and view:
                world.log.write(KIND, "passed", f"stream {view}, recovery on", waited=waited)
                return {"observed": READY}
            if waited >= limit:
                break
            world.log.write(KIND, "waiting", f"stream {view or 'off'}, recovery {recovery}", waited=waited)
            world.pause(POLL_SECONDS)
    except (BotoCoreError, ClientError) as error:
        raise Failed(
            f"table {table} cannot be prepared: {error}", "without stream and recovery neither watch nor export works",
            "aws sts get-caller-identity    (who am I?), then run the same command again", retry=True,
        ) from error  # fmt: skip
    raise Stopped(
        f"after {waited:.0f} s table {table} has no stream or no recovery yet",
        "without them neither watch nor export works", "run the same command again", retry=True,
    )  # fmt: skip
