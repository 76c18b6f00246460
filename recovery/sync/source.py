"""The primary's data side, as settings name it: buckets, table, queue (section ``source`` of the stack files)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from recovery.errors import BadInput
from recovery.model import Json


@dataclass(frozen=True)
class Source:
    """Names in AWS. The defaults are site image-app's; the local cloud is seeded with whatever is set."""

    region: str = "us-east-1"
    siteBucket: str = "demay-site"  # noqa: N815 - spelt as in the stack file
    uploadsBucket: str = "demay-uploads"  # noqa: N815
    table: str = "demay-images"
    exportBucket: str = "demay-dr-exports"  # noqa: N815
    queue: str = "demay-dr-uploads"
    partitionKey: str = "imageId"  # noqa: N815
    sortKey: str = "chunkIndex"  # noqa: N815

    @classmethod
    def of(cls, given: Mapping[str, Json]) -> Source:
        """From the stack file's section; what it leaves out is the default. Raises BadInput for an unknown name."""
        known = {one.name for one in fields(cls)}
        wrong = sorted(set(given) - known)
        if wrong:
            raise BadInput(
                f"standby:source.{wrong[0]} is not a setting (known: {', '.join(sorted(known))})",
                "a sync from a wrong bucket or table would be worse than none",
                "edit Pulumi.standby.yaml and Pulumi.active.yaml",
            )
        return cls(**{name: str(value) for name, value in given.items()})
