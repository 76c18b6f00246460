"""`dr cert status|import|renew`: the site's certificate, from its public part alone."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from recovery import certificates
from recovery.errors import BadInput, Stopped
from recovery.exit_codes import ExitCode
from scripts import switch
from scripts.command import run

if TYPE_CHECKING:
    from clouds.certificate import Seen, SiteCertificate

USAGE = """Usage: dr cert status|import|renew [OPTIONS]

  status  days, names, issuer, whether the gateway is bound to it and serves it; changes nothing
  import  put in a certificate of your own CA, checked first
  renew   get one by ACME, DNS-01 through the zone, and put it in

Examples:
  dr cert status
  dr cert renew --agree-tos --email ops@demay.com
  dr cert import site.pfx
  dr cert import fullchain.pem --key privkey.pem

`dr cert COMMAND --help` has the options."""
Format = Annotated[str, typer.Option("--format", help="text or json.")]


def _site() -> tuple[Path, SiteCertificate]:
    from clouds.azure.arm import Arm
    from clouds.certificate import Place, SiteCertificate
    from clouds.endpoints import load
    from clouds.program import desired, project_root

    root = project_root()
    return root, SiteCertificate(Arm(load(os.environ)), Place.of(desired(root, "standby", os.environ)))


def status(format: Format = "text") -> int:
    """Say whether the certificate passes (READY-6). Exit code 3 when it does not, 5 when not all could be seen.

    \b
    Examples:
      dr cert status
      dr cert status --format json | jq .days
    """
    from clouds.certificate import summary

    switch.check_options("standby", "auto", format)
    _, site = _site()
    seen = site.look(datetime.now(UTC))
    findings = seen.findings(site.place.names)
    unknown = seen.newest is not None and (seen.bound is None or seen.served is None)
    verdict = _verdict(seen, findings, unknown)
    if format == "json":
        print(json.dumps({**summary(seen), "findings": findings, "verdict": verdict}, indent=1))
    else:
        print(
            "\n".join(
                [
                    *lines(seen),
                    *(f"  ! {text}" for text in findings),
                    *(f"  ? {text}" for text in seen.reasons),
                    verdict,
                ]
            )
        )
    return int(ExitCode.FINDING if findings else ExitCode.UNOBSERVED if unknown else ExitCode.CLEAN)


def lines(seen: Seen) -> list[str]:
    """What was seen, a line each."""
    if seen.newest is None:
        return ["  certificate  none"]
    said = {True: "yes", False: "no", None: "unknown"}
    newest = seen.newest
    return [
        f"  names        {', '.join(newest.names)}",
        f"  expires      {newest.expires:%Y-%m-%d %H:%M} UTC, in {seen.days} days",
        f"  issuer       {seen.issuer}{' (self-signed: does not pass)' if newest.self_signed else ''}",
        f"  version      {newest.version}",
        f"  bound        {said[seen.bound]} (the gateway names it without a version)",
        f"  served       {said[seen.served]} (the gateway shows this very version)",
    ]


def _verdict(seen: Seen, findings: Sequence[str], unknown: bool) -> str:
    if findings:
        return f"The certificate does not pass: {len(findings)} findings. Fix: dr cert renew --agree-tos"
    if unknown:
        return "The certificate itself passes; whether the gateway uses it could not be seen."
    return f"The certificate passes: {seen.days} days left, bound and served."


def put_in(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="PFX, or PEM with the whole chain.")],
    key: Annotated[
        Path | None, typer.Option("--key", help="PEM of the private key, when FILE has none.")
    ] = None,
    password_env: Annotated[
        str, typer.Option("--password-env", help="Environment variable that holds the file's password.")
    ] = "",
    root: Annotated[
        list[Path] | None, typer.Option("--root", help="PEM of a root of your own; may be repeated.")
    ] = None,
    self_signed: Annotated[
        bool, typer.Option("--allow-self-signed", help="For a trial: READY-6 still refuses it.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and stop.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Check a certificate (names, key, dates, chain) and put it into the vault as a new version.

    \b
    The key goes to the vault and nowhere else: it is neither logged nor read back. Examples:
      dr cert import site.pfx --dry-run
      PFX_PASSWORD=... dr cert import site.pfx --password-env PFX_PASSWORD
      dr cert import fullchain.pem --key privkey.pem
    """
    from clouds.certificate import trusted_roots

    data, key_data = _bytes(file), _bytes(key) if key else b""
    password = _password(password_env)
    project, site = _site()
    offer = certificates.read(data, password, key_data)
    wrong = certificates.problems(
        offer, site.place.names, datetime.now(UTC), trusted_roots([_bytes(r) for r in root or []]), allow_self_signed=self_signed
    )  # fmt: skip
    if wrong:
        raise BadInput(
            f"{file} is not fit for {', '.join(site.place.names)}:\n" + "\n".join(f"  - {text}" for text in wrong),
            "the gateway would serve it to everybody; nothing was changed",
            "dr cert renew --agree-tos    (or a certificate without these faults)",
        )  # fmt: skip
    switch.say(f"{file}: names, key, dates and chain are as they must be")
    if dry_run:
        print("Nothing was changed: the certificate is fit.")
        return int(ExitCode.CLEAN)
    _ask(
        f"Replace the certificate of {', '.join(site.place.names)}: users meet the new one within 4 hours",
        "import",
        yes,
    )
    return _import(project, site, offer)


def renew(
    agree_tos: Annotated[
        bool, typer.Option("--agree-tos", help="You agree to the CA's terms of service.")
    ] = False,
    email: Annotated[str, typer.Option("--email", help="Where the CA may write; optional.")] = "",
    force: Annotated[
        bool, typer.Option("--force", help="Also when the one that is there has enough days.")
    ] = False,
    directory: Annotated[str, typer.Option("--directory", help="ACME directory of another CA.")] = "",
    staging: Annotated[
        bool,
        typer.Option("--staging", help="Let's Encrypt's staging CA; shows that all works, is not put in."),
    ] = False,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="PEM that the directory's own TLS is checked against.")
    ] = None,
) -> int:
    """Get a certificate by ACME, proven through the zone (DNS-01), and put it in as a new version.

    \b
    Does nothing while the one that is there passes. Examples:
      dr cert renew --agree-tos
      dr cert renew --agree-tos --staging
    """
    from clouds.acme_dns import LETS_ENCRYPT, STAGING, obtain
    from clouds.azure.challenge import Challenge
    from clouds.program import desired

    if not agree_tos:
        raise BadInput(
            "the CA's terms of service are not agreed to", "a CA gives no certificate without, and nobody else may agree for you",
            "dr cert renew --agree-tos    (Let's Encrypt: https://letsencrypt.org/repository/)",
        )  # fmt: skip
    root, site = _site()
    seen = site.look(datetime.now(UTC))
    # What the gateway does with it is no reason for another one; what clients think of it is.
    due = replace(seen, bound=None, served=None).findings(site.place.names)
    if not due and not force and not staging:
        print(f"Nothing to renew: {seen.days} days left (--force renews all the same).")
        return int(ExitCode.CLEAN)
    for text in due:
        switch.say(f"due: {text}")
    zone = next(
        (d.id for d in desired(root, "standby", os.environ) if d.arm_type == "Microsoft.Network/dnsZones"),
        None,
    )
    if zone is None:
        raise BadInput(
            "the program declares no zone", "the challenge is answered there", "dr desired -s standby"
        )
    url = directory or (STAGING if staging else LETS_ENCRYPT)
    with switch.FootprintLock(root, "standby"):
        challenge = Challenge(site._arm, zone, switch.say)
        offer = obtain(
            site.place.names, challenge.answered, directory=url, email=email, ca_file=ca_file, say=switch.say
        )
        if staging:
            print("The staging CA gave a certificate: all works. Nothing was put in (nobody trusts that CA).")
            return int(ExitCode.CLEAN)
        return _put(site, offer, "acme")


def _import(root: Path, site: SiteCertificate, offer: certificates.Offer) -> int:
    with switch.FootprintLock(root, "standby"):
        return _put(site, offer)


def _put(site: SiteCertificate, offer: certificates.Offer, renewal: str = "") -> int:
    now = datetime.now(UTC)
    made = site.put_in(offer, now, switch.say, renewal)
    seen = site.look(now)
    print("\n".join(lines(seen)))
    if seen.bound is False:
        print(
            f"The vault has the new version; the gateway is bound to another secret ({'; '.join(seen.reasons)}). Fix: dr up -s standby"
        )
        return int(ExitCode.FINDING)
    print(
        f"The vault has version {made.version[:8]}, {seen.days} days; the gateway takes it up by itself within 4 hours."
    )
    return int(ExitCode.CLEAN)


def _bytes(path: Path) -> bytes:
    try:
        if path.stat().st_size > 1 << 20:
            raise BadInput(
                f"{path} is larger than a megabyte", "a certificate is a few kilobytes", "ls -l " + str(path)
            )
        return path.read_bytes()
    except OSError as exc:
        raise BadInput(
            f"{path} cannot be read: {exc.strerror}", "nothing was changed", f"ls -l {path}"
        ) from exc


def _password(variable: str) -> str:
    if variable and variable not in os.environ:
        raise BadInput(
            f"{variable} is not set",
            "the file's password is taken from it, never from the command line",
            f"read -rs {variable}; export {variable}",
        )
    return os.environ.get(variable, "") if variable else ""


def _ask(sentence: str, word: str, yes: bool) -> None:
    if yes:
        switch.say(f"{sentence}. Confirmed by --yes.")
        return
    if not sys.stdin.isatty():
        raise Stopped(
            f"not confirmed: {sentence}",
            "nobody is there to ask, and nothing was changed",
            f"dr cert {word} --yes ...",
        )
    switch.say(f"{sentence}. Type {word}:")
    if sys.stdin.readline().strip() != word:
        raise Stopped(f"not confirmed: {sentence}", "nothing was changed", f"dr cert {word}")


VERBS: dict[str, Callable[..., Any]] = {"status": status, "import": put_in, "renew": renew}


def main(argv: Sequence[str]) -> int:
    """`dr cert ...`."""
    if not argv or argv[0] in ("-h", "--help") or argv[0] not in VERBS:
        asked = bool(argv) and argv[0] in ("-h", "--help")
        print(USAGE, file=sys.stdout if asked else sys.stderr)
        return int(ExitCode.CLEAN if asked else ExitCode.USAGE)
    return run(VERBS[argv[0]], argv[1:], f"cert {argv[0]}")
