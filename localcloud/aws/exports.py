"""Table exports as DynamoDB writes them, out of moto's tables: data files, manifests, checksums, real windows.

Format: DynamoDB developer guide, "DynamoDB table export output format". moto 5.2.5 writes a lone data file and every
item whatever the window. Not modelled: the earliest restorable time, ION, more than one partition's file, billing.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
import uuid
from datetime import UTC, datetime
from typing import Any

LEAST, MOST = 15 * 60, 24 * 3600
"""Seconds of an incremental window."""


class ExportError(ValueError):
    """The service's refusal: `code` is its exception's name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Exports:
    """Every export of this account, by ARN; idempotent by client token."""

    def __init__(self, account: str, region: str) -> None:
        self._account, self._region = account, region
        self._done: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def describe(self, arn: str) -> dict[str, Any]:
        """What DescribeExport says."""
        if arn not in self._done:
            raise ExportError("ExportNotFoundException", f"no export {arn}")
        return self._done[arn]

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """Write the export at once, and say IN_PROGRESS as the service does at first."""
        with self._lock:
            token = str(body.get("ClientToken") or uuid.uuid4())
            if token in self._tokens:
                return self._done[self._tokens[token]] | {"ExportStatus": "IN_PROGRESS"}
            table = self._table(body["TableArn"])
            now = datetime.now(UTC).timestamp()
            export_id = f"{int(now * 1000):014d}-{uuid.uuid4().hex[:8]}"
            arn = f"{table.table_arn}/export/{export_id}"
            prefix = "/".join(
                p for p in (str(body.get("S3Prefix") or "").strip("/"), "AWSDynamoDB", export_id) if p
            )
            lines, facts = self._lines(table, body, now)
            description = {
                "ExportArn": arn, "ExportStatus": "COMPLETED", "TableArn": table.table_arn, "S3Bucket": body["S3Bucket"],
                "StartTime": now, "EndTime": now, "ExportFormat": "DYNAMODB_JSON", "ItemCount": len(lines),
                "BilledSizeBytes": sum(map(len, lines)), "ClientToken": token, "ExportManifest": f"{prefix}/manifest-summary.json",
                "ExportType": body.get("ExportType", "FULL_EXPORT"), **facts["described"],
            }  # fmt: skip
            self._write(body["S3Bucket"], prefix, lines, arn, facts["summary"])
            self._done[arn], self._tokens[token] = description, arn
            return description | {"ExportStatus": "IN_PROGRESS"}

    def _table(self, arn: str) -> Any:
        from moto.dynamodb.models import dynamodb_backends

        for table in dynamodb_backends[self._account][self._region].tables.values():
            if table.table_arn == arn:
                status = table.continuous_backups["PointInTimeRecoveryDescription"][
                    "PointInTimeRecoveryStatus"
                ]
                if status != "ENABLED":
                    raise ExportError(
                        "PointInTimeRecoveryUnavailableException", "point in time recovery is not enabled"
                    )
                return table
        raise ExportError("TableNotFoundException", f"no table {arn}")

    def _lines(self, table: Any, body: dict[str, Any], now: float) -> tuple[list[bytes], dict[str, Any]]:
        if body.get("ExportType") != "INCREMENTAL_EXPORT":
            at = float(body.get("ExportTime") or now)
            if at < now - 1:
                raise ExportError("ValidationException", "the local cloud exports the present state alone")
            lines = [_dumps({"Item": item.to_json()["Attributes"]}) for item in table.all_items()]
            return lines, {
                "described": {"ExportTime": now},
                "summary": {"exportTime": _iso(now), "exportType": "FULL_EXPORT", "version": "2020-06-30"},
            }
        given = body.get("IncrementalExportSpecification") or {}
        since, until = float(given.get("ExportFromTime") or 0), float(given.get("ExportToTime") or now)
        if not LEAST <= until - since <= MOST or until > now + 1:
            raise ExportError(
                "InvalidExportTimeException",
                f"a window of {until - since:.0f} s, or one that ends in the future",
            )
        newest: dict[str, dict[str, Any]] = {}
        for record in table.stream_shard.items if table.stream_shard else []:
            change = record.to_json()["dynamodb"]
            at = change["ApproximateCreationDateTime"].replace(tzinfo=UTC).timestamp()
            if since <= at < until:
                key = json.dumps(change["Keys"], sort_keys=True)
                first = newest.get(key, change)
                newest[key] = {
                    "Metadata": {"WriteTimestampMicros": {"N": str(int(at * 1e6))}}, "Keys": change["Keys"],
                    **({"OldImage": first["OldImage"]} if "OldImage" in first else {}),
                    **({"NewImage": change["NewImage"]} if "NewImage" in change else {}),
                }  # fmt: skip
        view = given.get("ExportViewType", "NEW_AND_OLD_IMAGES")
        if view == "NEW_IMAGE":
            newest = {k: {n: v for n, v in line.items() if n != "OldImage"} for k, line in newest.items()}
        window = {"ExportFromTime": since, "ExportToTime": until, "ExportViewType": view}
        summary = {"exportFromTime": _iso(since), "exportToTime": _iso(until), "outputView": view}
        lines = [_dumps(line) for line in newest.values()]
        return lines, {
            "described": {"IncrementalExportSpecification": window},
            "summary": {**summary, "exportType": "INCREMENTAL_EXPORT", "version": "2023-08-01"},
        }

    def _write(self, bucket: str, prefix: str, lines: list[bytes], arn: str, summary: dict[str, Any]) -> None:
        folder = prefix.rpartition("/")[0] if summary["exportType"] == "INCREMENTAL_EXPORT" else prefix
        data = gzip.compress(b"".join(line + b"\n" for line in lines), 1)
        name = f"{folder}/data/{uuid.uuid4().hex[:26]}.json.gz"
        files = _dumps({
            "itemCount": len(lines), "md5Checksum": _md5(data), "etag": hashlib.md5(data, usedforsecurity=False).hexdigest(),
            "dataFileS3Key": name,
        }) + b"\n"  # fmt: skip
        summary_bytes = _dumps({
            **summary, "exportArn": arn, "tableArn": arn.partition("/export/")[0], "s3Bucket": bucket,
            "manifestFilesS3Key": f"{prefix}/manifest-files.json", "itemCount": len(lines), "outputFormat": "DYNAMODB_JSON",
        })  # fmt: skip
        for key, content in (
            (f"{prefix}/_started", b""), (name, data), (f"{prefix}/manifest-files.json", files),
            (f"{prefix}/manifest-files.checksum", _md5(files).encode()), (f"{prefix}/manifest-summary.checksum", _md5(summary_bytes).encode()),
            (f"{prefix}/manifest-summary.json", summary_bytes),
        ):  # fmt: skip
            self._put(bucket, key, content)

    def _put(self, bucket: str, key: str, content: bytes) -> None:
        from moto.s3.models import s3_backends

        backend = s3_backends[self._account]["aws"]
        if bucket not in backend.buckets:
            raise ExportError("S3NoSuchBucket", f"no bucket {bucket}")
        backend.put_object(bucket_name=bucket, key_name=key, value=content)


def _dumps(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.to_json() if hasattr(value, "to_json") else str(value)


def _md5(data: bytes) -> str:
    return base64.b64encode(hashlib.md5(data, usedforsecurity=False).digest()).decode()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
