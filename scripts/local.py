"""`dr local up|login|fill|aws|certify|down|status`: a local cloud that stays up in the background, and the environment that reaches it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from recovery.errors import BadInput, Failed
from recovery.exit_codes import ExitCode
from recovery.model import Json
from scripts.command import run

State = Annotated[
    Path | None, typer.Option(help="State folder; default: that of DR_ENDPOINTS, else .dr/local.")
]
USAGE = """Usage: dr local up|login|fill|aws|certify|down|status [OPTIONS]

  up      start a local cloud in the background; prints its environment as shell assignments
  login   sign in as somebody else than the Owner; prints that identity's environment
  fill    put a few files, uploads and items into its primary, and the API's archive into the standby
  aws     take AWS away, as on the day, and give it back: dr local aws down|hanging|up
  certify give the standby a certificate that its clients trust, as `dr cert renew` does elsewhere
  down    stop it and everything it started
  status  say what runs

Examples:
  dr local up > local.env && set -a && . ./local.env
  dr local up --scale 30 --state /tmp/cloud
  dr local up --enforce-roles > owner.env
  dr local login ana > ana.env
  dr local aws down      (then: dr failover --aws-unreachable)
  dr local status
  dr local down"""


def _folder(state: Path | None) -> Path:
    """The folder asked for, else that of the cloud whose environment is in force, else the default one."""
    if state is None and os.environ.get("DR_ENDPOINTS"):
        return Path(os.environ["DR_ENDPOINTS"]).absolute().parent
    return (state or Path(os.environ.get("DR_HOME") or ".dr") / "local").absolute()


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def assignments(environment: Mapping[str, str]) -> str:
    """Shell assignments, sorted, quoted: `set -a; . FILE` takes them."""
    return "\n".join(f"{name}={shlex.quote(value)}" for name, value in sorted(environment.items()))


def up(
    scale: Annotated[
        float, typer.Option(help="Simulated seconds of slow operations per real second.")
    ] = 60.0,
    state: State = None,
    enforce_roles: Annotated[
        bool,
        typer.Option(
            "--enforce-roles", help="Whoever logs in may do what its role assignments allow, no more."
        ),
    ] = False,
) -> int:
    """Start the local cloud and print its environment (stdout: assignments only)."""
    if not 0 < scale <= 3600:
        raise BadInput(
            f"the scale must be above 0 and at most 3600 (found {scale:g})",
            "nothing was started",
            "dr local up --scale 60",
        )
    import localcloud

    folder, began = _folder(state), time.monotonic()
    cloud = localcloud.start(folder, scale, enforce_roles=enforce_roles)
    print(assignments(cloud.environment))
    named = f" --state {folder}" if state else ""
    _say(
        f"the local cloud is up after {time.monotonic() - began:.1f} s, slow operations at 1/{scale:g}; state in {folder}"
    )
    _say(f"its environment stands in {cloud.env_file} too; stop it with: dr local down{named}")
    if enforce_roles:
        _say(
            "roles are enforced: this environment is the Owner's; `dr local login NAME` gives another identity's"
        )
    return ExitCode.CLEAN


def login(
    name: Annotated[str, typer.Argument(help="Any name; the same name is the same identity.")],
    state: State = None,
) -> int:
    """Sign in to the local cloud as somebody else than its Owner (stdout: assignments only).

    A new identity may do nothing until it is granted a role.

    \b
    Examples:
      dr local login ana > ana.env
      dr init --grant operator=$(. ./ana.env; echo $DR_OBJECT_ID)
    """
    import localcloud

    folder = _folder(state)
    cloud = localcloud.running(folder)
    if cloud is None:
        raise BadInput(
            f"no local cloud is up in {folder}",
            "there is nothing to sign in to",
            "dr local up --enforce-roles",
        )
    environment = cloud.sign_in(name)
    print(assignments(environment))
    _say(f"{name} is signed in, with object id {environment['DR_OBJECT_ID']}")
    if not cloud.control("GET", "status").get("rolesEnforced"):
        _say(
            "this local cloud does not enforce roles: everybody may do everything (dr local up --enforce-roles)"
        )
    return ExitCode.CLEAN


def fill(state: State = None) -> int:
    """Put a few files, uploads and items into the local primary, which begins empty. Again is harmless.

    Into the standby too, once it is built: the API's archive and its digest, which an instance fetches when it boots.
    """
    from clouds.azure.arm import Arm, ArmError
    from clouds.endpoints import load
    from clouds.program import desired, project_root
    from clouds.sync.names import source_names
    from localcloud.archive import put_in as put_archive
    from localcloud.aws.sample import fill as put_in

    folder = _folder(state)
    try:
        url = json.loads((folder / "endpoints.json").read_text())["aws_url"]
    except (OSError, ValueError, KeyError) as exc:
        raise BadInput(
            f"no local cloud is up in {folder}", "there is no primary to fill", "dr local up"
        ) from exc
    print(put_in(source_names(project_root(), "standby"), str(url)))
    environ = {**os.environ, "DR_ENDPOINTS": str(folder / "endpoints.json")}
    arm = Arm(load(environ))
    try:
        print(
            f"the API's archive is {put_archive(desired(project_root(), 'standby', environ), arm, load(environ))}"
        )
    except ArmError as exc:
        if not exc.missing:
            raise
        _say("the standby is not built yet: the API's archive goes into it once it is (dr local fill, again)")
    finally:
        arm.close()
    return ExitCode.CLEAN


def aws(
    to: Annotated[str, typer.Argument(help="down (connections are cut), hanging (no answer), up.")],
    state: State = None,
) -> int:
    """Take AWS away as a whole: its public addresses and its services. What it holds is there when it comes back.

    \b
    Examples:
      dr local aws down
      dr local aws up
    """
    import localcloud
    from localcloud.aws.door import STATES

    if to not in STATES:
        raise BadInput(
            f"AWS cannot be {to!r} here (known: {', '.join(STATES)})",
            "nothing was changed",
            "dr local aws down",
        )
    folder = _folder(state)
    cloud = localcloud.running(folder)
    if cloud is None:
        raise BadInput(f"no local cloud is up in {folder}", "there is no AWS to take away", "dr local up")
    cloud.control("PUT", "aws", {"state": to})
    print(f"AWS, its public addresses and its services: {to}")
    return ExitCode.CLEAN


def certify(state: State = None) -> int:
    """Give the built standby a certificate of the local authority: the first one signs itself, and nobody trusts it."""
    import localcloud
    from clouds.azure.arm import Arm
    from clouds.endpoints import load
    from clouds.program import desired, project_root
    from localcloud.certify import certify as put_in

    folder = _folder(state)
    cloud = localcloud.running(folder)
    if cloud is None:
        raise BadInput(f"no local cloud is up in {folder}", "there is nothing to certify", "dr local up")
    environ = {**os.environ, "DR_ENDPOINTS": str(folder / "endpoints.json")}
    arm = Arm(load(environ))
    try:
        made = put_in(cloud, arm, desired(project_root(), "standby", environ), _say)
    finally:
        arm.close()
    print(f"{', '.join(made.names)}: trusted by this cloud's clients until {made.expires:%Y-%m-%d}")
    return ExitCode.CLEAN


def down(
    state: State = None,
    forget: Annotated[bool, typer.Option("--forget", help="Remove the state folder too.")] = False,
) -> int:
    """Stop the local cloud and everything it started. Not running is fine."""
    import localcloud

    folder = _folder(state)
    cloud = localcloud.running(folder)
    if cloud is None:
        _say(f"no local cloud is up in {folder}")
    else:
        cloud.stop()
        if cloud.alive:
            raise Failed(
                f"the local cloud's server (process {cloud.pid}) outlived its end",
                "it holds its ports and its children",
                f"kill -9 -- -{cloud.pid}    (its whole group)",
            )
        _say("the local cloud is down")
    if forget:
        shutil.rmtree(folder, ignore_errors=True)
    return ExitCode.CLEAN


def status(state: State = None, format: Annotated[str, typer.Option(help="text or json.")] = "text") -> int:
    """Say what runs. Exit code 0 when it is up, 3 when it is not."""
    import localcloud

    folder = _folder(state)
    cloud = localcloud.running(folder)
    seen: dict[str, Json] = cloud.control("GET", "status") if cloud else {}
    if format == "json":
        print(json.dumps({"up": cloud is not None, "state": str(folder), "parts": seen}, indent=1))
    elif cloud is None:
        print(f"no local cloud is up in {folder}")
    else:
        for name, value in sorted(seen.items()):
            print(f"{name:<14} {value if isinstance(value, str) else json.dumps(value)}")
        print(f"the local cloud in {folder} is up")
    return ExitCode.CLEAN if cloud else ExitCode.FINDING


VERBS: dict[str, Callable[..., int]] = {
    "up": up,
    "login": login,
    "fill": fill,
    "aws": aws,
    "certify": certify,
    "down": down,
    "status": status,
}


def main(argv: Sequence[str]) -> int:
    """`dr local ...`."""
    if not argv or argv[0] in ("-h", "--help") or argv[0] not in VERBS:
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return ExitCode.CLEAN if asked else ExitCode.USAGE
    return run(VERBS[argv[0]], argv[1:], f"local {argv[0]}")
