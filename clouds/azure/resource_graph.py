"""Azure Resource Graph: one question that finds what nobody asked for by name.

It discovers and never decides: it is a copy, usually fresh within half a minute and with no upper bound, so what
it names is asked of Resource Manager before anything is said about it. Records lie in a table of their own,
role assignments too. Limits: 15 queries in 5 s, 1,000 rows a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from clouds.azure.arm import Arm, ArmError
from recovery.model import Json

PATH = "/providers/Microsoft.ResourceGraph/resources"
API_VERSION = "2022-10-01"
PAGE = 1000
TABLES = ("resources", "dnsresources")
MOST_PAGES = 1000


def query(groups: Sequence[str], tags: Mapping[str, str]) -> str:
    """What lies in these resource groups, or carries all of these tags wherever it lies."""
    conditions = []
    if groups:
        conditions.append(f"resourceGroup in~ ({', '.join(_quoted(g) for g in groups)})")
    if tags:
        conditions.append(
            "(" + " and ".join(f"tags[{_quoted(k)}] =~ {_quoted(v)}" for k, v in sorted(tags.items())) + ")"
        )
    first, *rest = TABLES
    union = f" | union {', '.join(rest)}" if rest else ""
    return f"{first}{union} | where {' or '.join(conditions)} | project id, name, type, location, tags, kind | order by id asc"


def _quoted(text: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", text) + "'"


def discover(
    arm: Arm, subscription: str, groups: Sequence[str], tags: Mapping[str, str]
) -> list[dict[str, Json]]:
    """The rows (id, name, type, location, tags, kind), all pages. Raises ArmError, also for a cut answer."""
    if not groups and not tags:
        return []
    rows: list[dict[str, Json]] = []
    token: str | None = None
    for _ in range(MOST_PAGES):
        options: dict[str, Json] = {"$top": PAGE, "resultFormat": "objectArray"}
        if token:
            options["$skipToken"] = token
        asked = {"subscriptions": [subscription], "query": query(groups, tags), "options": options}
        answer = arm.post(PATH, asked, API_VERSION, idempotent=True)
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, list):
            raise ArmError(200, "UnexpectedAnswer", "Resource Graph's answer has no `data`")
        rows += [row for row in data if isinstance(row, dict)]
        token = answer.get("$skipToken") or None
        if token is None:
            if str(answer.get("resultTruncated")).lower() == "true":
                raise ArmError(
                    200,
                    "Truncated",
                    f"Resource Graph cut its answer after {len(rows)} rows and names no next page",
                )
            return rows
    raise ArmError(200, "TooManyPages", f"more than {MOST_PAGES} pages of Resource Graph")
