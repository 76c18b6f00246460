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
    with reading("the records of the last syncs"):
        names = _names(container, moment.replace(day=1) - timedelta(days=1), moment)
        firsts = {flow: next((n for n in names if f"-{flow}-" in n), None) for flow in flows}
        return {flow: _load(container, name) for flow, name in firsts.items() if name is not None}


def since(container: Any, flow: str, moment: float) -> Iterator[Json]:
    """This flow's records that were written at `moment` (Unix seconds) or later, the newest first. Raises Unobserved."""
    start = datetime.fromtimestamp(moment, UTC)
    with reading("the records of the last syncs"):
        for name in _names(container, start, datetime.now(UTC)):
            if f"-{flow}-" in name and name >= f"{PREFIX}/{start:%Y%m%dT%H%M%S}":
                yield _load(container, name)


def _names(container: Any, first: datetime, last: datetime) -> list[str]:
    """The records' names, the newest first, of the months from that of `first` to that of `last`."""
    months = [f"{first:%Y%m}"]
    while months[-1] < f"{last:%Y%m}":
        first = (first.replace(day=1) + timedelta(days=31)).replace(day=1)
        months.append(f"{first:%Y%m}")
    found = (b.name for month in months for b in container.list_blobs(name_starts_with=f"{PREFIX}/{month}"))
    return sorted(found, reverse=True)


def _load(container: Any, name: str) -> Json:
    return json.loads(container.download_blob(name).readall())
