"""What reverse runs have carried since the cutover: key -> the version of it in Azure.

After the cutback clients write to AWS over what was carried there, and the reverse sync still runs until its last delta is
empty. A version that Azure has not changed since it was carried must not be carried again: AWS's own write is newer. It is
kept as one blob of the journal container; where a killed run could not save it, the next run takes AWS's write for a
conflict and keeps both, which loses nothing.
"""

from __future__ import annotations

import json
from typing import Any

from clouds.azure.data_plane import reading, writing


class Carried:
    """One flow's memory. since: the cutover that it belongs to; a memory of another one is forgotten."""

    def __init__(self, journal: Any, flow: str, since: float) -> None:
        self._blob, self._since = journal.get_blob_client(f"carried/{flow}.json"), since
        self.versions: dict[str, str] = self._load()
        self._saved = dict(self.versions)

    def _load(self) -> dict[str, str]:
        from azure.core.exceptions import ResourceNotFoundError

        with reading("what was carried back"):
            try:
                held = json.loads(self._blob.download_blob().readall())
            except ResourceNotFoundError:
                return {}
        return {str(k): str(v) for k, v in held["versions"].items()} if held["since"] == self._since else {}

    def save(self) -> None:
        """Write it where it changed."""
        if self.versions != self._saved:
            with writing("what was carried back"):
                body = json.dumps({"since": self._since, "versions": self.versions}).encode()
                self._blob.upload_blob(body, overwrite=True)
            self._saved = dict(self.versions)
