"""A run's record, written once: locally under DR_HOME/runs-sync and as a write-once blob beside the journal (SYNC-4)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clouds.azure.data_plane import writing
from recovery.errors import DrError
from recovery.journal.mask import masked
from recovery.model import Json

PREFIX = "runs-sync"


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
