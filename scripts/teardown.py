"""`dr teardown`: the way out. Lists first, keeps data unless it is named, wants the name typed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from recovery import teardown as rules
from recovery.errors import Stopped
from recovery.exit_codes import ExitCode
from recovery.model import Desired
from recovery.teardown import Doomed
from scripts import switch
from scripts.command import run


def teardown(
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help=f"Delete this data too ({', '.join(rules.DATA)}); may be repeated."),
    ] = None,
    confirm: Annotated[
        str, typer.Option("--confirm", help="The resource group's name, instead of typing it.")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List and stop.")] = False,
    opened: Annotated[
        bool, typer.Option("--opened", help="Then also what dr init made (its own group).")
    ] = False,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Delete the standby from Azure. Data is kept unless it is named, one by one.

    \b
    Refuses while traffic is on Azure, while data flows in reverse, and while something is owed to the primary.
    What it keeps, and the group around it, stays as it is. Examples:
      dr teardown --dry-run
      dr teardown
      dr teardown --data uploads --data documents
    """
    from clouds import teardown as doing
    from clouds.azure.arm import Arm
    from clouds.endpoints import load
    from clouds.evidence import gather
    from clouds.gates import READ_SECONDS
    from clouds.gates.world import World
    from clouds.program import desired, project_root

    switch.check_options("standby", "auto", format)
    root, endpoints = project_root(), load(os.environ)
    wanted = desired(root, "standby", os.environ)
    named = rules.check_names(data or [], wanted)
    arm = Arm(endpoints)
    exists, strangers = doing.existing(arm, wanted)
    doomed = rules.plan(wanted, exists, named)
    if strangers and doomed and doomed[-1].go:
        last = doomed[-1]
        doomed = [
            *doomed[:-1],
            Doomed(last.resource, "", f"{len(strangers)} resources in it are not ours", go=False),
        ]
    if format == "text":
        print("\n".join(lines(doomed, strangers)), flush=True)
    going = [d for d in doomed if d.go]
    gone: list[str] = []
    if going and not dry_run:
        doing.may_go(
            [d for d in wanted if d.id.lower() in {e.lower() for e in exists}],
            lambda: doing.direction_of(root, exists, os.environ),
            lambda: gather(wanted, World.connect(hurry=READ_SECONDS)).live,
        )
        if "zone" in named:
            _still_delegated(arm, endpoints, wanted)
        _confirm(doomed, confirm)
        with _lock(root, named):
            gone = doing.delete(arm, doomed, switch.say)
        doing.forget(root, gone, switch.say)
    if opened and not dry_run:
        _close(root, endpoints, arm, wanted, confirm)
    verdict = _verdict(doomed, gone, dry_run)
    if format == "json":
        switch.print_json(
            {"resources": [_json(d) for d in doomed], "notOurs": strangers, "gone": gone, "verdict": verdict}
        )
    else:
        print(verdict)
    return int(ExitCode.CLEAN)


def lines(doomed: Sequence[Doomed], strangers: Sequence[str]) -> list[str]:
    """What would happen to each, a line each; then what is not ours."""
    said = []
    for one in doomed:
        kind, name = one.resource.arm_type.rpartition("/")[2], one.resource.id.rpartition("/")[2]
        why = f"  {one.why}" if one.why else ""
        keep = f" (goes with --data {one.data})" if one.data and not one.go else ""
        said.append(f"  {'-' if one.go else '='} {kind} {name}{why}{keep}")
    said += [f"  = {id}  not ours: nobody declares it" for id in strangers]
    return said or ["  nothing of the standby exists"]


def _json(one: Doomed) -> dict[str, Any]:
    return {"id": one.resource.id, "delete": one.go, "data": one.data, "why": one.why}


def _still_delegated(arm: Any, endpoints: Any, wanted: Sequence[Desired]) -> None:
    from clouds.azure.live import api_version
    from clouds.teardown import parent_servers

    zone = next(d for d in wanted if d.arm_type == "Microsoft.Network/dnsZones")
    body = arm.get(zone.id, api_version(zone) or "")
    domain = zone.id.rpartition("/")[2]
    rules.delegated(parent_servers(domain, endpoints), [str(s) for s in body["properties"]["nameServers"]])


def _confirm(doomed: Sequence[Doomed], given: str) -> None:
    going = [d for d in doomed if d.go]
    group = next(d.resource.id.rpartition("/")[2] for d in doomed if d.resource.arm_type == rules.GROUP)
    lost = sorted({d.data for d in going if d.data})
    what = f"data for good: {', '.join(lost)}" if lost else "no data"
    sentence = (
        f"Delete {len(going)} resources of {group} and {what}; there is then no standby to fail over to"
    )
    if given:
        if given != group:
            raise Stopped(
                f"--confirm {given} is not {group}", "nothing was deleted", f"dr teardown --confirm {group}"
            )
        switch.say(f"{sentence}. Confirmed by --confirm.")
        return
    if not sys.stdin.isatty():
        raise Stopped(
            f"not confirmed: {sentence}",
            "nobody is there to ask, and nothing was deleted",
            f"dr teardown --confirm {group}",
        )
    switch.say(f"{sentence}. Type {group}:")
    if sys.stdin.readline().strip() != group:
        raise Stopped(f"not confirmed: {sentence}", "nothing was deleted", "dr teardown")


def _lock(root: Any, named: frozenset[str]) -> Any:
    """The two-stack lock, unless its own account goes: it could not be given back."""
    import contextlib

    return contextlib.nullcontext() if "journal" in named else switch.FootprintLock(root, "standby")


def _close(root: Any, endpoints: Any, arm: Any, wanted: Sequence[Desired], confirm: str) -> None:
    from clouds import teardown as doing
    from clouds.azure.graph import Graph
    from clouds.closing import close
    from scripts.init import place_of

    exists, _ = doing.existing(arm, wanted)
    if exists:
        raise Stopped(
            f"{len(exists)} resources of the footprint still exist: the state that knows them stays",
            "without state, key and roles nobody could take them down", "dr teardown --dry-run    (what is kept stands there)",
        )  # fmt: skip
    place, _ = place_of(root, endpoints)
    group = place.group.rpartition("/")[2]
    if confirm and confirm != place.footprint.rpartition("/")[2]:
        raise Stopped(f"--confirm {confirm} is not the group", "nothing was deleted", "dr teardown --opened")
    if not confirm:
        if not sys.stdin.isatty():
            raise Stopped(
                f"deleting {group} is not confirmed",
                "nobody is there to ask",
                "dr teardown --opened --confirm NAME",
            )
        switch.say(f"Delete {group} with Pulumi's state, its key and the tool's image. Type {group}:")
        if sys.stdin.readline().strip() != group:
            raise Stopped(
                f"deleting {group} is not confirmed", "nothing of it was deleted", "dr teardown --opened"
            )
    close(arm, Graph(endpoints), place, switch.say)


def _verdict(doomed: Sequence[Doomed], gone: Sequence[str], dry_run: bool) -> str:
    kept = sorted({d.data for d in doomed if d.data and not d.go})
    stays = f"; kept: {', '.join(kept)}" if kept else ""
    if dry_run:
        return f"Nothing was deleted: {sum(d.go for d in doomed)} resources would go{stays}."
    if not gone:
        return f"There was nothing to delete{stays}."
    return f"{len(gone)} resources are gone{stays}."


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(teardown, argv, "teardown")
