"""What a run's end says to the clouds' own alarms, as data (SYNC-4).

CloudWatch: namespace and metrics below, one dimension, ``Flow``. The alarm for "failed two days running" is on
`SUCCEEDED`: sum over a day below 1, two days of two, missing data counting as failed (a run that never started is the
failure nobody hears of). Azure Monitor: one JSON line a run on stderr, which the container's log collection keeps.
"""

from __future__ import annotations

from collections.abc import Mapping

from recovery.model import Json

NAMESPACE = "standby/sync"
SUCCEEDED = "Succeeded"
"""1 for a run that carried and proved everything, else 0."""
DATA_AGE = "DataAge"
"""Seconds by which the copy was behind when the run ended; left out where it is not known."""
ERRORS = "Errors"
LOG = "dr-sync-run"
"""Value of ``event`` in the log line."""


def metrics(record: Mapping[str, Json]) -> list[tuple[str, float, str]]:
    """(name, value, unit) of a run record (`Outcome.to_json`)."""
    errors = max(len(record["errors"]), int((record["counts"] or {}).get("errors") or 0))
    found = [(SUCCEEDED, float(record["exitCode"] == 0), "Count"), (ERRORS, float(errors), "Count")]
    age = record.get("data_age_seconds") if record["exitCode"] == 0 else None  # unproven data has no age
    return found if age is None else [*found, (DATA_AGE, float(age), "Seconds")]


def log_line(record: Mapping[str, Json]) -> dict[str, Json]:
    """The line for Azure Monitor: flat, small, without keys of objects."""
    proofs = record.get("proofs") or []
    return {
        "event": LOG, "flow": record["flow"], "direction": record["direction"], "epoch": record["epoch"],
        "exitCode": record["exitCode"], "succeeded": record["exitCode"] == 0, "started": record["started"],
        "seconds": record["seconds"], "errors": len(record["errors"]), "firstError": (record["errors"] or [""])[0][:300],
        "proven": bool(proofs) and all(one["holds"] for one in proofs),
        "dataAgeSeconds": record.get("data_age_seconds") if record["exitCode"] == 0 else None, "counts": record["counts"],
    }  # fmt: skip
