"""What both clouds were seen to have, kept for the way back: `common/FLOW.versions` in the journal container (BACK-2)."""

from __future__ import annotations

from typing import Any

from clouds.azure.data_plane import reading, writing
from recovery.errors import Unobserved
from recovery.sync.versions import Versions


class Common:
    """One flow's blob. Every full forward run that came to the end of its comparison replaces it: what it says is what was
    seen equal, so an old one is incomplete but never wrong. container: the journal container's SDK client."""

    def __init__(self, container: Any, flow: str) -> None:
        self._blob = container.get_blob_client(f"common/{flow}.versions")

    def load(self) -> Versions:
        """What stands there; nothing where no run has written it, and then everything in AWS counts as its own.

        Raises Unobserved where it cannot be read, or is damaged.
        """
        from azure.core.exceptions import ResourceNotFoundError

        with reading("what both clouds had"):
            try:
                data: bytes = self._blob.download_blob().readall()
            except ResourceNotFoundError:
                return Versions()
        try:
            return Versions.of(data)
        except ValueError as error:
            raise Unobserved(
                f"{self._blob.blob_name} is damaged: {error}",
                "what AWS alone accepted could not be told from what both clouds had",
                f"delete {self._blob.blob_name} in the journal container: then every differing version of AWS is kept aside",
            ) from error

    def store(self, versions: Versions) -> None:
        """Replace it."""
        with writing("what both clouds have"):
            self._blob.upload_blob(versions.to_bytes(), overwrite=True)
