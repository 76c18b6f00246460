"""`dr init`: what must exist before the first up, shown first, made when confirmed, harmless when done again."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recovery.errors import BadInput, Stopped
from recovery.exit_codes import ExitCode
from recovery.opening import Change, Place, Step, counted, environment
from scripts import switch
from scripts.command import run

if TYPE_CHECKING:
    from clouds.endpoints import Endpoints
    from clouds.opening import Wishes

DEFAULT_FILE = "standby.env"


def init(
    grant: Annotated[
        list[str] | None,
        typer.Option(
            "--grant", help="ROLE=OBJECT_ID (or ROLE=me; ROLE=OBJECT_ID:ServicePrincipal); may be repeated."
        ),
    ] = None,
    env_file: Annotated[
        Path, typer.Option("--env-file", help="The environment file that is written.")
    ] = Path(DEFAULT_FILE),
    aws_account: Annotated[
        str, typer.Option("--aws-account", help="Twelve digits; remembered in the environment file.")
    ] = "",
    federation: Annotated[
        bool,
        typer.Option("--federation/--no-federation", help="The Entra application whose token AWS accepts."),
    ] = True,
    image: Annotated[
        bool, typer.Option("--image/--no-image", help="Build the tool's own image in Azure.")
    ] = True,
    ci: Annotated[
        str, typer.Option("--ci", help="Subject of CI's token (repo:ORG/NAME:ref:refs/heads/main).")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and stop.")] = False,
    format: Annotated[str, typer.Option("--format", help="text or json.")] = "text",
) -> int:
    """Make what must exist before the first up: state, its key, registry and image, federation, roles.

    \b
    Shown first; again is harmless. Everything is in a resource group of its own in Azure, and the ids go to a
    git-ignored file that `pulumi` takes as well:  set -a; . ./standby.env; set +a
    Examples:
      dr init --dry-run
      dr init --grant deployer=me --aws-account 123456789012
      dr init --grant operator=OBJECT_ID --grant approver=OBJECT_ID     after the first up
    """
    from clouds.azure.arm import Arm
    from clouds.azure.graph import Graph
    from clouds.azure.registry import Context
    from clouds.endpoints import load
    from clouds.opening import Opening
    from clouds.program import project_root

    switch.check_options("standby", "auto", format)
    root, endpoints = project_root(), load(os.environ)
    graph = Graph(endpoints)
    place, tags = place_of(root, endpoints)
    wishes = _wishes(root, grant or [], federation, image, ci, tags, graph)
    arm = Arm(endpoints)
    opening = Opening(arm, graph, place, wishes, Context.of(root, place.subscription), switch.say)
    steps = opening.survey()
    todo = [s for s in steps if s.change is not Change.SAME]
    if format == "text":
        print("\n".join(lines(steps)), flush=True)
    if todo and not dry_run:
        _confirm(counted(steps), yes)
        opening.carry_out(steps)
    written = not dry_run and write_environment(
        root / env_file, endpoints, place, {"AWS_ACCOUNT_ID": aws_account or os.environ.get("AWS_ACCOUNT_ID", ""),
                                 "DR_FEDERATION_AUDIENCE": opening.audience, "DR_IMAGE": opening.image},
    )  # fmt: skip
    if opening.image and format == "text":
        switch.say(f"the image is {opening.image}: it stands as standby:sync.image in both stack files")
    verdict = _verdict(steps, dry_run, env_file if written else None)
    if format == "json":
        switch.print_json({"steps": [_json(s) for s in steps], "image": opening.image, "audience": opening.audience,
                           "environment": str(env_file) if written else "", "verdict": verdict})  # fmt: skip
    else:
        print(verdict)
    return int(ExitCode.CLEAN)


def place_of(root: Path, endpoints: Endpoints) -> tuple[Place, Mapping[str, str]]:
    """The names, from the stack file; and the tags. Raises BadInput without subscription or prefix."""
    import json

    from clouds.program import stack_config

    subscription = endpoints.subscription
    if not subscription:
        raise BadInput(
            "no subscription is named", "everything is made in one, and none is guessed",
            "az account show --query id    (then: export ARM_SUBSCRIPTION_ID=... ARM_TENANT_ID=...)",
        )  # fmt: skip
    _, config, _ = stack_config(root, "standby")
    prefix = str(json.loads(config.get("standby:names", "{}")).get("prefix") or "")
    if not prefix:
        raise BadInput(
            "Pulumi.standby.yaml: standby:names.prefix is missing", "every name begins with it", "edit Pulumi.standby.yaml"
        )  # fmt: skip
    trial = config.get("standby:profile", "") == "trial"
    tags = {str(k): str(v) for k, v in json.loads(config.get("standby:tags", "{}")).items()}
    return Place(subscription, prefix, config.get("standby:location", "brazilsouth"), trial), tags


def _wishes(
    root: Path,
    given: Sequence[str],
    federation: bool,
    image: bool,
    ci: str,
    tags: Mapping[str, str],
    graph: Any,
) -> Wishes:
    from clouds.opening import Wishes
    from recovery.permissions import role

    grants = []
    for text in given:
        key, mark, who = text.partition("=")
        who, _, kind = who.partition(":")
        if not mark or not who:
            raise BadInput(
                f"--grant {text!r} is not ROLE=OBJECT_ID",
                "nothing was granted",
                "dr init --grant deployer=me",
            )
        role(key)
        if who == "me":
            who = graph.me()
            if not who:
                raise BadInput(
                    "Microsoft Graph does not say who is signed in", "a role is given to an object id, and none is guessed",
                    "dr init --grant deployer=OBJECT_ID    (az ad signed-in-user show --query id)",
                )  # fmt: skip
        grants.append((key, who, kind or "User"))
    assignable = assigned_by_the_program(root) if any(key == "deployer" for key, _, _ in grants) else ()
    return Wishes(tuple(grants), assignable, federation, image, ci, tags)


def assigned_by_the_program(root: Path) -> tuple[str, ...]:
    """GUIDs of the role definitions that the program assigns: all that the deployer may give."""
    from clouds.program import desired

    found = {
        str(d.inputs.get("roleDefinitionId", "")).rpartition("/")[2].rstrip("⟧").lower()
        for d in desired(root, "standby", os.environ)
        if d.type == "azure-native:authorization:RoleAssignment"
    }
    return tuple(sorted(found - {""}))


def lines(steps: Sequence[Step]) -> list[str]:
    """The plan, a line each."""
    width = max(len(s.what) for s in steps)
    return [f"  {s.change} {s.what:<{width}}  {s.why}{f' ({s.detail})' if s.detail else ''}" for s in steps]


def _json(step: Step) -> dict[str, str]:
    return {"change": str(step.change), "what": step.what, "why": step.why, "detail": step.detail}


def _confirm(figures: str, yes: bool) -> None:
    sentence = f"Open this subscription for the standby ({figures}); state, vault and registry cost a little from now on"
    if yes:
        switch.say(f"{sentence}. Confirmed by --yes.")
        return
    if not sys.stdin.isatty():
        raise Stopped(
            f"not confirmed: {sentence}", "nobody is there to ask, and nothing was made", "dr init --yes"
        )
    switch.say(f"{sentence}. Type open:")
    if sys.stdin.readline().strip() != "open":
        raise Stopped(f"not confirmed: {sentence}", "nothing was made", "dr init")


def write_environment(path: Path, endpoints: Endpoints, place: Place, known: Mapping[str, str]) -> bool:
    """Write the file, its owner's alone; a value that is not known now is kept from the file that is there.

    On a local cloud nothing is written: its own environment (`dr local up`) says more, and the CLI's azblob and
    azurekeyvault drivers reach Azure alone.
    """
    if endpoints.control_url:
        switch.say(
            "a local cloud keeps its own state backend and passphrase: no environment file is written for it"
        )
        return False
    before = _read(path)
    kept = {key: value or before.get(key, "") for key, value in known.items()}
    part = path.with_name(f".{path.name}.part")
    part.touch(0o600)
    part.write_text(environment(place, endpoints.tenant, kept))
    part.replace(path)
    return True


def _read(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
    return {key: value.strip("'") for key, _, value in pairs}


def _verdict(steps: Sequence[Step], dry_run: bool, file: Path | None) -> str:
    made = [s for s in steps if s.change is not Change.SAME]
    if dry_run:
        return f"Nothing was made: {counted(steps)}. Without --dry-run it is."
    done = f"{len(made)} made or mended" if made else "Nothing to do: all of it was there"
    granted = any(s.what.startswith("grant") for s in made)
    return (
        f"{done}, {len(steps) - len(made)} as they were."
        + (" A new grant works some minutes later (dr doctor says when)." if granted else "")
        + (f" Next: set -a; . ./{file}; set +a" if file else "")
    )


def main(argv: Sequence[str]) -> int:
    """The verb's entry."""
    return run(init, argv, "init")
