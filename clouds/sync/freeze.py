"""Blocks writes to the primary's uploads and table, and takes that back byte for byte (ACT-2).

What was there is kept in the journal container before anything is changed, write-once until it is taken back; so a
freeze can be lifted from any machine, and a second freeze never takes the first for the original. A freeze is proven by
a write that is refused. For the way back (BACK-2) the sync's own principal is let through, and nobody else.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import Failed, Stopped
from recovery.model import Json

SID = "DrFreeze"
OBJECT_WRITES = ["s3:PutObject", "s3:DeleteObject"]
ITEM_WRITES = [
    "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem", "dynamodb:BatchWriteItem",
    "dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete",
]  # fmt: skip
TARGETS = ("uploads", "table")


@dataclass(frozen=True)
class Target:
    """One thing that can be frozen. get: its policy's text, None when it has none; probe: a write, True when refused."""

    name: str
    resource: str
    actions: list[str]
    get: Callable[[], str | None]
    put: Callable[[str | None], None]
    probe: Callable[[], bool]


def merged(original: str | None, target: Target, exempt: str = "") -> str:
    """The policy with our statement beside what stood there. exempt: ARN of a principal that may still write."""
    policy: dict[str, Json] = json.loads(original) if original else {"Version": "2012-10-17", "Statement": []}
    standing = policy.get("Statement", [])
    standing = [
        one for one in (standing if isinstance(standing, list) else [standing]) if one.get("Sid") != SID
    ]
    ours: dict[str, Json] = {
        "Sid": SID, "Effect": "Deny", "Principal": "*", "Action": target.actions, "Resource": target.resource
    }  # fmt: skip
    if exempt:
        ours["Condition"] = {"ArnNotLike": {"aws:PrincipalArn": exempt}}
    return json.dumps({**policy, "Statement": [*standing, ours]})


class Freezer:
    """Freezes and unfreezes. journal: the journal container's SDK client."""

    def __init__(self, journal: Any, targets: dict[str, Target], principal: Callable[[], str]) -> None:
        self._journal, self._targets, self._principal = journal, targets, principal

    def frozen(self, name: str) -> bool:
        """Does our statement stand in its policy now? Raises Failed when AWS does not say."""
        return SID in (_asked(name, self._targets[name].get) or "")

    def freeze(self, name: str) -> str:
        """Block writes and prove it; returns what was done. Again is harmless. Raises Failed, Stopped."""
        target = self._targets[name]
        now = _asked(name, target.get)
        kept = self._kept(name)
        if kept is None:
            kept = {"original": now}
            self._keep(name, kept)
        elif now is not None and SID not in now and now != kept["original"]:
            raise Stopped(
                f"the policy of {name} is neither what it was before the freeze nor the frozen one",
                "someone changed it meanwhile, and lifting the freeze would throw that away",
                f"dr sync unfreeze --only {name}    (then again)",
            )
        _asked(name, lambda: target.put(merged(kept["original"], target)))
        if not _asked(name, target.probe):
            raise Failed(
                f"the policy of {name} is in place, but a write was not refused",
                "users may still write to the side that is left",
                f"dr sync freeze --only {name}    (policies take up to a minute)",
                retry=True,
            )
        return f"{name}: writes are blocked; a write was refused"

    def let_sync_through(self, name: str) -> bool:
        """For the way back: the sync's own principal may write, nobody else. False when it is not frozen."""
        kept = self._kept(name)
        if kept is None:
            return False
        target = self._targets[name]
        _asked(name, lambda: target.put(merged(kept["original"], target, self._principal())))
        return True

    def unfreeze(self, name: str) -> str:
        """Put back what was there, byte for byte, and read it back. Raises Failed, Stopped."""
        target, kept = self._targets[name], self._kept(name)
        if kept is None:
            return f"{name}: was not frozen by this tool"
        now = _asked(name, target.get)
        if now is not None and SID not in now and now != kept["original"]:
            raise Stopped(
                f"the policy of {name} was changed since the freeze and no longer holds our statement",
                "putting the old one back would throw that change away", f"look at the policy, then delete freeze/{name}.json in the journal container",
            )  # fmt: skip
        _asked(name, lambda: target.put(kept["original"]))
        back = _asked(name, target.get)
        if back != kept["original"]:
            raise Failed(
                f"the policy of {name} did not come back as it was",
                "it may allow or deny other things than before",
                f"dr sync unfreeze --only {name}",
                retry=True,
            )
        with writing(f"forgetting the freeze of {name}"):
            self._journal.get_blob_client(f"freeze/{name}.json").delete_blob()
        return f"{name}: the former policy is back, byte for byte"

    def _kept(self, name: str) -> dict[str, Json] | None:
        from azure.core.exceptions import ResourceNotFoundError

        with reading(f"whether {name} is frozen"):
            try:
                found: dict[str, Json] = json.loads(
                    self._journal.get_blob_client(f"freeze/{name}.json").download_blob().readall()
                )
            except ResourceNotFoundError:
                return None
        return found

    def _keep(self, name: str, kept: dict[str, Json]) -> None:
        with writing(f"keeping the policy of {name}"):
            self._journal.get_blob_client(f"freeze/{name}.json").upload_blob(
                json.dumps(kept).encode(), overwrite=False
            )


def freezer(world: Any) -> Freezer:
    """The freezer of a site (clouds.sync.world.SyncWorld)."""
    s3, dynamodb, sts = world.aws("s3"), world.aws("dynamodb"), world.aws("sts")
    names = world.source
    return Freezer(
        world.journal,
        {"uploads": _bucket(s3, names.uploadsBucket), "table": _table(dynamodb, names.table, world)},
        lambda: role_of(sts.get_caller_identity()["Arn"]),
    )


def role_of(arn: str) -> str:
    """The principal's own ARN: of a session of a role, the role's (what aws:PrincipalArn is then)."""
    if ":assumed-role/" in arn:
        account, role = arn.split(":")[4], arn.split("/")[1]
        return f"arn:{arn.split(':')[1]}:iam::{account}:role/{role}"
    return arn


def _bucket(s3: Any, bucket: str) -> Target:
    def get() -> str | None:
        try:
            return str(s3.get_bucket_policy(Bucket=bucket)["Policy"])
        except s3.exceptions.ClientError as exc:
            if exc.response["Error"]["Code"] == "NoSuchBucketPolicy":
                return None
            raise

    def put(text: str | None) -> None:
        if text is None:
            s3.delete_bucket_policy(Bucket=bucket)
        else:
            s3.put_bucket_policy(Bucket=bucket, Policy=text)

    def probe() -> bool:
        key = f".dr-freeze-probe-{uuid.uuid4().hex[:8]}"
        try:
            s3.put_object(Bucket=bucket, Key=key, Body=b"")
        except s3.exceptions.ClientError as exc:
            if exc.response["Error"]["Code"] in ("AccessDenied", "403"):
                return True
            raise
        s3.delete_object(Bucket=bucket, Key=key)
        return False

    return Target("uploads", f"arn:aws:s3:::{bucket}/*", OBJECT_WRITES, get, put, probe)


def _table(dynamodb: Any, table: str, world: Any) -> Target:
    arn = f"arn:aws:dynamodb:{world.source.region}:*:table/{table}"

    def full() -> str:
        return str(dynamodb.describe_table(TableName=table)["Table"]["TableArn"])

    def get() -> str | None:
        try:
            return str(dynamodb.get_resource_policy(ResourceArn=full())["Policy"])
        except dynamodb.exceptions.ClientError as exc:
            if exc.response["Error"]["Code"] == "PolicyNotFoundException":
                return None
            raise

    def put(text: str | None) -> None:
        if text is None:
            dynamodb.delete_resource_policy(ResourceArn=full())
        else:
            dynamodb.put_resource_policy(ResourceArn=full(), Policy=text)

    def probe() -> bool:
        """A delete of a key that nobody has: refused or without effect."""
        key = {
            world.source.partitionKey: {"S": f".dr-freeze-probe-{uuid.uuid4().hex[:8]}"},
            world.source.sortKey: {"N": "0"},
        }
        try:
            dynamodb.delete_item(TableName=table, Key=key)
        except dynamodb.exceptions.ClientError as exc:
            if exc.response["Error"]["Code"] == "AccessDeniedException":
                return True
            raise
        return False

    return Target("table", arn.replace(":*:", f":{_account(full)}:"), ITEM_WRITES, get, put, probe)


def _account(full: Callable[[], str]) -> str:
    return str(_asked("table", full)).split(":")[4]


def _asked(name: str, call: Callable[[], Any]) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call()
    except (BotoCoreError, ClientError) as exc:
        raise Failed(
            f"AWS did not answer for {name}: {exc}",
            "until it is frozen, users may write to the side that is left: it is owed, and blocks the cutback",
            f"dr sync freeze --only {name}    (as soon as AWS answers)", retry=True,
        ) from exc  # fmt: skip
