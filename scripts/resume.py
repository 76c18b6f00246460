"""`dr resume`: finish a run that was killed, after proving that nobody is still at it."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recovery.engine import DIALS_ONLY
from recovery.errors import BadInput
from recovery.exit_codes import ExitCode
from recovery.model import Action, Json
from recovery.ownership import Life, Owner, prove_dead
from scripts import switch
from scripts.command import run

if TYPE_CHECKING:
    from clouds.pulumi_cli import PulumiCli
    from clouds.run_records import RunRecord


def resume(
    stack: Annotated[str, typer.Option("--stack", "-s", help="Only a run of this stack.")] = "",
    dead_host: Annotated[
        str, typer.Option("--dead-host", help="Your word that the run on this other host is dead.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the up goes on.")] = False,
    retry: Annotated[
        list[str] | None, typer.Option("--retry", help="A failed or refused step of a runbook to try again.")
    ] = None,
    identity: Annotated[str, typer.Option("--as", help="Who speaks (identity of the plan).")] = "",
    wait: Annotated[
        float | None, typer.Option("--wait", help="Seconds to wait when only people can go on a runbook.")
    ] = None,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Prove the owner of an interrupted run dead, take Pulumi's lock from it, and finish its up or its runbook.

    The proof: on this host its processes are gone; on another host its lease has expired and a person says
    so (--dead-host). A living run is never cancelled.

    \b
    Examples:
      dr resume
      dr resume -s active --yes
      dr resume -s source                the primary's side, after a killed pulumi up -s source
      dr resume --dead-host ops-2
      dr resume --retry cutover --as ic@demay.com
    """
    from clouds.program import project_root
    from clouds.run_records import runs_folder, unfinished

    switch.check_options(switch.STACKS[0] if stack in ("", switch.SOURCE) else stack, "auto", format)
    root = project_root()
    from scripts import resume_run

    begun = resume_run.unfinished_run(root)
    if begun is not None:
        resume_run.make_way(root, begun, dead_host)
        return resume_run.go(root, begun, retry or [], identity, wait, format)
    records = unfinished(runs_folder(root), stack)
    names = (
        [stack]
        if stack
        else list(dict.fromkeys(str(r.data["stack"]) for r in records)) or [*switch.STACKS, switch.SOURCE]
    )
    direct = bool(records) and all(r.data.get("engine") == "direct" for r in records)
    locks = {name: [] if direct else _locks(root, name) for name in names}
    held = [name for name in names if locks[name]]
    if not records and not held and not (stack and _left_over(root, stack)):
        print("Nothing to resume: no run of this machine is unfinished, and no stack is locked.")
        return int(ExitCode.CLEAN)
    target = held[0] if held else str(records[0].data["stack"]) if records else stack
    record = next((r for r in records if r.data["stack"] == target), None)
    leases = [] if target == switch.SOURCE else _lease(root, target)  # the footprint's is not this stack's
    owners = [*owners_of(record), *locks.get(target, []), *leases]
    evidence = prove_dead(owners, dead_host)
    for line in evidence:
        switch.say(f"  dead: {line}")
    cancel(root, target, record)
    if target == switch.SOURCE:
        print(f"Stack {target} knows what its killed run had made. It goes on with: pulumi up -s {target}")
        return int(ExitCode.CLEAN)
    return _finish(root, target, record, evidence, yes, format)


def _locks(root: Path, stack: str) -> list[Owner]:
    """Pulumi's own locks as witnesses. Raises Unobserved when nobody can say whether there are any."""
    from clouds.pulumi_cli import PROJECT, PulumiCli
    from clouds.pulumi_locks import ask_locks, read_locks

    found = read_locks(stack, PROJECT)
    if found is None:  # no folder that we could look into
        cli = PulumiCli(root)
        try:
            known = cli.stacks()
        except BadInput:  # no CLI on this machine: nothing of ours has taken a lock from here
            known = []
        found = ask_locks(cli, stack) if stack in known else []
    return [lock.owner() for lock in found]


def _left_over(root: Path, stack: str) -> bool:
    """Whether operations were left behind though the lock is gone already, by a bare `pulumi cancel`."""
    from clouds.pulumi_cli import PulumiCli
    from recovery.checkpoint import pending_operations

    cli = PulumiCli(root)
    try:
        return stack in cli.stacks() and bool(pending_operations(cli.export(stack)))
    except BadInput:  # no CLI on this machine: it has left nothing behind here
        return False


def owners_of(record: RunRecord | None) -> list[Owner]:
    """The record's two processes (ours, the CLI's) as witnesses."""
    from clouds.azure.lease import process_started

    if record is None:
        return []
    data = record.data
    host = str(data["host"])
    found = []
    for title, process in ((" ".join(data["command"]), data), ("its Pulumi CLI", data.get("cli") or {})):
        pid = int(process.get("pid") or 0)
        if not pid:
            continue
        what = f"`{title}`, process {pid} on {host}"
        if host != socket.gethostname():
            found.append(Owner(what, Life.ELSEWHERE, "another host"))
        elif process_started(pid) == process.get("processStarted"):
            found.append(Owner(what, Life.ALIVE, f"process {pid} is running"))
        else:
            found.append(Owner(what, Life.DEAD, f"process {pid} is gone"))
    return found


def _lease(root: Path, stack: str) -> list[Owner]:
    """The two-stack lock as a witness. A lease in force has a living holder, or one dead for less than 60 s."""
    from clouds.azure.arm import Arm
    from clouds.azure.lease import footprint_blob, read_holder
    from clouds.endpoints import load

    endpoints = load()
    blob = footprint_blob(
        Arm(endpoints), switch.FootprintLock(root, stack).journal_id(), endpoints.storage_key
    )
    holder = read_holder(blob) if blob is not None else None
    if holder is None or holder.ended:
        return []
    what = f"the footprint's lease, process {holder.pid} on {holder.host}"
    if holder.leased:
        alive = holder.alive()
        evidence = (
            "the lease of a dead process, it ends within 60 s" if alive is False else "its lease is in force"
        )
        return [Owner(what, Life.ALIVE, evidence)]
    return [Owner(what, Life.DEAD, "its lease has expired")]


def cancel(root: Path, stack: str, record: RunRecord | None) -> None:
    """Take Pulumi's own lock away, if there may be one."""
    from clouds.pulumi_cli import PulumiCli

    if record is not None and record.data.get("engine") == "direct":
        return
    cli = PulumiCli(root)
    cli.run("cancel", "--yes", "-s", stack)
    switch.say(f"Pulumi's lock on {stack} was taken from its dead owner")
    _clear_pending(cli, stack)


def _clear_pending(cli: PulumiCli, stack: str) -> None:
    """Operations that began and were not seen to end: what came to exist is taken in, the rest forgotten.

    A refresh settles updates and deletes; a create it does not (pulumi.com/docs/support/
    troubleshooting/common-issues/interrupted-updates).
    """
    from clouds.pending import came_to_exist
    from recovery.checkpoint import pending_creates, pending_operations, settled

    export = cli.export(stack)
    if not pending_operations(export):
        return
    exist = dict[str, str]()
    for urn, type_, inputs in pending_creates(export):
        if id_ := came_to_exist(cli.root, stack, type_, inputs):
            switch.say(f"  {id_.rpartition('/')[2]} came to exist: taken in")
            exist[urn] = id_
    cli.run("stack", "import", "-s", stack, stdin=json.dumps(settled(export, exist)))
    cli.run("refresh", "--yes", "--skip-preview", "-s", stack)


def _finish(
    root: Path, stack: str, record: RunRecord | None, evidence: list[str], yes: bool, format: str
) -> int:
    from scripts.up import go

    data: dict[str, Json] = record.data if record else {}
    by_sign = {str(action): action for action in Action}
    allow = frozenset(by_sign[sign] for sign in data.get("allow", []) if sign in by_sign) or DIALS_ONLY
    if record is not None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        record.note(resumed={"at": now, "pid": os.getpid(), "evidence": evidence})
    code = go(
        root,
        stack,
        str(data.get("engine") or "pulumi"),
        list(data.get("exclude", [])),
        allow,
        yes=yes,
        hand_over=True,
        format=format,
    )
    if record is not None:
        record.end("finished by dr resume")
    return code


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(resume, argv, "resume")
