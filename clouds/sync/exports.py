"""The table's exports: asked for, waited for, held to their checksums, and copied to the staging container (SYNC-3)."""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import Failed, Stopped
from recovery.sync.exported import BadExportError, DataFile, Manifest, checked, manifest

PREFIX = "dr"
WAIT_SECONDS = 2 * 3600
"""The plan's own limit for the whole daily run (SYNC-3: complete in under two hours)."""


class Exports:
    """The exports of one table. dynamodb, s3: boto3 clients; staging: the staging container's SDK client."""

    def __init__(self, dynamodb: Any, s3: Any, table: str, bucket: str, staging: Any) -> None:
        self._dynamodb, self._s3 = dynamodb, s3
        self._table, self._bucket, self._staging = table, bucket, staging

    def make(
        self,
        window: tuple[int, int] | None,
        *,
        poll: float = 5.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Manifest:
        """Export the window (None: the whole table now), wait for it, check it, stage it. Raises DrError."""
        from botocore.exceptions import BotoCoreError, ClientError

        options: dict[str, Any] = {}
        if window is not None:
            view = {"ExportFromTime": window[0], "ExportToTime": window[1], "ExportViewType": "NEW_IMAGE"}
            options = {"ExportType": "INCREMENTAL_EXPORT", "IncrementalExportSpecification": view}
        try:
            arn = self._dynamodb.describe_table(TableName=self._table)["Table"]["TableArn"]
            asked = self._dynamodb.export_table_to_point_in_time(
                TableArn=arn, S3Bucket=self._bucket, S3Prefix=PREFIX, ClientToken=str(uuid.uuid4()), **options
            )["ExportDescription"]
            deadline = time.monotonic() + WAIT_SECONDS
            pause = 0.05
            while True:
                found = self._dynamodb.describe_export(ExportArn=asked["ExportArn"])["ExportDescription"]
                if found["ExportStatus"] != "IN_PROGRESS":
                    break
                if time.monotonic() > deadline:
                    raise Stopped(
                        "the export is not ready after two hours",
                        "the daily run must end in two hours (SYNC-3)",
                        "dr sync metadata",
                        retry=True,
                    )
                sleep(pause)
                pause = min(poll, pause * 2)
            if found["ExportStatus"] != "COMPLETED":
                raise Failed(
                    f"the export failed: {found.get('FailureCode')} {found.get('FailureMessage')}",
                    "nothing newer than the last cut can be brought over", "dr sync metadata", retry=True,
                )  # fmt: skip
            return self._stage(str(found["ExportManifest"]))
        except (BotoCoreError, ClientError) as exc:
            raise Failed(
                f"AWS did not export {self._table}: {exc}", "what was written since the last cut is not in Azure",
                "dr sync metadata    (again, or later)", retry=True,
            ) from exc  # fmt: skip
        except BadExportError as exc:
            raise Failed(
                f"the export is not what its manifest says: {exc}", "importing it would bring damaged or missing items",
                "dr sync metadata    (makes a new export)", retry=True,
            ) from exc  # fmt: skip

    def _stage(self, summary_key: str) -> Manifest:
        """Check every file against its checksum on the way to staging; the manifest is staged last."""
        folder = str(PurePosixPath(summary_key).parent)
        summary = checked(
            "manifest-summary.json", self._get(summary_key), self._sum(folder, "manifest-summary")
        )
        files = checked(
            "manifest-files.json",
            self._get(f"{folder}/manifest-files.json"),
            self._sum(folder, "manifest-files"),
        )
        found = manifest(summary, files)
        for one in found.files:
            self._put(
                f"{found.id}/{PurePosixPath(one.key).name}", checked(one.key, self._get(one.key), one.md5)
            )
        self._put(f"{found.id}/manifest-files.json", files)
        self._put(f"{found.id}/manifest-summary.json", summary)
        return found

    def _sum(self, folder: str, name: str) -> str:
        """The checksum beside a manifest; ``.md5`` is what older exports called it."""
        from botocore.exceptions import ClientError

        try:
            return self._get(f"{folder}/{name}.checksum").decode()
        except ClientError as exc:
            if exc.response.get("Error", {}).get("Code") not in ("NoSuchKey", "404"):
                raise
            return self._get(f"{folder}/{name}.md5").decode()

    def _get(self, key: str) -> bytes:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        return body

    def _put(self, name: str, data: bytes) -> None:
        with writing(f"staging {name}"):
            self._staging.get_blob_client(name).upload_blob(data, overwrite=True)

    # -- out of staging ------------------------------------------------------------------------------------------

    def staged(self, export: str) -> Manifest:
        """A staged export's manifest. Raises Unobserved, Failed."""
        with reading(f"the staged export {export}"):
            summary = (
                self._staging.get_blob_client(f"{export}/manifest-summary.json").download_blob().readall()
            )
            files = self._staging.get_blob_client(f"{export}/manifest-files.json").download_blob().readall()
        return manifest(summary, files)

    def lines(self, of: Manifest, one: DataFile) -> Iterator[bytes]:
        """A staged data file's lines; its checksum is held again, because the blob may have been touched."""
        with reading(f"the staged export {of.id}"):
            data = (
                self._staging.get_blob_client(f"{of.id}/{PurePosixPath(one.key).name}")
                .download_blob()
                .readall()
            )
        try:
            yield from gzip.decompress(checked(one.key, data, one.md5)).splitlines()
        except BadExportError as exc:
            raise Failed(
                str(exc), "importing it would bring damaged items", "dr sync metadata", retry=True
            ) from exc
