"""Tells both clouds' alarms how a run ended (SYNC-4): a CloudWatch metric, and a line that Azure Monitor collects."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from recovery.journal.mask import masked
from recovery.sync import signals

if TYPE_CHECKING:
    from clouds.sync.outcome import Outcome
    from clouds.sync.world import SyncWorld


def publish(world: SyncWorld, outcome: Outcome, say: Callable[[str], None], log: bool) -> bool:
    """log: write the line too (a person at a terminal has the figures already). True when CloudWatch has it. A metric that cannot be published is said and does not change the run's verdict: the
    alarm counts missing data as a failure, so silence is heard."""
    from botocore.exceptions import BotoCoreError, ClientError

    record = outcome.to_json()
    if log:
        say(json.dumps(masked(signals.log_line(record)), ensure_ascii=False))
    if outcome.direction != "forward":
        return False  # the alarm is about the standby falling behind
    data = [
        {"MetricName": name, "Value": value, "Unit": unit, "Dimensions": [{"Name": "Flow", "Value": outcome.flow}]}
        for name, value, unit in signals.metrics(record)
    ]  # fmt: skip
    try:
        world.aws("cloudwatch").put_metric_data(Namespace=signals.NAMESPACE, MetricData=data)
    except (BotoCoreError, ClientError) as exc:
        say(f"{outcome.flow}: CloudWatch was not told how this run ended ({exc})")
        return False
    return True
