"""`dr in-azure COMMAND`: the tool's own image inside the network, when this machine is shut out of a plane."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recovery.errors import BadInput, Failed
from scripts import switch

if TYPE_CHECKING:
    from clouds.azure.inside import Inside, Order

USAGE = """Usage: dr in-azure [OPTIONS] COMMAND [ARGUMENTS]

Runs `dr COMMAND` in the tool's own image inside the footprint's network, shows its output as it comes, and returns its
exit code. For when this machine is shut out by private endpoints: Resource Manager is all that it needs to reach. It
works as the identity that `dr init` made, an operator; nobody can type there, so confirmations are options (--yes), and
approvals are signed from any machine (dr approve).

Options:
  --attach NAME    follow a run that is under way (after this machine lost its network), and return its exit code
  --limit SECONDS  stop following after this long; the run goes on (default 14400)
  --keep           leave the container group there afterwards

Examples:
  dr in-azure status
  dr in-azure sync all
  dr in-azure up -s active --yes
  dr in-azure --attach ci-demay-dr-3f2a"""

PASSED = (
    "PULUMI_BACKEND_URL",
    "DR_SECRETS_PROVIDER",
    "AZURE_STORAGE_ACCOUNT",
    "DR_FEDERATION_AUDIENCE",
    "AWS_ACCOUNT_ID",
    "AWS_ROLE_ARN",
)
"""Of this environment, into that one: names of places. No secret is among them: they would stand in the resource."""


def main(argv: Sequence[str]) -> int:
    """The verb's entry: what comes after the options is somebody else's command line, and is not parsed here."""
    attach, limit, keep, command = _options(list(argv))
    if command is None:
        print(USAGE)
        return 0
    from clouds.azure.arm import Arm
    from clouds.azure.inside import Inside
    from clouds.endpoints import load
    from clouds.program import project_root

    root, endpoints = project_root(), load(os.environ)
    inside = Inside(Arm(endpoints), _out, switch.say)
    order = _order(root, endpoints, command)
    id = f"{order.id.rpartition('/')[0]}/{attach}" if attach else order.id
    if not attach:
        switch.say(
            f"running dr {' '.join(command)} inside, as {id.rpartition('/')[2]} (after a lost network: dr in-azure --attach {id.rpartition('/')[2]})"
        )
        inside.start(order)
    return _followed(inside, id, limit, keep)


def _followed(inside: Inside, id: str, limit: float, keep: bool) -> int:
    try:
        code = inside.follow(id, limit)
    except KeyboardInterrupt:
        switch.say("stopping it inside (once more Ctrl-C leaves it running)")
        inside.stop(id)
        inside.follow(id, 600)
        inside.remove(id)
        raise
    if not keep:
        inside.remove(id)
    return code


def _options(argv: list[str]) -> tuple[str, float, bool, list[str] | None]:
    attach, limit, keep = "", 14400.0, False
    while argv and argv[0].startswith("-"):
        word = argv.pop(0)
        if word in ("-h", "--help"):
            return "", limit, keep, None
        if word == "--keep":
            keep = True
        elif word in ("--attach", "--limit") and argv:
            value = argv.pop(0)
            if word == "--attach":
                attach = value
            else:
                limit = _seconds(value)
        else:
            raise BadInput(f"{word} is not known", "nothing was run", "dr in-azure --help")
    if attach and argv:
        raise BadInput(
            "--attach follows a run; it takes no command", "nothing was run", f"dr in-azure --attach {attach}"
        )
    if not argv and not attach:
        raise BadInput("no command is named", "nothing was run", "dr in-azure status")
    if argv[:1] in (["in-azure"], ["local"], ["rehearse"]):
        raise BadInput(f"dr {argv[0]} makes no sense inside", "nothing was run", "dr in-azure status")
    return attach, limit, keep, argv


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if value <= 0:
        raise BadInput(
            f"--limit {text!r} is no number of seconds", "nothing was run", "dr in-azure --limit 3600 status"
        )
    return value


def _order(root: Path, endpoints: Any, command: Sequence[str]) -> Order:
    from clouds.azure.arm import Arm, ArmError
    from clouds.azure.inside import Order
    from recovery.opening import VERSIONS
    from scripts.init import place_of

    place, _ = place_of(root, endpoints)
    arm = Arm(endpoints)
    try:
        identity = arm.get(place.tools, VERSIONS["identity"])
    except ArmError as error:
        raise Failed(
            f"the tools' identity cannot be read: {error}",
            "whoever runs inside must be somebody",
            "dr init",
            retry=True,
        ) from error
    environment = {
        "ARM_SUBSCRIPTION_ID": place.subscription, "ARM_TENANT_ID": endpoints.tenant, "NO_COLOR": "1",
        **{key: os.environ[key] for key in PASSED if os.environ.get(key)},
    }  # fmt: skip
    name = f"ci-{place.prefix}-dr-{secrets.token_hex(3)}"
    return Order(
        id=f"{place.footprint}/providers/Microsoft.ContainerInstance/containerGroups/{name}", location=place.location,
        image=_image(root, arm, place, endpoints), identity=str(identity["id"]),
        client=str(identity["properties"]["clientId"]), subnet=_subnet(root), command=list(command), environment=environment,
    )  # fmt: skip


def _image(root: Path, arm: Any, place: Any, endpoints: Any) -> str:
    """The image by digest: of the sources here where it was built, else the newest one, and that is said."""
    from clouds.azure.arm import ArmError
    from clouds.azure.registry import Context, Registry

    registry = Registry(arm, place.registry)
    try:
        here = registry.find(Context.of(root, place.subscription).tag)
        newest = here or os.environ.get("DR_IMAGE") or registry.newest()
    except ArmError as error:
        raise Failed(
            f"the registry cannot be read: {error}", "which image would run inside is not known",
            "dr doctor    (in-azure takes role operator: docs/permissions.md)", retry=True,
        ) from error  # fmt: skip
    if not newest:
        raise Failed("the tool's image was never built", "there is nothing to run inside", "dr init")
    if not here:
        switch.say(
            f"the image {newest.rpartition('@')[2][:19]} was made from other sources than these (dr init builds one)"
        )
    return str(newest)


def _subnet(root: Path) -> str:
    from clouds.program import desired

    for one in desired(root, "standby", os.environ):
        for subnet in (
            one.inputs.get("subnets") or [] if one.arm_type == "Microsoft.Network/virtualNetworks" else []
        ):
            if "ContainerInstance" in str(subnet.get("delegations")):
                return f"{one.id}/subnets/{subnet['name']}"
    raise BadInput(
        "the program declares no subnet for the tool's image", "a container group needs one of its own",
        "dr desired -s standby --format json    (a subnet delegated to Microsoft.ContainerInstance/containerGroups)",
    )  # fmt: skip


def _out(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
