"""The data's standing in lines: direction, what is owed, each flow's last run and how old the copy is by now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from recovery.exit_codes import MEANING, ExitCode
from recovery.model import Json

MEANS = {
    "forward": "AWS is the origin, Azure follows",
    "off": "the data stands still",
    "reverse": "Azure is the origin, AWS follows; every forward run stops before it writes",
}


def described(found: Mapping[str, Json], now: datetime) -> list[str]:
    """found: direction, epoch, fault, owed, runs (flow -> run record), or ``unknown`` with the reason."""
    if "unknown" in found:
        out = [f"  data: which way it may flow is not known ({found['unknown']})"]
    elif not found["epoch"]:
        out = ["  data: never synced; nobody has said yet which side is the origin (dr sync direction)"]
    else:
        out = [f"  data: {found['direction']}, epoch {found['epoch']}: {MEANS[found['direction']]}"]
        if found.get("fault"):
            out.append(f"  data FAULT: {found['fault']} (dr sync direction --help)")
    out += [f"  owed since {one['since']}: {one['what']} (dr sync freeze)" for one in found.get("owed") or []]
    return out + [_run(flow, record, now) for flow, record in sorted((found.get("runs") or {}).items())]


def _run(flow: str, record: Mapping[str, Json], now: datetime) -> str:
    code = ExitCode(record["exitCode"])
    if flow == "watch":
        how = "" if code is ExitCode.CLEAN else f"; ended: {(record.get('errors') or ['?'])[0][:120]}"
        counts = record["counts"]
        return (
            f"  sync watch {record['started']}: {counts['items']:,} items, {counts['objects']:,} objects, "
            f"worst lag {record['data_age_seconds']:.1f} s{how}"
        )
    proofs = record.get("proofs") or []
    proven = "proven" if proofs and all(one["holds"] for one in proofs) else "NOT proven"
    verdict = proven if code is ExitCode.CLEAN else f"exit {int(code)}: {MEANING[code]}"
    errors = (record.get("errors") or [])[:1]
    age = data_age(record, now)
    old = (
        f"; the copy is {_words(age)} behind" if age is not None and record["direction"] == "forward" else ""
    )
    return f"  sync {flow} {record['started']} ({record['direction']}): {verdict}{old}" + (
        f"; {errors[0][:120]}" if errors else ""
    )


def data_age(record: Mapping[str, Json], now: datetime) -> float | None:
    """Seconds between now and the newest write that the copy is proven to hold; None when nothing is proven."""
    cuts = [one["cut"] for one in record.get("proofs") or [] if one["holds"]]
    return max(0.0, (now - datetime.fromisoformat(min(cuts))).total_seconds()) if cuts else None


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
