"""Hand-over: the checkpoint of one stack copied to the other, secrets by pipe alone, counted afterwards."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from clouds.pulumi_cli import PROJECT, PulumiCli
from recovery import checkpoint
from recovery.errors import BadInput
from recovery.model import Json

TARGET_PASSPHRASE = "DR_TARGET_PASSPHRASE"  # noqa: S105 - the name of a variable, not a secret


@dataclass(frozen=True)
class HandedOver:
    """What arrived: resources counted in the target, and the footprint's stamp ("" when the source has none)."""

    source: str
    target: str
    resources: int
    footprint: str


def hand_over(
    cli: PulumiCli,
    source: str,
    target: str,
    *,
    refresh: bool = True,
    environ: Mapping[str, str] = os.environ,
    say: Callable[[str], None] = lambda text: None,
) -> HandedOver:
    """Give `target` the checkpoint of `source`.

    refresh: bring the source's checkpoint to reality first (an up has just done so). The target is made when
    it does not exist. Raises Stopped when the source is locked or has pending operations, BadInput for wrong
    passphrases or an empty source, Failed when the counts do not agree afterwards.
    """
    _refuse_nonsense(source, target)
    checkpoint.refuse_pending(cli.export(source), source)
    if refresh:
        say(f"refreshing {source} from reality")
        cli.run("refresh", "--yes", "--skip-preview", "-s", source)
    exported = cli.export(source, show_secrets=True)
    if not checkpoint.resources(exported):
        raise BadInput(
            f"stack {source} has no resources",
            f"handing it over would make stack {target} believe that no footprint exists",
            f"dr up -s {source} --first-build    (or check the direction: dr handover FROM TO)",
        )
    theirs = _target(cli, environ)
    if target not in cli.stacks():
        say(f"making stack {target}")
        provider = theirs.environment().get("DR_SECRETS_PROVIDER")
        theirs.run("stack", "init", target, *(("--secrets-provider", provider) if provider else ()))
    rename = checkpoint.Rename(PROJECT, source, target)
    rewritten = checkpoint.rewrite(exported, rename, _providers(theirs, target))
    theirs.run("stack", "import", "-s", target, stdin=json.dumps(rewritten))
    del rewritten  # it holds secrets in the clear
    count = checkpoint.verify(exported, theirs.export(target), rename)
    return HandedOver(source, target, count, str(checkpoint.outputs(exported).get("footprint") or ""))


def _refuse_nonsense(source: str, target: str) -> None:
    pairs = ({"standby", "active"}, {"trustlayer-standby", "trustlayer-active"})
    if {source, target} not in pairs:
        raise BadInput(
            f"a hand-over goes between the stacks standby and active (asked: {source} to {target})",
            "they are two modes of one footprint; other stacks hold other things",
            "dr handover standby active",
        )


def _target(cli: PulumiCli, environ: Mapping[str, str]) -> PulumiCli:
    phrase = environ.get(TARGET_PASSPHRASE)
    return cli.with_environ(PULUMI_CONFIG_PASSPHRASE=phrase) if phrase else cli


def _providers(cli: PulumiCli, target: str) -> Mapping[str, Json]:
    """How the target encrypts. A target without any configuration of it gets one first."""
    return checkpoint.secrets_providers(cli.export(target))
