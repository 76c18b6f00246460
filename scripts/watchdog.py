"""`dr watchdog arm|beat|show`: the dead man's switch. A scheduled run that did not happen raises an alarm in both clouds."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Json
from scripts.command import run

USAGE = """Usage: dr watchdog arm|beat|show [OPTIONS]

  arm   set the CloudWatch alarm (the Azure rule is declared by the program: dr up)
  beat  say that all is on time; says nothing while a sync is too old or the monthly check overdue
  show  both alarms: there, armed, told to somebody, quiet

Examples:
  dr watchdog arm --topic arn:aws:sns:us-east-1:123456789012:standby
  dr watchdog beat        once a day, from the schedule
  dr watchdog show"""


def arm(
    topic: Annotated[str, typer.Option("--topic", help="ARN of the SNS topic that tells people.")],
) -> int:
    """Set or mend the CloudWatch alarm: two days without a heartbeat, missing data counts as late (SYNC-4).

    \b
    Example:
      dr watchdog arm --topic arn:aws:sns:us-east-1:123456789012:standby
    """
    from clouds import watchdog
    from scripts.ready import open_world

    if not topic.startswith("arn:aws") or ":sns:" not in topic:
        raise BadInput(
            f"{topic!r} is no ARN of an SNS topic",
            "an alarm that tells nobody is none",
            "dr watchdog arm --topic arn:aws:sns:...",
        )
    world = open_world()
    try:
        watchdog.arm_aws(world.sync.aws("cloudwatch"), topic)
        rule = watchdog.missed_rule(list(world.at.desired("standby")))
    finally:
        world.close()
    print(f"Alarm {watchdog.ALARM} is armed in AWS; it tells {topic}.")
    print(
        f"Azure: {rule.id.rpartition('/')[2]} is declared (dr up makes it)."
        if rule
        else "Azure: the program declares no such rule."
    )
    return int(ExitCode.CLEAN if rule else ExitCode.FINDING)


def beat() -> int:
    """Write the heartbeat in both clouds, but only while everything scheduled is on time.

    Exit code 3: something is late, so no heartbeat was written (the alarms will say so in two days).
    1: it could not be written everywhere. 5: whether all is on time could not be seen; no heartbeat either.
    """
    from clouds import watchdog
    from clouds.readiness import data, kept
    from recovery.errors import DrError
    from recovery.readiness import calendar
    from recovery.readiness.judges.data import age
    from recovery.readiness.model import Facts, UnseenError, Verdict
    from recovery.readiness.report import runs
    from scripts.ready import open_world

    world = open_world()
    try:
        now = datetime.now(UTC)
        try:
            said = age(Facts(data.age(world)))
            history = kept.history(world)
        except (DrError, UnseenError) as error:
            print(f"Whether all is on time cannot be seen: {getattr(error, 'summary', error)}. No heartbeat.")
            return int(ExitCode.UNOBSERVED)
        whole = [one for one in runs(history.documents) if len(one.results) == one.total]
        last = datetime.fromisoformat(whole[-1].started).date() if whole else None
        late = [] if said.verdict is Verdict.READY else [said.sentence]
        if calendar.overdue(last, now.date()):
            late.append(f"the monthly check is overdue (last: {last or 'never'})")
        client = world.sync.aws("cloudwatch")
        if late:
            problem = watchdog.put(client, 0)
            print(f"LATE: {'; '.join(late)}. No heartbeat{f' ({problem})' if problem else ''}.")
            return int(ExitCode.FINDING)
        problems = watchdog.beat(
            world.sync.journal, client, now, {"lastCheck": str(last), "data": said.sentence}
        )
    finally:
        world.close()
    for problem in problems:
        print(f"  {problem}", file=sys.stderr)
    print(
        "On time, and both clouds know it." if not problems else "On time, but not every cloud could be told."
    )
    return int(ExitCode.FAILED if problems else ExitCode.CLEAN)


def show(format: Annotated[str, typer.Option("--format", help="text or json.")] = "text") -> int:
    """Both alarms as the clouds have them now. Exit code 3: one is missing, off, or firing; 5: one cannot be seen."""
    from clouds import watchdog
    from recovery.readiness.judges.people import watched
    from recovery.readiness.model import Facts, Verdict, exit_code
    from scripts.ready import open_world

    world = open_world()
    try:
        rows: list[dict[str, Json]] = [watchdog.azure_state(world), watchdog.aws_state(world)]
    finally:
        world.close()
    said = watched(Facts({"alarms": rows}))
    if format == "json":
        print(json.dumps({"alarms": rows, "verdict": str(said.verdict), "sentence": said.sentence}, indent=1))
    else:
        for row in rows:
            shown = row["reason"] or ", ".join(
                f"{k} {row[k]}" for k in ("found", "enabled", "tells", "firing") if k in row
            )
            print(f"  {row['name']}: {shown}")
        print(said.sentence)
    return int(exit_code([Verdict(said.verdict)]))


PARTS: dict[str, Callable[..., int]] = {"arm": arm, "beat": beat, "show": show}


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    if argv and argv[0] in PARTS:
        return run(PARTS[argv[0]], argv[1:], f"watchdog {argv[0]}")
    wrong = bool(argv) and argv[0] not in ("-h", "--help")
    print(USAGE, file=sys.stderr if wrong or not argv else sys.stdout)
    return int(ExitCode.USAGE if wrong or not argv else ExitCode.CLEAN)
