"""What the Pulumi CLI prints (``preview --json``, ``up --json``), read into plans and events. Pure.

The shapes are those of sdk/go/common/apitype/events.go and pkg/backend/display/json.go, CLI 3.260.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from recovery.engine import Event, EventKind
from recovery.model import Action, Json, Plan, Step

_ACTIONS: dict[str, Action | None] = {
    "same": Action.SAME, "update": Action.UPDATE, "create": Action.CREATE, "import": Action.CREATE,
    "delete": Action.DELETE, "read": Action.READ, "replace": Action.REPLACE,
    "create-replacement": Action.REPLACE, "delete-replaced": Action.REPLACE,
    "read-replacement": Action.REPLACE, "import-replacement": Action.REPLACE,
    "remove-pending-replace": Action.DELETE,
    "refresh": None, "discard": None, "discard-replaced": None,
}  # fmt: skip
"""Operation -> action; None: it touches the checkpoint alone. An operation that does not stand here is taken
for a replacement: what is not known to be harmless is not."""

_STACK, _PROVIDERS = "pulumi:pulumi:Stack", "pulumi:providers:"


def parse_preview(stack: str, digest: Mapping[str, Json]) -> Plan:
    """The plan in a ``pulumi preview --json`` document, in the engine's order, one step a resource."""
    steps: dict[str, Step] = {}
    for raw in digest.get("steps") or []:
        step = _step(raw)
        if step is None:
            continue
        urn = str(raw["urn"])
        before = steps.get(urn)
        if before is None or before.action is Action.SAME or step.action is Action.REPLACE:
            steps[urn] = step
    return Plan(stack, "pulumi", tuple(steps.values()))


def _step(raw: Mapping[str, Json]) -> Step | None:
    action = _ACTIONS.get(str(raw.get("op")), Action.REPLACE)
    urn = str(raw.get("urn", ""))
    type_, name = type_and_name(urn)
    if action is None or type_ == _STACK or type_.startswith(_PROVIDERS):
        return None
    states = [raw.get(key) or {} for key in ("newState", "new", "oldState", "old")]
    id_ = next((str(s["id"]) for s in states if s.get("id")), urn)
    paths = tuple(sorted(raw.get("detailedDiff") or raw.get("diffReasons") or ()))
    return Step(action, id_, type_, name, paths)


def type_and_name(urn: str) -> tuple[str, str]:
    """The resource's own type (without its parents') and its name."""
    parts = urn.split("::", 3)
    if len(parts) < 4:
        return "", urn
    return parts[2].rpartition("$")[2], parts[3]


def parse_event(raw: Mapping[str, Json]) -> Event | None:
    """The event in one line of ``pulumi up --json``; None for what a watching person need not see."""
    for key, kind in (
        ("resourcePreEvent", EventKind.STARTED),
        ("resOutputsEvent", EventKind.DONE),
        ("resOpFailedEvent", EventKind.FAILED),
    ):
        if key in raw:
            step = _step(raw[key].get("metadata") or {})
            if step is None or step.action in (Action.SAME, Action.READ):
                return None
            return Event(kind, step.action, step.id, step.type, step.name)
    message = raw.get("diagnosticEvent")
    if isinstance(message, Mapping) and not message.get("ephemeral"):
        text = plain(str(message.get("message", ""))).strip()
        type_, name = type_and_name(str(message.get("urn", "")))
        kind = EventKind.FAILED if message.get("severity") == "error" else EventKind.MESSAGE
        # info#err is what the program printed to stderr: after a cancellation, tracebacks of no use to anyone
        if text and message.get("severity") in ("error", "warning", "info"):
            return Event(kind, None, str(message.get("urn", "")), type_, name, text)
    return None


def parse_change(raw: Mapping[str, Json]) -> tuple[str, Step] | None:
    """(URN, step) when the line says that one resource's change has ended."""
    metadata = (raw.get("resOutputsEvent") or {}).get("metadata")
    step = _step(metadata) if metadata else None
    return (str(metadata["urn"]), step) if metadata and step else None


_COLOUR = re.compile(r"<\{%[^%]*%\}>|\x1b\[[0-9;]*m")


def plain(text: str) -> str:
    """The text without the engine's colour marks."""
    return _COLOUR.sub("", text)


_THREE = re.compile(
    r"^[ \t]*(?:[\w.]*(?:Error|Stopped|Failed|BadInput|Unobserved|Exception): )?"
    r"(?P<summary>[^\n]+(?:\n\s+- [^\n]+)*)\n"  # a list of problems belongs to the summary
    r"\s+why it matters: (?P<detail>[^\n]+)\n\s+fix: (?P<fix>[^\n]+)",
    re.MULTILINE,
)


def three_parts(text: str) -> tuple[str, str, str] | None:
    """(summary, detail, fix) of the first error of ours inside a longer text (a traceback, a diagnostic)."""
    found = _THREE.search(plain(text))
    if found is None:
        return None
    summary = re.sub(r"\n\s+- ", "\n  - ", found["summary"].strip())
    return summary, found["detail"].strip(), found["fix"].strip()
