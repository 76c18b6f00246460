"""Log search alerts that look at a storage account's writes: evaluated, fired and resolved as Azure Monitor does it.

What is evaluated is one shape of query, ``StorageBlobLogs | where OperationName == 'X' and ObjectKey has 'Y'``, counted
over the rule's window at its frequency (simulated time). Every other rule is kept and never fires, and `GET alerts` of
the controls names it. https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#log-alerts
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from localcloud.arm.door import Call, Door, Handler
from localcloud.bus import Bus, ResourceChanged
from localcloud.durations import Clock

TYPE = "microsoft.insights/scheduledqueryrules"
_QUERY = re.compile(
    r"\s*StorageBlobLogs\s*\|\s*where OperationName == '(\w+)' and ObjectKey has '([^']+)'\s*"
)
_SPAN = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?")
_TICK = 0.1


def seconds(span: str) -> float:
    """An ISO 8601 duration of days, hours and minutes."""
    found = _SPAN.fullmatch(span)
    if not found:
        raise ValueError(f"{span!r} is no duration")
    days, hours, minutes = (int(part or 0) for part in found.groups())
    return days * 86400.0 + hours * 3600.0 + minutes * 60.0


@dataclass
class Rule:
    """One rule. due: when it is evaluated next. fired: since when its alert is fired, 0.0 where it is not."""

    id: str
    properties: dict[str, Any]
    due: float
    fired: float = 0.0
    evaluations: int = 0

    @property
    def pattern(self) -> tuple[str, str] | None:
        """(operation, part of the object's key), None for a query that is not evaluated here."""
        conditions = (self.properties.get("criteria") or {}).get("allOf") or []
        found = _QUERY.fullmatch(str(conditions[0].get("query", ""))) if len(conditions) == 1 else None
        return (found[1], found[2]) if found else None


@dataclass
class Alerts:
    """The rules, the writes that they look at, and whom an action group was told of what."""

    bus: Bus
    clock: Clock
    rules: dict[str, Rule] = field(default_factory=dict)
    writes: deque[tuple[float, str, str]] = field(default_factory=lambda: deque(maxlen=100_000))
    told: list[dict[str, str]] = field(default_factory=list)
    task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        self.bus.subscribe(self._changed)

    async def _changed(self, event: ResourceChanged) -> None:
        if event.arm_type != TYPE:
            return
        key = event.id.lower()
        if event.new is None:
            self.rules.pop(key, None)
            return
        properties = dict(event.new["properties"])
        old = self.rules.get(key)
        every = self.clock.real(seconds(str(properties.get("evaluationFrequency") or "PT1H")))
        self.rules[key] = Rule(event.id, properties, time.monotonic() + every, old.fired if old else 0.0)
        if self.task is None:
            self.task = asyncio.get_running_loop().create_task(self._run())

    def wrote(self, operation: str, key: str) -> None:
        """A line of StorageBlobLogs. key: ``/account/container/blob``."""
        self.writes.append((time.monotonic(), operation, key))

    async def _run(self) -> None:
        while True:
            now = time.monotonic()
            for rule in list(self.rules.values()):
                if rule.pattern is not None and now >= rule.due:
                    rule.due = now + self.clock.real(
                        seconds(str(rule.properties.get("evaluationFrequency") or "PT1H"))
                    )
                    self._evaluate(rule, now)
            await asyncio.sleep(_TICK)

    def _evaluate(self, rule: Rule, now: float) -> None:
        operation, part = rule.pattern or ("", "")
        condition = rule.properties["criteria"]["allOf"][0]
        since = now - self.clock.real(seconds(str(rule.properties.get("windowSize") or "PT1H")))
        count = sum(1 for at, did, key in self.writes if at >= since and did == operation and part in key)
        threshold = float(condition.get("threshold") or 0)
        met = count < threshold if condition.get("operator") == "LessThan" else count > threshold
        rule.evaluations += 1
        met = met and bool(rule.properties.get("enabled", True))
        if met and not rule.fired:
            rule.fired = time.time()
            self._tell(rule, "Fired")
        elif not met and rule.fired:
            rule.fired = 0.0
            self._tell(rule, "Resolved")

    def _tell(self, rule: Rule, condition: str) -> None:
        for group in (rule.properties.get("actions") or {}).get("actionGroups") or []:
            self.told.append({"rule": rule.id, "actionGroup": str(group), "condition": condition})

    async def control(self, _request: web.Request) -> web.StreamResponse:
        """GET: each rule with what became of it, and whom its action groups were to tell."""
        rows = [
            {
                "rule": r.id,
                "evaluated": r.pattern is not None,
                "evaluations": r.evaluations,
                "fired": bool(r.fired),
            }
            for r in self.rules.values()
        ]
        return web.json_response({"rules": rows, "told": self.told})

    def handlers(self) -> dict[tuple[str, str], Handler]:
        """Alerts Management - Alerts - Get All (2019-03-01), of these rules."""

        async def listed(door: Door, call: Call) -> web.Response:
            return door.page(call, [_alert(rule) for rule in self.rules.values() if rule.fired])

        return {("GET", "microsoft.alertsmanagement/alerts"): listed}

    async def stop(self) -> None:
        """End the evaluation."""
        if self.task is not None:
            self.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self.task


def _alert(rule: Rule) -> dict[str, Any]:
    at = datetime.fromtimestamp(rule.fired, UTC).isoformat()
    return {
        "id": f"{rule.id}/alert", "type": "Microsoft.AlertsManagement/alerts", "name": rule.id.rpartition("/")[2],
        "properties": {"essentials": {
            "alertRule": rule.id, "monitorCondition": "Fired", "alertState": "New", "startDateTime": at,
            "severity": f"Sev{rule.properties.get('severity', 3)}", "signalType": "Log",
        }},
    }  # fmt: skip
