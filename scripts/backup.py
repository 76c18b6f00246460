"""`dr backup run | verify | list`: backups of site trustlayer, with checksums, proven by restoring (TL-5)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from recovery.errors import BadInput, Failed
from recovery.exit_codes import ExitCode
from scripts.command import run


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "backup")


def command(
    what: Annotated[str, typer.Argument(help="run, verify or list.")],
    date: Annotated[str, typer.Argument(help="verify: the backup's day, YYYYMMDD, or latest.")] = "latest",
    site: Annotated[str, typer.Option(help="The site's file (default: DR_TRUSTLAYER).")] = "",
) -> int:
    """Make a backup (dump and storage tree, manifest last), prove one, or list them.

    verify downloads every file, proves its checksum, restores the dump into a scratch database, compares the rows,
    and drops that database again. Exit codes: 0, 1 it cannot be restored, 3 (list) a backup is not usable.

    Example: dr backup run && dr backup verify latest
    """
    from clouds.aws.backup import Backups
    from clouds.trustlayer_site import Site

    if what not in ("run", "verify", "list"):
        raise BadInput(
            f"there is no {what!r} of backups", "nothing was done", "dr backup run, verify or list"
        )
    backups = Backups(Site.load(site))
    if what == "run":
        made = backups.run(datetime.now(UTC))
        size = sum(entry.size for entry in made.files.values())
        print(
            f"{made.date}: {sum(made.rows.values())} rows of {len(made.rows)} tables, {len(made.files)} files, {size} bytes."
        )
        return 0
    known = backups.dates()
    if what == "list":
        for day, wrong in known.items():
            print(f"{'!' if wrong else '='} {day}{': ' + wrong if wrong else ''}")
        bad = sum(map(bool, known.values()))
        print(f"{len(known)} backups, {bad} of them not usable.")
        return int(ExitCode.FINDING) if bad or not known else 0
    if date == "latest":
        date = max((day for day, wrong in known.items() if not wrong), default="")
        if not date:
            raise Failed("there is no usable backup", "a total loss could not be undone", "dr backup run")
    rows = backups.verify(date)
    print(
        f"{date} is complete, sound, and restores: {', '.join(f'{count} rows in {table}' for table, count in rows.items())}."
    )
    return 0
