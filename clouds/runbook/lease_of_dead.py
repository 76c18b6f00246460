"""Ends a lease whose holder is proven dead (Azure Storage, Lease Blob: break with a period of 0)."""

from __future__ import annotations

from typing import Any


def end_lease(blob: Any) -> None:
    """Break it at once. Whoever calls this has proven that the holder's process is gone."""
    from azure.storage.blob import BlobLeaseClient

    BlobLeaseClient(blob).break_lease(lease_break_period=0)
