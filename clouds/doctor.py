"""What a new user needs, each thing asked by a harmless call: versions, credentials, permissions, reachability, names."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clouds import stack_files
from clouds.azure.arm import Arm, ArmError, Patience
from clouds.dns_resolvers import ask, ask_all, delegation
from clouds.doctor_rights import Rights, brief
from clouds.endpoints import Endpoints, load
from clouds.program import desired
from recovery.arm.catalogue import CATALOGUE
from recovery.errors import DrError
from recovery.model import Desired, Json
from recovery.permissions import role
from recovery.readiness.doctor import MISSING, OK, UNKNOWN, Answer

PULUMI = (3, 200)
"""The oldest CLI whose `--expect-no-changes` exits 7 and whose `up` takes `--exclude` (measured with 3.260)."""

SECONDS = 5.0
NAMES = {
    "azure-native:storage:StorageAccount": (
        "Microsoft.Storage",
        "2024-01-01",
        "Microsoft.Storage/storageAccounts",
    ),
    "azure-native:keyvault:Vault": ("Microsoft.KeyVault", "2024-11-01", "Microsoft.KeyVault/vaults"),
    "azure-native:web:WebApp": ("Microsoft.Web", "2025-05-01", "Site"),
}
"""Types whose names are unique in the world -> provider, API version, the type as its name check calls it."""


class Doctor:
    """One examination. role_: whose permissions are wanted."""

    def __init__(self, root: Path, role_: str, environ: Mapping[str, str] = os.environ) -> None:
        self.root, self.environ, self.role = root, environ, role(role_)
        self.endpoints: Endpoints = load(environ)
        real = self.endpoints.scale
        self.arm = Arm(
            self.endpoints, patience=Patience(attempts=2, backoff=0.2 * real, longest=real, timeout=SECONDS)
        )
        self.rights = Rights(self.arm, self.endpoints, environ, self.role)

    def all(self) -> list[Answer]:
        """Every question, asked at the same time; the order is that of a first day."""
        declared, why = self._declared()
        asked: list[Callable[[], list[Answer]]] = [
            self._python, self._cli, self._packages, self._environment, self._azure, self._aws,
            partial(self.rights.asked, declared), partial(self._reach, declared), partial(self._names, declared),
            partial(self._delegation, declared),
        ]  # fmt: skip
        with ThreadPoolExecutor(len(asked), thread_name_prefix="doctor") as pool:
            found = [one for part in pool.map(_safely, asked) for one in part]
        if why:
            found.insert(0, Answer("program", "the program runs", MISSING, why, "dr desired -s standby"))
        return found

    def _declared(self) -> tuple[list[Desired], str]:
        try:
            return desired(self.root, "standby", self.environ), ""
        except DrError as error:
            return [], error.summary

    # -- this machine ------------------------------------------------------------------------------------------

    def _python(self) -> list[Answer]:
        good = sys.version_info >= (3, 11)
        return [
            _say(
                "versions",
                "Python 3.11 or newer",
                good,
                sys.version.split()[0],
                "apt-get install python3.11 python3-venv",
            )
        ]

    def _cli(self) -> list[Answer]:
        path = shutil.which("pulumi", path=self.environ.get("PATH"))
        question, fix = (
            "Pulumi CLI",
            "dr up --engine direct works without; else: https://www.pulumi.com/docs/install",
        )
        if path is None:
            return [Answer("versions", question, OK, "not on PATH: the direct engine does the work", "")]
        done = subprocess.run([path, "version"], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603 (the CLI itself)
        text = done.stdout.strip().lstrip("v")
        try:
            number = tuple(int(n) for n in text.split("-")[0].split(".")[:2])
        except ValueError:
            return [Answer("versions", question, UNKNOWN, f"it says {text[:60]!r}", fix)]
        return [_say("versions", f"Pulumi CLI {PULUMI[0]}.{PULUMI[1]} or newer", number >= PULUMI, text, fix)]

    def _packages(self) -> list[Answer]:
        lock = self.root / "requirements.lock"
        question = "packages as locked"
        if not lock.is_file():
            return [
                Answer("versions", question, UNKNOWN, "requirements.lock is not here", "cd to the project")
            ]
        wrong = []
        for line in lock.read_text().splitlines():
            name, mark, rest = line.partition("==")
            if (
                not mark
                or not line[0].isalpha()
                or name not in ("pulumi", "pulumi-azure-native", "azure-core", "boto3")
            ):
                continue
            wanted = rest.split()[0]
            try:
                have = metadata.version(name)
            except metadata.PackageNotFoundError:
                have = "absent"
            if have != wanted:
                wrong.append(f"{name} {have} (locked: {wanted})")
        return [
            _say("versions", question, not wrong, "; ".join(wrong) or "the ones that matter", "make setup")
        ]

    def _environment(self) -> list[Answer]:
        found = []
        local = self.endpoints.control_url is not None
        for name, why in (
            ("ARM_SUBSCRIPTION_ID", "every id has it"),
            ("PULUMI_BACKEND_URL", "where the checkpoints are"),
        ):
            there = bool(self.environ.get(name)) or (
                name == "ARM_SUBSCRIPTION_ID" and bool(self.endpoints.subscription)
            )
            found.append(
                _say(
                    "environment",
                    name,
                    there,
                    why if there else "not set",
                    "dr init    (then: set -a; . ./FILE; set +a)",
                )
            )
        found.append(
            Answer(
                "environment",
                "which cloud",
                OK,
                f"the local one at {self.endpoints.arm_url}" if local else "Azure",
            )
        )
        if local and (salted := stack_files.salted(self.root)):
            names = " ".join(salted)
            found.append(
                Answer(
                    "environment", "stack files", OK,
                    f"a bare pulumi left its salt in {names}; `dr` leaves them as they are, and the checkpoints have it",
                    f"sed -i '/^encryptionsalt:/d' {names}    (before a commit; nothing is lost)",
                )
            )  # fmt: skip
        return found

    # -- the clouds --------------------------------------------------------------------------------------------

    def _azure(self) -> list[Answer]:
        question = "Azure takes our token"
        try:
            body = self.arm.get(f"/subscriptions/{self.endpoints.subscription}", "2022-12-01")
        except ArmError as error:
            if error.status == 403:  # it knows who asks; whoever has a role in a group need not see the whole
                who = f"object id {self.rights.me}" if self.rights.me else "its object id is not told"
                return [
                    Answer(
                        "credentials", question, OK, f"taken ({who}); the subscription itself is not shown"
                    )
                ]
            says = MISSING if error.status == 401 else UNKNOWN
            return [Answer("credentials", question, says, brief(error), "az login")]
        state = str(body.get("state"))
        return [
            _say(
                "credentials",
                question,
                state == "Enabled",
                f"subscription {body.get('displayName')}: {state}",
                "az account list",
            )
        ]

    def _aws(self) -> list[Answer]:
        from botocore.exceptions import BotoCoreError, ClientError

        from clouds.aws.session import client
        from clouds.sync.names import source_names

        question, fix = "AWS takes our identity", "aws sso login    (a failover needs none; the sync does)"
        try:
            who = client(
                "sts", source_names(self.root, "standby").region, self.endpoints.aws_url
            ).get_caller_identity()
        except ClientError as error:
            return [Answer("credentials", question, MISSING, str(error)[:200], fix)]
        except BotoCoreError as error:
            return [
                Answer(
                    "credentials",
                    question,
                    MISSING if "redentials" in str(error) else UNKNOWN,
                    str(error)[:200],
                    fix,
                )
            ]
        asks = "; what it may do there is asked by: dr sync all --dry-run" if self.role.aws else ""
        return [Answer("credentials", question, OK, f"{who['Arn']}{asks}")]

    def _reach(self, declared: list[Desired]) -> list[Answer]:
        """A connection to each door that the tools use, as this machine reaches it."""
        doors = {"Resource Manager": self.endpoints.arm_url}
        for one in declared:
            kind = {
                "azure-native:storage:StorageAccount": ("primaryEndpoints", "blob"),
                "azure-native:cosmosdb:DatabaseAccount": ("documentEndpoint",), "azure-native:keyvault:Vault": ("vaultUri",),
            }.get(one.type)  # fmt: skip
            url = self._endpoint(one, kind) if kind else ""
            if url:
                doors[str(one.options.get("name"))] = url
        answers = [_connected(name, url) for name, url in doors.items()]
        heard = ask_all(["example.com"], "A", self.endpoints.resolvers, SECONDS)
        for one_ in heard:
            answers.append(
                Answer("reachability", f"resolver {one_.resolver}", OK if one_.known else MISSING, one_.reason or "answers",
                       "" if one_.known else "allow UDP and TCP 53 to it")
            )  # fmt: skip
        return answers

    def _endpoint(self, one: Desired, path: tuple[str, ...]) -> str:
        try:
            found: Json = self.arm.get(one.id, CATALOGUE[one.type].api_version)["properties"]
        except (ArmError, KeyError):
            return ""  # not built yet, or not to be seen: the questions above say so
        for step in path:
            found = (found or {}).get(step)
        return str(found or "")

    def _names(self, declared: list[Desired]) -> list[Answer]:
        """Names that must be unique in the world: free, or already ours."""
        answers = []
        for one in declared:
            if one.type not in NAMES and one.type != "azure-native:cosmosdb:DatabaseAccount":
                continue
            name = one.id.rpartition("/")[2]
            try:
                self.arm.get(one.id, CATALOGUE[one.type].api_version)
                answers.append(Answer("names", name, OK, "ours"))
                continue
            except ArmError as error:
                if not error.missing:
                    answers.append(Answer("names", name, UNKNOWN, brief(error), self.rights.mend(error)))
                    continue
            answers.append(self._free(one, name))
        return answers

    def _free(self, one: Desired, name: str) -> Answer:
        fix = "choose another standby:names prefix in Pulumi.standby.yaml and Pulumi.active.yaml"
        if one.type not in NAMES:  # Cosmos DB answers no name check below a subscription: its address does
            heard = [ask(f"{name}.documents.azure.com", "A", r, SECONDS) for r in self.endpoints.resolvers]
            if not any(h.known for h in heard):
                return Answer(
                    "names",
                    name,
                    UNKNOWN,
                    heard[0].reason if heard else "no resolver",
                    "dr doctor    (again)",
                )
            taken = any(h.values for h in heard)
            return Answer(
                "names",
                name,
                MISSING if taken else OK,
                "somebody else's" if taken else "free",
                fix if taken else "",
            )
        provider, version, kind = NAMES[one.type]
        path = f"/subscriptions/{self.endpoints.subscription}/providers/{provider}/checkNameAvailability"
        try:
            said = self.arm.post(path, {"name": name, "type": kind}, version, idempotent=True)
        except ArmError as error:
            return Answer("names", name, UNKNOWN, brief(error), self.rights.mend(error))
        if said.get("nameAvailable") is True:
            return Answer("names", name, OK, "free")
        return Answer("names", name, MISSING, str(said.get("message") or said.get("reason") or "taken"), fix)

    def _delegation(self, declared: list[Desired]) -> list[Answer]:
        zone = next((d for d in declared if d.type == "azure-native:dns:Zone"), None)
        if zone is None:
            return []
        name = zone.id.rpartition("/")[2]
        question = f"the parent delegates {name} to Azure"
        try:
            ours = sorted(
                str(s).rstrip(".").lower()
                for s in self.arm.get(zone.id, CATALOGUE[zone.type].api_version)["properties"]["nameServers"]
            )
        except ArmError as error:
            says = OK if error.missing else UNKNOWN
            return [
                Answer(
                    "delegation",
                    question,
                    says,
                    "after the first up" if error.missing else brief(error),
                    "" if error.missing else self.rights.mend(error),
                )
            ]
        heard = delegation(name, self.endpoints.parent, self.endpoints.resolvers, SECONDS)
        if not heard.known:
            return [Answer("delegation", question, UNKNOWN, heard.reason, "dr doctor    (again)")]
        good = sorted(v.lower() for v in heard.values) == ours
        return [
            _say(
                "delegation",
                question,
                good,
                ", ".join(heard.values) or "nobody",
                f"set the registrar's name servers to {' '.join(ours)}",
            )
        ]


def _safely(part: Callable[[], list[Answer]]) -> list[Answer]:
    try:
        return part()
    except Exception as error:  # noqa: BLE001 (a question that breaks is unknown; the others are still answered)
        name = getattr(part, "__name__", None) or getattr(
            getattr(part, "func", None), "__name__", "a question"
        )
        return [
            Answer(
                "doctor",
                str(name).strip("_"),
                UNKNOWN,
                f"{type(error).__name__}: {error}",
                "dr doctor    (again)",
            )
        ]


def _say(group: str, question: str, good: bool, detail: str, fix: str) -> Answer:
    return Answer(group, question, OK if good else MISSING, detail, "" if good else fix)


def _connected(name: str, url: str) -> Answer:
    parts = urlsplit(url)
    port: Any = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=SECONDS):
            return Answer("reachability", name, OK, f"{parts.hostname}:{port}")
    except OSError as error:
        return Answer(
            "reachability",
            name,
            MISSING,
            f"{parts.hostname}:{port}: {type(error).__name__}",
            "dr in-azure COMMAND    (from inside the network)",
        )
