"""One figure from Azure Monitor: how much of a metric there was between two moments.

GET {resource}/providers/Microsoft.Insights/metrics, Azure Monitor REST API 2023-10-01.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from recovery.model import Json

METRICS_API = "2023-10-01"

INGESTION_LAG_SECONDS = 120.0
"""How old a platform metric may be before it can be read. Assumed: Azure names "a few minutes" and no
bound."""


class Getter(Protocol):
    """The part of `clouds.azure.arm.Arm` that is needed here."""

    def get(self, id: str, api_version: str) -> dict[str, Json]: ...


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def total(arm: Getter, resource_id: str, metric: str, start: float, end: float) -> int:
    """The sum of `metric` from `start` to `end` (Unix seconds).

    An Application Gateway reports nothing while nobody asks (Azure, "Metrics for Application Gateway"), so an
    answer that knows the metric and holds no points is 0. An answer that does not know it raises ValueError;
    what ARM refuses raises ArmError.
    """
    body = arm.get(
        f"{resource_id}/providers/Microsoft.Insights/metrics?metricnames={metric}"
        f"&timespan={_stamp(start)}/{_stamp(end)}&interval=PT1M&aggregation=Total",
        METRICS_API,
    )
    for entry in body.get("value") or []:
        if str((entry.get("name") or {}).get("value", "")).lower() != metric.lower():
            continue
        if str(entry.get("errorCode") or "Success") != "Success":
            raise ValueError(f"{metric}: {entry.get('errorCode')} {entry.get('errorMessage') or ''}".strip())
        return _sum(entry)
    raise ValueError(f"the answer does not hold {metric}")


def _sum(entry: Mapping[str, Json]) -> int:
    points = (point for series in entry.get("timeseries") or [] for point in series.get("data") or [])
    return round(sum(float(point.get("total") or 0.0) for point in points))
