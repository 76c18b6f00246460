"""BucketEvents: the uploads bucket tells our queue of every change, beside whatever it tells others.

S3 keeps one notification configuration a bucket, replaced as a whole: a `BucketNotification` resource would take away
what others rely on. So ours is added to what is there, by its id, and everything else is sent back as it was read.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clouds.gates.world import World
from recovery.errors import Failed, Stopped
from recovery.gates import UNKNOWN
from recovery.model import Json

KIND = "BucketEvents"
ID = "standby-uploads"
EVENTS = ("s3:ObjectCreated:*", "s3:ObjectRemoved:*")
PRESENT, ABSENT = "present", "absent"


def _client(props: Mapping[str, Json], world: World) -> Any:
    from clouds.aws.session import client

    return client("s3", str(props.get("region", "us-east-1")), world.endpoints.aws_url)


def _now(props: Mapping[str, Json], world: World) -> dict[str, Any]:
    found = _client(props, world).get_bucket_notification_configuration(Bucket=str(props.get("bucket", "")))
    return {k: v for k, v in found.items() if k != "ResponseMetadata"}


def _told(found: Mapping[str, Any], queue: str) -> bool:
    """Does some entry, ours or an older one, send both kinds of events to the queue without a filter?"""
    kinds: set[str] = set()
    for one in found.get("QueueConfigurations") or []:
        if one.get("QueueArn") == queue and not (one.get("Filter") or {}).get("Key", {}).get("FilterRules"):
            kinds |= set(one.get("Events") or [])
    return set(EVENTS) <= kinds


def observe(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """observed: present, absent or unknown."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        told = _told(_now(props, world), str(props.get("queueArn", "")))
    except (BotoCoreError, ClientError) as error:
        return {"observed": UNKNOWN, "detail": str(error)}
    return {"observed": PRESENT if told else ABSENT}


def differs(old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Anything but present; adding again is harmless."""
    return bool(old.get("observed") != PRESENT)


def bring_about(props: Mapping[str, Json], world: World) -> dict[str, Json]:
    """Add ours, keep the rest, and read it back."""
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, queue = str(props.get("bucket", "")), str(props.get("queueArn", ""))
    try:
        before = _now(props, world)
        if not _told(before, queue):
            others = [q for q in before.get("QueueConfigurations") or [] if q.get("Id") != ID]
            ours = {"Id": ID, "QueueArn": queue, "Events": list(EVENTS)}
            _client(props, world).put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration={**before, "QueueConfigurations": [*others, ours]}
            )
        after = _now(props, world)
    except (BotoCoreError, ClientError) as error:
        raise Failed(
            f"the events of bucket {bucket} cannot be set: {error}", "the watch would not hear of new uploads",
            "aws sts get-caller-identity    (who am I?), then run the same command again", retry=True,
        ) from error  # fmt: skip
    lost = [k for k in before if k != "QueueConfigurations" and before[k] != after.get(k)]
    if lost or not _told(after, queue):
        raise Stopped(
            f"bucket {bucket} does not hold what was sent ({', '.join(lost) or 'our own entry'} differs)",
            "somebody else is changing its notifications at this moment", "run the same command again", retry=True,
        )  # fmt: skip
    world.log.write(KIND, "passed", f"{bucket} tells {queue}")
    return {"observed": PRESENT}
