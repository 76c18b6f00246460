"""A run's record, written once: locally under DR_HOME/runs-sync and as a write-once blob beside the journal (SYNC-4)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import DrError
from recovery.journal.mask import masked
from recovery.model import Json

PREFIX = "runs-sync"
FLOWS = ("site", "uploads", "metadata", "watch")


def write(home: Path, container: Any, flow: str, record: Mapping[str, Json]) -> tuple[Path, DrError | None]:
    """Write it in both places; neither can be overwritten. Returns the local file, and what kept the blob away.

    container: the journal container's SDK client. Secrets are masked. The record says what happened even where the
    journal cannot be reached: then it is the local one alone, and the run is not called complete.
    """
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{flow}-{secrets.token_hex(3)}.json"
    data = json.dumps(masked(dict(record)), indent=1, ensure_ascii=False).encode()
    folder = home / PREFIX
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    with path.open("xb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    try:
        with writing(f"the run record {name}"):
            container.get_blob_client(f"{PREFIX}/{name}").upload_blob(
                data, overwrite=False
            )  # If-None-Match: *
    except DrError as error:
        return path, error
    return path, None


def latest(home: Path, flow: str = "") -> dict[str, Json] | None:
    """The newest local record (of a flow), None when there is none."""
    found = sorted((home / PREFIX).glob(f"*-{flow or '*'}-*.json"))
    return json.loads(found[-1].read_text()) if found else None


def newest(container: Any, flows: Iterable[str] = FLOWS, now: datetime | None = None) -> dict[str, Json]:
    """The newest record of each flow in the journal container, whichever machine wrote it; none: left out.

    Looks at this month's and the last one's records: names begin with the day, so no others are listed.
    Raises Unobserved.
    """
    moment = now or datetime.now(UTC)
    months = [f"{moment:%Y%m}", f"{moment.replace(day=1) - timedelta(days=1):%Y%m}"]
    found: dict[str, Json] = {}
    with reading("the records of the last syncs"):
        for month in months:
            names = sorted(
                (b.name for b in container.list_blobs(name_starts_with=f"{PREFIX}/{month}")), reverse=True
            )
            for flow in flows:
                name = next((n for n in names if f"-{flow}-" in n), None)
                if flow not in found and name is not None:
                    found[flow] = json.loads(container.download_blob(name).readall())
    return found


def since(container: Any, flow: str, moment: float) -> Iterator[Json]:
    """This flow's records that were written at `moment` (Unix seconds) or later, the newest first. Raises Unobserved."""
    start = datetime.fromtimestamp(moment, UTC)
    with reading("the records of the last syncs"):
        months = {f"{start:%Y%m}", f"{datetime.now(UTC):%Y%m}"}
        names = sorted(
            (
                blob.name
                for month in months
                for blob in container.list_blobs(name_starts_with=f"{PREFIX}/{month}")
                if f"-{flow}-" in blob.name and blob.name >= f"{PREFIX}/{start:%Y%m%dT%H%M%S}"
            ),
            reverse=True,
        )
        for name in names:
            yield json.loads(container.download_blob(name).readall())
