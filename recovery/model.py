"""The plain data that the rooms hand to each other: desired resources, findings, plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Json = Any  # JSON-shaped value: None, bool, int, float, str, list, dict


@dataclass(frozen=True)
class Desired:
    """One resource as the program declares it.

    type: Pulumi type token (``azure-native:compute:VirtualMachineScaleSet``,
    ``pulumi-python:gates:HealthGate``). arm_type: ``Microsoft.Compute/virtualMachineScaleSets``, or "" for a
    resource that ARM does not know. id: ARM id (or a stable id of our own). inputs: camelCase, secrets
    already replaced by ``REDACTED``, values that only the cloud knows as placeholders (``PLACEHOLDER``).
    options: protect, retainOnDelete, ignoreChanges, dependsOn (list of ids), name (the URN's last part).
    source: ``file:line`` of the declaration.
    """

    type: str
    arm_type: str
    id: str
    inputs: Mapping[str, Json]
    options: Mapping[str, Json] = field(default_factory=dict)
    source: str = ""

    def to_json(self) -> dict[str, Json]:
        """The object that `dr desired` prints."""
        return {
            "type": self.type, "armType": self.arm_type, "id": self.id,
            "inputs": dict(self.inputs), "options": dict(self.options), "source": self.source,
        }  # fmt: skip


REDACTED = "(secret)"
"""Stands where a secret was. Never compared, never printed otherwise."""

PLACEHOLDER = "⟦{id}#{path}⟧"
"""A value that only the cloud knows: the property at dotted ARM body path `path` (``properties.ipAddress``)
of the live resource `id`. It may stand inside a longer string. Substituted from live bodies before comparing or applying."""


class Verdict(StrEnum):
    """What a finding says. `=` is never a finding; it is only counted."""

    SAME = "="
    CHANGED = "~"
    MISSING = "missing"
    UNMANAGED = "unmanaged"
    UNKNOWN = "?"


class Severity(StrEnum):
    """Would it break the activation?"""

    CRITICAL = "critical"  # the activation would fail or lose data
    HIGH = "high"  # the activation would be degraded, slow or unsafe
    MEDIUM = "medium"  # cost, hygiene or observability
    LOW = "low"


@dataclass(frozen=True)
class Finding:
    """One difference between desired and live (or one thing that could not be observed)."""

    verdict: Verdict
    id: str
    path: str
    want: Json
    have: Json
    severity: Severity
    source: str
    fix: str
    reason: str = ""

    def to_json(self) -> dict[str, Json]:
        """The object in `dr drift --format json`'s `findings`."""
        return {
            "verdict": str(self.verdict), "id": self.id, "path": self.path, "want": self.want, "have": self.have,
            "severity": str(self.severity), "source": self.source, "fix": self.fix, "reason": self.reason,
        }  # fmt: skip


class Action(StrEnum):
    """What an engine would do to a resource."""

    SAME = "="
    UPDATE = "~"
    CREATE = "+"
    DELETE = "-"
    REPLACE = "±"
    READ = ">"  # a StackReference is read; harmless


@dataclass(frozen=True)
class Step:
    """One resource in a plan. paths: property paths that differ (ARM names)."""

    action: Action
    id: str
    type: str
    name: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What an up would do, by either engine, in the graph's order."""

    stack: str
    engine: str
    steps: tuple[Step, ...]

    @property
    def changes(self) -> tuple[Step, ...]:
        """The steps that are not `=` and not the read of a stack reference."""
        return tuple(s for s in self.steps if s.action not in (Action.SAME, Action.READ))
