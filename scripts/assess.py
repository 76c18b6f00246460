"""`dr assess`: which level of disaster it is, on what evidence, and which runbook follows. It looks; it never acts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from recovery.exit_codes import ExitCode
from recovery.trustlayer.levels import assess
from scripts.command import run


def main(argv: Sequence[str]) -> int:
    """The verb."""
    return run(command, argv, "assess")


def command(
    site: Annotated[str, typer.Option(help="The site's file (default: DR_TRUSTLAYER).")] = "",
    format: Annotated[str, typer.Option(help="text or json.")] = "text",
) -> int:
    """Look at pods, nodes by zone, databases, health, the region and backups, and say which level it is.

    Exit codes: 0 nothing is wrong, 3 a level, 5 something could not be observed and nothing worse is proven.
    """
    from clouds.trustlayer_effects import observe
    from clouds.trustlayer_site import Site

    seen = observe(Site.load(site))
    found = assess(seen)
    if format == "json":
        print(
            json.dumps(
                {
                    "level": int(found.level),
                    "evidence": found.evidence,
                    "unknown": found.unknown,
                    "command": found.command,
                    "seen": asdict(seen),
                },
                indent=1,
            )
        )
    else:
        for database in seen.databases:
            word = database.role if database.reachable else "silent"
            print(
                f"{'=' if database.reachable else '!'} database {database.name} ({database.region}{database.zone[-1:]}): {word}"
            )
        for zone, (good, count) in sorted((seen.nodes or {}).items()):
            print(f"{'=' if good == count else '!'} nodes of {zone}: {good} of {count} Ready")
        for work in seen.workloads or ():
            print(
                f"{'=' if work.ready == work.wanted else '!'} {work.name}: {work.ready} of {work.wanted} Ready"
            )
        print(f"{'=' if seen.healthz == 200 else '!'} /healthz: {seen.healthz or 'no answer'}")
        print(f"{'=' if seen.backups else '!'} backups: {', '.join(seen.backups or ()) or 'none seen'}")
        for what in found.unknown:
            print(f"? {what}: could not be observed")
        for why in found.evidence:
            print(f"- {why}")
        print(found.sentence)
    if found.level:
        return int(ExitCode.FINDING)
    return int(ExitCode.UNOBSERVED) if found.unknown else 0
