"""The look right before traffic moves, and how patient a run's looks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from clouds import gates
from clouds.http_probe import Answer, Question
from clouds.runbook import azure_effects
from clouds.runbook.azure_effects import AzureEffects
from clouds.runbook.calls import Call, Outcome
from clouds.runbook.footprint import Footprint
from localcloud.durations import TABLE
from recovery.model import Json
from recovery.runbook.events import Result
from recovery.runbook.state import Phase

HOSTS = [{"host": "api.demay.com", "path": "/health"}, {"host": "demay.com", "path": "/"}]


class At(Footprint):
    """A footprint whose gateway and hosts are given."""

    def __init__(self, address: str = "203.0.113.10", hosts: Sequence[Json] = HOSTS) -> None:
        self._address, self._hosts = address, hosts
        self.endpoints = cast(Any, SimpleNamespace())

    def gateway(self) -> Any:
        return SimpleNamespace(address=self._address) if self._address else None

    def props(self, kind: str, stack: str = "standby") -> Mapping[str, Json]:
        return {"primaryHosts": list(self._hosts)}


def guard(at: At, monkeypatch: pytest.MonkeyPatch, statuses: Sequence[int | None]) -> Outcome:
    """The cutover's guard when the public hosts answer so at the gateway."""

    def probe_all(asked: Sequence[Question], _endpoints: object) -> list[Answer]:
        return [
            Answer(q, status, "" if status else "timed out")
            for q, status in zip(asked, statuses, strict=True)
        ]

    monkeypatch.setattr(azure_effects, "probe_all", probe_all)
    call = cast(Call, SimpleNamespace(phase=Phase.GUARD))
    return AzureEffects(at, cast(Any, None)).table()["gate.health"]({"instances": 2}, call)


def test_traffic_may_move_when_every_host_answers_at_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """ACT-4: only after the backends are healthy; the look does not wait for the gateway's slow word about them."""
    assert guard(At(), monkeypatch, [200, 200]).result is Result.OK


@pytest.mark.parametrize("status", [503, 301, None])
def test_traffic_does_not_move_when_one_host_answers_anything_else(
    monkeypatch: pytest.MonkeyPatch, status: int | None
) -> None:
    """ACT-4: a redirect is no health, and silence is none either; the evidence names who."""
    seen = guard(At(), monkeypatch, [200, status])
    assert seen.result is Result.FAILED
    assert "demay.com/ at 203.0.113.10" in str(seen.evidence["error"])


@pytest.mark.parametrize("at", [At(address=""), At(hosts=[])])
def test_traffic_does_not_move_when_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch, at: At) -> None:
    """Unknown is a verdict, never success."""
    assert guard(at, monkeypatch, []).result is Result.UNKNOWN


def test_a_run_waits_for_the_gateways_answer_about_its_backends_at_the_tables_p95(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """VAL-1: a look that gives up before the service can have answered would stop every real failover."""
    needed = TABLE["backend health query"].p95

    class Slow:
        """Answers whoever has the patience."""

        @staticmethod
        def observe(_props: Mapping[str, Json], world: Any) -> dict[str, Json]:
            patient = world.stretch * gates.READ_SECONDS > needed
            return {"observed": "healthy" if patient else "unknown"}

    monkeypatch.setattr(gates, "_gate", lambda kind: Slow)
    monkeypatch.setattr(
        gates.World,
        "connect",
        lambda hurry=None: gates.World(cast(Any, None), cast(Any, None), cast(Any, None)),
    )
    assert At().look("HealthGate", "active")["observed"] == "healthy"
