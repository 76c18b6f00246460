"""What `dr drift --format json` prints, as a JSON schema (draft 2020-12): for those who feed it to something else."""

from __future__ import annotations

from recovery.model import Json, Severity, Verdict

_COUNT = {"type": "integer", "minimum": 0}
_TEXT = {"type": "string"}

FINDING: dict[str, Json] = {
    "type": "object",
    "required": ["verdict", "id", "path", "want", "have", "severity", "source", "fix", "reason"],
    "additionalProperties": False,
    "properties": {
        "verdict": {
            "enum": [str(v) for v in Verdict if v is not Verdict.SAME],
            "description": "~ a property differs; missing: declared and not there; unmanaged: there and not declared; ? not observed",
        },
        "id": {"type": "string", "minLength": 1, "description": "the resource: its ARM id, ARN, or an id of our own"},
        "path": {**_TEXT, "description": "dotted property path in the cloud's own names, list elements in brackets; empty: the resource as a whole"},
        "want": {"description": "what the program declares; null: nothing; secrets are (secret)"},
        "have": {"description": "what is there; null: nothing"},
        "severity": {"enum": [str(s) for s in Severity], "description": "would it break the activation?"},
        "source": {**_TEXT, "description": "file:line of the declaration; empty where nothing declares it"},
        "fix": {"type": "string", "minLength": 1, "description": "the command that fixes it"},
        "reason": {**_TEXT, "description": "why it could not be observed, or what else is to be said"},
    },
    "allOf": [
        {
            "if": {"properties": {"verdict": {"const": "?"}}},
            "then": {"properties": {"reason": {"minLength": 1}, "want": {"type": "null"}, "have": {"type": "null"}}},
        },
        {"if": {"properties": {"verdict": {"const": "~"}}}, "then": {"properties": {"path": {"minLength": 1}}}},
    ],
}  # fmt: skip

SCHEMA: dict[str, Json] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "dr drift --format json",
    "type": "object",
    "required": ["findings", "counts", "complete", "accepted", "acceptances", "skipped"],
    "additionalProperties": False,
    "properties": {
        "findings": {"type": "array", "items": FINDING, "description": "worst first"},
        "counts": {
            "type": "object",
            "required": [str(v) for v in Verdict],
            "additionalProperties": False,
            "properties": {str(v): _COUNT for v in Verdict},
            "description": "findings by verdict; under = the declared resources without one",
        },
        "complete": {"type": "boolean", "description": "false while anything could not be observed"},
        "accepted": {**_COUNT, "description": "differences that the baseline or the acceptance file covers"},
        "acceptances": {
            "type": "array",
            "description": "what people have agreed to live with and that is there now",
            "items": {
                "type": "object",
                "required": ["id", "path", "verdict", "reason", "owner", "expires"],
                "additionalProperties": False,
                "properties": {
                    "id": _TEXT, "path": _TEXT, "verdict": _TEXT, "reason": {"type": "string", "minLength": 1},
                    "owner": {"type": "string", "minLength": 1}, "expires": {"type": "string", "format": "date"},
                },
            },
        },
        "skipped": {**_COUNT, "description": "declared and without a state of their own that could drift (gates)"},
    },
}  # fmt: skip
