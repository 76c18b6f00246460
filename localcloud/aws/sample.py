"""A few files, uploads and items for an empty primary, so that a first sync has something to carry and to prove."""

from __future__ import annotations

import base64
import datetime

from clouds.aws.session import client
from recovery.sync.source import Source

PAGES = {
    "index.html": (b"<!doctype html><title>demay</title><h1>demay</h1>\n", "text/html"),
    "404.html": (b"<!doctype html><title>not here</title><h1>not here</h1>\n", "text/html"),
    "site.css": (b"h1 { font-family: sans-serif }\n", "text/css"),
}


def fill(source: Source, url: str, uploads: int = 12) -> str:
    """Put them in (again is harmless); a sentence about what there is then."""
    s3, dynamodb = client("s3", source.region, url), client("dynamodb", source.region, url)
    for key, (body, kind) in PAGES.items():
        s3.put_object(Bucket=source.siteBucket, Key=key, Body=body, ContentType=kind)
    for number in range(uploads):
        name, content = f"picture-{number:02}.png", f"picture {number}\n".encode() * 200
        s3.put_object(Bucket=source.uploadsBucket, Key=name, Body=content, ContentType="image/png")
        dynamodb.put_item(TableName=source.table, Item={
            source.partitionKey: {"S": name}, source.sortKey: {"N": "0"},
            "content": {"S": base64.b64encode(content).decode()},
            "createdAt": {"S": datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).isoformat()},
        })  # fmt: skip
    return f"the primary has {len(PAGES)} files of the site, {uploads} uploads and {uploads} items"
