"""The people of the plan: from the settings, or, on a local cloud without any, one key a role on this machine.

Settings, section ``people``: identity -> ``{"roles": [...], "publicKey": "ed25519:…"}`` or ``{"roles": [...],
"objectId": "…"}`` (Entra). Private keys live in ``DR_HOME/keys``, one file a person, readable by its owner alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clouds.endpoints import load
from clouds.journal_place import home
from clouds.program import stack_config
from recovery.errors import BadInput
from recovery.model import Json
from recovery.people.words import Word, new_key, public_of, sign, unsigned
from recovery.runbook.roles import Role

LOCAL = "local"


@dataclass(frozen=True)
class People:
    """roles: identity -> roles. verifiers: identity -> ``ed25519:…`` or ``entra:OBJECT_ID``. keys: where the private
    halves are looked for."""

    roles: Mapping[str, frozenset[Role]] = field(default_factory=dict)
    verifiers: Mapping[str, str] = field(default_factory=dict)
    keys: Path = field(default_factory=Path)

    def here(self) -> list[str]:
        """The people whose key is on this machine."""
        return sorted(who for who in self.roles if (self.keys / f"{who}.key").exists())

    def signed(self, word: Word) -> bytes:
        """The word as a file: signed with the person's key, or plain where the platform vouches for the writer.

        Raises BadInput where this machine holds no key of theirs.
        """
        if self.verifiers.get(word.identity, "").startswith("entra:"):
            return unsigned(word)
        path = self.keys / f"{word.identity}.key"
        try:
            private = bytes.fromhex(path.read_text().strip())
        except (OSError, ValueError) as error:
            raise BadInput(
                f"the key of {word.identity} is not on this machine ({path})",
                "a word counts only when it is provably that person's own",
                f"--as {next(iter(self.here()), 'YOU')}    (people with a key here: {', '.join(self.here()) or 'nobody'})",
            ) from error
        return sign(word, private)


def identity_of(role: Role) -> str:
    """The local person of a role."""
    return f"{role.lower().replace(' ', '-')}@{LOCAL}"


def load_people(root: Path, environ: Mapping[str, str] = os.environ, stack: str = "standby") -> People:
    """Who may say what. Raises BadInput when nobody is named, or somebody wrongly."""
    project, config, _ = stack_config(root, stack)
    named: Mapping[str, Json] = json.loads(config.get(f"{project}:people") or "{}")
    keys = home(root, environ) / "keys"
    if named:
        return _from_settings(named, keys)
    if load(environ).control_url is None:
        raise BadInput(
            "the settings name no people",
            "every approval needs a role, and every role a person who can prove who they are",
            "add standby:people to Pulumi.standby.yaml and Pulumi.active.yaml",
        )
    return _local(keys)


def _from_settings(named: Mapping[str, Json], keys: Path) -> People:
    roles: dict[str, frozenset[Role]] = {}
    proofs: dict[str, str] = {}
    wrong: list[str] = []
    known = ", ".join(Role)
    for who, given in named.items():
        try:
            roles[who] = frozenset(Role(one) for one in given["roles"])
            key, account = given.get("publicKey"), given.get("objectId")
            if bool(key) == bool(account) or (key and not str(key).startswith("ed25519:")):
                raise ValueError("needs either publicKey (ed25519:…) or objectId")
            proofs[who] = str(key) if key else f"entra:{account}"
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            wrong.append(f"{who}: {error}")
    if wrong:
        raise BadInput(
            f"standby:people is wrong: {'; '.join(wrong)}",
            "an approval by somebody whose role is not understood is none",
            f"edit Pulumi.standby.yaml and Pulumi.active.yaml (roles: {known})",
        )
    return People(roles, proofs, keys)


def _local(keys: Path) -> People:
    keys.mkdir(parents=True, exist_ok=True)
    roles: dict[str, frozenset[Role]] = {}
    proofs: dict[str, str] = {}
    for role in Role:
        who = identity_of(role)
        path = keys / f"{who}.key"
        if not path.exists():
            fresh = path.with_suffix(f".{os.getpid()}")
            fresh.touch(0o600)
            fresh.write_text(new_key().hex())
            try:
                os.link(fresh, path)  # of two processes that begin at once, one key wins
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        roles[who] = frozenset({role})
        proofs[who] = public_of(bytes.fromhex(path.read_text().strip()))
    return People(roles, proofs, keys)
