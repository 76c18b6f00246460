"""The gates: look, compare, and wait or refuse. They observe the world; they never echo what is wanted.

    read     what is seen now: within seconds, never an exception; what cannot be seen is "unknown"
    differs  does what was seen differ from what is wanted?
    apply    wait within a limit until the world is as wanted (throughput and package: bring it there), or
             raise recovery.errors.DrError with the figures

Both engines call these three functions (docs/architecture.md, "Dynamic resources"). Everything a gate saw,
waited for and concluded is a line in DR_GATE_LOG (clouds/gates/log.py). Waits are divided by
`Endpoints.scale`.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, cast

from clouds.gates.world import World, within
from recovery.errors import BadInput, DrError
from recovery.gates import UNKNOWN
from recovery.model import Json

READ_SECONDS = 3.0
"""A preview reads every gate: what a look may cost it, in real seconds, while everything answers."""

STRETCHES = (1.0, 3.0)
"""How patient each look is: what cannot be seen at first sight is looked at once more with three times the patience.

A busy machine (an engine, a provider and a local cloud on two cores) answers late without being broken; and an
"unknown" where something could have been seen is a change that nobody meant (`preview --expect-no-changes`)."""

PAUSE_SECONDS = 0.5
"""Real seconds between the two looks."""

KINDS: dict[str, str] = {
    "CosmosThroughput": "clouds.gates.throughput",
    "HealthGate": "clouds.gates.health",
    "ReturnGate": "clouds.gates.returning",
    "DrainGate": "clouds.gates.drain",
    "DirectionFence": "clouds.gates.direction",
    "ConverterPackage": "clouds.gates.package",
    "SiteGate": "clouds.gates.site",
    "VaultCertificate": "clouds.gates.certificate",
    "TableStream": "clouds.gates.table",
    "BucketEvents": "clouds.gates.bucket_events",
    "TrafficFlag": "clouds.gates.flag",
}


class _Gate(Protocol):
    def observe(self, props: Mapping[str, Json], world: World) -> dict[str, Json]: ...
    def differs(self, old: Mapping[str, Json], new: Mapping[str, Json]) -> bool: ...
    def bring_about(self, props: Mapping[str, Json], world: World) -> dict[str, Json]: ...


def _gate(kind: str) -> _Gate:
    name = kind.rsplit(":", 1)[-1]
    if name not in KINDS:
        raise BadInput(
            f"there is no gate of kind {kind!r}",
            "a gate that cannot be run must not be taken for one that passed",
            f"use one of {', '.join(KINDS)}",
        )
    return cast(_Gate, importlib.import_module(KINDS[name]))


def read(
    kind: str,
    props: Mapping[str, Json],
    world: World | None = None,
    stretches: Sequence[float] = STRETCHES,
) -> dict[str, Json]:
    """`props` plus `observed` (and `detail` where it is unknown). Never raises; it takes READ_SECONDS times the sum of
    `stretches` at most, and a moment where everything answers.

    A detail of a known observation is left out on purpose: what read returns is kept in the checkpoint, and a
    figure that changes from look to look would be reported as drift.
    """
    clean = {k: v for k, v in props.items() if k not in ("observed", "observedKind", "detail")}
    seen: dict[str, Json] = {}
    for number, stretch in enumerate(stretches):
        if number:
            (world.sleep if world else time.sleep)(PAUSE_SECONDS)
        seen = _look(kind, clean, world, stretch)
        if seen.get("observed") != UNKNOWN:
            seen.pop("detail", None)
            break
    return {**clean, **seen}


def _look(kind: str, props: Mapping[str, Json], world: World | None, stretch: float) -> dict[str, Json]:
    """One look, within READ_SECONDS * stretch real seconds once the clients are there."""
    try:
        gate = _gate(kind)  # its imports are no part of the look: they cost seconds on a busy machine
        used = world or World.connect(hurry=READ_SECONDS * stretch)
        used = replace(used, stretch=stretch)
        return within(READ_SECONDS * stretch, lambda: gate.observe(props, used))
    except Exception as error:  # noqa: BLE001 (the contract: a probe never raises; the reason is kept as evidence)
        reason = error.summary if isinstance(error, DrError) else f"{type(error).__name__}: {error}"
        return {"observed": UNKNOWN, "detail": reason}


def differs(kind: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> bool:
    """Would `apply(kind, new)` have anything to do? old: what `read` or `apply` returned last; new: what is
    declared.

    Every property is read with a default: old checkpoints hold the properties of old programs.
    """
    return _gate(kind).differs(old, new)


def apply(kind: str, props: Mapping[str, Json], world: World | None = None) -> dict[str, Json]:
    """Wait for, or bring about, what `props` want. Returns `props` plus what was observed at the end.

    Raises Stopped (the world is not as wanted within the limit, or must not be brought there), BadInput,
    Failed.
    """
    clean = {k: v for k, v in props.items() if k not in ("observed", "observedKind", "detail")}
    used = world or World.connect()
    if clean.get("want") == "any":
        return read(kind, clean, world, STRETCHES[:1])
    seen = _gate(kind).bring_about(clean, used)
    if seen.get("observed") != UNKNOWN:
        seen.pop("detail", None)
    return {**clean, **seen}
