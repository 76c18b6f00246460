"""The API's archive and its digest, put where the declared init script fetches them: what the API's own build does elsewhere."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from clouds.azure.arm import Arm
from clouds.azure.blobs import Blobs
from clouds.endpoints import Endpoints
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import BadInput
from recovery.model import Desired
from recovery.readiness.boot import boot

API = Path(__file__).parent / "effects" / "api_process.py"


def made() -> bytes:
    """The archive: bin/start alone, the same bytes every time."""
    text, packed = API.read_bytes(), io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", mtime=0) as squeezed,
        tarfile.open(fileobj=squeezed, mode="w") as tar,
    ):
        entry = tarfile.TarInfo("bin/start")
        entry.size, entry.mode = len(text), 0o755
        tar.addfile(entry, io.BytesIO(text))
    return packed.getvalue()


def put_in(wanted: Sequence[Desired], arm: Arm, endpoints: Endpoints) -> str:
    """Put both in; where they are. Raises BadInput where nothing declared fetches them, ArmError, recovery.errors."""
    script = next(
        (
            str(one.inputs["virtualMachineProfile"]["osProfile"]["customData"])
            for one in wanted
            if one.type == "azure-native:compute:VirtualMachineScaleSet"
        ),
        "",
    )
    place = boot(script)
    account = next(
        (
            one
            for one in wanted
            if one.type == "azure-native:storage:StorageAccount"
            and one.id.rpartition("/")[2] == place.account
        ),
        None,
    )
    if account is None:
        raise BadInput(
            f"the program declares no account {place.account}", "an instance fetches its archive there", "dr desired -s standby"
        )  # fmt: skip
    data = made()
    digest = f"{hashlib.sha256(data).hexdigest()}  {place.name}\n".encode()
    with closing(Blobs(arm.get(account.id, CATALOGUE[account.type].api_version), endpoints)) as blobs:
        blobs.put(place.container, place.name, data, content_type="application/gzip")
        blobs.put(place.container, f"{place.name}.sha256", digest, content_type="text/plain")
    return f"{place.account}/{place.container}/{place.name}"
