"""The runner: all at the same time, each within its limit, and whatever a probe does is an answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from clouds.azure.arm import ArmError
from clouds.readiness.run import PROBES, Probe, run
from recovery.errors import Unobserved
from recovery.model import Severity
from recovery.readiness.model import Check, Facts, Judgement, Result, UnseenError, Verdict, ready
from recovery.readiness.registry import CHECKS


def check(id: str, limit: float = 5.0) -> Check:
    def judge(facts: Facts) -> Judgement:
        return ready(facts.text("says"))

    return Check(id, "READY-0", Severity.HIGH, id, "", "mend it", "", judge, limit)


def ask(probes: Mapping[str, Probe], **options: Any) -> dict[str, Result]:
    checks = [check(id) for id in probes]
    return {r.id: r for r in run(None, checks, probes=probes, **options)}  # type: ignore[arg-type]  # these probes want no world


def raises(error: Exception) -> Probe:
    def probe(_world: object) -> Mapping[str, Any]:
        raise error

    return probe


def test_every_check_has_a_probe_and_every_probe_a_check() -> None:
    assert list(PROBES) == [c.id for c in CHECKS]


def test_probes_run_at_the_same_time() -> None:
    """Each waits for the other: one after the other neither would ever come back."""
    both = threading.Barrier(2)

    def probe(_world: object) -> Mapping[str, Any]:
        both.wait(3)
        return {"says": "met"}

    assert {r.verdict for r in ask({"a": probe, "b": probe}).values()} == {Verdict.READY}


def test_a_probe_that_does_not_come_back_is_unknown_and_holds_up_nobody() -> None:
    gate = threading.Event()

    def hangs(_world: object) -> Mapping[str, Any]:
        gate.wait(30)
        return {"says": "too late"}

    try:
        began = time.monotonic()
        results = ask({"slow": hangs, "quick": lambda _w: {"says": "here"}}, limit=0.3)
        assert time.monotonic() - began < 10
    finally:
        gate.set()
    assert results["slow"].verdict is Verdict.UNKNOWN
    assert "0.3 s" in results["slow"].sentence
    assert results["quick"].verdict is Verdict.READY


@pytest.mark.parametrize(
    "error",
    [
        ArmError(403, "AuthorizationFailed", "no"), ArmError(0, "NoAnswer", "timed out"), ArmError(404, "SubscriptionNotFound", "x"),
        UnseenError("garbage"), Unobserved("denied (403)", "why", "fix"), ValueError("garbage"), KeyError("properties"),
        TypeError("NoneType"), OSError("reset"), TimeoutError("late"), AssertionError("a bug of ours"),
    ],
)  # fmt: skip
def test_whatever_a_probe_raises_is_unknown_with_its_reason(error: Exception) -> None:
    result = ask({"a": raises(error)})["a"]
    assert result.verdict is Verdict.UNKNOWN
    assert result.sentence


def test_a_resource_that_the_service_says_is_not_there_is_not_ready() -> None:
    result = ask({"a": raises(ArmError(404, "ResourceNotFound", "vmss-demay-api was not found"))})["a"]
    assert result.verdict is Verdict.NOT_READY
    assert "vmss-demay-api" in result.sentence


def test_results_stand_in_the_checks_order_and_are_told_as_they_come() -> None:
    told: list[str] = []
    later = threading.Event()

    def second(_world: object) -> Mapping[str, Any]:
        later.wait(5)
        return {"says": "b"}

    def first(_world: object) -> Mapping[str, Any]:
        return {"says": "a"}

    def on(result: Result) -> None:
        told.append(result.id)
        later.set()

    results = ask({"late": second, "early": first}, on_result=on)
    assert list(results) == ["late", "early"]
    assert told == ["early", "late"]
