"""What AWS does by itself when data arrives, muted while Azure is the origin, and put back exactly (design: Directions).

A reverse sync writes objects and items into AWS; the buckets' notifications and the functions that read the table's
stream would take each for a user's write and convert it anew. What stood is kept, write-once, in the journal container
before anything is taken away. Where nothing stands nothing is kept: whoever muted it first puts it back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import Failed, Stopped
from recovery.model import Json

if TYPE_CHECKING:
    from clouds.sync.world import SyncWorld

KINDS = (
    "TopicConfigurations",
    "QueueConfigurations",
    "LambdaFunctionConfigurations",
    "EventBridgeConfiguration",
)


class Triggers:
    """The triggers on AWS's side of one site."""

    def __init__(self, world: SyncWorld) -> None:
        self._world = world
        self._s3, self._lambda, self._dynamodb = (
            world.aws("s3"),
            world.aws("lambda"),
            world.aws("dynamodb"),
        )

    def standing(self) -> dict[str, Json]:
        """What would fire now: by bucket its notifications, and the enabled readers of the table's stream."""
        found: dict[str, Json] = {}
        with _asked("which triggers stand"):
            for bucket in (self._world.source.siteBucket, self._world.source.uploadsBucket):
                now = self._s3.get_bucket_notification_configuration(Bucket=bucket)
                # EventBridgeConfiguration is an empty object where it is switched on: present, not true.
                kept = {kind: now[kind] for kind in KINDS if kind in now and now[kind] != []}
                if kept:
                    found[f"bucket/{bucket}"] = kept
            readers = [one["UUID"] for one in self._readers() if one.get("State") in ("Enabled", "Enabling")]
            if readers:
                found["readers"] = sorted(readers)
        return found

    def mute(self) -> list[str]:
        """Write down what stands, then take it away; returns its names. Again is harmless. Raises Stopped where this
        identity may not, Failed."""
        now = self.standing()
        for name, held in now.items():
            self._keep(name, held)
        with _asked("muting the triggers"):
            for name, held in now.items():
                if name == "readers":
                    for uuid in held:
                        self._lambda.update_event_source_mapping(UUID=uuid, Enabled=False)
                else:
                    self._s3.put_bucket_notification_configuration(
                        Bucket=name.partition("/")[2], NotificationConfiguration={}
                    )
        return sorted(now)

    def restore(self) -> list[str]:
        """Put back exactly what was written down, look that it stands, then forget it; returns its names. Raises Failed."""
        names = list(self._kept())
        for name in names:
            held = self._load(name)
            with _asked(f"restoring {name}"):
                if name == "readers":
                    for uuid in held:
                        self._lambda.update_event_source_mapping(UUID=uuid, Enabled=True)
                else:
                    self._s3.put_bucket_notification_configuration(
                        Bucket=name.partition("/")[2], NotificationConfiguration=held
                    )
            if _plain(self.standing().get(name)) != _plain(held):
                raise Failed(
                    f"{name}: what stands now is not what stood before",
                    "AWS would convert other uploads than before the contingency",
                    'dr sync direction forward --why "..."    (again; it looks again)',
                    retry=True,
                )
            with writing(f"forgetting {name}"):
                self._blob(name).delete_blob()
        return names

    def muted(self) -> list[str]:
        """Names of what is muted now and kept to be put back."""
        return sorted(self._kept())

    def _readers(self) -> list[dict[str, Any]]:
        arn = self._dynamodb.describe_table(TableName=self._world.source.table)["Table"].get(
            "LatestStreamArn"
        )
        if not arn:
            return []
        pages = self._lambda.get_paginator("list_event_source_mappings").paginate(EventSourceArn=arn)
        return [one for page in pages for one in page["EventSourceMappings"]]

    def _blob(self, name: str) -> Any:
        return self._world.journal.get_blob_client(f"triggers/{name}.json")

    def _kept(self) -> Iterator[str]:
        with reading("which triggers were muted"):
            for blob in self._world.journal.list_blobs(name_starts_with="triggers/"):
                yield blob.name.removeprefix("triggers/").removesuffix(".json")

    def _load(self, name: str) -> Json:
        with reading(f"what {name} was"):
            return json.loads(self._blob(name).download_blob().readall())

    def _keep(self, name: str, held: Json) -> None:
        from azure.core.exceptions import ResourceExistsError

        with writing(f"keeping {name}"):
            try:
                self._blob(name).upload_blob(json.dumps(held).encode(), overwrite=False)
                return
            except ResourceExistsError:
                kept = self._load(name)  # a mute that was cut short: the first note is the original
            if name == "readers":
                both = sorted({*kept, *held})
                self._blob(name).upload_blob(json.dumps(both).encode(), overwrite=True)
            elif _plain(kept) != _plain(held):
                raise Failed(
                    f"{name} has other triggers than those that were muted: somebody set them during the contingency",
                    "taking them away would lose them, leaving them would convert what the sync brings",
                    f"look at {name}, then delete triggers/{name}.json in the journal container, or the new triggers",
                )


def _plain(held: Json) -> str:
    """Comparable: order does not matter."""
    return json.dumps(held, sort_keys=True)


@contextmanager
def _asked(what: str) -> Iterator[None]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as exc:
        code = exc.response.get("Error", {}).get("Code", "") if isinstance(exc, ClientError) else ""
        if code in ("AccessDenied", "AccessDeniedException", "403"):
            raise Stopped(
                f"{what}: this identity may not ({code})",
                "whether AWS would take what the reverse sync brings for users' writes is not known here",
                "dr rollback    (mutes them in its step mute-triggers), or dr sync all --reverse as an operator",
            ) from exc
        raise Failed(
            f"{what}: {exc}",
            "AWS would take what the reverse sync brings for users' writes and convert it anew",
            "dr sync all --reverse    (again, when AWS answers and the role may change its triggers)",
            retry=True,
        ) from exc
