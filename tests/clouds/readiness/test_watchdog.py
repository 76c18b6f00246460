"""The dead man's switch against servers that evaluate alarms: our Azure Monitor, and ministack's CloudWatch (SYNC-4)."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clouds import watchdog
from clouds.aws.session import client
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import Failed
from recovery.readiness.model import Verdict
from tests.clouds.readiness.standing import TOPIC, Standing

LIMIT = 20.0


def until(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + LIMIT
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.localcloud
def test_silence_fires_the_rule_tells_the_action_group_and_a_heartbeat_resolves_it(
    standing: Standing,
) -> None:
    """A copy of the declared rule, whose five minutes are half a second here."""
    declared = watchdog.missed_rule(list(standing.desired))
    assert declared is not None
    body = standing.body(declared)
    body["properties"] |= {"windowSize": "PT10M", "evaluationFrequency": "PT5M"}
    id = f"{declared.id}-in-a-hurry"
    standing.put(declared, body, id)
    try:

        def state() -> dict[str, Any]:
            rows = standing.cloud.control("GET", "alerts")["rules"]
            return next(r for r in rows if r["rule"].lower() == id.lower())

        assert until(lambda: state()["fired"]), "two windows of silence and no alarm"
        group = body["properties"]["actions"]["actionGroups"][0]
        told = [t for t in standing.cloud.control("GET", "alerts")["told"] if t["rule"].lower() == id.lower()]
        assert [(t["condition"], t["actionGroup"].lower()) for t in told] == [("Fired", group.lower())]

        def quiet() -> bool:
            standing.beat()
            return not state()["fired"]

        assert until(quiet), "heartbeats came, and the alarm stayed"
    finally:
        standing.arm.delete(id, CATALOGUE[declared.type].api_version)


@pytest.mark.localcloud
def test_a_query_that_is_not_understood_is_kept_and_said_not_to_be_evaluated(standing: Standing) -> None:
    rows = standing.cloud.control("GET", "alerts")["rules"]
    assert {r["evaluated"] for r in rows if "sync-missed" in r["rule"]} == {False}
    assert {r["evaluated"] for r in rows if "schedule-missed" in r["rule"]} == {True}


@pytest.mark.localcloud
def test_an_alarm_that_fires_makes_the_standby_not_ready(standing: Standing) -> None:
    aws = standing.world.aws("cloudwatch")
    aws.set_alarm_state(
        AlarmName=watchdog.ALARM, StateValue="ALARM", StateReason="two days without a heartbeat"
    )
    try:
        result = standing.ask("dead-man")["dead-man"]
    finally:
        aws.set_alarm_state(AlarmName=watchdog.ALARM, StateValue="OK", StateReason="mended")
    assert result.verdict is Verdict.NOT_READY
    assert "did not happen" in result.sentence


@pytest.fixture(scope="module")
def ministack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An AWS whose CloudWatch evaluates alarms by their values; it does not evaluate missing data."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("ministack") / "log").open("wb")
    environ = {
        "PATH": os.environ["PATH"], "HOME": str(Path(log.name).parent), "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port),
        "IOT_MTLS_ENABLED": "0",
    }  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 (our own interpreter)
        [str(Path(sys.executable).with_name("ministack"))] if Path(sys.executable).with_name("ministack").exists() else [sys.executable, "-m", "ministack"],
        env=environ, stdout=log, stderr=log, cwd=Path(log.name).parent,
    )  # fmt: skip

    def up() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
        except OSError:
            return False
        return True

    try:
        assert until(up), Path(log.name).read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        log.close()


def test_a_late_day_raises_the_cloudwatch_alarm_and_a_day_on_time_ends_it(ministack: str) -> None:
    aws = client("cloudwatch", "us-east-1", ministack)
    watchdog.arm_aws(aws, TOPIC, period=10)

    def state() -> str:
        return str(aws.describe_alarms(AlarmNames=[watchdog.ALARM])["MetricAlarms"][0]["StateValue"])

    assert watchdog.put(aws, 1) == ""
    assert until(lambda: state() == "OK")
    started = time.monotonic()

    def late() -> bool:
        watchdog.put(aws, 0)
        return state() == "ALARM"

    while not late():
        assert time.monotonic() - started < 40, "two periods without a heartbeat and no alarm"
        time.sleep(1)
    watchdog.put(aws, 1)
    assert until(lambda: state() == "OK")


def test_the_alarm_takes_missing_data_for_late_and_tells_somebody() -> None:
    """What no local server evaluates is at least said to CloudWatch exactly."""
    made = watchdog.alarm(TOPIC)
    assert made["TreatMissingData"] == "breaching"
    assert (made["Period"], made["EvaluationPeriods"], made["DatapointsToAlarm"]) == (86400, 2, 2)
    assert made["AlarmActions"] == [TOPIC]


def test_an_aws_that_does_not_answer_is_said_and_stops_nothing(ministack: str) -> None:
    dead = client("cloudwatch", "us-east-1", "http://127.0.0.1:9")
    assert "CloudWatch" in watchdog.put(dead, 1)
    with pytest.raises(Failed):
        watchdog.arm_aws(dead, TOPIC)
