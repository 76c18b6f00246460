"""`dr handover FROM TO`: the checkpoint of one stack copied to the other."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Annotated

import typer

from recovery.exit_codes import ExitCode
from scripts import switch
from scripts.command import run


def handover(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The stack that was deployed last.")],
    target: Annotated[
        str, typer.Argument(metavar="TO", help="The stack that shall take over; made when missing.")
    ],
    refresh: Annotated[
        bool, typer.Option("--refresh/--no-refresh", help="Bring the source's checkpoint to reality first.")
    ] = True,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Copy the checkpoint of stack FROM to stack TO, secrets re-encrypted for TO, nothing written to a file.

    Where the two stacks have different passphrases, PULUMI_CONFIG_PASSPHRASE opens FROM and
    DR_TARGET_PASSPHRASE opens TO.

    \b
    Examples:
      dr handover standby active
      dr handover active standby
      dr handover trustlayer-standby trustlayer-active
    """
    from clouds.checkpoint import hand_over
    from clouds.program import project_root
    from clouds.pulumi_cli import PulumiCli

    trustlayer = source.startswith(
        "trustlayer-"
    )  # its footprint has no journal in Azure, and so no lease there
    if not trustlayer:
        switch.check_options(source, "pulumi", format)
    root = project_root()
    with contextlib.nullcontext() if trustlayer else switch.FootprintLock(root, source):
        done = hand_over(PulumiCli(root), source, target, refresh=refresh, say=switch.say)
    verdict = f"Stack {target} has taken over from {source}: {done.resources} resources, all accounted for."
    if format == "json":
        switch.print_json(
            {
                "source": source, "target": target, "resources": done.resources,
                "footprint": done.footprint, "verdict": verdict,
            }
        )  # fmt: skip
    else:
        print(verdict)
    return int(ExitCode.CLEAN)


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(handover, argv, "handover")
